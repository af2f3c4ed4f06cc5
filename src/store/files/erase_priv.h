/* SPDX-License-Identifier: Apache-2.0
 *
 * Erasing payloads and responses: one job, inside its segment's transaction.
 */
#pragma once

#include "store/files/files_priv.h"

MUST_USE enum rc store_apply_expunge(struct store_files *s, struct store_expunge *e);
