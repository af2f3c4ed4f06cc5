/* SPDX-License-Identifier: Apache-2.0
 *
 * See core/options.h.
 */
#include "core/options.h"

static const int64_t us_per_minute = 60000000;

void core_handshake_proof(struct str kind, struct str url, char out[static CORE_PROOF_LEN + 1])
{
    uint8_t parts[64], hash[32];
    sign_sha256(kind, parts);
    sign_sha256(url, parts + 32);
    sign_sha256(str_of((const char *)parts, sizeof(parts)), hash);
    hex_encode(hash, sizeof(hash), out);
}

static struct str text_of(const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    return json_is_string(v) ? str_of(json_string_value(v), json_string_length(v)) : STR_NONE;
}

bool core_handshake_stands(const json_t *options, struct str url)
{
    const json_t *handshake = json_object_get(options, "handshake");
    char proof[CORE_PROOF_LEN + 1];
    if (!json_is_object(handshake))
        return true;
    core_handshake_proof(text_of(handshake, "kind"), url, proof);
    return str_eq(text_of(handshake, "proof"), str_of(proof, CORE_PROOF_LEN));
}

struct kept {
    char *bytes;
    size_t len;
};

static void wipe_kept(void *arg)
{
    const struct kept *kept = arg;
    mem_wipe(kept->bytes, kept->len);
}

struct str core_keep_secret(struct arena *a, struct str secret)
{
    struct kept *kept = ARENA_NEW(a, struct kept);
    *kept = (struct kept){ arena_alloc(a, secret.len + 1), secret.len };
    if (secret.len > 0)
        memcpy(kept->bytes, secret.ptr, secret.len);
    kept->bytes[secret.len] = '\0';
    arena_defer(a, wipe_kept, kept);
    return str_of(kept->bytes, kept->len);
}

static void read_key(struct arena *a, const struct sign_key *current, struct core_endpoint *ep)
{
    json_t *sealed = NULL;
    char text[SIGN_SECRET_TEXT_MAX];
    struct str key = STR_NONE;
    if (ep->options_sealed.ptr != NULL && json_parse(ep->options_sealed, &sealed, NULL) == RC_OK)
        key = text_of(sealed, "schemeSecret");
    if (key.len == 0 && current != NULL)
        key = sign_key_secret(current, text);
    if (key.len > 0)
        ep->scheme_key = core_keep_secret(a, key);
    mem_wipe(text, sizeof(text));
    json_decref(sealed);
}

void core_endpoint_read_scheme(struct arena *a, const json_t *options,
                               const struct sign_key *current, struct core_endpoint *ep)
{
    const json_t *allowed =
        json_object_get(json_object_get(options, "handshake"), "allowedPerMinute");
    if (json_is_integer(allowed) && json_integer_value(allowed) > 0)
        ep->gap_us = us_per_minute / json_integer_value(allowed);
    if (!core_handshake_stands(options, ep->url))
        ep->disabled = true;
    const json_t *ckan = json_object_get(options, "ckan");
    if (json_is_object(ckan))
        ep->ckan = json_text(a, ckan);
    ep->includes_identifiers = !json_is_false(json_object_get(options, "includeIdentifiers"));
    if (!str_eq(text_of(options, "scheme"), STR("preservica")))
        return;
    ep->scheme = CORE_SCHEME_PRESERVICA;
    read_key(a, current, ep);
}
