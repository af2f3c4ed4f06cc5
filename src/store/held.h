/* SPDX-License-Identifier: Apache-2.0
 *
 * Which organisations are held: those that move to another cell or have moved there (struct store_org's `moving`). Nothing
 * is served for them. This is the one place that says so: the API, sources, webfilters, background tasks, lanes and the
 * store's own writers ask here.
 *
 * It is known before anybody is served, and renewed by each commit that touches an organisation, before
 * store_commit() returns. Any thread; while nobody is held, asking costs one load.
 */
#pragma once

#include "store/store.h"

/* What whoever asks for something of it is told, with 503 and Retry-After. */
#define STORE_HELD_CODE "organisation_moving"
#define STORE_HELD_WORDS \
    "This organisation is being moved to another cell. Try again in a moment: nothing was done."
#define STORE_HELD_RETRY "2" /* seconds */

bool store_org_is_held(const struct store *s, int64_t org);
bool store_app_is_held(const struct store *s, int64_t app); /* by its application's number, deleted ones among them */

/* Holds one organisation (0: none) ahead of the commit that says so, so that no write that begins later is made for it.
 * Blocks; not a loop. RC_IO: nothing has changed. */
MUST_USE enum rc store_hold(struct store *s, int64_t org);
/* Waits for nothing: true once all that was submitted before `since_us` (monotonic), and what store_hold() came too late
 * for, is in the database, so that whoever reads it there sees all that there is. */
bool store_is_settled(struct store *s, int64_t since_us);
