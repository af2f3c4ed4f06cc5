/* SPDX-License-Identifier: Apache-2.0
 *
 * What the ways to publish share: one message, a batch.
 */
#pragma once

#include "api/kit/kit_priv.h"
#include "api/resource/message_in.h"

/* The members of MessageOut without the braces. */
void api_message_write_members(struct api_out *o, const struct store_message *m, bool with_content);
/* Gives a parsed message its id, owner and time. */
void api_message_stamp(struct api *api, const struct core_app *app, int64_t keep_us, struct store_message *m);
/* Warns in the answer of a type that is not listed, once any is. False: the organisation's list is not in memory, and
 * nothing was done. */
bool api_message_judge_type(struct api *api, struct http_request *req, int64_t org, struct str type);
/* Worker: the same, and reads the list if need be. */
void api_message_judge_type_here(struct api_ctx *c, struct str type);
/* Worker: the view of the path's application, made from `application` (ptr NULL: none) if it is not known. False: answered. */
bool api_message_app(struct api_ctx *c, struct str application, struct core_app **out);
