/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens of the API's clients: a header, a zero byte and claims. As they come, no token is believed; put
 * together and signed with the right key, so that what lies behind the signature is reached, a token
 * that is believed has a subject and is within its time.
 */
#include "../fuzz.h"

#include "access/jwt.h"
#include "sign/sign.h"

enum { TOKEN_MAX = 1 << 16 };

static const struct str secret = { "a secret no input can know", 26 };
static const int64_t now_s = INT64_C(1700000000);

static void add_base64url(struct buf *out, struct str bytes)
{
    char *text = xmalloc(BASE64_LEN(bytes.len) + 1);
    base64_encode(bytes.ptr, bytes.len, text);
    for (const char *at = text; *at != '\0' && *at != '='; at++)
        MUST(buf_add_char(out, *at == '+' ? '-' : *at == '/' ? '_' : *at) == RC_OK);
    xfree(text);
}

static enum rc check(struct str token, struct access_jwt *out, struct arena *a)
{
    struct buf why;
    buf_init(&why, 256);
    enum rc rc = access_jwt_check(secret, token, now_s * 1000000, a, out, &why);
    MUST(rc == RC_OK || rc == RC_DENIED);
    MUST((rc == RC_OK) == (why.len == 0));
    buf_fini(&why);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of((const char *)data, size);
    struct str header = str_sub(text, 0, str_find(text, '\0'));
    struct access_jwt claims;
    struct buf token;
    struct arena a;
    uint8_t mac[32];
    if (size > TOKEN_MAX / 4)
        return 0;
    arena_init(&a);
    buf_init(&token, TOKEN_MAX);
    MUST(check(text, &claims, &a) == RC_DENIED);

    add_base64url(&token, header);
    MUST(buf_add_char(&token, '.') == RC_OK);
    add_base64url(&token, str_sub(text, header.len + 1, text.len));
    sign_hmac256(secret, buf_str(&token), mac);
    MUST(buf_add_char(&token, '.') == RC_OK);
    add_base64url(&token, str_of((const char *)mac, sizeof(mac)));
    if (check(buf_str(&token), &claims, &a) == RC_OK) {
        MUST(claims.subject.len > 0 && claims.issued_s >= 0);
        MUST(claims.expires_s == 0 || claims.expires_s + ACCESS_JWT_LEEWAY_S > now_s);
        MUST(claims.feature_flags.ptr == NULL || claims.feature_flags.ptr[0] == '[');
    }
    buf_fini(&token);
    arena_fini(&a);
    return 0;
}
