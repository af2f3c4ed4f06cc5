/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files on webfilters.
 */
#pragma once

#include "api/kit/kit_priv.h"
#include "store/filter.h"
#include "webfilter/chain.h"

/* Fills a row from a body that passed FilterIn (`all`) or FilterPatch, at `where` for the words. The key is made
 * or replaced as the body says. False: answered. */
bool api_webfilter_fill(struct api_ctx *c, const json_t *in, const char *where,
                        struct store_filter *f, bool all);

/* Gives a row the URL in `text`, at `where`.url for the words. False: answered. */
bool api_webfilter_set_url(struct api_ctx *c, const char *where, struct str text,
                           struct store_filter *f);

/* {"id","data","exception","halt",...} of a run that is decided. A new reference. */
json_t *api_webfilter_verdict(const struct webfilter_run *run);
/* Fills the reply with a JSON value. */
void api_webfilter_reply(struct api_ctx *c, int status, const json_t *value);
