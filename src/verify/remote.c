/* SPDX-License-Identifier: Apache-2.0
 *
 * What AWS SNS needs of the outside: the certificate its signatures are checked with, and the GET
 * that confirms a subscription. Both go to Amazon's own hosts only, through the address guard. And the sets of keys of
 * providers that change theirs.
 */
#include "verify/remote.h"

#include "http/url.h"
#include "json/json.h"

enum {
    CERTIFICATES_MAX = 16,
    PEM_MAX = 16384,
    DEADLINE_US = 10000000,
    FETCHES_MAX = 2, /* at a time: each holds a worker */
    HTTPS_PORT = 443,
    KEY_SETS_MAX = 8
};
#define FRESH_US \
    (INT64_C(300) * 1000000) /* providers publish a new key long before they sign with it */
#define STALE_US (INT64_C(86400) * 1000000)

struct certificate {
    struct str url, pem; /* owned */
};

struct key_set {
    struct str url, json; /* owned */
    int64_t fetched_us;
};

struct verify_remote {
    struct fetch_options fetch;
    bool can_fetch;
    const struct clock *clock;
    struct mutex lock; /* guards what follows */
    struct certificate list[CERTIFICATES_MAX];
    size_t next;
    struct key_set sets[KEY_SETS_MAX];
    size_t next_set;
    size_t fetching;
};

struct verify_remote *verify_remote_new(const struct fetch_options *fetch,
                                        const struct clock *clock)
{
    struct verify_remote *c = XNEW(struct verify_remote);
    if (fetch != NULL) {
        c->fetch = *fetch;
        c->can_fetch = true;
    }
    c->clock = clock;
    mutex_init(&c->lock);
    return c;
}

static void remote_drop(struct certificate *one)
{
    xfree((char *)(uintptr_t)one->url.ptr);
    xfree((char *)(uintptr_t)one->pem.ptr);
    *one = (struct certificate){ 0 };
}

static void drop_set(struct key_set *one)
{
    xfree((char *)(uintptr_t)one->url.ptr);
    xfree((char *)(uintptr_t)one->json.ptr);
    *one = (struct key_set){ 0 };
}

void verify_remote_free(struct verify_remote *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < CERTIFICATES_MAX; i++)
        remote_drop(&c->list[i]);
    for (size_t i = 0; i < KEY_SETS_MAX; i++)
        drop_set(&c->sets[i]);
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

static bool may_fetch(struct verify_remote *c)
{
    mutex_lock(&c->lock);
    bool may = c->can_fetch && c->fetching < FETCHES_MAX;
    c->fetching += may;
    mutex_unlock(&c->lock);
    return may;
}

static void remote_fetched(struct verify_remote *c)
{
    mutex_lock(&c->lock);
    c->fetching--;
    mutex_unlock(&c->lock);
}

/* Redirects are not followed, and a longer answer than `cap` is none. */
static bool remote_get(struct verify_remote *c, const struct http_url *url, char *out, size_t cap,
                       size_t *len)
{
    struct fetch_call call;
    if (!may_fetch(c))
        return false;
    fetch_call_init(&call);
    call.method = HTTP_GET;
    call.url = url;
    call.deadline_us = call.connect_us = DEADLINE_US;
    call.response_keep = call.response_read = cap;
    fetch_run(&c->fetch, &call);
    remote_fetched(c);
    bool good = call.error == FETCH_OK && call.status == 200 && !call.response_cut;
    if (good && out != NULL && call.response.len <= cap) {
        memcpy(out, call.response.ptr, call.response.len);
        *len = call.response.len;
    }
    fetch_call_fini(&call);
    return good;
}

static bool parse_url(struct str text, struct http_url *url)
{
    return http_url_parse(text, url, NULL) == RC_OK && url->tls && url->userinfo.len == 0;
}

static bool get_of_amazon(struct verify_remote *c, struct str text, char *out, size_t cap,
                          size_t *len)
{
    struct http_url url;
    return parse_url(text, &url) && url.port == HTTPS_PORT && is_amazons(url.host) &&
           remote_get(c, &url, out, cap, len);
}

/* --- certificates ----------------------------------------------------------------------------------- */

static bool remote_recall(struct verify_remote *c, struct str url, char *pem, size_t cap,
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

static void remote_remember(struct verify_remote *c, struct str url, struct str pem)
{
    mutex_lock(&c->lock);
    struct certificate *one = &c->list[c->next++ % CERTIFICATES_MAX];
    remote_drop(one);
    one->url = str_of(xmemdup(url.ptr, url.len), url.len);
    one->pem = str_of(xmemdup(pem.ptr, pem.len), pem.len);
    mutex_unlock(&c->lock);
}

bool verify_remote_certificate(void *ctx, struct grapnel_bytes url, char *pem, size_t cap,
                               size_t *len)
{
    struct verify_remote *c = ctx;
    struct str text = verify_str(url);
    size_t room = cap < PEM_MAX ? cap : PEM_MAX;
    if (remote_recall(c, text, pem, room, len))
        return true;
    if (!get_of_amazon(c, text, pem, room, len))
        return false;
    if (!str_starts(str_of(pem, *len), STR("-----BEGIN CERTIFICATE-----")))
        return false;
    remote_remember(c, text, str_of(pem, *len));
    return true;
}

bool verify_remote_confirm(struct verify_remote *c, struct arena *a, struct str body)
{
    struct json_member wanted[] = { { .name = STR("SubscribeURL") } };
    char answer[PEM_MAX];
    size_t len = 0;
    if (json_scan_object(body, wanted, COUNT_OF(wanted), NULL) != RC_OK ||
        wanted[0].value.type != JSON_SPAN_STRING)
        return false;
    return get_of_amazon(c, json_span_string(a, wanted[0].value), answer, sizeof(answer), &len);
}

/* --- sets of keys ----------------------------------------------------------------------------------- */

static bool recall_set(struct verify_remote *c, struct str url, int64_t since_us, char *json,
                       size_t cap, size_t *len)
{
    bool found = false;
    mutex_lock(&c->lock);
    for (size_t i = 0; i < KEY_SETS_MAX && !found; i++) {
        const struct key_set *one = &c->sets[i];
        found = one->url.len > 0 && str_eq(one->url, url) && one->fetched_us >= since_us &&
                one->json.len <= cap;
        if (found) {
            memcpy(json, one->json.ptr, one->json.len);
            *len = one->json.len;
        }
    }
    mutex_unlock(&c->lock);
    return found;
}

static void remember_set(struct verify_remote *c, struct str url, struct str json, int64_t now_us)
{
    mutex_lock(&c->lock);
    struct key_set *place = NULL;
    for (size_t i = 0; i < KEY_SETS_MAX && place == NULL; i++)
        if (str_eq(c->sets[i].url, url))
            place = &c->sets[i];
    if (place == NULL)
        place = &c->sets[c->next_set++ % KEY_SETS_MAX];
    struct str kept = str_of(xmemdup(url.ptr, url.len), url.len);
    drop_set(place);
    place->url = kept;
    place->json = str_of(xmemdup(json.ptr, json.len), json.len);
    place->fetched_us = now_us;
    mutex_unlock(&c->lock);
}

static enum rc see_key(void *ctx, size_t index, struct json_span value)
{
    (void)index;
    *(bool *)ctx = value.type == JSON_SPAN_OBJECT;
    return RC_OK;
}

/* Whatever else a host says is no reason to take what arrives for forged. */
static bool is_key_set(struct str json)
{
    struct json_member keys = { .name = STR("keys") };
    bool has_key = false;
    return json_scan_object(json, &keys, 1, NULL) == RC_OK && keys.value.type == JSON_SPAN_ARRAY &&
           json_span_each(keys.value, see_key, &has_key) == RC_OK && has_key;
}

bool verify_remote_key_set(void *ctx, struct grapnel_bytes url, char *json, size_t cap, size_t *len)
{
    struct verify_remote *c = ctx;
    int64_t now_us = clock_wall_us(c->clock);
    struct str text = verify_str(url);
    struct http_url parsed;
    if (recall_set(c, text, now_us - FRESH_US, json, cap, len))
        return true;
    if (parse_url(text, &parsed) && remote_get(c, &parsed, json, cap, len) &&
        is_key_set(str_of(json, *len))) {
        remember_set(c, text, str_of(json, *len), now_us);
        return true;
    }
    return recall_set(c, text, now_us - STALE_US, json, cap, len);
}
