/* SPDX-License-Identifier: Apache-2.0
 *
 * The sockets that curl has open.
 */
#pragma once

#include "fetch/curl_priv.h"

/* Notes one that was opened (CURL_SOCKET_BAD if it was not); closes one, for curl; finds
 * the one with that local port, or CURL_SOCKET_BAD. */
curl_socket_t fetch_curl_socket_note(struct curl_client *client, curl_socket_t fd);
int fetch_curl_socket_close(void *client, curl_socket_t fd);
curl_socket_t fetch_curl_socket_find(const struct curl_client *client, int port);
