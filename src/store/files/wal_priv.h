/* SPDX-License-Identifier: Apache-2.0
 *
 * Write-ahead logs, as the store thread minds them; the keeper, which it asks, does most of the work.
 */
#pragma once

#include "store/files/files_priv.h"

void store_keeper_ask(struct store_files *s); /* now rather than at the next round. Any thread */

/* Store thread, between groups: keeps write-ahead logs short. */
void store_wal_mind(struct store_files *s);
