/* SPDX-License-Identifier: Apache-2.0
 *
 * From what a request says about a source to its row, and back to what it is shown as. Secrets go
 * in and never come out.
 */
#include "api/ingest_priv.h"

enum { SEALED_MAX = 256 * 1024 };

static const char own_kind[] = "custom";

/* --- out ------------------------------------------------------------------------------------------- */

const struct verify_scheme *api_source_scheme(struct api_ctx *c, const struct store_source *source,
                                              struct verify_scheme **own)
{
    *own = NULL;
    if (source->scheme.ptr == NULL)
        return verify_book_find(c->api->o.book, source->kind);
    return verify_scheme_read(source->scheme, own, NULL) == RC_OK ? *own : NULL;
}

static const char *state_of(struct api_ctx *c, const struct store_source *source,
                            const struct inbound_secrets *secrets)
{
    struct verify_scheme *own;
    const struct verify_scheme *scheme = api_source_scheme(c, source, &own);
    bool is_pending = scheme != NULL && scheme->needs_secret && secrets->count == 0;
    const char *state = scheme == NULL   ? "broken"
                        : is_pending     ? "pending"
                        : source->paused ? "paused"
                                         : "active";
    verify_scheme_free(own);
    return state;
}

/* Public keys are no secret: the API's clients expect them back. */
static void write_config(struct api_out *o, const struct store_source *source,
                         const struct inbound_secrets *secrets)
{
    if (str_eq(source->kind, STR("generic-webhook")))
        return;
    api_out_key(o, "config");
    api_out_begin(o, '{');
    if (str_eq(source->kind, STR("telnyx")) && secrets->count > 0)
        api_out_str(o, "publicKey", secrets->list[0].text);
    api_out_end(o, '}');
}

void api_source_write(struct api_ctx *c, struct api_out *o, const struct store_source *source)
{
    struct inbound_secrets secrets = { 0 };
    struct str url = STR_NONE;
    if (inbound_url(c->api->o.inbound, source, c->arena, &url) != RC_OK)
        url = STR_NONE;
    if (inbound_secrets_open(c->api->o.vault, source, c->arena, &secrets) != RC_OK)
        secrets.count = 0;
    api_out_begin(o, '{');
    api_out_str(o, "id", source->id);
    api_out_opt(o, "uid", source->uid);
    api_out_str(o, "name", source->name);
    api_out_opt(o, "ingestUrl", url);
    api_out_str(o, "type", source->kind);
    write_config(o, source, &secrets);
    api_out_raw(o, "metadata", source->metadata);
    api_out_opt(o, "scheme", source->scheme);
    api_out_raw(o, "settings", source->config);
    api_out_str(o, "state", str_from(state_of(c, source, &secrets)));
    api_out_bool(o, "paused", source->paused);
    api_out_int(o, "secretCount", (int64_t)secrets.count);
    api_out_date(o, "createdAt", source->created_us);
    api_out_date(o, "updatedAt", source->updated_us);
    api_out_end(o, '}');
}

/* --- in: what verifies ------------------------------------------------------------------------------- */

/* By its type, or its own text. False: answered. */
/* Two that the clients know are not there for reasons. */
static void refuse_kind(struct api_ctx *c, struct str kind)
{
    if (str_eq(kind, STR("cron")))
        http_invalid(
            c->req, "body.type", "value_error",
            "Sources receive; there is none that sends by a clock. Let cron or a timer post to "
            "a source of type generic-webhook.");
    else if (str_eq(kind, STR("vgs")))
        http_invalid(
            c->req, "body.type", "value_error",
            "There is no preset \"vgs\": how VGS signs is not published. \"custom\" takes a "
            "scheme of your own, generic-webhook takes anything.");
    else
        http_invalid(c->req, "body.type", "value_error",
                     "There is no preset \"%.*s\"; \"custom\" takes a scheme of your own.",
                     STR_ARGS(str_sub(kind, 0, 64)));
}

static bool fill_scheme(struct api_ctx *c, struct store_source *source, bool all)
{
    struct str kind = api_get_str(c, "type");
    struct str text = api_get_str(c, "scheme");
    if (kind.ptr == NULL && text.ptr == NULL && !all)
        return true;
    if (kind.ptr != NULL)
        source->kind = kind;
    if (text.ptr == NULL && !str_eq(source->kind, str_from(own_kind))) {
        source->scheme = STR_NONE;
        if (verify_book_find(c->api->o.book, source->kind) != NULL)
            return true;
        refuse_kind(c, source->kind);
        return false;
    }
    if (text.ptr != NULL) {
        source->scheme = text;
        source->kind = str_from(own_kind);
    }
    struct verify_scheme *own = NULL;
    struct buf why;
    buf_init(&why, 256);
    bool fine =
        source->scheme.ptr != NULL && verify_scheme_read(source->scheme, &own, &why) == RC_OK;
    if (!fine)
        http_invalid(c->req, "body.scheme", "value_error", "%s",
                     why.ptr == NULL ? "Missing data for required field." : why.ptr);
    buf_fini(&why);
    verify_scheme_free(own);
    return fine;
}

/* --- in: secrets -------------------------------------------------------------------------------------- */

bool api_source_seal(struct api_ctx *c, struct store_source *source,
                     const struct inbound_secrets *secrets)
{
    struct verify_scheme *own;
    const struct verify_scheme *scheme = api_source_scheme(c, source, &own);
    for (size_t i = 0; scheme != NULL && i < secrets->count; i++) {
        enum grapnel_status status =
            grapnel_check_secret(scheme->engine, verify_bytes(secrets->list[i].text));
        if (status != GRAPNEL_VERIFIED) {
            http_invalid(c->req, "body.config.secret", "value_error",
                         "Not a secret of the form this type has (%s).",
                         grapnel_status_name(status));
            verify_scheme_free(own);
            return false;
        }
    }
    verify_scheme_free(own);
    struct buf *sealed = api_buf(c, SEALED_MAX);
    enum rc rc = inbound_secrets_seal(c->api->o.vault, source->id, secrets, sealed);
    if (rc != RC_OK)
        api_fail(c, rc);
    source->secrets = buf_str(sealed);
    return rc == RC_OK;
}

static bool add_secret(struct api_ctx *c, struct inbound_secrets *secrets, struct str text)
{
    if (text.len == 0)
        return true;
    if (text.len > GRAPNEL_SECRET_MAX || secrets->count == COUNT_OF(secrets->list)) {
        http_invalid(c->req, "body.config", "value_error",
                     "At most %d secrets of at most %d bytes.", GRAPNEL_SECRETS_MAX,
                     GRAPNEL_SECRET_MAX);
        return false;
    }
    secrets->list[secrets->count++] = (struct inbound_secret){ .text = text };
    return true;
}

/* `config` in the words the clients have for it: a secret is a secret, whatever its name. */
static bool read_config(struct api_ctx *c, const json_t *config, struct inbound_secrets *secrets)
{
    static const char *const names[] = { "secret", "publicKey", "clientId" };
    static const char *const companions[] = { "verifyToken", "topicArn", "companion" };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (!add_secret(c, secrets, api_json_str(json_object_get(config, names[i]))))
            return false;
    const json_t *list = json_object_get(config, "secrets");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!add_secret(c, secrets, api_json_str(json_array_get(list, i))))
            return false;
    for (size_t i = 0; i < COUNT_OF(companions); i++) {
        struct str value = api_json_str(json_object_get(config, companions[i]));
        if (value.len > 0)
            secrets->companion = str_sub(value, 0, GRAPNEL_SECRET_MAX);
    }
    return true;
}

static bool fill_secrets(struct api_ctx *c, struct store_source *source, bool all)
{
    const json_t *config = api_get(c, "config");
    struct inbound_secrets secrets = { 0 };
    if (config == NULL) {
        if (all)
            source->secrets = STR_NONE;
        return true;
    }
    if (!read_config(c, config, &secrets))
        return false;
    if (secrets.count == 0 && secrets.companion.len == 0) {
        source->secrets = STR_NONE;
        return true;
    }
    return api_source_seal(c, source, &secrets);
}

/* --- in: settings ------------------------------------------------------------------------------------- */

static bool routes_exist(struct api_ctx *c, struct store_tx *tx,
                         const struct inbound_settings *settings)
{
    for (size_t i = 0; i < settings->route_count; i++) {
        const struct inbound_route *route = &settings->routes[i];
        for (size_t k = 0; k < route->app_count; k++) {
            struct store_application app;
            enum rc rc = store_application_find(tx, c->who->org, route->apps[k], c->arena, &app);
            if (rc == RC_OK)
                continue;
            if (rc == RC_NOT_FOUND)
                http_invalid(c->req, "body.settings.routes", "value_error",
                             "There is no application \"%.*s\".", STR_ARGS(route->apps[k]));
            else
                api_fail(c, rc);
            return false;
        }
    }
    return true;
}

/* As they were sent: numbers of filters are exact. The body was read before, so it is JSON. */
static struct str raw_settings(struct api_ctx *c)
{
    struct json_member settings = { .name = STR("settings") };
    enum rc rc = json_scan_object(c->req->call->body, &settings, 1, NULL);
    return rc == RC_OK ? settings.value.text : STR("{}");
}

static bool fill_settings(struct api_ctx *c, struct store_tx *tx, struct store_source *source,
                          bool all)
{
    const json_t *object = api_get(c, "settings");
    struct inbound_settings settings;
    struct buf why;
    if (object == NULL) {
        if (all || api_has(c, "settings"))
            source->config = STR("{}");
        return true;
    }
    buf_init(&why, 400);
    source->config = raw_settings(c);
    bool fine = inbound_settings_read(c->arena, source->config, &settings, &why) == RC_OK;
    if (!fine)
        http_invalid(c->req, "body.settings", "value_error", "%s", why.ptr == NULL ? "?" : why.ptr);
    buf_fini(&why);
    if (fine && source->config.len > INBOUND_SETTINGS_MAX) {
        http_invalid(c->req, "body.settings", "value_error", "At most %d bytes.",
                     INBOUND_SETTINGS_MAX);
        fine = false;
    }
    return fine && routes_exist(c, tx, &settings);
}

bool api_source_transforms_compile(struct api_ctx *c)
{
    const json_t *routes = json_object_get(api_get(c, "settings"), "routes");
    for (size_t i = 0; i < json_array_size(routes) && i < INBOUND_ROUTES_MAX; i++) {
        struct str program = api_json_str(json_object_get(json_array_get(routes, i), "transform"));
        struct buf why;
        if (program.len == 0)
            continue;
        buf_init(&why, 400);
        enum rc rc = filter_transform_check(c->api->o.transforms, program,
                                            &c->api->o.transform_limits, &why);
        if (rc == RC_INVALID || rc == RC_LIMIT)
            http_invalid(c->req, "body.settings.routes", "value_error", "routes.%zu.transform: %s",
                         i, why.ptr == NULL ? "It does not compile." : why.ptr);
        else if (rc != RC_OK)
            api_fail(c, rc);
        buf_fini(&why);
        if (rc != RC_OK)
            return false;
    }
    return true;
}

bool api_source_fill(struct api_ctx *c, struct store_tx *tx, struct store_source *source, bool all)
{
    if (all || api_has(c, "name"))
        source->name = api_get_str(c, "name");
    if (all || api_has(c, "uid"))
        source->uid = api_get_str(c, "uid");
    if (all || api_has(c, "metadata")) {
        source->metadata = api_get_json(c, "metadata");
        if (source->metadata.ptr == NULL)
            source->metadata = STR("{}");
    }
    if (all || api_has(c, "paused"))
        source->paused = api_get_bool(c, "paused", false);
    source->updated_us = c->now_us;
    return fill_scheme(c, source, all) && fill_secrets(c, source, all) &&
           fill_settings(c, tx, source, all);
}
