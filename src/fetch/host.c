/* SPDX-License-Identifier: Apache-2.0
 *
 * See fetch/host_priv.h.
 */
#include "fetch/host_priv.h"

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

void fetch_own_host_clear(struct own *own)
{
    struct own_host *h;

    while ((h = own->sessions_oldest) != NULL) {
        session_drop(h);
        host_free_if_unused(h);
    }
}
