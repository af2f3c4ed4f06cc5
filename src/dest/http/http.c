/* SPDX-License-Identifier: Apache-2.0
 *
 * The destination kind "http": a signed POST.
 */
#include "dest/http/http_priv.h"

#include "dest/url.h"

enum { URL_CLEAN_MAX = 4 * HTTP_URL_MAX };

/* --- configuration ---------------------------------------------------------------------------- */

static enum rc read_url(struct str text, struct arena *a, struct dest_url *out, struct buf *why)
{
    struct buf clean;
    struct http_url url;
    struct str user = STR_NONE;
    *out = (struct dest_url){ 0 };
    buf_init(&clean, URL_CLEAN_MAX);
    enum rc rc = http_url_clean(text, &clean, why);
    if (rc == RC_OK)
        rc = http_url_parse(buf_str(&clean), &url, why);
    if (rc == RC_OK) {
        out->is_tls = url.tls;
        out->shown = text_url_split(arena_str(a, buf_str(&clean)), a, &user);
        out->has_user = user.ptr != NULL;
        out->credentials = dest_url_userinfo(a, user);
    }
    buf_fini(&clean);
    return rc;
}

static const void *http_compile(struct arena *a, struct core_endpoint *ep,
                                const struct dest_source *s, const char **where, struct buf *why)
{
    struct dest_http *h = ARENA_NEW(a, struct dest_http);
    (void)where; /* it is the URL */
    ep->url = dest_url_with(a, s->credentials, ep->url);
    dest_wrapping_read(a, s, &h->wrapping);
    ep->is_personal = h->wrapping.is_personal;
    return http_url_parse(ep->url, &h->url, why) == RC_OK ? h : NULL;
}

/* --- delivering ------------------------------------------------------------------------------- */

static int64_t retry_after_of(const struct fetch_call *f, int64_t now_us)
{
    return f->status < 300 ? 0 : core_retry_after(fetch_response_header(f, "retry-after"), now_us);
}

static void http_on_done(struct fetch_call *f)
{
    struct dest_call *c = f->owner;
    bool got_response = f->error == FETCH_OK;
    struct dest_result r = {
        .is_canceled = f->error == FETCH_CANCELED,
        .got_response = got_response,
        .status = got_response ? f->status : 0,
        .is_permanent = f->error == FETCH_BAD_URL || f->error == FETCH_ADDRESS,
        .took_us = f->took_us,
        .error = got_response ? STR("") : str_from(fetch_error_name(f->error)),
        .detail = str_from(f->detail),
        .response = f->response,
        .response_headers = f->response_headers,
    };
    if (got_response) {
        r.retry_after_us = retry_after_of(f, c->started_us + f->took_us);
        r.wish = core_wish_of(fetch_response_header(f, "webhook-delivery"));
    }
    c->done(c, &r);
}

/* Decides what is sent and whether it can be signed; false: refused. */
static bool http_prepare(struct dest_call *c, const struct dest_wrapping *w)
{
    if (c->ep->keyring == NULL || w->lacks_key) {
        dest_refuse(c, false, STR("key"),
                    STR("the endpoint's signing key cannot be read; see the server's log"));
        return false;
    }
    for (size_t i = 0; i < w->count; i++) {
        if (w->wraps[i].row->body(c, w->wraps[i].settings) == RC_OK)
            continue;
        dest_refuse(c, true, STR("payload"), str_from(w->wraps[i].row->unfit));
        return false;
    }
    return true;
}

static void http_start(struct dest_call *c)
{
    const struct dest_http *h = c->ep->settings;
    struct fetch_call *f = c->state;
    c->url = STR("");
    if (!http_prepare(c, &h->wrapping))
        return;
    if (dest_http_request(c, h, &f->headers) != RC_OK) {
        dest_refuse(c, true, STR("headers"),
                    STR("the headers of this delivery are longer than 64 KiB"));
        return;
    }
    f->method = HTTP_POST;
    f->url = &h->url;
    f->body = c->payload;
    f->chunked = h->wrapping.is_chunked;
    f->deadline_us = c->deadline_us;
    f->connect_us = c->connect_us < c->deadline_us ? c->connect_us : c->deadline_us;
    f->response_keep = c->response_keep;
    f->response_read = c->response_read;
    f->tls = NULL;
    f->done = http_on_done;
    f->owner = c;
    fetch_start(c->client, f);
}

static void http_cancel(struct dest_call *c)
{
    fetch_cancel(c->client, c->state);
}

static void state_init(void *state)
{
    fetch_call_init(state);
}

static void state_fini(void *state)
{
    fetch_call_fini(state);
}

static void *client_new(void *pool, const struct dest_loop *on)
{
    (void)pool;
    return on->fetch;
}

static const char *const schemes[] = { "https", "http", NULL };

const struct dest_kind dest_http = {
    .name = "http",
    .id = DEST_HTTP,
    .schemes = schemes,
    .url_words = "an http or https URL",
    .pipeline = 1,
    .state_size = sizeof(struct fetch_call),
    .read_url = read_url,
    .compile = http_compile,
    .state_init = state_init,
    .state_fini = state_fini,
    .start = http_start,
    .cancel = http_cancel,
    .client_new = client_new,
};
