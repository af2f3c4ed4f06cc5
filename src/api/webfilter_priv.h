/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files on webfilters.
 */
#pragma once

#include "api/api_priv.h"
#include "filter/chain.h"
#include "store/filter.h"

/* Both, in a transaction; false: answered and the transaction is over. */
bool api_webfilter_of(struct api_ctx *c, struct store_tx *tx, struct store_application *app,
                      struct store_filter *f);
/* Fills a row from a body that passed FilterIn (`all`) or FilterPatch, at `where` for the words. The key is made
 * or replaced as the body says. False: answered. */
bool api_webfilter_fill(struct api_ctx *c, const json_t *in, const char *where,
                        struct store_filter *f, bool all);

/* The path's application for a worker handler that needs nothing else. */
bool api_webfilter_app(struct api_ctx *c, struct store_application *app);

/* {"id","data","exception","halt",...} of a run that is decided. A new reference. */
json_t *api_webfilter_verdict(const struct filter_run *run);
/* Fills the reply with a JSON value. */
void api_webfilter_reply(struct api_ctx *c, int status, const json_t *value);
