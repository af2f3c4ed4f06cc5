/* SPDX-License-Identifier: Apache-2.0
 *
 * What AWS SNS needs of the outside: the certificate its signatures are checked with, and the GET
 * that confirms a subscription. Both go to Amazon's own hosts only, through the address guard.
 */
#include "inbound/inbound_priv.h"

enum {
    CERTIFICATES_MAX = 16,
    PEM_MAX = 16384,
    DEADLINE_US = 10000000,
    FETCHES_MAX = 2, /* at a time: each holds a worker */
    HTTPS_PORT = 443
};

struct certificate {
    struct str url, pem; /* owned */
};

struct inbound_certificates {
    struct fetch_options fetch;
    bool can_fetch;
    struct mutex lock; /* guards what follows */
    struct certificate list[CERTIFICATES_MAX];
    size_t next;
    size_t fetching;
};

struct inbound_certificates *inbound_certificates_new(const struct fetch_options *fetch)
{
    struct inbound_certificates *c = XNEW(struct inbound_certificates);
    if (fetch != NULL) {
        c->fetch = *fetch;
        c->can_fetch = true;
    }
    mutex_init(&c->lock);
    return c;
}

static void drop(struct certificate *one)
{
    xfree((char *)(uintptr_t)one->url.ptr);
    xfree((char *)(uintptr_t)one->pem.ptr);
    *one = (struct certificate){ 0 };
}

void inbound_certificates_free(struct inbound_certificates *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < CERTIFICATES_MAX; i++)
        drop(&c->list[i]);
    mutex_fini(&c->lock);
    xfree(c);
}

/* --- fetching --------------------------------------------------------------------------------------- */

/* "sns.<region>.amazonaws.com" or its Chinese sister. */
static bool is_amazons(struct str host)
{
    if (!str_skip_prefix(&host, STR("sns.")))
        return false;
    size_t dot = str_find(host, '.');
    struct str domain = str_sub(host, dot, host.len);
    for (size_t i = 0; i < dot; i++) {
        char ch = host.ptr[i];
        if (!(ch >= 'a' && ch <= 'z') && !(ch >= '0' && ch <= '9') && ch != '-')
            return false;
    }
    return dot >= 3 &&
           (str_eq(domain, STR(".amazonaws.com")) || str_eq(domain, STR(".amazonaws.com.cn")));
}

static bool may_fetch(struct inbound_certificates *c)
{
    mutex_lock(&c->lock);
    bool may = c->can_fetch && c->fetching < FETCHES_MAX;
    c->fetching += may;
    mutex_unlock(&c->lock);
    return may;
}

static void fetched(struct inbound_certificates *c)
{
    mutex_lock(&c->lock);
    c->fetching--;
    mutex_unlock(&c->lock);
}

/* Redirects are not followed, and a longer answer than `cap` is none. */
static bool get(struct inbound_certificates *c, struct str text, char *out, size_t cap, size_t *len)
{
    struct http_url url;
    struct fetch_call call;
    bool is_theirs = http_url_parse(text, &url, NULL) == RC_OK && url.tls &&
                     url.port == HTTPS_PORT && url.userinfo.len == 0 && is_amazons(url.host);
    if (!is_theirs || !may_fetch(c))
        return false;
    fetch_call_init(&call);
    call.method = HTTP_GET;
    call.url = &url;
    call.deadline_us = call.connect_us = DEADLINE_US;
    call.response_keep = call.response_read = cap;
    fetch_run(&c->fetch, &call);
    fetched(c);
    bool good = call.error == FETCH_OK && call.status == 200 && !call.response_cut;
    if (good && out != NULL && call.response.len <= cap) {
        memcpy(out, call.response.ptr, call.response.len);
        *len = call.response.len;
    }
    fetch_call_fini(&call);
    return good;
}

/* --- certificates ----------------------------------------------------------------------------------- */

static bool recall(struct inbound_certificates *c, struct str url, char *pem, size_t cap,
                   size_t *len)
{
    bool found = false;
    mutex_lock(&c->lock);
    for (size_t i = 0; i < CERTIFICATES_MAX && !found; i++) {
        const struct certificate *one = &c->list[i];
        found = one->url.len > 0 && str_eq(one->url, url) && one->pem.len <= cap;
        if (found) {
            memcpy(pem, one->pem.ptr, one->pem.len);
            *len = one->pem.len;
        }
    }
    mutex_unlock(&c->lock);
    return found;
}

static void remember(struct inbound_certificates *c, struct str url, struct str pem)
{
    mutex_lock(&c->lock);
    struct certificate *one = &c->list[c->next++ % CERTIFICATES_MAX];
    drop(one);
    one->url = str_of(xmemdup(url.ptr, url.len), url.len);
    one->pem = str_of(xmemdup(pem.ptr, pem.len), pem.len);
    mutex_unlock(&c->lock);
}

bool inbound_certificate(void *ctx, struct grapnel_bytes url, char *pem, size_t cap, size_t *len)
{
    struct inbound_certificates *c = ctx;
    struct str text = verify_str(url);
    size_t room = cap < PEM_MAX ? cap : PEM_MAX;
    if (recall(c, text, pem, room, len))
        return true;
    if (!get(c, text, pem, room, len))
        return false;
    if (!str_starts(str_of(pem, *len), STR("-----BEGIN CERTIFICATE-----")))
        return false;
    remember(c, text, str_of(pem, *len));
    return true;
}

bool inbound_confirm_subscription(struct inbound_certificates *c, struct arena *a, struct str body)
{
    struct json_member wanted[] = { { .name = STR("SubscribeURL") } };
    char answer[PEM_MAX];
    size_t len = 0;
    if (json_scan_object(body, wanted, COUNT_OF(wanted), NULL) != RC_OK ||
        wanted[0].value.type != JSON_SPAN_STRING)
        return false;
    return get(c, json_span_string(a, wanted[0].value), answer, sizeof(answer), &len);
}
