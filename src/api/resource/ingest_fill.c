/* SPDX-License-Identifier: Apache-2.0
 *
 * From what a request says about a source to its row, and back to what it is shown as. Secrets go
 * in and never come out.
 */
#include "api/resource/ingest_priv.h"

#include "api/resource/transform_priv.h"

#include <stdio.h>

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

static const char *ingest_fill_state_of(struct api_ctx *c, const struct store_source *source,
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
static void write_config(struct api_ctx *c, struct api_out *o, const struct store_source *source,
                         const struct inbound_secrets *secrets)
{
    if (str_eq(source->kind, STR("generic-webhook")))
        return;
    api_out_key(o, "config");
    api_out_begin(o, '{');
    if (str_eq(source->kind, STR("telnyx")) && secrets->count > 0)
        api_out_str(o, "publicKey", secrets->list[0].text);
    /* It came in a handshake, and the provider wants it back from the operator. */
    if (secrets->is_tentative && secrets->count > 0 && c->who->app == 0 && !c->who->read_only)
        api_out_str(o, "verificationToken", secrets->list[0].text);
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
    write_config(c, o, source, &secrets);
    api_out_raw(o, "metadata", source->metadata);
    api_out_opt(o, "scheme", source->scheme);
    api_out_raw(o, "settings", source->config);
    api_out_str(o, "state", str_from(ingest_fill_state_of(c, source, &secrets)));
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

/* What `config` may hold, in the words the clients have for it: a secret is a secret, whatever its name. */
enum config_kind { CONFIG_SECRET, CONFIG_SECRETS, CONFIG_SHOWN_SECRET, CONFIG_COMPANION };
static const struct config_member {
    const char *name;
    enum config_kind kind;
} config_members[] = {
    { "secret", CONFIG_SECRET },
    { "publicKey", CONFIG_SECRET },
    { "clientId", CONFIG_SECRET },
    { "secrets", CONFIG_SECRETS },
    { "verificationToken", CONFIG_SHOWN_SECRET }, /* as it was shown: may still be replaced */
    { "companion", CONFIG_COMPANION },
    { "verifyToken", CONFIG_COMPANION },
    { "topicArn", CONFIG_COMPANION },
};

PRINTF_LIKE(3, 4)
static bool wrong_config(struct api_ctx *c, const char *name, const char *fmt, ...)
{
    char words[256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    http_invalid(c->req, arena_fmt(c->arena, "body.config.%.64s", name).ptr, "value_error", "%s",
                 words);
    return false;
}

/* A text of a length that can be kept; empty counts as none. */
static bool read_config_text(struct api_ctx *c, const char *name, const json_t *value,
                             struct str *out)
{
    *out = json_str_of(value);
    if (!json_is_string(value))
        return wrong_config(c, name, "Expected a string.");
    if (out->len > GRAPNEL_SECRET_MAX)
        return wrong_config(c, name, "Has %zu bytes, and may have at most %d.", out->len,
                            GRAPNEL_SECRET_MAX);
    return true;
}

static bool add_secret(struct api_ctx *c, const char *name, const json_t *value,
                       struct inbound_secrets *secrets)
{
    struct str text;
    if (!read_config_text(c, name, value, &text))
        return false;
    if (text.len == 0)
        return true;
    if (secrets->count == COUNT_OF(secrets->list))
        return wrong_config(c, name, "A source has at most %d secrets.", GRAPNEL_SECRETS_MAX);
    secrets->list[secrets->count++] = (struct inbound_secret){ .text = text };
    return true;
}

static bool add_secrets(struct api_ctx *c, const char *name, const json_t *list,
                        struct inbound_secrets *secrets)
{
    if (!json_is_array(list))
        return wrong_config(c, name, "Expected an array of strings.");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *place = arena_fmt(c->arena, "%s.%zu", name, i).ptr;
        if (!add_secret(c, place, json_array_get(list, i), secrets))
            return false;
    }
    return true;
}

static bool set_companion(struct api_ctx *c, const char *name, const json_t *value,
                          struct inbound_secrets *secrets)
{
    struct str text;
    if (!read_config_text(c, name, value, &text))
        return false;
    if (text.len > 0 && secrets->companion.len > 0 && !str_eq(text, secrets->companion))
        return wrong_config(
            c, name, "companion, verifyToken and topicArn name one value: give one of them.");
    if (text.len > 0)
        secrets->companion = text;
    return true;
}

static bool refuse_config(struct api_ctx *c, const char *name)
{
    if (str_eq(str_from(name), STR("timestampGraceSeconds")))
        return wrong_config(c, name,
                            "How old a request may be is a setting of every source here: "
                            "settings.window.pastSeconds.");
    return wrong_config(
        c, name,
        "There is no member '%.64s' here. Secrets are given as secret (publicKey, "
        "clientId) or secrets, a second value as companion (verifyToken, topicArn); "
        "everything else about a source stands in settings.",
        name);
}

static bool read_config(struct api_ctx *c, const json_t *config, struct inbound_secrets *secrets)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)config, name, value)
    {
        const struct config_member *m = NULL;
        for (size_t i = 0; i < COUNT_OF(config_members) && m == NULL; i++)
            if (str_eq(str_from(name), str_from(config_members[i].name)))
                m = &config_members[i];
        if (m == NULL)
            return refuse_config(c, name);
        if (json_is_null(value))
            continue;
        bool fine = m->kind == CONFIG_SECRETS     ? add_secrets(c, name, value, secrets)
                    : m->kind == CONFIG_COMPANION ? set_companion(c, name, value, secrets)
                                                  : add_secret(c, name, value, secrets);
        if (!fine)
            return false;
        if (m->kind == CONFIG_SHOWN_SECRET)
            secrets->is_tentative = true;
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
    struct str user = STR_NONE;
    if (fine)
        (void)text_url_split(settings.public_url, c->arena, &user);
    if (user.ptr != NULL) {
        http_invalid(c->req, "body.settings.publicUrl", "value_error",
                     "It is shown to whoever reads the source: leave the user and password out; "
                     "providers sign the URL without them.");
        fine = false;
    }
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
    struct transform_limits limits = api_transform_limits(c);
    for (size_t i = 0; i < json_array_size(routes) && i < INBOUND_ROUTES_MAX; i++) {
        struct str program = json_str_member(json_array_get(routes, i), "transform");
        struct buf why;
        if (program.len == 0)
            continue;
        buf_init(&why, 400);
        enum rc rc = transform_check(c->api->o.transforms, program, &limits, &why);
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
