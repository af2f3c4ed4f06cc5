/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding what the path names.
 */
#pragma once

#include "api/kit/ctx.h"

/* The application the request is about: of the path (id or uid), or the internal one of operational
 * webhooks. Another application's token gets 404. */
bool api_find_app(struct api_ctx *c, struct store_tx *tx, struct store_application *out);
/* A row's check: the internal application of operational webhooks is made before the transaction it is needed in. */
bool api_make_hidden_app(struct api_ctx *c);
/* The source in the path. False: answered. */
bool api_find_source(struct api_ctx *c, struct store_tx *tx, struct store_source *out);
/* The endpoint named by the path's last "{endpoint_id}". */
bool api_find_endpoint(struct api_ctx *c, struct store_tx *tx, int64_t app, struct store_endpoint *out);
/* The uid that a PUT gives to what it names: the one of the body or, when that has none, the path's. `now` is the row
 * that was found (its uid), or STR_NONE when it is to be made. False: answered (404): the path names an id that is not
 * known, which cannot become a uid, and the body has none either. */
bool api_upsert_uid(struct api_ctx *c, const char *param, const char *id_prefix, struct str now, bool is_found, struct str *uid);
