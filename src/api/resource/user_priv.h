/* SPDX-License-Identifier: Apache-2.0
 *
 * What owners do with users (user.c) and users with themselves (account.c).
 */
#pragma once

#include "api/kit/kit_priv.h"
#include "store/user.h"

void api_user_write(struct api_out *o, const struct store_user *u, struct str id);
void api_user_reply(struct api_ctx *c, int status, const struct store_user *u);
/* The password as it is kept. False: answered, with the field's name. */
bool api_user_hash(struct api_ctx *c, const char *field, struct str *out);
/* Gives the user a second factor that waits to be confirmed, and answers with it. c->tx writes. */
void api_user_begin_factor(struct api_ctx *c, struct store_user *u);
/* Takes the body's `code` for it. False: answered. c->tx writes; the caller writes the user. */
bool api_user_confirm_factor(struct api_ctx *c, struct store_user *u);
