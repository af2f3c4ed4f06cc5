/* SPDX-License-Identifier: Apache-2.0
 *
 * Hosts, the connections kept for them (newest used first, so that the rest can age out), and one
 * TLS session each. Both are bounded; the oldest go first.
 */
#include "fetch/own_priv.h"

enum { SESSIONS_MAX = 2048, KEY_FIXED = 1 + sizeof(uint16_t) + sizeof(void *) };

/* --- hosts --------------------------------------------------------------------------------- */

static struct own_host *host_new(struct own *own, struct str key, const struct http_url *url,
                                 SSL_CTX *ctx)
{
    struct own_host *h = XNEW(struct own_host);

    h->own = own;
    h->key = str_of(xmemdup(key.ptr, key.len), key.len);
    h->name = xmemdup(url->host.ptr, url->host.len);
    h->tls = url->tls;
    h->ctx = ctx;
    if (ctx != NULL)
        MUST(SSL_CTX_up_ref(ctx) == 1);
    map_set(own->hosts, h->key, h);
    return h;
}

struct own_host *fetch_own_host_get(struct own *own, const struct fetch_call *c)
{
    const struct http_url *url = c->url;
    char text[KEY_FIXED + FETCH_NAME_MAX + 1];
    SSL_CTX *ctx = !url->tls ? NULL : c->tls != NULL ? c->tls : own->tls;
    size_t len = url->host.len;

    /* A longer name is no name; it shares a host entry with others like it and fails to resolve. */
    if (len > FETCH_NAME_MAX + 1)
        len = FETCH_NAME_MAX + 1;
    text[0] = url->tls ? 's' : 'p';
    memcpy(text + 1, &url->port, sizeof(url->port));
    memcpy(text + 1 + sizeof(url->port), (const void *)&ctx, sizeof(ctx));
    for (size_t i = 0; i < len; i++) {
        char ch = url->host.ptr[i];
        text[KEY_FIXED + i] = (char)(ch >= 'A' && ch <= 'Z' ? ch + 32 : ch);
    }
    struct str key = str_of(text, KEY_FIXED + len);
    struct own_host *h = map_get(own->hosts, key);
    if (h == NULL)
        h = host_new(own, key, url, ctx);
    h->ref_count++;
    return h;
}

static void host_free_if_unused(struct own_host *h)
{
    if (h->ref_count > 0 || h->session != NULL)
        return;
    map_remove(h->own->hosts, h->key);
    SSL_CTX_free(h->ctx);
    xfree((char *)(uintptr_t)h->key.ptr);
    xfree(h->name);
    xfree(h);
}

void fetch_own_host_unref(struct own_host *h)
{
    MUST(h->ref_count > 0);
    h->ref_count--;
    host_free_if_unused(h);
}

/* --- sessions ------------------------------------------------------------------------------ */

static void session_drop(struct own_host *h)
{
    struct own *own = h->own;

    if (h->session == NULL)
        return;
    SSL_SESSION_free(h->session);
    h->session = NULL;
    *(h->prev != NULL ? &h->prev->next : &own->sessions_oldest) = h->next;
    *(h->next != NULL ? &h->next->prev : &own->sessions_newest) = h->prev;
    h->prev = h->next = NULL;
    own->session_count--;
}

void fetch_own_host_set_session(struct own_host *h, SSL_SESSION *session)
{
    struct own *own = h->own;

    session_drop(h);
    h->session = session;
    h->prev = own->sessions_newest;
    *(h->prev != NULL ? &h->prev->next : &own->sessions_oldest) = h;
    own->sessions_newest = h;
    if (++own->session_count > SESSIONS_MAX) {
        struct own_host *oldest = own->sessions_oldest;
        session_drop(oldest);
        host_free_if_unused(oldest);
    }
}

/* --- kept connections ---------------------------------------------------------------------- */

static void idle_unlink(struct own_conn *conn)
{
    struct own_host *h = conn->host;
    struct own *own = h->own;

    *(conn->host_prev != NULL ? &conn->host_prev->host_next : &h->idle) = conn->host_next;
    if (conn->host_next != NULL)
        conn->host_next->host_prev = conn->host_prev;
    *(conn->prev != NULL ? &conn->prev->next : &own->idle_oldest) = conn->next;
    *(conn->next != NULL ? &conn->next->prev : &own->idle_newest) = conn->prev;
    conn->host_prev = conn->host_next = conn->prev = conn->next = NULL;
    h->idle_count--;
    own->idle_count--;
}

struct own_conn *fetch_own_pool_take(struct own_host *h)
{
    struct own_conn *conn = h->idle;

    if (conn != NULL)
        idle_unlink(conn);
    return conn;
}

void fetch_own_pool_remove(struct own_conn *conn)
{
    idle_unlink(conn);
}

void fetch_own_pool_put(struct own_conn *conn)
{
    struct own_host *h = conn->host;
    struct own *own = h->own;

    if (h->idle_count >= own->idle_per_host) {
        fetch_own_conn_close(conn);
        return;
    }
    if (own->idle_count >= own->idle_max) {
        struct own_conn *oldest = own->idle_oldest;
        idle_unlink(oldest);
        fetch_own_conn_close(oldest);
    }
    conn->exchange = NULL;
    conn->idle_since_us = loop_now_us(own->loop);
    conn->host_next = h->idle;
    if (h->idle != NULL)
        h->idle->host_prev = conn;
    h->idle = conn;
    conn->prev = own->idle_newest;
    *(conn->prev != NULL ? &conn->prev->next : &own->idle_oldest) = conn;
    own->idle_newest = conn;
    h->idle_count++;
    own->idle_count++;
    if (!loop_timer_is_set(&own->idle_timer))
        loop_timer_set(own->loop, &own->idle_timer, conn->idle_since_us + own->idle_us);
}

void fetch_own_pool_expire(void *arg)
{
    struct own *own = arg;
    int64_t now_us = loop_now_us(own->loop);
    struct own_conn *conn;

    while ((conn = own->idle_oldest) != NULL && conn->idle_since_us + own->idle_us <= now_us) {
        idle_unlink(conn);
        fetch_own_conn_close(conn);
    }
    if (conn != NULL)
        loop_timer_set(own->loop, &own->idle_timer, conn->idle_since_us + own->idle_us);
}

void fetch_own_pool_clear(struct own *own)
{
    struct own_conn *conn;
    struct own_host *h;

    while ((conn = own->idle_oldest) != NULL) {
        idle_unlink(conn);
        fetch_own_conn_close(conn);
    }
    while ((h = own->sessions_oldest) != NULL) {
        session_drop(h);
        host_free_if_unused(h);
    }
}
