/* SPDX-License-Identifier: Apache-2.0
 *
 * People and programs that log in with a name, and what their organisation (tenant) lets them do. See
 * store/config.h for the rules. Passwords are here as Argon2id hashes, other secrets sealed.
 */
#pragma once

#include "store/config.h"

struct store_user {
    int64_t num;
    int64_t org;
    struct str name;     /* unique in its organisation */
    struct str roles;    /* JSON array text of role names */
    struct str password; /* encoded Argon2id hash; empty: no login by password */
    struct str totp;     /* sealed secret of the second factor; ptr NULL: none */
    struct str secret;   /* sealed shared secret; ptr NULL: no login by it */
    struct str totp_new; /* sealed: a second factor that has not been confirmed yet; ptr NULL: none */
    bool is_disabled;    /* may not log in */
    int64_t totp_step;   /* the last time step a code was taken of */
    int64_t generation;  /* tokens of another generation count no more */
    int64_t created_us;
    int64_t updated_us;
};
MUST_USE enum rc store_user_insert(struct store_tx *tx,
                                   struct store_user *u); /* fills num; RC_CONFLICT: name taken */
/* By num, all but org, name, totp_step and created_us. With another generation, the sessions they have end. */
MUST_USE enum rc store_user_update(struct store_tx *tx, const struct store_user *u);
MUST_USE enum rc store_user_delete(struct store_tx *tx, int64_t num);
MUST_USE enum rc store_user_find(struct store_tx *tx, int64_t org, struct str name, struct arena *a,
                                 struct store_user *out);
/* The only user of that name in all organisations. RC_NOT_FOUND: none, or several. */
MUST_USE enum rc store_user_only(struct store_tx *tx, struct str name, struct arena *a,
                                 struct store_user *out);
MUST_USE enum rc store_user_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                                   struct store_user *out);
/* By organisation and name; org 0: of all. *out in the arena. */
MUST_USE enum rc store_user_list(struct store_tx *tx, int64_t org, struct arena *a,
                                 struct store_user **out, size_t *count);
/* Of an organisation. page->after: a number. RC_INVALID: it is none. */
MUST_USE enum rc store_user_page(struct store_tx *tx, int64_t org, const struct store_page *page, struct arena *a,
                                 struct store_user *out, struct store_page_end *end);
/* Marks a time step as used. RC_NOT_FOUND: it, or a later one, was used before. */
MUST_USE enum rc store_user_use_step(struct store_tx *tx, int64_t num, int64_t step);
