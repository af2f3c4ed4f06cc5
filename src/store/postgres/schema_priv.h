/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of what flows, and what it takes to make a partition of them.
 */
#pragma once

#include "store/postgres/connection_priv.h"

enum {
    POSTGRES_SCHEMA_VERSION = 2, /* of this program: what it makes and knows */
    /* Advisory locks come in two halves: what they are about, and which one. Never renumber: nodes of two versions agree by them. */
    POSTGRES_LOCK_SLOT = 1196573008,   /* a slot's groups hold it shared; 0: the tables of keys */
    POSTGRES_LOCK_MEMBERS = 1196573009,
    POSTGRES_LOCK_SCHEMA = 1196573011
};

/* Makes what is missing and brings what is older up to date. One process at a time does so; others wait for it. RC_CORRUPT: the tables are
 * of a newer program that this one may not share them with; RC_BUSY: something is locked for long. `why` in words. */
MUST_USE enum rc store_postgres_schema_make(struct postgres_conn *c, struct buf *why);
