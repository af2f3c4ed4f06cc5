/* SPDX-License-Identifier: Apache-2.0
 *
 * The cookie of a login that is under way: five fields, parted by blanks, sealed for this purpose alone.
 */
#include "login/ticket_priv.h"

enum { RANDOM_BYTES = 32, PLAIN_MAX = 1024, SEALED_MAX = PLAIN_MAX + 128 };

static struct str ticket_context(void)
{
    return STR("a login by OpenID Connect");
}

struct str login_base64url(const void *bytes, size_t len, struct arena *a)
{
    char *text = arena_alloc(a, BASE64_LEN(len) + 1);
    base64_encode(bytes, len, text);
    size_t count = (len * 4 + 2) / 3; /* without padding */
    for (size_t i = 0; i < count; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    text[count] = '\0';
    return str_of(text, count);
}

static struct str random_text(const struct rng *rng, struct arena *a)
{
    uint8_t bytes[RANDOM_BYTES];
    rng_fill(rng, bytes, sizeof(bytes));
    return login_base64url(bytes, sizeof(bytes), a);
}

void login_ticket_new(const struct rng *rng, int64_t now_us, struct str next, struct arena *a,
                      struct login_ticket *out)
{
    *out = (struct login_ticket){ .state = random_text(rng, a),
                                  .nonce = random_text(rng, a),
                                  .verifier = random_text(rng, a),
                                  .next = next,
                                  .until_us = now_us + LOGIN_OIDC_COOKIE_S * INT64_C(1000000) };
}

struct str login_ticket_seal(const struct sign_vault *vault, const struct login_ticket *t,
                             struct arena *a)
{
    struct buf plain, sealed;
    buf_init(&plain, PLAIN_MAX);
    buf_init(&sealed, SEALED_MAX);
    MUST(t->next.len <= LOGIN_OIDC_NEXT_MAX);
    enum rc rc =
        buf_addf(&plain, "%lld %.*s %.*s %.*s %.*s", (long long)t->until_us, STR_ARGS(t->state),
                 STR_ARGS(t->nonce), STR_ARGS(t->verifier), STR_ARGS(t->next));
    if (rc == RC_OK)
        rc = sign_seal(vault, ticket_context(), buf_str(&plain), &sealed);
    MUST(rc == RC_OK); /* all parts are ours, and short */
    struct str cookie = login_base64url(sealed.ptr, sealed.len, a);
    mem_wipe(plain.ptr, plain.len);
    buf_fini(&plain);
    buf_fini(&sealed);
    return cookie;
}

static enum rc ticket_read(struct str plain, struct arena *a, struct login_ticket *out)
{
    struct str until, *const fields[] = { &until, &out->state, &out->nonce, &out->verifier,
                                          &out->next };
    struct str rest = arena_str(a, plain);
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (!str_split(&rest, ' ', fields[i]))
            return RC_INVALID;
    return str_to_i64(until, &out->until_us);
}

enum rc login_ticket_open(const struct sign_vault *vault, struct str cookie, struct arena *a,
                          struct login_ticket *out)
{
    uint8_t bytes[SEALED_MAX];
    size_t len = 0;
    struct buf plain;
    *out = (struct login_ticket){ 0 };
    if (cookie.len == 0 || cookie.len > LOGIN_OIDC_COOKIE_MAX ||
        base64_decode(cookie, bytes, sizeof(bytes), &len) != RC_OK)
        return RC_INVALID;
    buf_init(&plain, PLAIN_MAX);
    enum rc rc = sign_open(vault, ticket_context(), str_of((const char *)bytes, len), &plain);
    if (rc == RC_OK)
        rc = ticket_read(buf_str(&plain), a, out);
    if (plain.len > 0)
        mem_wipe(plain.ptr, plain.len);
    buf_fini(&plain);
    return rc == RC_OK ? RC_OK : RC_INVALID;
}
