/* SPDX-License-Identifier: Apache-2.0
 *
 * The data path of the Gaia dialect: the URL is the credential, the body an event. It runs on the
 * loop and reads the application's view only; a view that is not in memory is loaded on a worker
 * first, then the same code goes on, on the loop. The body is kept and forwarded byte for byte.
 */
#include "dialect/gaia_data_priv.h"

#include "dialect/gaia_error_priv.h"
#include "dialect/gaia_webhook_priv.h"

#include "broker/route.h"
#include "core/refusal.h"

static const int64_t us_per_ms = 1000;
static const int64_t us_per_s = 1000000;
static const int64_t least_ms = INT64_C(100000000000); /* a smaller number counts seconds */

enum { TYPE_MAX = 256, TAG_MAX = 64 };

struct push {
    struct http_request *req;
    struct dialect_set *set;
    void (*go_on)(struct push *p);
    struct core_app *app; /* a reference, let go with the request; NULL: no such webhook */
    enum rc rc;
    struct work_job job;
    struct loop_task task;
    int64_t endpoint;
};

static void gaia_data_answer(struct push *p, int status, const char *msg)
{
    if (msg != NULL)
        dialect_gaia_error(p->req, status, msg);
    else
        p->req->reply.status = status;
    http_answer(p->req);
}

static void answer_failure(struct push *p, enum core_refusal why)
{
    p->req->refusal = (int)why;
    gaia_data_answer(p, 500, "Data push for event enricher failure");
}

static void gaia_data_failed(struct push *p, enum rc rc)
{
    answer_failure(p, core_refusal_of(rc));
}

/* --- the webhook ------------------------------------------------------------------------------ */

static void gaia_data_release(void *app)
{
    core_app_unref(app);
}

static void gaia_data_found(struct push *p)
{
    if (p->app != NULL)
        arena_defer(p->req->arena, gaia_data_release, p->app);
    p->go_on(p);
}

static void on_loaded(void *arg)
{
    gaia_data_found(arg);
}

static void gaia_data_load(void *arg)
{
    struct push *p = arg;
    p->rc = core_directory_load_named(p->set->o.directory, p->set->o.org,
                                      dialect_gaia_uid(p->req->arena, p->req->params[1]), &p->app);
    p->task = (struct loop_task){ .fn = on_loaded, .arg = p };
    loop_post(p->req->call->loop, &p->task);
}

static void gaia_data_begin(struct http_request *req, void (*go_on)(struct push *p))
{
    struct push *p = ARENA_NEW(req->arena, struct push);
    *p = (struct push){ .req = req, .set = dialect_set_of(req), .go_on = go_on };
    if (!dialect_gaia_is_token(req->params[1])) {
        p->rc = RC_NOT_FOUND;
        go_on(p);
        return;
    }
    p->app = core_directory_find(p->set->o.directory, p->set->o.org,
                                 dialect_gaia_uid(req->arena, req->params[1]));
    if (p->app != NULL) {
        gaia_data_found(p);
        return;
    }
    p->job = (struct work_job){ .fn = gaia_data_load, .arg = p };
    enum rc rc = work_submit(p->set->o.pool, &p->job);
    if (rc != RC_OK)
        gaia_data_failed(p, rc);
}

/* The webhook's endpoint; NULL: deleted behind its back. */
static const struct core_endpoint *endpoint_of(const struct push *p)
{
    return p->app == NULL || p->app->endpoint_count == 0 ? NULL : core_app_endpoint_at(p->app, 0);
}

static bool is_api_token_right(const struct push *p)
{
    const struct core_endpoint *ep = endpoint_of(p);
    json_t *sealed = NULL;
    if (ep == NULL || ep->options_sealed.ptr == NULL ||
        json_parse(ep->options_sealed, &sealed, NULL) != RC_OK)
        return false;
    const json_t *token = json_object_get(json_object_get(sealed, "gaia"), "apiToken");
    bool is_right =
        json_is_string(token) && str_eq_constant_time(json_str_of(token), p->req->params[0]);
    json_decref(sealed);
    return is_right;
}

/* --- HEAD ------------------------------------------------------------------------------------- */

static void say_valid(struct push *p)
{
    if (p->rc != RC_OK && p->rc != RC_NOT_FOUND)
        gaia_data_failed(p, p->rc);
    else if (endpoint_of(p) == NULL)
        gaia_data_answer(p, 400, "Failed to get webhook details");
    else if (!is_api_token_right(p))
        gaia_data_answer(p, 500, "Token mismatch");
    else
        gaia_data_answer(p, 200, NULL);
}

void dialect_gaia_head(struct http_request *req)
{
    gaia_data_begin(req, say_valid);
}

/* --- the event's own time ---------------------------------------------------------------------- */

/* "commits[0].timestamp" as a JSON pointer. */
static struct str pointer_of(struct arena *a, struct str path)
{
    struct buf out;
    buf_init(&out, path.len * 2 + 2);
    buf_say(&out, "/");
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        bool is_first = out.len == 1;
        if (c == '.' || c == '[')
            buf_say(&out, "%s", is_first ? "" : "/");
        else if (c == '~' || c == '/')
            buf_say(&out, "%s", c == '~' ? "~0" : "~1");
        else if (c != ']')
            buf_say(&out, "%c", c);
    }
    struct str pointer = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return pointer;
}

/* RFC 3339, an HTTP date, or seconds or milliseconds since 1970. */
static bool read_time(struct str text, int64_t *us)
{
    int64_t n;
    if (time_parse(text, us) == RC_OK || time_parse_http(text, us) == RC_OK)
        return true;
    if (str_to_i64(text, &n) != RC_OK || n < 0 || n > INT64_MAX / us_per_s)
        return false;
    *us = n < least_ms ? n * us_per_s : n * us_per_ms;
    return true;
}

/* ["event-time/20161102T102030Z"], or none: the letters that may stand in a tag. */
static struct str time_tags(struct arena *a, const json_t *gaia, struct str body)
{
    const json_t *field = json_object_get(gaia, "tsField");
    char text[TIME_TEXT_LEN + 1];
    int64_t us = 0;
    if (!json_is_string(field))
        return STR_NONE;
    struct str path = json_str_of(field);
    if (!read_time(broker_json_at(body, pointer_of(a, path), a), &us))
        return STR_NONE;
    time_format(us, text);
    return arena_fmt(a, "[\"event-time/%.4s%.2s%.2sT%.2s%.2s%.2sZ\"]", text, text + 5, text + 8,
                     text + 11, text + 14, text + 17);
}

/* --- POST -------------------------------------------------------------------------------------- */

static void on_delivered(void *arg, bool is_delivered)
{
    struct push *p = arg;
    if (is_delivered)
        gaia_data_answer(p, 204, NULL);
    else
        answer_failure(p, CORE_REFUSAL_COUNTED); /* it was accepted, and will be delivered */
}

static void on_published(struct core_publish *cp)
{
    struct push *p = cp->arg;
    const struct dialect_options *o = &p->set->o;
    struct loop *loop = p->req->call->loop;
    if (cp->store.job.rc != RC_OK)
        gaia_data_failed(p, cp->store.job.rc);
    else if (str_eq(str_from(o->conf->gaia_answer_after), STR("broker")))
        deliver_watch(o->deliver, p->endpoint, &cp->store.message->id,
                      loop_now_us(loop) + GAIA_CONFIRM_US, loop, on_delivered, p);
    else
        gaia_data_answer(p, 204, NULL);
}

/* "datasource.event", in the letters of event types. */
static struct str event_type(struct arena *a, const json_t *gaia)
{
    const char *datasource = json_string_value(json_object_get(gaia, "datasource"));
    const char *event = json_string_value(json_object_get(gaia, "event"));
    struct str name =
        arena_fmt(a, "%s.%s", datasource == NULL ? "" : datasource, event == NULL ? "" : event);
    char *out = arena_cstr(a, str_sub(name, 0, TYPE_MAX));
    for (char *c = out; *c != '\0'; c++) {
        bool is_fine = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                       (*c >= '0' && *c <= '9') || *c == '.' || *c == '-' || *c == '_';
        *c = is_fine ? *c : '_';
    }
    return str_from(out);
}

static struct core_publish *message_of(struct push *p, struct str body)
{
    const struct dialect_options *o = &p->set->o;
    const struct core_endpoint *ep = endpoint_of(p);
    struct arena *a = p->req->arena;
    json_t *options = NULL;
    if (ep->options.ptr == NULL || json_parse(ep->options, &options, NULL) != RC_OK)
        options = json_object();
    const json_t *gaia = json_object_get(options, "gaia");
    struct store_message m = { .org = p->app->org,
                               .app = p->app->num,
                               .event_type = event_type(a, gaia),
                               .tags = time_tags(a, gaia, body),
                               .payload = body };
    store_stamp(o->store, &m, o->retention_us);
    json_decref(options);
    p->endpoint = ep->num;
    return core_publish_new_to(o->publisher, p->app, &m, ep->num);
}

static bool is_object_or_list(struct str body)
{
    struct json_span span;
    return json_scan(body, &span, NULL) == RC_OK &&
           (span.type == JSON_SPAN_OBJECT || span.type == JSON_SPAN_ARRAY);
}

static void gaia_data_push(struct push *p)
{
    struct str body = p->req->call->body;
    if (p->rc != RC_OK && p->rc != RC_NOT_FOUND) {
        gaia_data_failed(p, p->rc);
        return;
    }
    if (!is_api_token_right(p)) {
        p->req->refusal =
            endpoint_of(p) == NULL ? CORE_REFUSAL_NOT_FOUND : CORE_REFUSAL_UNAUTHORIZED;
        gaia_data_answer(
            p, 400, endpoint_of(p) == NULL ? "Failed to get webhook details" : "Token mismatch");
        return;
    }
    (void)str_skip_prefix(&body, STR("\xEF\xBB\xBF")); /* a byte order mark is no part of JSON */
    if (body.len == 0)
        body = STR("{}"); /* as the original's body parser had it */
    if (!is_object_or_list(body)) {
        gaia_data_answer(p, 400, "Bad request: the body is not a JSON object or array");
        return;
    }
    struct core_publish *cp = message_of(p, body);
    cp->done = on_published;
    cp->arg = p;
    enum rc rc = core_publish_submit(cp, p->req->call->loop);
    if (rc != RC_OK) {
        core_publish_free(cp);
        gaia_data_failed(p, rc);
    }
}

/* Anywhere in the value, in any case: parameters and lists of types are fine. */
static bool is_json(struct str type)
{
    const struct str wanted = STR("application/json");
    for (size_t i = 0; i + wanted.len <= type.len; i++)
        if (str_ieq(str_sub(type, i, wanted.len), wanted))
            return true;
    return false;
}

void dialect_gaia_push(struct http_request *req)
{
    if (is_json(http_call_header(req->call, "content-type"))) {
        gaia_data_begin(req, gaia_data_push);
        return;
    }
    dialect_gaia_error(req, 415, "Unsupported media type: application/json is expected");
    http_answer(req);
}
