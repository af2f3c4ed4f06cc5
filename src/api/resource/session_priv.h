/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions of the console, for all ways of opening one: by what somebody gives themselves (session.c), by what others say
 * of them (login.c), and proving it again in a session (session_proof.c). What returns false has answered.
 */
#pragma once

#include "access/session.h"
#include "access/user.h"
#include "api/resource/who_priv.h"

/* The console is here, and its own page asks; the answer will be private. */
bool api_session_enter(struct api_ctx *c);
/* The address has room for another wrong token or code. `how`: "token", "code". */
bool api_session_may_try(struct api_ctx *c, const char *how);
/* Answers 401, and counts the failure of the address. Always false. */
bool api_session_refuse_wrong(struct api_ctx *c, const char *how, const char *words);
/* What came of a password or a one-time code. `words`: of the 401 when it is wrong. */
bool api_session_judge(struct api_ctx *c, enum access_login verdict, const char *words);
/* The second factor of a user whose password was right: the body's `otp`, if the user has one. */
bool api_session_second(struct api_ctx *c, const struct access_user *user);

/* Whether the browser will keep the cookie. */
bool api_session_is_kept(struct api_ctx *c);
/* Logs and answers. `how` and `why` are words of the log event. */
void api_session_refuse(struct api_ctx *c, const char *how, const char *why, int status, const char *code, const char *words);
/* Opens one with its cookie and ends the one that the browser had. *who is the caller's to release; the cookie's value is
 * in the request's arena. */
bool api_session_open(struct api_ctx *c, const char *how, const struct access_session_of *of, struct access_identity **who, struct str *cookie);
/* What the page wants to know of it. */
void api_session_reply(struct api_ctx *c, struct str cookie, const struct access_identity *who);
/* login.c. Whether what a session was opened with still holds: a proxy that vouched for somebody says so with every
 * request. RC_DENIED: no more. */
MUST_USE enum rc api_login_holds(struct api_ctx *c, const struct access_identity *who);
