/* SPDX-License-Identifier: Apache-2.0
 *
 * Passwords as Argon2id hashes (19 MiB, 2 passes, 1 lane), and one-time codes (RFC 6238, SHA-1, 30 seconds,
 * 6 digits). Hashing takes tens of milliseconds: never on a loop thread.
 */
#pragma once

#include "base/base.h"

enum {
    ACCESS_PASSWORD_MIN = 8, /* bytes */
    ACCESS_PASSWORD_MAX = 256,
    ACCESS_PASSWORD_TEXT_MAX = 160, /* of the encoded hash, with its NUL */
    ACCESS_TOTP_BYTES = 20,         /* of a secret we make */
    ACCESS_TOTP_TEXT = 32,          /* its base-32 text */
    ACCESS_TOTP_DIGITS = 6,
    ACCESS_TOTP_STEP_S = 30
};

/* RC_INVALID: shorter or longer than allowed. */
MUST_USE enum rc access_password_hash(const struct rng *rng, struct str password,
                                    char out[static ACCESS_PASSWORD_TEXT_MAX]);
/* Takes the same time whether it is right or not. `encoded`: made by access_password_hash(). */
bool access_password_is(struct str encoded, struct str password);

/* The code of a time step, as a number of `digits` (at most 8) digits. */
uint32_t access_totp_code(struct str secret, int64_t step, int digits);
/* Is `code` (6 digits) right now, or one step before or after? *step: which one. Constant time. */
bool access_totp_is(struct str secret, struct str code, int64_t now_us, int64_t *step);
/* Base 32 of a 20-byte secret, as authenticators take it. */
void access_totp_show(const uint8_t secret[static ACCESS_TOTP_BYTES],
                    char out[static ACCESS_TOTP_TEXT + 1]);

/* Lower-case hex of SHA-1 over `text`: what logins by a shared secret are made of. */
enum { ACCESS_SHA1_HEX = 40 };
void access_sha1_hex(struct str text, char out[static ACCESS_SHA1_HEX + 1]);
