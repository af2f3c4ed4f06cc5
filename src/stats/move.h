/* SPDX-License-Identifier: Apache-2.0
 *
 * Charts of an organisation that moves to another cell: rows of its organisation, applications, endpoints, sources and filters, from
 * one database to the other. They have the same numbers in both. Those of event types do not go along: they are named by a hash
 * with a key of the database.
 */
#pragma once

#include "base/base.h"

/* Blocks; not a loop thread. May be called again. Without statistics in the one database there is nothing to do. RC_IO: why. */
MUST_USE enum rc stats_move(const char *from_url, const char *to_url, int64_t org, struct buf *why);
