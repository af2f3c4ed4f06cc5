/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and credentials of filters, and tokens of chains: how they are made, and sealed under which context.
 */
#include "webfilter/set.h"

#include <inttypes.h>

enum { CONTEXT_MAX = 512, SEALED_URL_MAX = 4 * HTTP_URL_MAX };

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

enum rc webfilter_key_seal(const struct sign_vault *v, struct str id, const struct sign_key *key,
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

enum rc webfilter_key_open(const struct sign_vault *v, struct str id, struct str sealed,
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

enum rc webfilter_url_set(const struct sign_vault *v, struct arena *a, struct str url,
                          struct store_filter *row)
{
    struct str user;
    struct buf context, sealed;
    struct str bare = text_url_split(url, a, &user);
    bool is_same = str_eq(row->url, bare);
    row->url = bare;
    if (is_same && user.ptr == NULL)
        return RC_OK;
    row->credentials = STR_NONE;
    if (user.len == 0)
        return RC_OK;
    buf_init(&context, CONTEXT_MAX);
    buf_init(&sealed, SEALED_URL_MAX);
    buf_say(&context, "filter-url:%.*s", STR_ARGS(row->id));
    enum rc rc = sign_seal(v, buf_str(&context), user, &sealed);
    if (rc == RC_OK)
        row->credentials = arena_str(a, buf_str(&sealed));
    buf_fini(&sealed);
    buf_fini(&context);
    return rc;
}

static struct str secret_join(struct arena *a, struct str url, struct str user)
{
    struct arena scratch;
    arena_init(&scratch);
    struct str whole = arena_secret(a, text_url_join(url, user, &scratch));
    arena_fini(&scratch);
    return whole;
}

enum rc webfilter_url_open(const struct sign_vault *v, struct arena *a,
                           const struct store_filter *row, struct str *out)
{
    struct buf context, plain;
    *out = arena_str(a, row->url);
    if (row->credentials.ptr == NULL)
        return RC_OK;
    buf_init(&context, CONTEXT_MAX);
    buf_init(&plain, SEALED_URL_MAX);
    buf_say(&context, "filter-url:%.*s", STR_ARGS(row->id));
    enum rc rc = sign_open(v, buf_str(&context), row->credentials, &plain);
    if (rc == RC_OK)
        *out = secret_join(a, row->url, buf_str(&plain));
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

enum rc webfilter_token_seal(const struct sign_vault *v, int64_t app, struct str event,
                             struct str token, struct buf *out)
{
    struct buf context;
    say_context(&context, app, event);
    enum rc rc = sign_seal(v, buf_str(&context), token, out);
    buf_fini(&context);
    return rc;
}

enum rc webfilter_token_open(const struct sign_vault *v, int64_t app, struct str event,
                             struct str sealed, struct buf *out)
{
    struct buf context;
    say_context(&context, app, event);
    enum rc rc = sign_open(v, buf_str(&context), sealed, out);
    buf_fini(&context);
    return rc;
}

void webfilter_token_make(const struct rng *rng, char out[static WEBFILTER_TOKEN_LEN + 1])
{
    for (size_t i = 0; i < WEBFILTER_TOKEN_LEN; i++)
        out[i] = digits[rng_below(rng, sizeof(digits) - 1)];
    out[WEBFILTER_TOKEN_LEN] = '\0';
}

void webfilter_token_hash(struct str token, uint8_t out[static WEBFILTER_TOKEN_HASH])
{
    sign_sha256(token, out);
}
