/* SPDX-License-Identifier: Apache-2.0
 *
 * Which event types an organisation has listed, for the hot path: a publish of a type that is not among
 * them is accepted with a warning. Cached by organisation, as hashes of the names; commits
 * that touch event types tell (store/notes.h), so that nobody has to say when a list is out of date.
 *
 * Any thread.
 */
#pragma once

#include "base/base.h"

struct store;
struct core_event_types;

enum core_listing {
    CORE_TYPE_LISTED,   /* archived types are, too */
    CORE_TYPE_UNLISTED, /* others are listed, this one is not */
    CORE_TYPES_NONE,    /* none is listed: whoever lists nothing wants no warnings */
    CORE_TYPES_UNREAD   /* not in memory: core_event_types_load() on a worker, then ask again */
};

struct core_event_types *core_event_types_new(struct store *store);
void core_event_types_free(struct core_event_types *t);

/* From memory; never blocks. Two names of one hash are taken for one another: a warning is missing then. */
enum core_listing core_event_types_find(struct core_event_types *t, int64_t org, struct str name);

/* Worker: reads the organisation's list. RC_IO, RC_BUSY: it could not be read. */
MUST_USE enum rc core_event_types_load(struct core_event_types *t, int64_t org);
