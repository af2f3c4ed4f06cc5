/* SPDX-License-Identifier: Apache-2.0
 *
 * What a transfer is and what its result means.
 */
#pragma once

#include "fetch/curl_priv.h"

/* Sets the easy handle up. `found`: checked addresses, or NULL (the proxy looks the name up).
 * False: detail says why not. */
bool fetch_curl_call_setup(struct curl_exchange *ex, const struct fetch_addresses *found);

/* Nothing more is read. True: what there is of a head decided the call. */
bool fetch_curl_call_settle(struct curl_exchange *ex);

/* Tells curl the addresses of a name, so that it looks nothing up by itself. */
void fetch_curl_call_add_addresses(struct curl_exchange *ex, struct str host, uint16_t port,
                                   const struct fetch_addresses *found);

/* Fills what the call says about its connection. */
void fetch_curl_call_note_connection(struct curl_exchange *ex);

/* What the result of a transfer means; notes the connection too. */
enum fetch_error fetch_curl_call_result(struct curl_exchange *ex, CURLcode code);

/* True if this host is to be asked for at the proxy. */
bool fetch_curl_call_is_proxied(const struct curl_client *client, struct str host);
