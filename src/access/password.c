/* SPDX-License-Identifier: Apache-2.0
 *
 * See access/password.h. The parameters of a hash are in its text: raising them here leaves older
 * passwords good.
 */
#include "access/password.h"

#include <argon2.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

enum {
    PASSES = 2,
    MEMORY_KIB = 19456,
    LANES = 1,
    SALT_BYTES = 16,
    HASH_BYTES = 32,
    SHA1_BYTES = 20
};

enum rc access_password_hash(const struct rng *rng, struct str password,
                             char out[static ACCESS_PASSWORD_TEXT_MAX])
{
    uint8_t salt[SALT_BYTES];
    if (password.len < ACCESS_PASSWORD_MIN || password.len > ACCESS_PASSWORD_MAX)
        return RC_INVALID;
    rng_fill(rng, salt, sizeof(salt));
    MUST(thread_kind() != THREAD_LOOP);
    int failed = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password.ptr, password.len, salt,
                                       sizeof(salt), HASH_BYTES, out, ACCESS_PASSWORD_TEXT_MAX);
    MUST(failed == ARGON2_OK); /* the parameters are ours; what is left is memory */
    return RC_OK;
}

bool access_password_is(struct str encoded, struct str password)
{
    char text[ACCESS_PASSWORD_TEXT_MAX];
    MUST(thread_kind() != THREAD_LOOP);
    if (encoded.len >= sizeof(text))
        return false;
    memcpy(text, encoded.ptr, encoded.len);
    text[encoded.len] = '\0';
    password = str_sub(password, 0, ACCESS_PASSWORD_MAX + 1); /* a longer one is as wrong */
    return argon2id_verify(text, password.ptr, password.len) == ARGON2_OK;
}

uint32_t access_totp_code(struct str secret, int64_t step, int digits)
{
    static const uint32_t powers[] = {
        1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000
    };
    uint8_t counter[8], mac[SHA1_BYTES];
    unsigned len = sizeof(mac);
    MUST(digits > 0 && digits < (int)COUNT_OF(powers));
    for (size_t i = 0; i < sizeof(counter); i++)
        counter[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
    MUST(HMAC(EVP_sha1(), secret.ptr, (int)secret.len, counter, sizeof(counter), mac, &len) !=
         NULL);
    size_t at = mac[SHA1_BYTES - 1] & 15;
    uint32_t cut = ((uint32_t)(mac[at] & 0x7f) << 24) | ((uint32_t)mac[at + 1] << 16) |
                   ((uint32_t)mac[at + 2] << 8) | mac[at + 3];
    return cut % powers[digits];
}

bool access_totp_is(struct str secret, struct str code, int64_t now_us, int64_t *step)
{
    int64_t now = now_us / 1000000 / ACCESS_TOTP_STEP_S;
    bool is_right = false;
    for (int64_t at = now - 1; at <= now + 1; at++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%0*u", ACCESS_TOTP_DIGITS,
                       access_totp_code(secret, at, ACCESS_TOTP_DIGITS));
        if (str_eq_constant_time(str_from(text), code)) {
            is_right = true;
            *step = at;
        }
    }
    return is_right;
}

void access_totp_show(const uint8_t secret[static ACCESS_TOTP_BYTES],
                      char out[static ACCESS_TOTP_TEXT + 1])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    for (size_t i = 0; i < ACCESS_TOTP_TEXT; i++) {
        size_t bit = i * 5; /* 20 bytes are 32 groups of 5 bits, to the bit */
        unsigned two = (unsigned)secret[bit / 8] << 8;
        if (bit / 8 + 1 < ACCESS_TOTP_BYTES)
            two |= secret[bit / 8 + 1];
        out[i] = alphabet[(two >> (11 - bit % 8)) & 31];
    }
    out[ACCESS_TOTP_TEXT] = '\0';
}

void access_sha1_hex(struct str text, char out[static ACCESS_SHA1_HEX + 1])
{
    uint8_t hash[SHA1_BYTES];
    unsigned len = sizeof(hash);
    MUST(EVP_Digest(text.ptr, text.len, hash, &len, EVP_sha1(), NULL) == 1);
    hex_encode(hash, sizeof(hash), out);
}
