/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files that make event types: the resource, imports, environments.
 */
#pragma once

#include "api/kit/kit_priv.h"

void api_event_type_write(struct api_ctx *c, struct api_out *o, const struct store_event_type *et, bool with_content);
/* May the caller see it? An application's token sees types without a flag, and those with one it holds. */
bool api_event_type_is_shown(const struct api_ctx *c, const struct store_event_type *et);
/* From a checked body; `all`: what is absent falls back to its default. */
void api_event_type_fill(struct api_ctx *c, const json_t *in, struct store_event_type *et, bool all);
void api_event_type_new(struct api_ctx *c, struct str name, const json_t *in, struct store_event_type *et);
/* Replaces the one of that name, or makes it. */
MUST_USE enum rc api_event_type_put(struct api_ctx *c, struct store_tx *tx, struct str name, const json_t *in, struct store_event_type *et, bool *made);
