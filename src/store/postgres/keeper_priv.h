/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that does what is to be done now and then: makes segments ahead and removes old ones, switches the tables of
 * keys, erases payloads past their time, watches.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

bool store_postgres_keeper_start(struct store_postgres *s); /* false: no thread to be had */
void store_postgres_keeper_stop(struct store_postgres *s);
void store_postgres_keeper_ask(struct store_postgres *s); /* for a round now */
/* The segments of now and of what comes next; at opening, too. */
MUST_USE enum rc store_postgres_keeper_ahead(struct store_postgres *s);
