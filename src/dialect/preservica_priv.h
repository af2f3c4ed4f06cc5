/* SPDX-License-Identifier: Apache-2.0
 *
 * The Preservica dialect's own: tokens, who asks, and answers.
 */
#pragma once

#include "dialect/dialect_priv.h"

#include "access/user.h"
#include "json/json.h"

#define PRESERVICA_APP_UID "preservica"

enum { PRESERVICA_TOKEN_MAX = 512, PRESERVICA_ANSWER_MAX = 16 * 1024 * 1024 };

struct dialect_preservica {
    const struct dialect_options *o;
    struct access_users *users;
};

/* What a token is good for. A token of one kind does not pass for the other. */
enum preservica_token { PRESERVICA_ACCESS, PRESERVICA_CONTINUATION };

/* Tokens are sealed texts, kept nowhere: they end with their time, or with the user's generation. */
struct str preservica_token_make(const struct dialect_preservica *p, enum preservica_token kind,
                                 const struct access_user *user, struct arena *a);
/* The user it is of, as they are now. RC_DENIED; RC_NOT_FOUND: it is right, and the user (out->row.num) is not here, but may be
 * in another cell; RC_BUSY: the store. */
MUST_USE enum rc preservica_token_check(const struct dialect_preservica *p,
                                        enum preservica_token kind, struct str text,
                                        struct arena *a, struct access_user *out);

struct dialect_preservica *preservica_of(const struct http_request *req);
/* The user of the request's access token; with `manager`, who must have one of the roles that manage
 * subscriptions. False: answered 401, 403 or 503. */
bool preservica_begin(struct http_request *req, bool manager, struct access_user *out);

/* {"message": ...} */
void preservica_fail(struct http_request *req, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Answers with the JSON; takes it over. */
void preservica_reply(struct http_request *req, int status, json_t *body);
json_t *preservica_text(struct str s);

extern const struct http_route preservica_subscription_routes[];
extern const size_t preservica_subscription_route_count;
