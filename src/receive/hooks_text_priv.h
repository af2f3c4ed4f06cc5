/* SPDX-License-Identifier: Apache-2.0
 *
 * A text, its tree, and their values, as adnanh/webhook takes them.
 */
#pragma once

#include "receive/hooks_priv.h"

void receive_text_relax(struct str text, struct buf *out); /* of twice the text and a byte at least */
json_t *receive_config_tidy(const json_t *value);
bool receive_config_text(struct arena *a, const json_t *value, struct str *out);
unsigned receive_config_status(int64_t code);
