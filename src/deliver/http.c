/* SPDX-License-Identifier: Apache-2.0
 *
 * The destination kind "http": a signed POST.
 */
#include "deliver/attempt_priv.h"

static void refuse(struct deliver_attempt *a, bool is_permanent, struct str error,
                   struct str detail)
{
    deliver_attempt_finish(a, &(struct deliver_result){
                                  .is_permanent = is_permanent, .error = error, .detail = detail });
}

static int64_t retry_after_of(const struct fetch_call *c, int64_t now_us)
{
    return c->status < 300 ? 0 : core_retry_after(fetch_response_header(c, "retry-after"), now_us);
}

static void on_done(struct fetch_call *c)
{
    struct deliver_attempt *a = c->owner;
    bool got_response = c->error == FETCH_OK;
    struct deliver_result r = {
        .is_canceled = c->error == FETCH_CANCELED,
        .got_response = got_response,
        .status = got_response ? c->status : 0,
        .is_permanent = c->error == FETCH_BAD_URL || c->error == FETCH_ADDRESS,
        .took_us = c->took_us,
        .error = got_response ? STR("") : str_from(fetch_error_name(c->error)),
        .detail = str_from(c->detail),
        .response = c->response,
        .response_headers = c->response_headers,
    };
    if (got_response)
        r.retry_after_us = retry_after_of(c, a->shard->now_us);
    deliver_attempt_finish(a, &r);
}

/* Decides what is sent and whether it can be signed; false: refused. */
static bool prepare(struct deliver_attempt *a)
{
    bool is_preservica = a->ep->scheme == CORE_SCHEME_PRESERVICA;
    if (!a->lane->is_url_good) {
        refuse(a, true, str_from(fetch_error_name(FETCH_BAD_URL)),
               STR("the endpoint's URL is not valid"));
        return false;
    }
    if (a->ep->keyring == NULL || (is_preservica && a->ep->scheme_key.len == 0)) {
        refuse(a, false, STR("key"),
               STR("the endpoint's signing key cannot be read; see the server's log"));
        return false;
    }
    if (!is_preservica && a->ep->ckan.ptr == NULL)
        return true;
    enum rc rc = is_preservica ? deliver_preservica_body(a) : deliver_ckan_body(a);
    if (rc != RC_OK) {
        refuse(a, true, STR("payload"),
               is_preservica ? STR("the payload is not a JSON object")
                             : STR("the payload is not JSON"));
        return false;
    }
    a->payload = buf_str(&a->body);
    return true;
}

static void start(struct deliver_attempt *a)
{
    const struct deliver_limits *l = &a->shard->limits;
    struct fetch_call *c = &a->call;
    a->outcome.url = STR("");
    if (!prepare(a))
        return;
    if (a->ep->is_form && deliver_form_body(a) != RC_OK) {
        refuse(a, true, STR("payload"), STR("the payload is not a JSON object"));
        return;
    }
    if (deliver_request_build(a, &c->headers) != RC_OK) {
        refuse(a, true, STR("headers"), STR("the headers of this delivery are longer than 64 KiB"));
        return;
    }
    c->method = HTTP_POST;
    c->url = &a->url;
    c->body = a->payload;
    c->chunked = a->ep->scheme == CORE_SCHEME_PRESERVICA; /* its receivers read nothing else */
    c->deadline_us = a->ep->timeout_us > 0 ? a->ep->timeout_us : l->attempt_us;
    c->connect_us = l->connect_us < c->deadline_us ? l->connect_us : c->deadline_us;
    c->response_keep = l->response_keep + DELIVER_RESPONSE_SLACK;
    c->response_read = l->response_read;
    c->tls = NULL;
    c->done = on_done;
    c->owner = a;
    fetch_start(a->shard->fetch, c);
}

static void cancel(struct deliver_attempt *a)
{
    fetch_cancel(a->shard->fetch, &a->call);
}

const struct deliver_destination deliver_destination_http = { "http", start, cancel };
