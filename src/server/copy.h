/* SPDX-License-Identifier: Apache-2.0
 *
 * store_copy() for a command: under the configuration's main secret, which has to be the one that the source is sealed with,
 * and with the statistics.
 */
#pragma once

#include "conf/conf.h"
#include "store/copy.h"

struct server_copy {
    const char *from, *to;
    bool is_dry;
    void (*progress)(void *ctx, int64_t done, int64_t of, bool was_there, const struct store_copy_counts *segment);
    void *ctx;
    /* out */
    int64_t statistics; /* rows of charts that were copied, too */
    bool is_damaged;    /* there are some that cannot be read: they stay behind, and charts begin anew */
};

/* As store_copy(). Without a main secret of its own the configuration has that of the folder which is copied from or to.
 * RC_DENIED: it is another one, or the folder's owner cannot be acted as. Blocks. */
MUST_USE enum rc server_store_copy(const struct conf *c, struct server_copy *how, struct store_copy_counts *out, struct buf *why);
