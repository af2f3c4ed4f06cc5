/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of an endpoint that are about how its receiver is asked and signed for.
 */
#include "api/handshake_priv.h"

#include "core/options.h"
#include "deliver/handshake.h"

/* --- in -------------------------------------------------------------------------------------------- */

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < ' ' || s.ptr[i] > '~')
            return false;
    return true;
}

static json_t *sealed_options(struct api_ctx *c, const struct store_endpoint *ep)
{
    struct str text;
    json_t *options = NULL;
    if (ep->options_sealed.ptr != NULL &&
        core_open_json(c->api->o.vault, CORE_SECRET_OPTIONS, ep->id, ep->options_sealed, c->arena,
                       &text) == RC_OK &&
        json_parse(text, &options, NULL) == RC_OK)
        return options;
    return json_object();
}

struct str api_scheme_secret(struct api_ctx *c, const struct store_endpoint *ep)
{
    json_t *options = sealed_options(c, ep);
    struct str secret = api_json_str(json_object_get(options, "schemeSecret"));
    if (secret.ptr != NULL)
        secret = core_keep_secret(c->arena, secret);
    json_decref(options);
    return secret;
}

static bool seal(struct api_ctx *c, struct store_endpoint *ep, const json_t *options)
{
    ep->options_sealed = STR_NONE;
    if (json_object_size(options) == 0)
        return true;
    struct buf *sealed = api_buf(c, API_REPLY_MAX);
    enum rc rc = core_seal_json(c->api->o.vault, CORE_SECRET_OPTIONS, ep->id,
                                json_text(c->arena, options), sealed);
    if (rc != RC_OK)
        api_fail(c, rc);
    ep->options_sealed = buf_str(sealed);
    return rc == RC_OK;
}

/* Preservica's challenge proves that the receiver knows the secret: of another one nothing is proven. */
static void forget_proof(json_t *options)
{
    json_t *handshake = json_object_get(options, "handshake");
    if (str_eq(api_json_str(json_object_get(handshake, "kind")), STR("preservica")))
        json_object_del(handshake, "proof");
}

static bool fill_secret(struct api_ctx *c, struct store_endpoint *ep, json_t *plain_options)
{
    struct str secret = api_get_str(c, "schemeSecret");
    if (!api_has(c, "schemeSecret"))
        return true;
    if (!is_printable(secret)) {
        http_invalid(
            c->req, "body.schemeSecret", "value_error",
            "Only printable ASCII characters: receivers do not agree on the bytes of others");
        return false;
    }
    json_t *options = sealed_options(c, ep);
    struct str before = api_json_str(json_object_get(options, "schemeSecret"));
    if (!str_eq_constant_time(before, secret))
        forget_proof(plain_options);
    if (secret.ptr == NULL)
        json_object_del(options, "schemeSecret");
    else
        json_object_set_new(options, "schemeSecret", json_stringn(secret.ptr, secret.len));
    bool fine = seal(c, ep, options);
    json_decref(options);
    return fine;
}

static bool fill_scheme(struct api_ctx *c, json_t *options, bool all)
{
    struct str scheme = api_get_str(c, "scheme");
    if (scheme.ptr != NULL && !str_eq(scheme, STR("standard")) &&
        !str_eq(scheme, STR("preservica"))) {
        http_invalid(c->req, "body.scheme", "value_error", "One of standard, preservica");
        return false;
    }
    if (scheme.ptr != NULL && !str_eq(scheme, STR("standard")))
        json_object_set(options, "scheme", json_object_get(c->body, "scheme"));
    else if (all || api_has(c, "scheme"))
        json_object_del(options, "scheme");
    if (api_get(c, "includeIdentifiers") != NULL)
        json_object_set(options, "includeIdentifiers",
                        json_object_get(c->body, "includeIdentifiers"));
    else if (all || api_has(c, "includeIdentifiers"))
        json_object_del(options, "includeIdentifiers");
    return true;
}

static bool fill_handshake(struct api_ctx *c, json_t *options, bool all)
{
    static const char *const kept[] = { "kind", "rate", "topic" };
    json_t *given = json_object_get(c->body, "handshake");
    json_t *before = json_object_get(options, "handshake");
    enum deliver_handshake_kind kind;
    if (!json_is_object(given)) {
        if (all || given != NULL)
            json_object_del(options, "handshake");
        return true;
    }
    if (deliver_handshake_find(api_json_str(json_object_get(given, "kind")), &kind) != RC_OK) {
        http_invalid(c->req, "body.handshake.kind", "value_error",
                     "One of preservica, cloudevents, websub, ping");
        return false;
    }
    json_t *now = json_object();
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        if (json_object_get(given, kept[i]) != NULL &&
            !json_is_null(json_object_get(given, kept[i])))
            json_object_set(now, kept[i], json_object_get(given, kept[i]));
    bool is_same = json_equal(json_object_get(before, "kind"), json_object_get(now, "kind")) &&
                   json_equal(json_object_get(before, "rate"), json_object_get(now, "rate")) &&
                   json_equal(json_object_get(before, "topic"), json_object_get(now, "topic"));
    if (!is_same) /* else its proof stays with it */
        json_object_set(options, "handshake", now);
    json_decref(now);
    return true;
}

bool api_scheme_fill(struct api_ctx *c, struct store_endpoint *ep, json_t *options, bool all)
{
    return fill_scheme(c, options, all) && fill_handshake(c, options, all) &&
           fill_secret(c, ep, options);
}

/* --- out ------------------------------------------------------------------------------------------- */

void api_scheme_write(struct api_ctx *c, struct api_out *o, const struct store_endpoint *ep,
                      const json_t *options)
{
    const json_t *handshake = json_object_get(options, "handshake");
    const json_t *identifiers = json_object_get(options, "includeIdentifiers");
    if (json_object_get(options, "scheme") != NULL)
        api_out_str(o, "scheme", api_json_str(json_object_get(options, "scheme")));
    if (json_is_boolean(identifiers))
        api_out_bool(o, "includeIdentifiers", json_is_true(identifiers));
    if (!json_is_object(handshake))
        return;
    json_t *shown = json_copy((json_t *)(uintptr_t)handshake); /* a copy of what is only read */
    json_object_del(shown, "proof");
    json_object_set_new(shown, "verified", json_boolean(core_handshake_stands(options, ep->url)));
    api_out_raw(o, "handshake", json_text(c->arena, shown));
    json_decref(shown);
}
