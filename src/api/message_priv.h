/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the ways to publish: one message, a batch.
 */
#pragma once

#include "api/api_priv.h"
#include "api/message_in.h"

/* The payload as a value: itself when it is a JSON object, else {"raw":"..."} (text) or {"rawBase64":"..."}. */
void api_message_write_payload(struct api_out *o, const struct store_message *m);
/* Gives a parsed message its id, owner and time. */
void api_message_stamp(struct api *api, const struct core_app *app, struct store_message *m);
/* Worker: the view of the path's application, made from `application` (ptr NULL: none) if it is not known. False: answered. */
bool api_message_app(struct api_ctx *c, struct str application, struct core_app **out);
