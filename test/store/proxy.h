/* SPDX-License-Identifier: Apache-2.0
 *
 * A proxy between the store and its database that cuts connections at a byte that the test chooses: what was passed on before
 * it has arrived, what comes after it has not.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"

struct proxy;
/* Before a server whose URL names the folder of its socket. */
struct proxy *proxy_new(const char *server_url);
void proxy_free(struct proxy *p);
const char *proxy_url(const struct proxy *p); /* the same database by way of the proxy */
/* The next time that a client has sent the text "COMMIT": passes on so many bytes from the start of it, and then ends the connection. With
 * `is_after`, all of it is passed on, and as many bytes of what is answered. With `stays_open` the connection is not ended, and nothing more comes
 * through it either way until the client closes it. Any thread. */
void proxy_cut(struct proxy *p, size_t bytes, bool is_after, bool stays_open);
/* How many connections were cut so far. Any thread. */
int proxy_cut_count(struct proxy *p);
