/* SPDX-License-Identifier: Apache-2.0
 *
 * Webfilters: create, read, change, delete.
 */
#include "api/resource/webfilter_priv.h"
#include "api/schemas/schemas.h"

/* What lies in a row's settings under its API name. */
static const char *const setting_names[] = {
    "disableFiltering",
    "disableHalt",
    "haltOn4xx",
    "redirectOn4xx",
    "haltOn5xx",
    "redirectOn5xx",
    "haltOnRequestException",
    "redirectOnRequestException",
    "failClosed",
    "encoding",
    "mode",
    "timeoutMs",
    "breakerFailures",
    "breakerMs",
    "cacheSeconds",
};

static bool find_filter(struct api_ctx *c, struct store_filter *f)
{
    return api_ok(c, store_filter_find(c->tx, c->app.num, api_param(c, "filter_id"), c->arena, f));
}

/* --- out ------------------------------------------------------------------------------------------- */

static void write_flag(struct api_out *o, const json_t *settings, const char *name)
{
    api_out_bool(o, name, json_is_true(json_object_get(settings, name)));
}

static void write_text(struct api_out *o, const json_t *settings, const char *name,
                       const char *absent)
{
    struct str text = json_str_member(settings, name);
    api_out_str(o, name, text.len > 0 ? text : str_from(absent));
}

static void write_number(struct api_out *o, const json_t *settings, const char *name,
                         int64_t absent)
{
    const json_t *v = json_object_get(settings, name);
    api_out_int(o, name, json_is_integer(v) ? json_integer_value(v) : absent);
}

static void write_settings(struct api_out *o, const json_t *s)
{
    write_flag(o, s, "disableFiltering");
    write_flag(o, s, "disableHalt");
    write_flag(o, s, "haltOn4xx");
    write_text(o, s, "redirectOn4xx", "");
    write_flag(o, s, "haltOn5xx");
    write_text(o, s, "redirectOn5xx", "");
    write_flag(o, s, "haltOnRequestException");
    write_text(o, s, "redirectOnRequestException", "");
    write_flag(o, s, "failClosed");
    write_text(o, s, "encoding", "json");
    write_text(o, s, "mode", webfilter_mode_name(WEBFILTER_ORIGINAL));
    write_number(o, s, "timeoutMs", WEBFILTER_TIMEOUT_MS);
    write_number(o, s, "breakerFailures", WEBFILTER_BREAKER_FAILURES);
    write_number(o, s, "breakerMs", WEBFILTER_BREAKER_MS);
    write_number(o, s, "cacheSeconds", 0);
}

static void write_filter(struct api_ctx *c, struct api_out *o, const struct store_filter *f)
{
    struct str user; /* of a row that has not been sealed yet */
    json_t *settings = NULL;
    if (json_parse(f->settings, &settings, NULL) != RC_OK)
        settings = json_object();
    api_out_begin(o, '{');
    api_out_str(o, "id", f->id);
    api_out_str(o, "event", f->event);
    api_out_str(o, "url", text_url_split(f->url, c->arena, &user));
    api_out_str(o, "description", f->description);
    api_out_bool(o, "enabled", f->enabled);
    api_out_int(o, "order", f->position);
    write_settings(o, settings);
    api_out_date(o, "createdAt", f->created_us);
    api_out_date(o, "updatedAt", f->updated_us);
    api_out_end(o, '}');
    json_decref(settings);
}

static void reply_filter(struct api_ctx *c, int status, const struct store_filter *f)
{
    struct api_out o;
    api_out_open(c, &o);
    write_filter(c, &o, f);
    api_reply(c, status, &o);
}

/* --- in -------------------------------------------------------------------------------------------- */

static bool is_one_of(struct api_ctx *c, const char *where, const char *name, const json_t *in,
                      bool fine, const char *words)
{
    if (fine || json_object_get(in, name) == NULL)
        return true;
    http_invalid(c->req, arena_fmt(c->arena, "%s.%s", where, name).ptr, "value_error", "%s", words);
    return false;
}

/* They are given to browsers. */
static bool check_redirects(struct api_ctx *c, const json_t *in, const char *where)
{
    static const char *const names[] = { "redirectOn4xx", "redirectOn5xx",
                                         "redirectOnRequestException" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct str user = STR_NONE;
        (void)text_url_split(json_str_of(json_object_get(in, names[i])), c->arena, &user);
        if (user.ptr == NULL)
            continue;
        http_invalid(
            c->req, arena_fmt(c->arena, "%s.%s", where, names[i]).ptr, "value_error",
            "Browsers are sent there: a user and password in the URL would not stay secret. "
            "Leave them out");
        return false;
    }
    return true;
}

static bool check_words(struct api_ctx *c, const json_t *in, const char *where)
{
    enum webfilter_mode mode;
    struct str encoding = json_str_member(in, "encoding");
    bool mode_fine = webfilter_mode_find(json_str_member(in, "mode"), &mode) == RC_OK;
    bool encoding_fine = str_eq(encoding, STR("json")) || str_eq(encoding, STR("form"));
    return is_one_of(c, where, "mode", in, mode_fine,
                     "Expected original, chained, parallel or shadow.") &&
           is_one_of(c, where, "encoding", in, encoding_fine, "Expected json or form.");
}

/* A generated key when `text` is empty. */
static bool fill_key(struct api_ctx *c, const char *where, struct store_filter *f, struct str text)
{
    struct sign_key key;
    struct buf *why = api_buf(c, 200);
    if (text.ptr == NULL) {
        sign_key_generate(c->api->o.default_key, c->api->o.rng, &key);
    } else if (sign_key_parse(text, &key, why) != RC_OK) {
        http_invalid(c->req, arena_fmt(c->arena, "%s.secret", where).ptr, "value_error", "%s",
                     why->ptr == NULL ? "Not a key." : why->ptr);
        return false;
    }
    struct buf *sealed = api_buf(c, 1024);
    enum rc rc = webfilter_key_seal(c->api->o.vault, f->id, &key, sealed);
    mem_wipe(&key, sizeof(key));
    f->secret = buf_str(sealed);
    return api_ok(c, rc);
}

static void fill_settings(struct api_ctx *c, const json_t *in, struct store_filter *f)
{
    json_t *settings = NULL;
    if (f->settings.ptr == NULL || json_parse(f->settings, &settings, NULL) != RC_OK)
        settings = json_object();
    for (size_t i = 0; i < COUNT_OF(setting_names); i++) {
        json_t *v = json_object_get(in, setting_names[i]);
        if (v != NULL)
            json_object_set(settings, setting_names[i], v);
    }
    f->settings = json_text(c->arena, settings);
    json_decref(settings);
}

bool api_webfilter_set_url(struct api_ctx *c, const char *where, struct str text,
                           struct store_filter *f)
{
    struct http_url parsed;
    struct str url = http_url_cleaned(text, c->arena);
    const char *why = NULL;
    if (http_url_parse(url, &parsed, NULL) !=
        RC_OK) /* the schema lets URLs of all kinds of destinations pass */
        why = "A filter is asked over http or https";
    else if (c->api->o.endpoint_https_only && !parsed.tls)
        why = "Filter URL schemes must be https";
    if (why != NULL) {
        http_invalid(c->req, arena_fmt(c->arena, "%s.url", where).ptr, "value_error", "%s", why);
        return false;
    }
    enum rc rc = webfilter_url_set(c->api->o.vault, c->arena, url, f);
    return api_ok(c, rc);
}

static void fill_columns(const json_t *in, struct store_filter *f, bool all)
{
    const json_t *event = json_object_get(in, "event");
    const json_t *words = json_object_get(in, "description");
    const json_t *order = json_object_get(in, "order"), *enabled = json_object_get(in, "enabled");
    if (event != NULL)
        f->event = json_str_of(event);
    if (words != NULL || all)
        f->description = words != NULL ? json_str_of(words) : STR("");
    if (order != NULL || all)
        f->position = json_integer_value(order);
    if (enabled != NULL || all)
        f->enabled = enabled == NULL || json_is_true(enabled);
}

bool api_webfilter_fill(struct api_ctx *c, const json_t *in, const char *where,
                        struct store_filter *f, bool all)
{
    struct str secret = json_str_member(in, "secret");
    if (!check_words(c, in, where) || !check_redirects(c, in, where))
        return false;
    fill_columns(in, f, all);
    struct str url = json_str_member(in, "url");
    if (url.ptr != NULL && !api_webfilter_set_url(c, where, url, f))
        return false;
    if (all)
        f->settings = STR_NONE;
    fill_settings(c, in, f);
    f->updated_us = c->now_us;
    bool needs_key = secret.ptr != NULL || f->secret.ptr == NULL;
    return !needs_key || fill_key(c, where, f, secret);
}

/* Answers a change. `f` is NULL for one that is gone. */
static void finish_change(struct api_ctx *c, enum rc rc, int status, const struct store_filter *f)
{
    if (!api_ok(c, rc))
        return;
    if (f != NULL)
        reply_filter(c, status, f);
    else
        api_reply_empty(c, status);
}

/* --- handlers -------------------------------------------------------------------------------------- */

static void webfilter_write_row(struct api_ctx *c, struct api_out *o, const void *row,
                                const void *arg)
{
    (void)arg;
    write_filter(c, o, row);
}

static void list_filters(struct api_ctx *c)
{
    struct store_page page;
    struct str event;
    if (!api_page(c, "flt_", false, &page) || !api_query_chars(c, "event", API_CHARS_NAME, &event))
        return;
    struct store_filter *rows = api_page_room(c, &page, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = store_filter_list(c->tx, c->app.num, event, &page, c->arena, rows, &end);
    api_reply_page(c, rc, &page, &end, API_ROWS(rows, id, NULL, webfilter_write_row, NULL));
}

/* False: answered. */
static bool webfilter_has_room(struct api_ctx *c, const struct store_filter *f)
{
    struct store_filter *all = NULL;
    size_t count = 0, same = 0;
    enum rc rc = store_filter_all(c->tx, c->app.num, c->arena, &all, &count);
    for (size_t i = 0; i < count; i++)
        same += all[i].num != f->num && str_eq(all[i].event, f->event);
    if (rc != RC_OK)
        api_fail(c, rc);
    else if (count >= WEBFILTER_APP_MAX && f->num == 0)
        http_error(c->req, 400, "limit_reached", "An application has at most %d filters.",
                   WEBFILTER_APP_MAX);
    else if (same >= WEBFILTER_CHAIN_MAX)
        http_error(c->req, 400, "limit_reached", "An event has at most %d filters.",
                   WEBFILTER_CHAIN_MAX);
    else
        return true;
    return false;
}

static void create_filter(struct api_ctx *c)
{
    struct store_filter f = { .app = c->app.num,
                              .id = api_new_id_text(c, "flt_"),
                              .created_us = c->now_us };
    if (api_webfilter_fill(c, c->body, "body", &f, true) && webfilter_has_room(c, &f))
        finish_change(c, store_filter_insert(c->tx, &f), 201, &f);
}

static void get_filter(struct api_ctx *c)
{
    struct store_filter f;
    if (find_filter(c, &f))
        reply_filter(c, 200, &f);
}

static void change_filter(struct api_ctx *c)
{
    struct store_filter f;
    bool all = c->route->http.method == HTTP_PUT;
    if (find_filter(c, &f) && api_webfilter_fill(c, c->body, "body", &f, all) &&
        webfilter_has_room(c, &f))
        finish_change(c, store_filter_update(c->tx, &f), 200, &f);
}

static void delete_filter(struct api_ctx *c)
{
    struct store_filter f;
    if (find_filter(c, &f))
        finish_change(c, store_filter_delete(c->tx, f.num), 204, NULL);
}

static void get_secret(struct api_ctx *c)
{
    struct store_filter f;
    struct sign_key key;
    if (find_filter(c, &f) && api_ok(c, webfilter_key_open(c->api->o.vault, f.id, f.secret, &key)))
        api_reply_key(c, &key);
}

#define SEE (API_APP | API_CAN(ACCESS_MAY_VIEW))
#define CHANGE (API_APP | API_WRITE | API_CAN(ACCESS_MAY_MANAGE_ENDPOINT))
#define BASE "/api/v1/app/{app_id}/filter"
#define ONE BASE "/{filter_id}"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, BASE, SEE, "v1.filter.list", "List webfilters"), .run = list_filters,
      .steps = API_READS | API_FINDS_APP, .out = &api_schema_FilterOut, .status = 200,
      .is_list = true, .query = API_PAGE_ORDER " event" },
    { API_ROUTE(HTTP_POST, BASE, CHANGE, "v1.filter.create", "Create a webfilter"),
      .run = create_filter, .steps = API_WRITES | API_FINDS_APP, .in = &api_schema_FilterIn,
      .out = &api_schema_FilterOut, .status = 201 },
    { API_ROUTE(HTTP_GET, ONE, SEE, "v1.filter.get", "Get a webfilter"), .run = get_filter,
      .steps = API_READS | API_FINDS_APP, .out = &api_schema_FilterOut, .status = 200 },
    { API_ROUTE(HTTP_PUT, ONE, CHANGE, "v1.filter.update", "Replace a webfilter"),
      .run = change_filter, .steps = API_WRITES | API_FINDS_APP, .in = &api_schema_FilterIn,
      .out = &api_schema_FilterOut, .status = 200 },
    { API_ROUTE(HTTP_PATCH, ONE, CHANGE, "v1.filter.patch", "Change a webfilter"),
      .run = change_filter, .steps = API_WRITES | API_FINDS_APP, .in = &api_schema_FilterPatch,
      .out = &api_schema_FilterOut, .status = 200 },
    { API_ROUTE(HTTP_DELETE, ONE, CHANGE, "v1.filter.delete", "Delete a webfilter"),
      .run = delete_filter, .steps = API_WRITES | API_FINDS_APP, .status = 204 },
    { API_ROUTE(HTTP_GET, ONE "/secret", API_APP | API_CAN(ACCESS_MAY_VIEW_SECRET),
                "v1.filter.get-secret", "Get a webfilter's signing secret"),
      .run = get_secret, .steps = API_READS | API_FINDS_APP, .out = &api_schema_FilterSecretOut,
      .status = 200 },
};
API_ROUTES(webfilter, routes);
