/* SPDX-License-Identifier: Apache-2.0
 *
 * What is done to rows that are older: rolled up (pack.c), and dropped (bound.c). The statistics' thread's.
 */
#pragma once

#include "stats/rows_priv.h"

/* Packs the oldest hour and the oldest day that are over at `now_us`; *more: there are others. RC_BUSY: somebody else
 * is at it. */
MUST_USE enum rc stats_pack_next(struct stats_rows *r, int64_t now_us, bool *more);
/* Drops what is past its time. */
MUST_USE enum rc stats_rows_expire(struct stats_rows *r, int64_t now_us);
/* Drops the finest of what moves least until all is well within `size_max`. RC_BUSY: as above. */
MUST_USE enum rc stats_rows_shrink(struct stats_rows *r, int64_t now_us, int64_t size_max);
