/* SPDX-License-Identifier: Apache-2.0
 *
 * A signature checked by hand: a request that somebody describes, with secrets that they give or those of an endpoint or
 * source of theirs. Nothing of it is stored, remembered or logged, and no secret stands in an answer.
 */
#include "verify/look.h"

#include "api/kit/kit_priv.h"
#include "api/resource/scheme_priv.h"
#include "api/schemas/schemas.h"
#include "core/options.h"

enum { HEADERS_MAX = 100, WHY_MAX = 512, BODY_MAX = 4 << 20 };

/* How it is to be verified. */
struct asked {
    const struct verify_scheme *scheme;
    struct grapnel_bytes secrets[GRAPNEL_SECRETS_MAX];
    int64_t expires_us[GRAPNEL_SECRETS_MAX]; /* store_clock(); 0: a current one */
    size_t secret_count;
    const char *whose;
};

/* --- the request ------------------------------------------------------------------------------------- */

/* {"name": "value"} or {"name": ["value", ...]}. False: answered. */
static bool verify_headers(struct api_ctx *c, struct http_header *out, size_t *count)
{
    json_t *object = json_object_get(c->body, "headers");
    const char *name;
    json_t *value;
    *count = 0;
    json_object_foreach(object, name, value)
    {
        size_t items = json_is_array(value) ? json_array_size(value) : 1;
        for (size_t i = 0; i < items; i++) {
            struct str text = json_str_of(json_is_array(value) ? json_array_get(value, i) : value);
            if (text.ptr == NULL || *count == HEADERS_MAX) {
                http_invalid(c->req, "body.headers", "value_error",
                             "Expected at most %d headers, each with a string or a list of "
                             "strings.",
                             HEADERS_MAX);
                return false;
            }
            out[(*count)++] = (struct http_header){ str_from(name), text };
        }
    }
    return true;
}

static bool verify_body(struct api_ctx *c, struct str *out)
{
    struct str encoded = api_get_str(c, "bodyBase64");
    *out = api_get_str(c, "body");
    if (encoded.ptr != NULL) {
        char *bytes = arena_alloc(c->arena, encoded.len + 1);
        size_t len = 0;
        if (base64_decode(encoded, bytes, encoded.len, &len) != RC_OK) {
            http_invalid(c->req, "body.bodyBase64", "value_error",
                         "This is not base64: send the bytes of the body encoded, or `body`.");
            return false;
        }
        *out = str_of(bytes, len);
    }
    if (out->len <= BODY_MAX)
        return true;
    http_invalid(c->req, "body.body", "value_error", "A body has at most %d bytes here, not %zu.",
                 BODY_MAX, out->len);
    return false;
}

/* False: answered. */
static bool read_trial(struct api_ctx *c, struct inbound_trial *out)
{
    struct http_header *headers = arena_array(c->arena, HEADERS_MAX, sizeof(*headers));
    struct str url = api_get_str(c, "url");
    size_t mark = str_find(url, '?');
    out->method = api_get_str(c, "method");
    if (out->method.ptr == NULL)
        out->method = STR("POST");
    out->query = str_sub(url, mark + 1, url.len);
    out->at_us = api_get_date(c, "at", c->now_us);
    out->headers = headers;
    return verify_headers(c, headers, &out->header_count) && verify_body(c, &out->body);
}

/* --- whose secrets ----------------------------------------------------------------------------------- */

static bool may_see_secrets(struct api_ctx *c)
{
    bool is_limited = c->who->app != 0 || c->who->role == ACCESS_VIEWER;
    if (!is_limited || (c->who->capabilities & ACCESS_MAY_VIEW_SECRET) != 0)
        return true;
    http_error(
        c->req, 403, API_INSUFFICIENT,
        "Verifying with secrets that are kept here takes the capability ViewEndpointSecret, which this "
        "token does not have. Give the secret in `secrets`.");
    return false;
}

static bool give_secrets(struct api_ctx *c, struct asked *asked)
{
    const json_t *list = api_get(c, "secrets");
    asked->whose = "given";
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct str secret = json_str_of(json_array_get(list, i));
        if (secret.len == 0 || secret.len > GRAPNEL_SECRET_MAX) {
            http_invalid(c->req, arena_fmt(c->arena, "body.secrets.%zu", i).ptr, "value_error",
                         "A secret has 1 to %d bytes.", GRAPNEL_SECRET_MAX);
            return false;
        }
        asked->secrets[asked->secret_count++] = verify_bytes(secret);
    }
    return true;
}

static void add_secret(struct asked *asked, struct str secret, int64_t expires_us)
{
    asked->secrets[asked->secret_count] = verify_bytes(secret);
    asked->expires_us[asked->secret_count++] = expires_us;
}

/* Those that sign now: the current one, and old ones until their grace is over. */
static enum rc add_keys(struct api_ctx *c, const struct store_endpoint *ep, struct asked *asked)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < ep->key_count; i++) {
        const struct store_endpoint_key *kept = &ep->keys[i];
        struct sign_key key;
        char text[SIGN_SECRET_TEXT_MAX];
        if (kept->expires_us != 0 && kept->expires_us <= c->own_us)
            continue;
        rc = core_open_key(c->api->o.vault, ep->id, kept->sealed, &key);
        if (rc == RC_OK)
            add_secret(asked, arena_secret(c->arena, sign_key_show(&key, text)), kept->expires_us);
        mem_wipe(&key, sizeof(key));
        mem_wipe(text, sizeof(text));
    }
    return rc;
}

/* An endpoint that signs as another system does keeps a secret of its own for that. False: answered. */
static bool own_secrets(struct api_ctx *c, const struct store_endpoint *ep, bool is_standard,
                        struct asked *asked)
{
    struct str secret = STR_NONE;
    asked->whose = "endpoint";
    if (!may_see_secrets(c))
        return false;
    if (is_standard)
        return api_ok(c, add_keys(c, ep, asked));
    if (!api_scheme_secret(c, ep, &secret))
        return false;
    if (secret.ptr != NULL)
        add_secret(asked, secret, 0);
    return true;
}

static bool find_own_endpoint(struct api_ctx *c, struct store_endpoint *ep)
{
    struct str app_name = api_get_str(c, "appId");
    struct store_application app = { .num = 0 };
    if (app_name.ptr == NULL) {
        http_invalid(c->req, "body.appId", "value_error",
                     "endpointId needs appId: the application that the endpoint belongs to.");
        return false;
    }
    if (!api_tx_read(c))
        return false;
    enum rc rc = store_application_find(c->tx, c->who->org, app_name, c->arena, &app);
    if (rc == RC_OK && c->who->app != 0 && c->who->app != app.num)
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        rc = store_endpoint_find(c->tx, app.num, api_get_str(c, "endpointId"), c->arena, ep);
    api_tx_end(c);
    return api_ok(c, rc);
}

static struct str signs_as(const struct store_endpoint *ep, struct arena *a)
{
    json_t *options = NULL;
    struct str scheme = STR_NONE;
    if (ep->options.ptr != NULL && json_parse(ep->options, &options, NULL) == RC_OK)
        scheme = json_str_member(options, "scheme");
    if (scheme.ptr != NULL)
        scheme = arena_str(a, scheme);
    json_decref(options);
    return scheme;
}

static bool ask_endpoint(struct api_ctx *c, struct asked *asked)
{
    struct store_endpoint ep;
    if (!find_own_endpoint(c, &ep))
        return false;
    struct str scheme = signs_as(&ep, c->arena);
    bool is_standard = scheme.ptr == NULL;
    asked->scheme =
        verify_book_find(c->api->o.book, is_standard ? STR("standard-webhooks") : scheme);
    if (asked->scheme == NULL) {
        http_invalid(c->req, "body.endpointId", "value_error",
                     "This endpoint signs as '%.*s', which cannot be verified here.",
                     STR_ARGS(scheme));
        return false;
    }
    return give_secrets(c, asked) &&
           (asked->secret_count > 0 || own_secrets(c, &ep, is_standard, asked));
}

/* --- which scheme ------------------------------------------------------------------------------------ */

static void free_scheme(void *scheme)
{
    verify_scheme_free(scheme);
}

static bool ask_preset(struct api_ctx *c, struct asked *asked)
{
    struct str name = api_get_str(c, "preset");
    asked->scheme = verify_book_find(c->api->o.book, name);
    if (asked->scheme != NULL)
        return give_secrets(c, asked);
    http_invalid(c->req, "body.preset", "value_error",
                 "There is no preset \"%.*s\": GET /ingest/api/v1/preset lists them.",
                 STR_ARGS(name));
    return false;
}

static bool ask_text(struct api_ctx *c, struct asked *asked)
{
    struct verify_scheme *own = NULL;
    struct buf why;
    buf_init(&why, WHY_MAX);
    bool is_read = verify_scheme_read(api_get_str(c, "scheme"), &own, &why) == RC_OK;
    if (!is_read)
        http_invalid(c->req, "body.scheme", "value_error", "%.*s", STR_ARGS(buf_str(&why)));
    buf_fini(&why);
    if (!is_read)
        return false;
    arena_defer(c->arena, free_scheme, own);
    asked->scheme = own;
    return give_secrets(c, asked);
}

/* --- the answer -------------------------------------------------------------------------------------- */

static void write_match(struct api_ctx *c, struct api_out *o, const struct verify_look *look,
                        const char *whose, size_t count, int64_t expires_us)
{
    if (!look->matched) {
        api_out_null(o, "matched");
        return;
    }
    api_out_key(o, "matched");
    api_out_begin(o, '{');
    api_out_int(o, "index", (int64_t)look->key_index + 1);
    api_out_int(o, "count", (int64_t)count);
    api_out_str(o, "whose", str_from(whose));
    api_out_opt_date(o, "expiresAt",
                     expires_us == 0 ? 0 : store_shown_us(c->api->o.store, expires_us));
    api_out_end(o, '}');
}

static void write_signed(struct api_ctx *c, struct api_out *o, struct str bytes)
{
    if (bytes.ptr == NULL) {
        api_out_null(o, "signed");
        return;
    }
    char *encoded = arena_alloc(c->arena, BASE64_LEN(bytes.len) + 1);
    base64_encode(bytes.ptr, bytes.len, encoded);
    api_out_key(o, "signed");
    api_out_begin(o, '{');
    api_out_opt(o, "text", str_is_utf8(bytes) ? bytes : STR_NONE);
    api_out_str(o, "base64", str_from(encoded));
    api_out_int(o, "bytes", (int64_t)bytes.len);
    api_out_end(o, '}');
}

static struct str if_any(struct str s)
{
    return s.len == 0 ? STR_NONE : s;
}

static void verify_answer(struct api_ctx *c, const struct verify_scheme *scheme,
                          const struct verify_look *look, const char *whose, size_t count,
                          int64_t expires_us)
{
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "verdict", str_from(grapnel_status_name(look->status)));
    api_out_bool(&o, "verified", look->status == GRAPNEL_VERIFIED);
    api_out_str(&o, "words", str_from(look->words));
    api_out_opt(&o, "remedy", look->remedy == NULL ? STR_NONE : str_from(look->remedy));
    api_out_opt(&o, "cause", look->cause == NULL ? STR_NONE : str_from(look->cause));
    api_out_opt(&o, "presetName", if_any(scheme->name));
    api_out_str(&o, "presetTitle", scheme->title.len > 0 ? scheme->title : scheme->name);
    write_match(c, &o, look, whose, count, expires_us);
    write_signed(c, &o, look->signed_bytes);
    api_out_opt_date(&o, "signedAt", look->has_time ? look->time_us : 0);
    api_out_opt(&o, "id", if_any(look->id));
    api_out_bool(&o, "idSigned", look->id_signed);
    api_out_opt(&o, "type", if_any(look->type));
    api_out_bool(&o, "typeSigned", look->type_signed);
    api_out_int(&o, "eventCount", (int64_t)look->item_count);
    api_out_opt(&o, "reply", if_any(look->reply));
    api_out_str(&o, "explanation", look->explanation);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

/* --- doing ------------------------------------------------------------------------------------------- */

static void test_source(struct api_ctx *c, const struct inbound_trial *trial)
{
    struct store_source source;
    struct inbound_looked looked;
    if (c->who->app != 0) {
        http_error(
            c->req, 403, API_INSUFFICIENT,
            "This token is bound to one application. Use the organisation's token for `sourceId`.");
        return;
    }
    if (!may_see_secrets(c) || !api_tx_read(c))
        return;
    enum rc rc =
        store_source_find(c->tx, c->who->org, api_get_str(c, "sourceId"), c->arena, &source);
    api_tx_end(c);
    if (rc == RC_OK)
        rc = inbound_look(c->api->o.inbound, source.num, trial, c->arena, &looked);
    if (api_ok(c, rc))
        verify_answer(c, looked.scheme, &looked.look, "source", looked.secret_count,
                      looked.expires_us);
}

/* What an application's token asks for makes this server fetch nothing: the address would be of its choice. */
static void set_fetchers(const struct api_ctx *c, struct grapnel_config *config)
{
    if (c->who->app != 0)
        return;
    config->certificate = verify_remote_certificate;
    config->key_set = verify_remote_key_set;
    config->certificate_ctx = config->key_set_ctx = inbound_remote(c->api->o.inbound);
}

static void test_asked(struct api_ctx *c, const struct inbound_trial *trial,
                       const struct asked *asked)
{
    struct verify_look look;
    struct str url = api_get_str(c, "url");
    struct grapnel_config config = { .secrets = asked->secrets,
                                     .secret_count = asked->secret_count,
                                     .companion = verify_bytes(api_get_str(c, "companion")),
                                     .now_us = trial->at_us,
                                     .body_max = BODY_MAX };
    struct grapnel_header *headers =
        arena_array(c->arena, trial->header_count + 1, sizeof(*headers));
    for (size_t i = 0; i < trial->header_count; i++)
        headers[i] = (struct grapnel_header){ verify_bytes(trial->headers[i].name),
                                              verify_bytes(trial->headers[i].value) };
    struct grapnel_request request = { .method = verify_bytes(trial->method),
                                       .url = verify_bytes(str_sub(url, 0, str_find(url, '?'))),
                                       .query = verify_bytes(trial->query),
                                       .headers = headers,
                                       .header_count = trial->header_count,
                                       .body = verify_bytes(trial->body) };
    set_fetchers(c, &config);
    verify_look(asked->scheme, &config, &request, c->arena, &look);
    verify_answer(c, asked->scheme, &look, asked->whose, asked->secret_count,
                  look.matched ? asked->expires_us[look.key_index] : 0);
}

static bool says_one_way(struct api_ctx *c)
{
    static const char *const ways[] = { "preset", "scheme", "endpointId", "sourceId" };
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(ways); i++)
        count += api_get(c, ways[i]) != NULL;
    if (count == 1)
        return true;
    http_invalid(
        c->req, "body", "value_error",
        "Expected exactly one of preset, scheme, endpointId and sourceId, which say how it is signed.");
    return false;
}

static void test_signature(struct api_ctx *c)
{
    struct inbound_trial trial = { .at_us = 0 };
    struct asked *asked = ARENA_NEW(c->arena, struct asked);
    if (!says_one_way(c) || !read_trial(c, &trial))
        return;
    if (api_get(c, "sourceId") != NULL) {
        test_source(c, &trial);
        return;
    }
    bool is_known = api_get(c, "preset") != NULL   ? ask_preset(c, asked)
                    : api_get(c, "scheme") != NULL ? ask_text(c, asked)
                                                   : ask_endpoint(c, asked);
    if (is_known)
        test_asked(c, &trial, asked);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, "/api/v1/verify/test", API_ANY, "v1.verify.test",
                "Check the signature of a request"),
      .run = test_signature, .in = &api_schema_VerifyTestIn, .out = &api_schema_VerifyTestOut,
      .status = 200 },
};
API_ROUTES(verify, routes);
