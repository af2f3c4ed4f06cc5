/* SPDX-License-Identifier: Apache-2.0
 *
 * API tokens. Only the SHA-256 of a token is kept. See store/config.h for the rules.
 */
#pragma once

#include "store/config.h"

enum { STORE_TOKEN_ENDED_US = 1 };

struct store_token {
    int64_t num;
    int64_t org;
    int64_t app; /* 0: the whole organisation */
    struct str name;
    struct str
        scopes; /* JSON object text: capabilities, feature flags, read-only, session; ptr NULL: everything */
    uint8_t hash[32];
    int64_t created_us;
    int64_t expires_us; /* 0: never; STORE_TOKEN_ENDED_US: refused for good, the row stays to say so */
};
MUST_USE enum rc store_token_insert(struct store_tx *tx, struct store_token *t);
MUST_USE enum rc store_token_find(struct store_tx *tx, const uint8_t hash[static 32],
                                  struct arena *a, struct store_token *out);
MUST_USE enum rc store_token_delete(struct store_tx *tx, int64_t num);
/* Ends all tokens of an application (rows of ended ones stay); `session` (in scopes) narrows it when not empty. */
MUST_USE enum rc store_token_expire_app(struct store_tx *tx, int64_t app, struct str session,
                                        int64_t *count);
/* The same, at a later time: tokens that would live longer end then. */
MUST_USE enum rc store_token_shorten_app(struct store_tx *tx, int64_t app, struct str session,
                                         int64_t expires_us);
MUST_USE enum rc store_token_list(struct store_tx *tx, int64_t org, struct arena *a,
                                  struct store_token **out, size_t *count);
