/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files about sources.
 */
#pragma once

#include "api/kit/kit_priv.h"
#include "inbound/inbound.h"

void api_source_write(struct api_ctx *c, struct api_out *o, const struct store_source *source);

/* Fills what IngestSourceIn (`all`: what is absent falls back) or IngestSourcePatch say. False: answered. */
bool api_source_fill(struct api_ctx *c, struct store_tx *tx, struct store_source *source, bool all);
/* Do the transforms of the body's routes compile? Blocks: before any transaction. False: answered. */
bool api_source_transforms_compile(struct api_ctx *c);
/* Seals the secrets into the row. False: answered. */
bool api_source_seal(struct api_ctx *c, struct store_source *source,
                     const struct inbound_secrets *secrets);
/* The scheme it verifies by; *own is to be freed. NULL: there is none (any more). */
const struct verify_scheme *api_source_scheme(struct api_ctx *c, const struct store_source *source,
                                              struct verify_scheme **own);
