/* SPDX-License-Identifier: Apache-2.0
 *
 * API tokens. Only the SHA-256 of a token is kept. See store/config.h for the rules.
 */
#pragma once

#include "store/config.h"

enum { STORE_TOKEN_ENDED_US = 1 };

/* What a row is good for. All but the first are passing: their rows are removed once they have expired. */
enum store_token_kind {
    STORE_TOKEN_BEARER,  /* an API token */
    STORE_TOKEN_SESSION, /* a browser's cookie in the console */
    STORE_TOKEN_LOGIN,   /* a code for one login to the console */
    STORE_TOKEN_LINK,    /* the code in a portal link */
    STORE_TOKEN_PORTAL   /* the API token that such a code was changed for */
};

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
    enum store_token_kind kind;
    int64_t parent; /* num of the token it was made with: it ends with it; 0: none */
    int64_t user;   /* num of the user who logged in: it ends when what they may do changes; 0: nobody */
    int64_t used_us; /* sessions: about when it was used last */
    struct str how;  /* sessions: in a word, what they were opened with; else empty */
    struct str peer; /* sessions: the address they were opened from; else empty */
    int64_t proved_us;  /* sessions: when whoever has it proved last who they are */
    struct str made_by; /* JSON object text: who made it, as api_actor() has it; ptr NULL: not known */
};
/* Fills num, unless it is given: a row that was taken out is put back so. */
MUST_USE enum rc store_token_insert(struct store_tx *tx, struct store_token *t);
MUST_USE enum rc store_token_find(struct store_tx *tx, const uint8_t hash[static 32],
                                  struct arena *a, struct store_token *out);
MUST_USE enum rc store_token_by_num(struct store_tx *tx, int64_t num, struct arena *a, struct store_token *out); /* RC_NOT_FOUND */
/* And those that were made with it. */
MUST_USE enum rc store_token_delete(struct store_tx *tx, int64_t num);
MUST_USE enum rc store_token_use(struct store_tx *tx, int64_t num, int64_t used_us); /* RC_NOT_FOUND */
MUST_USE enum rc store_token_prove(struct store_tx *tx, int64_t num, int64_t proved_us); /* RC_NOT_FOUND */
/* It ends then, unless it ends before. RC_NOT_FOUND. */
MUST_USE enum rc store_token_shorten(struct store_tx *tx, int64_t num, int64_t expires_us);
/* Removes those of `kind` that were made with `parent`, but the `kept` newest. */
MUST_USE enum rc store_token_trim(struct store_tx *tx, int64_t parent, enum store_token_kind kind, int64_t kept);
/* Removes up to some hundred passing ones that expired before `before_us`. */
MUST_USE enum rc store_token_forget_expired(struct store_tx *tx, int64_t before_us);
/* Ends all tokens of an application (rows of ended ones stay); `session` (in scopes) narrows it when not empty. */
MUST_USE enum rc store_token_expire_app(struct store_tx *tx, int64_t app, struct str session,
                                        int64_t *count);
/* The same, at a later time: tokens that would live longer end then. */
MUST_USE enum rc store_token_shorten_app(struct store_tx *tx, int64_t app, struct str session,
                                         int64_t expires_us);
MUST_USE enum rc store_token_list(struct store_tx *tx, int64_t org, struct arena *a,
                                  struct store_token **out, size_t *count);
/* Bearer tokens that were not ended. page->after: a number. RC_INVALID: it is none. */
MUST_USE enum rc store_token_page(struct store_tx *tx, int64_t org, const struct store_page *page, struct arena *a,
                                  struct store_token *out, struct store_page_end *end);

/* Sessions of the console that have not ended; 0: of all users, of all tokens. */
struct store_session_filter {
    int64_t org, user, parent;
    int64_t now_us, unused_us; /* expired, or not used since now - unused: not listed */
};
/* page->after: a number. RC_INVALID: it is none. */
MUST_USE enum rc store_token_sessions(struct store_tx *tx, const struct store_session_filter *f, const struct store_page *page,
                                      struct arena *a, struct store_token *out, struct store_page_end *end);
/* Ends them, but for the one with the number `kept` (0: all). */
MUST_USE enum rc store_token_end_sessions(struct store_tx *tx, const struct store_session_filter *f, int64_t kept, int64_t *count);

/* From where a token or session is used. Times are whole hours, of the wall clock. */
enum { STORE_TOKEN_USES_MAX = 20 }; /* addresses kept of each; the one used longest ago goes first */
struct store_token_use {
    struct str peer;
    int64_t first_us, last_us;
};
/* Notes that it was used from there at that time; of a token that is gone nothing. */
MUST_USE enum rc store_token_note_use(struct store_tx *tx, int64_t num, struct str peer, int64_t at_us);
/* Newest first, at most STORE_TOKEN_USES_MAX. */
MUST_USE enum rc store_token_uses(struct store_tx *tx, int64_t num, struct arena *a, struct store_token_use **out, size_t *count);
/* 0: never. */
MUST_USE enum rc store_token_last_use(struct store_tx *tx, int64_t num, int64_t *at_us);
