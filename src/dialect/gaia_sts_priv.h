/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose token is it? Answers are kept for 30 s.
 */
#pragma once

#include "dialect/gaia_priv.h"

MUST_USE enum rc dialect_sts_new(const struct conf *conf, struct dialect_sts **out, struct buf *why);
void dialect_sts_free(struct dialect_sts *sts); /* NULL is fine */
/* Worker. RC_DENIED: not a tenant's; RC_IO: the service does not answer; RC_BUSY: too many ask. */
MUST_USE enum rc dialect_sts_check(struct dialect_sts *sts, struct str token, int64_t *tenant);
