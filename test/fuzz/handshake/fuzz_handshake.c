/* SPDX-License-Identifier: Apache-2.0
 *
 * A receiver's answer to a handshake: a byte for its kind, two of the status, lines of headers up to a zero
 * byte, then the body. A yes that has to be proven has the proof in it, a refusal has words, and a rate
 * that was allowed is within its limits.
 */
#include "../fuzz.h"

#include "deliver/handshake_priv.h"
#include "dialect/dialect.h"
#include "json/json.h"

enum { HEAD_BYTES = 3, KINDS = 4 };

#define CHALLENGE "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static const struct str secret = { "shared", 6 };

/* The proof that only the secret's owner can make. */
static void check_proof(const struct fetch_call *c)
{
    char expected[HEX_LEN(32) + 1];
    uint8_t mac[32];
    json_t *answer = NULL;
    sign_hmac256(secret, STR(CHALLENGE), mac);
    hex_encode(mac, sizeof(mac), expected);
    MUST(c->status == 200 && json_parse(c->response, &answer, NULL) == RC_OK);
    const char *given = json_string_value(json_object_get(answer, "challengeResponse"));
    MUST(given != NULL && strcmp(given, expected) == 0);
    json_decref(answer);
}

static void check_yes(const struct deliver_handshake *s, const struct fetch_call *c)
{
    MUST(c->status >= 200 && c->status <= 299 && !c->response_cut);
    MUST(s->allowed_per_minute >= 0 && s->allowed_per_minute <= DELIVER_HANDSHAKE_RATE_MAX);
    if (s->kind->proves_secret)
        check_proof(c);
    else if (s->kind == &deliver_handshake_websub)
        MUST(str_eq(c->response, STR(CHALLENGE)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t status;
    if (size < HEAD_BYTES)
        return 0;
    memcpy(&status, data + 1, sizeof(status));
    struct str rest = str_of((const char *)data + HEAD_BYTES, size - HEAD_BYTES);
    struct str headers = str_sub(rest, 0, str_find(rest, '\0'));
    struct deliver_handshake s = { .kind = dialect_handshakes[data[0] % KINDS],
                                   .secret = secret,
                                   .origin = STR("us.example"),
                                   .rate = 60 };
    struct deliver_handshake_ask ask = { .challenge = CHALLENGE };
    struct fetch_call c = { .status = 100 + status % 900,
                            .response_cut = (data[0] & 128) != 0,
                            .response_headers = headers,
                            .response = str_sub(rest, headers.len + 1, rest.len) };
    struct buf why;
    buf_init(&why, 256);
    enum rc rc = deliver_handshake_judge(&s, &ask, &c, &why);
    MUST(rc == RC_OK || rc == RC_DENIED);
    MUST((rc == RC_OK) == (why.len == 0));
    if (rc == RC_OK)
        check_yes(&s, &c);
    buf_fini(&why);
    return 0;
}
