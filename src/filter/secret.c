/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of filters and tokens of chains: how they are made, and sealed under which context.
 */
#include "filter/set.h"

#include <inttypes.h>

enum { CONTEXT_MAX = 512 };

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

enum rc filter_key_seal(const struct sign_vault *v, struct str id, const struct sign_key *key,
                        struct buf *out)
{
    char text[SIGN_SECRET_TEXT_MAX];
    struct buf context;
    struct str secret = sign_key_secret(key, text);
    buf_init(&context, CONTEXT_MAX);
    buf_say(&context, "filter:%.*s", STR_ARGS(id));
    enum rc rc = sign_seal(v, buf_str(&context), secret, out);
    buf_fini(&context);
    mem_wipe(text, sizeof(text));
    return rc;
}

enum rc filter_key_open(const struct sign_vault *v, struct str id, struct str sealed,
                        struct sign_key *out)
{
    struct buf context, plain;
    buf_init(&context, CONTEXT_MAX);
    buf_init(&plain, SIGN_SECRET_TEXT_MAX);
    buf_say(&context, "filter:%.*s", STR_ARGS(id));
    enum rc rc = sign_open(v, buf_str(&context), sealed, &plain);
    if (rc == RC_OK && sign_key_parse(buf_str(&plain), out, NULL) != RC_OK)
        rc = RC_CORRUPT;
    if (plain.ptr != NULL)
        mem_wipe(plain.ptr, plain.len);
    buf_fini(&plain);
    buf_fini(&context);
    return rc;
}

static void say_context(struct buf *context, int64_t app, struct str event)
{
    buf_init(context, CONTEXT_MAX);
    buf_say(context, "filter-chain:%" PRId64 ":%.*s", app, STR_ARGS(event));
}

enum rc filter_token_seal(const struct sign_vault *v, int64_t app, struct str event,
                          struct str token, struct buf *out)
{
    struct buf context;
    say_context(&context, app, event);
    enum rc rc = sign_seal(v, buf_str(&context), token, out);
    buf_fini(&context);
    return rc;
}

enum rc filter_token_open(const struct sign_vault *v, int64_t app, struct str event,
                          struct str sealed, struct buf *out)
{
    struct buf context;
    say_context(&context, app, event);
    enum rc rc = sign_open(v, buf_str(&context), sealed, out);
    buf_fini(&context);
    return rc;
}

void filter_token_make(const struct rng *rng, char out[static FILTER_TOKEN_LEN + 1])
{
    for (size_t i = 0; i < FILTER_TOKEN_LEN; i++)
        out[i] = digits[rng_below(rng, sizeof(digits) - 1)];
    out[FILTER_TOKEN_LEN] = '\0';
}

void filter_token_hash(struct str token, uint8_t out[static FILTER_TOKEN_HASH])
{
    sign_sha256(token, out);
}
