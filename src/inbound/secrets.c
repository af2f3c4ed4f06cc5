/* SPDX-License-Identifier: Apache-2.0
 *
 * A source's secrets and its URL's tokens, sealed under contexts that name the source, so that a
 * sealed value moved to another row does not open.
 */
#include "inbound/view_priv.h"

#include "sign/sign.h"

#include <stdio.h>

enum { SEALED_MAX = 256 * 1024, CONTEXT_MAX = 64 + ID_TEXT_MAX };

static struct str context_of(const char *kind, struct str id, char out[static CONTEXT_MAX])
{
    (void)snprintf(out, CONTEXT_MAX, "%s:%.*s", kind, STR_ARGS(id));
    return str_from(out);
}

static void secrets_forget(struct buf *b)
{
    if (b->ptr != NULL)
        mem_wipe(b->ptr, b->len);
    buf_fini(b);
}

struct held {
    char *text;
    size_t len;
};

static void wipe_held(void *arg)
{
    const struct held *held = arg;
    mem_wipe(held->text, held->len);
}

static struct str keep_secret(struct arena *a, const json_t *value)
{
    if (!json_is_string(value))
        return STR_NONE;
    struct held *held = ARENA_NEW(a, struct held);
    held->len = json_string_length(value);
    held->text = arena_cstr(a, str_of(json_string_value(value), held->len));
    arena_defer(a, wipe_held, held);
    return str_of(held->text, held->len);
}

static enum rc take_apart(struct str text, struct arena *a, struct inbound_secrets *out)
{
    json_t *object = NULL;
    if (json_parse(text, &object, NULL) != RC_OK)
        return RC_CORRUPT;
    const json_t *list = json_object_get(object, "secrets");
    for (size_t i = 0; i < json_array_size(list) && out->count < COUNT_OF(out->list); i++) {
        const json_t *item = json_array_get(list, i);
        out->list[out->count++] = (struct inbound_secret){
            .text = keep_secret(a, json_object_get(item, "secret")),
            .expires_us = json_integer_value(json_object_get(item, "expires")),
        };
    }
    out->companion = keep_secret(a, json_object_get(object, "companion"));
    out->is_tentative = json_is_true(json_object_get(object, "tentative"));
    json_decref(object);
    return RC_OK;
}

enum rc inbound_secrets_open(const struct sign_vault *v, const struct store_source *source,
                             struct arena *a, struct inbound_secrets *out)
{
    char context[CONTEXT_MAX];
    struct buf plain;
    *out = (struct inbound_secrets){ 0 };
    if (source->secrets.ptr == NULL)
        return RC_OK;
    buf_init(&plain, SEALED_MAX);
    enum rc rc = sign_open(v, context_of("source", source->id, context), source->secrets, &plain);
    if (rc == RC_OK)
        rc = take_apart(buf_str(&plain), a, out);
    secrets_forget(&plain);
    return rc;
}

enum rc inbound_secrets_seal(const struct sign_vault *v, struct str source_id,
                             const struct inbound_secrets *secrets, struct buf *out)
{
    char context[CONTEXT_MAX];
    struct buf plain;
    json_t *object = json_object();
    json_t *list = json_array();
    for (size_t i = 0; i < secrets->count; i++) {
        const struct inbound_secret *s = &secrets->list[i];
        json_array_append_new(list, json_pack("{s:s%,s:I}", "secret", s->text.ptr, s->text.len,
                                              "expires", (json_int_t)s->expires_us));
    }
    json_object_set_new(object, "secrets", list);
    if (secrets->companion.len > 0)
        json_object_set_new(object, "companion",
                            json_stringn(secrets->companion.ptr, secrets->companion.len));
    if (secrets->is_tentative)
        json_object_set_new(object, "tentative", json_true());
    buf_init(&plain, SEALED_MAX);
    enum rc rc = json_write(object, &plain);
    json_decref(object);
    if (rc == RC_OK)
        rc = sign_seal(v, context_of("source", source_id, context), buf_str(&plain), out);
    secrets_forget(&plain);
    return rc;
}

/* --- tokens ---------------------------------------------------------------------------------------- */

enum rc inbound_token_make(struct inbound *in, struct str source_id, struct buf *sealed,
                           struct store_source_token *out)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char token[INBOUND_TOKEN_LEN];
    char context[CONTEXT_MAX];
    for (size_t i = 0; i < sizeof(token); i++)
        token[i] = digits[rng_below(in->o.rng, sizeof(digits) - 1)];
    struct str text = str_of(token, sizeof(token));
    size_t at = sealed->len;
    enum rc rc = sign_seal(in->o.vault, context_of("source-url", source_id, context), text, sealed);
    *out = (struct store_source_token){ 0 };
    sign_sha256(text, out->hash);
    if (rc == RC_OK)
        out->sealed = str_of(sealed->ptr + at, sealed->len - at);
    mem_wipe(token, sizeof(token));
    return rc;
}

struct str inbound_token_open(struct inbound *in, struct str source_id,
                              const struct store_source_token *token, struct arena *a)
{
    char context[CONTEXT_MAX];
    struct str text = STR_NONE;
    struct buf plain;
    buf_init(&plain, INBOUND_TOKEN_LEN + 1);
    if (sign_open(in->o.vault, context_of("source-url", source_id, context), token->sealed,
                  &plain) == RC_OK)
        text = arena_str(a, buf_str(&plain));
    secrets_forget(&plain);
    return text;
}

enum rc inbound_url(struct inbound *in, const struct store_source *source, struct arena *a,
                    struct str *out)
{
    struct str token = STR_NONE;
    if (source->token_count > 0)
        token = inbound_token_open(in, source->id, &source->tokens[0], a);
    *out = arena_fmt(a, "%s/in/%.*s", in->o.public_url, STR_ARGS(token));
    return token.len > 0 ? RC_OK : RC_CORRUPT;
}
