/* SPDX-License-Identifier: Apache-2.0
 *
 * See server/addresses_priv.h.
 */
#include "server/addresses_priv.h"

#include "api/kit/proof.h"
#include "server/logins_priv.h"
#include "server/options_priv.h"

#include <stdio.h>

void server_real_address(char address[static SERVER_ADDRESS_MAX], int fd)
{
    char *colon = strrchr(address, ':');
    size_t at = colon == NULL ? strlen(address) : (size_t)(colon - address);

    (void)snprintf(address + at, SERVER_ADDRESS_MAX - at, ":%u", (unsigned)http_listen_port(fd));
}

enum rc server_listen_check(struct server *s, size_t listener, const char *option)
{
    enum rc rc = http_listen_check(s->addresses[listener], &s->why);

    if (rc == RC_BUSY)
        buf_say(&s->why, "; stop what is there, or set another %s", option);
    return rc;
}

void server_show_expiry(enum metric m, SSL_CTX *ctx)
{
    int64_t from_us = 0, until_us = 0;
    bool has_one = ctx != NULL && tls_own_validity(ctx, &from_us, &until_us);

    metrics_set(m, has_one ? until_us / 1000000 : 0);
}

enum rc server_open_tls(const struct conf *c, SSL_CTX **out, struct buf *why)
{
    struct tls_server_options o = { .cert_file = server_text(c->tls_cert),
                                    .key_file = server_text(c->tls_key) };

    *out = NULL;
    return o.cert_file == NULL ? RC_OK : tls_server_context(&o, out, why);
}

enum { PORT_ROOM = 8 }; /* for the real port instead of 0 */

enum rc server_next_address(const char *option, struct str *rest, size_t count,
                            char out[static SERVER_ADDRESS_MAX], struct buf *why)
{
    struct str address;

    if (!str_split(rest, ',', &address)) {
        if (count > 0)
            return RC_NOT_FOUND;
        buf_say(why, "%s: no address", option);
        return RC_INVALID;
    }
    address = str_trim(address);
    if (count == SERVER_LISTENERS_MAX || address.len >= SERVER_ADDRESS_MAX - PORT_ROOM) {
        buf_say(why, "%s: at most %d addresses of at most %d bytes", option, SERVER_LISTENERS_MAX,
                SERVER_ADDRESS_MAX - PORT_ROOM);
        return RC_INVALID;
    }
    memcpy(out, address.ptr, address.len);
    out[address.len] = '\0';
    return RC_OK;
}

static enum rc each_of(struct server *s, const char *option, const char *list, unsigned door,
                       server_listen_fn *fn)
{
    struct str rest = str_from(list);
    char address[SERVER_ADDRESS_MAX];
    size_t first = s->listener_count;
    enum rc rc = RC_OK;

    while (rc == RC_OK) {
        rc = server_next_address(option, &rest, s->listener_count - first, address, &s->why);
        if (rc == RC_OK && s->listener_count == SERVER_LISTENERS_MAX) {
            buf_say(&s->why, "server.listen and console.listen: at most %d addresses together",
                    SERVER_LISTENERS_MAX);
            return RC_INVALID;
        }
        if (rc != RC_OK)
            break;
        memcpy(s->addresses[s->listener_count], address, sizeof address);
        rc = fn(s, s->listener_count++, option, door);
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc server_listen_each(struct server *s, server_listen_fn *fn)
{
    s->listener_count = 0;
    enum rc rc = each_of(s, "server.listen", s->conf->listen, API_DOOR_PUBLIC, fn);
    s->public_count = s->listener_count;
    if (rc == RC_OK && server_console_is_apart(s->conf))
        rc = each_of(s, "console.listen", s->conf->console_listen, API_DOOR_CONSOLE, fn);
    return rc;
}
