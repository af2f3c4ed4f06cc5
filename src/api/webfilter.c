/* SPDX-License-Identifier: Apache-2.0
 *
 * Webfilters: create, read, change, delete.
 */
#include "api/schemas.h"
#include "api/webfilter_priv.h"

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

bool api_webfilter_of(struct api_ctx *c, struct store_tx *tx, struct store_application *app,
                      struct store_filter *f)
{
    if (api_find_app(c, tx, app)) {
        enum rc rc = store_filter_find(tx, app->num, api_param(c, "filter_id"), c->arena, f);
        if (rc == RC_OK)
            return true;
        api_fail(c, rc);
    }
    store_end(tx);
    return false;
}

/* --- out ------------------------------------------------------------------------------------------- */

static void write_flag(struct api_out *o, const json_t *settings, const char *name)
{
    api_out_bool(o, name, json_is_true(json_object_get(settings, name)));
}

static void write_text(struct api_out *o, const json_t *settings, const char *name,
                       const char *absent)
{
    struct str text = api_json_str(json_object_get(settings, name));
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
    write_text(o, s, "mode", filter_mode_name(FILTER_ORIGINAL));
    write_number(o, s, "timeoutMs", FILTER_TIMEOUT_MS);
    write_number(o, s, "breakerFailures", FILTER_BREAKER_FAILURES);
    write_number(o, s, "breakerMs", FILTER_BREAKER_MS);
    write_number(o, s, "cacheSeconds", 0);
}

static void write_filter(struct api_out *o, const struct store_filter *f)
{
    json_t *settings = NULL;
    if (json_parse(f->settings, &settings, NULL) != RC_OK)
        settings = json_object();
    api_out_begin(o, '{');
    api_out_str(o, "id", f->id);
    api_out_str(o, "event", f->event);
    api_out_str(o, "url", f->url);
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
    write_filter(&o, f);
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

static bool check_words(struct api_ctx *c, const json_t *in, const char *where)
{
    enum filter_mode mode;
    struct str encoding = api_json_str(json_object_get(in, "encoding"));
    bool mode_fine = filter_mode_find(api_json_str(json_object_get(in, "mode")), &mode) == RC_OK;
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
    enum rc rc = filter_key_seal(c->api->o.vault, f->id, &key, sealed);
    mem_wipe(&key, sizeof(key));
    f->secret = buf_str(sealed);
    if (rc != RC_OK)
        api_fail(c, rc);
    return rc == RC_OK;
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

static bool url_is_allowed(struct api_ctx *c, const char *where, struct str url)
{
    if (!c->api->o.endpoint_https_only || str_starts(url, STR("https://")))
        return true;
    http_invalid(c->req, arena_fmt(c->arena, "%s.url", where).ptr, "value_error",
                 "Filter URL schemes must be https");
    return false;
}

static void fill_columns(const json_t *in, struct store_filter *f, bool all)
{
    const json_t *event = json_object_get(in, "event"), *url = json_object_get(in, "url");
    const json_t *words = json_object_get(in, "description");
    const json_t *order = json_object_get(in, "order"), *enabled = json_object_get(in, "enabled");
    if (event != NULL)
        f->event = api_json_str(event);
    if (url != NULL)
        f->url = api_json_str(url);
    if (words != NULL || all)
        f->description = words != NULL ? api_json_str(words) : STR("");
    if (order != NULL || all)
        f->position = json_integer_value(order);
    if (enabled != NULL || all)
        f->enabled = enabled == NULL || json_is_true(enabled);
}

bool api_webfilter_fill(struct api_ctx *c, const json_t *in, const char *where,
                        struct store_filter *f, bool all)
{
    struct str secret = api_json_str(json_object_get(in, "secret"));
    if (!check_words(c, in, where))
        return false;
    fill_columns(in, f, all);
    if (!url_is_allowed(c, where, f->url))
        return false;
    if (all)
        f->settings = STR_NONE;
    fill_settings(c, in, f);
    f->updated_us = c->now_us;
    bool needs_key = secret.ptr != NULL || f->secret.ptr == NULL;
    return !needs_key || fill_key(c, where, f, secret);
}

/* Finishes a change. */
static void changed(struct api_ctx *c, struct store_tx *tx, enum rc rc, int status,
                    const struct store_application *app, const struct store_filter *f)
{
    if (rc != RC_OK) {
        api_abort(c, tx, rc);
        return;
    }
    if (f != NULL)
        reply_filter(c, status, f);
    else
        api_reply_empty(c, status);
    if (api_commit(c, tx))
        filter_sets_changed(c->api->o.filter_sets, app->num);
}

/* --- handlers -------------------------------------------------------------------------------------- */

static void list_filters(struct http_request *req)
{
    struct api_ctx c;
    struct store_page page;
    struct store_tx *tx;
    struct str event;
    if (!api_begin(req, &c) || !api_page(&c, "flt_", false, &page) ||
        !api_query_chars(&c, "event", API_CHARS_NAME, &event) || !api_read(&c, &tx))
        return;
    struct store_application app;
    if (!api_find_app(&c, tx, &app)) {
        store_end(tx);
        return;
    }
    struct store_filter *rows = arena_array(c.arena, (size_t)page.limit, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = store_filter_list(tx, app.num, event, &page, c.arena, rows, &end);
    store_end(tx);
    if (rc != RC_OK) {
        api_fail(&c, rc);
        return;
    }
    struct api_out o;
    api_list_open(&c, &o);
    for (size_t i = 0; i < end.count; i++) {
        api_out_key(&o, NULL);
        write_filter(&o, &rows[i]);
    }
    api_list_reply(&c, &o, &end, end.count == 0 ? STR_NONE : rows[0].id,
                   end.count == 0 ? STR_NONE : rows[end.count - 1].id);
}

/* False: answered. */
static bool has_room(struct api_ctx *c, struct store_tx *tx, int64_t app,
                     const struct store_filter *f)
{
    struct store_filter *all = NULL;
    size_t count = 0, same = 0;
    enum rc rc = store_filter_all(tx, app, c->arena, &all, &count);
    for (size_t i = 0; i < count; i++)
        same += all[i].num != f->num && str_eq(all[i].event, f->event);
    if (rc != RC_OK)
        api_fail(c, rc);
    else if (count >= FILTER_APP_MAX && f->num == 0)
        http_error(c->req, 400, "limit_reached", "An application has at most %d filters.",
                   FILTER_APP_MAX);
    else if (same >= FILTER_CHAIN_MAX)
        http_error(c->req, 400, "limit_reached", "An event has at most %d filters.",
                   FILTER_CHAIN_MAX);
    else
        return true;
    return false;
}

static void create_filter(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_FilterIn, false) || !api_write(&c, &tx))
        return;
    struct store_application app;
    struct store_filter f = { .id = api_new_id_text(&c, "flt_"), .created_us = c.now_us };
    if (!api_find_app(&c, tx, &app) || !api_webfilter_fill(&c, c.body, "body", &f, true) ||
        !has_room(&c, tx, app.num, &f)) {
        store_end(tx);
        return;
    }
    f.app = app.num;
    changed(&c, tx, store_filter_insert(tx, &f), 201, &app, &f);
}

static void get_filter(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_read(&c, &tx))
        return;
    struct store_application app;
    struct store_filter f;
    if (!api_webfilter_of(&c, tx, &app, &f))
        return;
    store_end(tx);
    reply_filter(&c, 200, &f);
}

static void change_filter(struct http_request *req, const struct api_schema *schema, bool all)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_body(&c, schema, false) || !api_write(&c, &tx))
        return;
    struct store_application app;
    struct store_filter f;
    if (!api_webfilter_of(&c, tx, &app, &f))
        return;
    if (!api_webfilter_fill(&c, c.body, "body", &f, all) || !has_room(&c, tx, app.num, &f)) {
        store_end(tx);
        return;
    }
    changed(&c, tx, store_filter_update(tx, &f), 200, &app, &f);
}

static void put_filter(struct http_request *req)
{
    change_filter(req, &api_schema_FilterIn, true);
}

static void patch_filter(struct http_request *req)
{
    change_filter(req, &api_schema_FilterPatch, false);
}

static void delete_filter(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_write(&c, &tx))
        return;
    struct store_application app;
    struct store_filter f;
    if (!api_webfilter_of(&c, tx, &app, &f))
        return;
    changed(&c, tx, store_filter_delete(tx, f.num), 204, &app, NULL);
}

static void get_secret(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_read(&c, &tx))
        return;
    struct store_application app;
    struct store_filter f;
    if (!api_webfilter_of(&c, tx, &app, &f))
        return;
    store_end(tx);
    struct sign_key key;
    enum rc rc = filter_key_open(c.api->o.vault, f.id, f.secret, &key);
    if (rc != RC_OK) {
        api_fail(&c, rc);
        return;
    }
    char text[SIGN_SECRET_TEXT_MAX];
    struct api_out o;
    api_out_open(&c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "key", sign_key_show(&key, text));
    api_out_end(&o, '}');
    mem_wipe(&key, sizeof(key));
    mem_wipe(text, sizeof(text));
    api_reply(&c, 200, &o);
}

#define SEE (API_APP | API_CAN(CORE_MAY_VIEW))
#define CHANGE (API_APP | API_WRITE | API_CAN(CORE_MAY_MANAGE_ENDPOINT))
#define BASE "/api/v1/app/{app_id}/filter"
#define ONE BASE "/{filter_id}"
static const struct http_route routes[] = {
    { HTTP_GET, BASE, HTTP_WORKER, list_filters, SEE, "v1.filter.list", "List webfilters" },
    { HTTP_POST, BASE, HTTP_WORKER, create_filter, CHANGE, "v1.filter.create",
      "Create a webfilter" },
    { HTTP_GET, ONE, HTTP_WORKER, get_filter, SEE, "v1.filter.get", "Get a webfilter" },
    { HTTP_PUT, ONE, HTTP_WORKER, put_filter, CHANGE, "v1.filter.update", "Replace a webfilter" },
    { HTTP_PATCH, ONE, HTTP_WORKER, patch_filter, CHANGE, "v1.filter.patch", "Change a webfilter" },
    { HTTP_DELETE, ONE, HTTP_WORKER, delete_filter, CHANGE, "v1.filter.delete",
      "Delete a webfilter" },
    { HTTP_GET, ONE "/secret", HTTP_WORKER, get_secret, API_APP | API_CAN(CORE_MAY_VIEW_SECRET),
      "v1.filter.get-secret", "Get a webfilter's signing secret" },
};
API_ROUTES(webfilter, routes);
