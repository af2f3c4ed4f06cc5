/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources: where webhooks of others come in. See store/config.h for the rules. A source owns a hidden
 * application; its URL holds a token, of which only the hash is looked up.
 */
#pragma once

#include "store/config.h"

enum { STORE_SOURCE_TOKENS_MAX = 8 };

struct store_source_token {
    uint8_t hash[32];   /* SHA-256 of the token */
    struct str sealed;  /* sign_seal()ed token, so that the URL can be shown again */
    int64_t expires_us; /* 0: the current one */
};

struct store_source {
    int64_t num;
    int64_t org;
    int64_t app;    /* number of the hidden application */
    struct str id;  /* "src_..." */
    struct str uid; /* ptr NULL: none */
    struct str name;
    struct str metadata; /* JSON object text */
    struct str kind;     /* what the API calls its type; a preset, or another name for one */
    struct str scheme;   /* text of its own scheme; ptr NULL: the preset's */
    struct str config;   /* JSON object text: everything but secrets */
    struct str secrets;  /* sealed JSON object; ptr NULL: none yet */
    bool paused;
    int64_t created_us;
    int64_t updated_us;
    struct store_source_token tokens[STORE_SOURCE_TOKENS_MAX]; /* current first */
    size_t token_count;
};
/* Fills num. RC_CONFLICT: the uid is taken. */
MUST_USE enum rc store_source_insert(struct store_tx *tx, struct store_source *source);
/* By num, tokens included. RC_CONFLICT, RC_NOT_FOUND. */
MUST_USE enum rc store_source_update(struct store_tx *tx, const struct store_source *source);
/* Its row stays for the requests that name it; its secrets and tokens go. Not its application. */
MUST_USE enum rc store_source_delete(struct store_tx *tx, int64_t num, int64_t now_us);
MUST_USE enum rc store_source_find(struct store_tx *tx, int64_t org, struct str id_or_uid,
                                   struct arena *a, struct store_source *out);
/* RC_NOT_FOUND: also when it is deleted. */
MUST_USE enum rc store_source_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                                     struct store_source *out);
/* Whosever it is. RC_NOT_FOUND: also when it is deleted. */
MUST_USE enum rc store_source_by_id(struct store_tx *tx, struct str id, struct arena *a,
                                    struct store_source *out);
MUST_USE enum rc store_source_by_token(struct store_tx *tx, const uint8_t hash[static 32],
                                       struct arena *a, struct store_source *out);
/* Of all organisations, by number after `after`, deleted ones too and without tokens: those whose settings may hold a
 * URL with credentials, as builds before kept them. At most `max`; *out in the arena. */
MUST_USE enum rc store_source_unsealed(struct store_tx *tx, int64_t after, int64_t max,
                                       struct arena *a, struct store_source **out, size_t *count);
/* Only the settings; of a deleted one, too. */
MUST_USE enum rc store_source_put_config(struct store_tx *tx, int64_t num, struct str config);
MUST_USE enum rc store_source_list(struct store_tx *tx, int64_t org, const struct store_page *page,
                                   struct arena *a, struct store_source *out,
                                   struct store_page_end *end);
