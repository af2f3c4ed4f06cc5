/* SPDX-License-Identifier: Apache-2.0
 *
 * Proving to the console who somebody is: what signing in (session.c) and doing it again in a session (session_proof.c)
 * have in common. What returns false has answered.
 */
#pragma once

#include "access/user.h"
#include "api/kit/kit_priv.h"

/* There is a console, and its own page asks. */
bool api_session_enter(struct api_ctx *c);
/* The address has room for another wrong token or code. `how`: "token", "code". */
bool api_session_may_try(struct api_ctx *c, const char *how);
/* Answers 401, and counts the failure of the address. Always false. */
bool api_session_refuse_wrong(struct api_ctx *c, const char *how, const char *words);
/* What came of a password or a one-time code. `words`: of the 401 when it is wrong. */
bool api_session_judge(struct api_ctx *c, enum access_login verdict, const char *words);
/* The second factor of a user whose password was right: the body's `otp`, if the user has one. */
bool api_session_second(struct api_ctx *c, const struct access_user *user);
