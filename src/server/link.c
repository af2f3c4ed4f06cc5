/* SPDX-License-Identifier: Apache-2.0
 *
 * See server/link_priv.h. Without further options the link is where the first public listener is, at a port that the
 * kernel chooses: nodes find it in the database.
 */
#include "server/link_priv.h"

#include "link/link.h"
#include "server/addresses_priv.h"
#include "server/options_priv.h"
#include "server/secret_priv.h"

#include <stdio.h>

enum {
    LINES_OF_ORIGIN_MAX = 4096, /* bytes */
    IDLE_US = 120000000         /* longer than the other end keeps a connection: it closes first */
};

#define KEY_PURPOSE "grapnel link 1"

enum rc server_link_contexts(const struct conf *c, SSL_CTX **server, SSL_CTX **client,
                             struct buf *why)
{
    uint8_t key[TLS_KEY_BYTES];
    enum rc rc = server_key_for(c, STR(KEY_PURPOSE), key, why);
    if (rc == RC_OK)
        tls_shared_key(key, server, client);
    mem_wipe(key, sizeof key);
    return rc;
}

/* --- addresses -------------------------------------------------------------------------------- */

/* "host:port", "[v6]:port", or a host alone, for which the port is 0. The host keeps its brackets; an empty one means
 * all addresses of this machine. */
static bool split_host(struct str address, struct str *host, uint64_t *port)
{
    size_t colon = address.len;
    *host = address;
    *port = 0;
    while (colon > 0 && address.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0 || str_ends(address, STR("]")))
        return address.len > 0;
    *host = str_sub(address, 0, colon - 1);
    return str_to_u64(str_sub(address, colon, address.len), port) == RC_OK && *port <= UINT16_MAX;
}

static bool is_any(struct str host)
{
    return host.len == 0 || str_eq(host, STR("0.0.0.0")) || str_eq(host, STR("[::]"));
}

static struct str first_of(const char *list)
{
    struct str rest = str_from(list), first = STR_NONE;
    (void)str_split(&rest, ',', &first);
    return str_trim(first);
}

static void where_to_listen(const struct conf *c, char out[static SERVER_ADDRESS_MAX])
{
    struct str host = STR_NONE;
    uint64_t port;
    if (server_text(c->cluster_listen) != NULL) {
        (void)snprintf(out, SERVER_ADDRESS_MAX, "%s", c->cluster_listen);
        return;
    }
    (void)split_host(first_of(c->listen), &host, &port);
    (void)snprintf(out, SERVER_ADDRESS_MAX, "%.*s:0", STR_ARGS(host));
}

void server_link_near(const struct server *s, char out[static SERVER_ADDRESS_MAX])
{
    struct str host;
    uint64_t port;
    (void)split_host(str_from(s->link_address), &host, &port);
    if (is_any(host))
        host = str_eq(host, STR("[::]")) ? STR("[::1]") : STR("127.0.0.1");
    (void)snprintf(out, SERVER_ADDRESS_MAX, "%.*s:%u", STR_ARGS(host), (unsigned)port);
}

void server_link_announce(struct server *s)
{
    struct str host, told = str_from(s->conf->cluster_address);
    uint64_t port, told_port = 0;
    char address[SERVER_ADDRESS_MAX];
    if (s->link_tls == NULL)
        return;
    (void)split_host(str_from(s->link_address), &host, &port);
    if (told.len > 0 && split_host(told, &host, &told_port) && told_port > 0)
        port = told_port;
    if (is_any(host))
        host = STR_NONE;
    (void)snprintf(address, sizeof address, "%.*s:%u", STR_ARGS(host), (unsigned)port);
    store_announce(s->store, address);
}

/* --- the listener ----------------------------------------------------------------------------- */

struct http_limits server_link_limits(const struct conf *c, size_t loop_count)
{
    struct http_limits limits = server_http_limits(c, loop_count);
    limits.head_max += LINES_OF_ORIGIN_MAX;
    limits.headers_more = HTTP_HEADERS_MORE;
    limits.idle_us = IDLE_US;
    return limits;
}

static enum rc listen_on_loop(struct server *s, size_t at, const struct http_limits *limits)
{
    int fd = -1;
    enum rc rc = http_listen(s->link_address, &fd, &s->why);
    if (rc != RC_OK) {
        buf_say(&s->why, "; set cluster.listen to an address for the other nodes");
        return rc;
    }
    if (at == 0)
        server_real_address(s->link_address, fd);
    s->loops[at].link =
        http_server_new(s->loops[at].loop, fd, s->link_tls, limits, link_end_handle, s->router);
    http_server_set_admission(s->loops[at].link, link_end_admit, s->bodies);
    return RC_OK;
}

enum rc server_link_listen(struct server *s)
{
    struct http_limits limits = server_link_limits(s->conf, s->loop_count);
    SSL_CTX *client = NULL;
    if (server_text(s->conf->store_url) == NULL)
        return RC_OK;
    enum rc rc = server_link_contexts(s->conf, &s->link_tls, &client, &s->why);
    SSL_CTX_free(client);
    where_to_listen(s->conf, s->link_address);
    for (size_t i = 0; rc == RC_OK && i < s->loop_count; i++)
        rc = listen_on_loop(s, i, &limits);
    return rc;
}

void server_link_close(struct server *s)
{
    for (size_t i = 0; i < s->loop_count; i++) {
        http_server_free(s->loops[i].link);
        s->loops[i].link = NULL;
    }
    SSL_CTX_free(s->link_tls);
    s->link_tls = NULL;
}
