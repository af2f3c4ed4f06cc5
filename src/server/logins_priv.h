/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the server and its console are reached, and logins by what others say: OpenID Connect and an authenticating proxy.
 */
#pragma once

#include "server/server_priv.h"

/* Whether the console has listeners of its own. */
bool server_console_is_apart(const struct conf *c);
/* Fills s->public_url and s->console_url. */
void server_find_urls(struct server *s);
/* Where browsers reach the console, without a slash at its end; `public_url` as the server is reached otherwise. */
void server_console_url(const struct conf *c, const char *public_url, char *out, size_t size);
/* Without addresses, client and vault. */
struct login_oidc_options server_oidc_options(const struct conf *c);
/* RC_INVALID: why. */
MUST_USE enum rc server_logins_check(const struct conf *c, struct buf *why);
MUST_USE enum rc server_logins_start(struct server *s);
void server_logins_stop(struct server *s);
