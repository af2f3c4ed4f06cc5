/* SPDX-License-Identifier: Apache-2.0
 *
 * What pages live on instead of API tokens: the console's sessions (a cookie), codes for one login to it, the codes in
 * portal links, and what those are changed for. All are rows beside the tokens (store/token.h) and end with what they
 * were made of. Worker threads.
 */
#pragma once

#include "access/access.h"
#include "access/user.h"

enum { ACCESS_SESSION_NAME_MAX = 320 };

/* Who a session is for; `name` is shown. */
struct access_session_of {
    int64_t org;
    bool read_only;
    enum access_role role;
    struct str name;
    int64_t parent; /* number of the token they proved themselves with; 0: none */
    int64_t user;   /* number of the user who logged in; 0: none */
    struct str how; /* in a word, what they proved themselves with: "token", "code", "password", ... */
    struct str peer; /* from which address */
};
/* `text` is the cookie's value, seen only here. */
MUST_USE enum rc access_session_open(struct access *a, const struct access_session_of *of, char text[static ACCESS_TOKEN_TEXT + 1]);
/* Notes that it was used, if the last note is some minutes old. A failure is no reason to refuse anything: it is noted
 * by the next request. */
void access_session_touch(struct access *a, const struct access_identity *id);

/* How long a proof of who somebody is lets them change who has access. */
#define ACCESS_PROOF_US (INT64_C(15) * 60 * 1000000)
/* Whether that proof is recent enough. Everything that is no session proves itself anew with each request. Any thread. */
bool access_session_is_proved(const struct access *a, const struct access_identity *id);
/* Notes that whoever has the session has just proved who they are. RC_NOT_FOUND: it has ended. */
MUST_USE enum rc access_session_prove(struct access *a, const struct access_identity *id);

/* A code for one login, for who may write to the store. */
MUST_USE enum rc access_login_code_new(struct access *a, int64_t org, char text[static ACCESS_TOKEN_TEXT + 1]);
/* The code of a portal link: what it is changed for has the rights of `of`, the token with the number `token`, and ends
 * with it. */
MUST_USE enum rc access_link_new(struct access *a, const struct access_token_spec *of, int64_t token, int64_t lifetime_us,
                                 char text[static ACCESS_TOKEN_TEXT + 1]);
/* What such a code, taken, is changed for: a bearer token. RC_NOT_FOUND: its token has ended meanwhile. */
MUST_USE enum rc access_portal_open(struct access *a, const struct store_token *link, char text[static ACCESS_TOKEN_TEXT + 1]);
/* Looks a code of `kind` up, and with `once` ends it. RC_NOT_FOUND: there is none such, it was used, or it has expired. */
MUST_USE enum rc access_code_take(struct access *a, enum store_token_kind kind, struct str text, bool once,
                                  struct arena *arena, struct store_token *out);

/* What roles of a user allow in the console. RC_DENIED: nothing. */
MUST_USE enum rc access_console_rights(const struct access_user *user, enum access_role *role);
