/* SPDX-License-Identifier: Apache-2.0
 *
 * See core/options.h.
 */
#include "core/options.h"

enum { SEALED_MAX = 1 << 20, KEY_SEALED_MAX = 1024 };

static const int64_t us_per_minute = 60000000;

void core_handshake_proof(struct str kind, struct str url, char out[static CORE_PROOF_LEN + 1])
{
    uint8_t parts[64], hash[32];
    sign_sha256(kind, parts);
    sign_sha256(url, parts + 32);
    sign_sha256(str_of((const char *)parts, sizeof(parts)), hash);
    hex_encode(hash, sizeof(hash), out);
}

bool core_handshake_stands(const json_t *options, struct str url)
{
    const json_t *handshake = json_object_get(options, "handshake");
    char proof[CORE_PROOF_LEN + 1];
    if (!json_is_object(handshake))
        return true;
    core_handshake_proof(json_str_member(handshake, "kind"), url, proof);
    return str_eq(json_str_member(handshake, "proof"), str_of(proof, CORE_PROOF_LEN));
}

void core_endpoint_read_handshake(const json_t *options, struct core_endpoint *ep)
{
    const json_t *allowed =
        json_object_get(json_object_get(options, "handshake"), "allowedPerMinute");
    if (json_is_integer(allowed) && json_integer_value(allowed) > 0)
        ep->gap_us = us_per_minute / json_integer_value(allowed);
    if (!core_handshake_stands(options, ep->url))
        ep->disabled = true;
}

enum rc core_options_open(const struct sign_vault *v, struct arena *a,
                          const struct store_endpoint *row, json_t **out)
{
    struct str text = STR("{}");
    enum rc rc = RC_OK;
    *out = NULL;
    if (row->options_sealed.ptr != NULL)
        rc = core_open_json(v, CORE_SECRET_OPTIONS, row->id, row->options_sealed, a, &text);
    if (rc == RC_OK && json_parse(text, out, NULL) != RC_OK)
        rc = RC_CORRUPT;
    return rc;
}

enum rc core_options_seal(const struct sign_vault *v, struct arena *a, const json_t *options,
                          struct store_endpoint *row)
{
    struct buf sealed;
    row->options_sealed = STR_NONE;
    if (json_object_size(options) == 0)
        return RC_OK;
    buf_init(&sealed, SEALED_MAX);
    enum rc rc = core_seal_json(v, CORE_SECRET_OPTIONS, row->id, json_text(a, options), &sealed);
    if (rc == RC_OK)
        row->options_sealed = arena_str(a, buf_str(&sealed));
    buf_fini(&sealed);
    return rc;
}

enum rc core_options_make_key(const struct sign_vault *v, const struct rng *rng,
                              enum sign_kind kind, struct arena *a, struct store_endpoint *row)
{
    struct sign_key key;
    struct buf sealed;
    buf_init(&sealed, KEY_SEALED_MAX);
    sign_key_generate(kind, rng, &key);
    enum rc rc = core_seal_key(v, row->id, &key, &sealed);
    mem_wipe(&key, sizeof(key));
    row->keys[0] = (struct store_endpoint_key){ .sealed = arena_str(a, buf_str(&sealed)) };
    row->key_count = 1;
    buf_fini(&sealed);
    return rc;
}
