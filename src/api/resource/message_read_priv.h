/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages as they are found and shown.
 */
#pragma once

#include "api/kit/kit_priv.h"

/* The message named by the path's {msg_id}: id or event id. */
bool api_find_message(struct api_ctx *c, int64_t app, struct store_message_row *out);
/* The payload as a value: itself when it is a JSON object, else {"raw":"..."} (text) or {"rawBase64":"..."}. */
void api_message_write_payload(struct api_out *o, const struct store_message *m);
