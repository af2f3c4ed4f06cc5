/* SPDX-License-Identifier: Apache-2.0
 *
 * How much there is.
 */
#pragma once

#include "store/files/files_priv.h"

/* As the rows of struct store_backend say (store/backend.h). */
void store_files_stats(struct store *store, struct store_stats *out);
size_t store_files_pieces(struct store *store, struct store_piece *out, size_t max);
