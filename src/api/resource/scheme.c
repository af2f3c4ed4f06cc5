/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of an endpoint that are about how its receiver is asked and signed for.
 */
#include "api/resource/scheme_priv.h"

#include "api/resource/endpoint_target_priv.h"

#include "core/options.h"
#include "deliver/handshake.h"
#include "dest/dest.h"

/* --- in -------------------------------------------------------------------------------------------- */

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < ' ' || s.ptr[i] > '~')
            return false;
    return true;
}

bool api_scheme_secret(struct api_ctx *c, const struct store_endpoint *ep, struct str *out)
{
    json_t *options = NULL;
    if (!api_endpoint_open_options(c, ep, &options))
        return false;
    *out = json_str_member(options, "schemeSecret");
    if (out->ptr != NULL)
        *out = arena_secret(c->arena, *out);
    json_decref(options);
    return true;
}

/* Where the receiver proved that it knows the secret: of another one nothing is proven. */
static void forget_proof(const struct api_ctx *c, json_t *options)
{
    json_t *handshake = json_object_get(options, "handshake");
    const struct deliver_handshake_kind *kind =
        deliver_handshake_find(c->api->o.handshakes, json_str_member(handshake, "kind"));
    if (kind != NULL && kind->proves_secret)
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
    json_t *options = NULL;
    if (!api_endpoint_open_options(c, ep, &options))
        return false;
    struct str before = json_str_member(options, "schemeSecret");
    if (!str_eq_constant_time(before, secret))
        forget_proof(c, plain_options);
    if (secret.ptr == NULL)
        json_object_del(options, "schemeSecret");
    else
        json_object_set_new(options, "schemeSecret", json_stringn(secret.ptr, secret.len));
    enum rc rc = core_options_seal(c->api->o.vault, c->arena, options, ep);
    json_decref(options);
    return api_ok(c, rc);
}

static bool fill_scheme(struct api_ctx *c, json_t *options, bool all)
{
    struct str scheme = api_get_str(c, "scheme");
    bool is_standard = str_eq(scheme, STR("standard"));
    if (scheme.ptr != NULL && !is_standard &&
        !dest_envelope_has(c->api->o.envelopes, "scheme", scheme)) {
        struct buf *others = api_buf(c, 256);
        dest_envelope_values(c->api->o.envelopes, "scheme", others);
        http_invalid(c->req, "body.scheme", "value_error", "One of standard%.*s",
                     STR_ARGS(buf_str(others)));
        return false;
    }
    if (scheme.ptr != NULL && !is_standard)
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
    if (!json_is_object(given)) {
        if (all || given != NULL)
            json_object_del(options, "handshake");
        return true;
    }
    if (deliver_handshake_find(c->api->o.handshakes, json_str_member(given, "kind")) == NULL) {
        struct buf *known = api_buf(c, 256);
        const struct deliver_handshake_kind *const *k = c->api->o.handshakes;
        for (; k != NULL && *k != NULL; k++)
            buf_say(known, "%s%s", known->len > 0 ? ", " : "", (*k)->name);
        http_invalid(c->req, "body.handshake.kind", "value_error", "One of %.*s",
                     STR_ARGS(buf_str(known)));
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
        api_out_str(o, "scheme", json_str_member(options, "scheme"));
    if (json_is_boolean(identifiers))
        api_out_bool(o, "includeIdentifiers", json_is_true(identifiers));
    if (!json_is_object(handshake))
        return;
    json_t *shown = json_copy((json_t *)(uintptr_t)handshake); /* a copy of what is only read */
    json_object_del(shown, "proof");
    json_object_del(shown, "at");
    json_object_set_new(shown, "verified", json_boolean(core_handshake_stands(options, ep->url)));
    api_out_raw(o, "handshake", json_text(c->arena, shown));
    json_decref(shown);
}
