/* SPDX-License-Identifier: Apache-2.0
 *
 * One segment, from the one kind of store to the other.
 */
#pragma once

#include "store/copy/server_priv.h"

/* From a file to the partitions `n`. RC_CONFLICT: it is there already. Adds to *out what was copied. */
MUST_USE enum rc store_copy_to_server(struct copy_folder *from, struct copy_server *to, const struct copy_segment *seg, int64_t n,
                                      struct store_copy_counts *out);
/* From partitions to a file. RC_CONFLICT: it is there already. */
MUST_USE enum rc store_copy_to_folder(struct copy_server *from, struct copy_folder *to, const struct copy_segment *seg,
                                      struct store_copy_counts *out);
