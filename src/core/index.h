/* SPDX-License-Identifier: Apache-2.0
 *
 * An ordered set of endpoints, as views hold them: a tree of counted chunks. A set that is shared
 * never changes. A change is made on a copy that shares all chunks with the original but those on
 * the way to what changed, so that it costs the same in an application of ten endpoints and of ten
 * thousand.
 *
 * A set is its owner's until it is shared or read by others; chunks may be shared between threads,
 * which only read them and count references. What is found stays while the set is held.
 */
#pragma once

#include "base/base.h"

struct core_endpoint; /* core/directory.h */
struct core_chunk;

/* Ordered by name, then by rank, then by the endpoint's number. Both are 0 where a set needs none. */
struct core_place {
    struct str name; /* lives as long as the endpoint */
    int64_t rank;
    const struct core_endpoint *ep; /* the set holds a reference */
};

/* A zeroed one is empty. */
struct core_index {
    struct core_chunk *_root;
};

/* A set of the same places; costs nothing. */
struct core_index core_index_share(const struct core_index *in);
void core_index_drop(struct core_index *in);

/* Takes a reference to the endpoint; replaces a place that is equal. */
void core_index_put(struct core_index *in, const struct core_place *p);
/* False: there was none. */
bool core_index_remove(struct core_index *in, const struct core_place *p);

size_t core_index_count(const struct core_index *in);
/* The place at this name and rank with the endpoint of that number, or NULL. */
const struct core_place *core_index_find(const struct core_index *in, struct str name, int64_t rank, int64_t num);
/* How many places come before that one, which need not be there. INT64_MIN and INT64_MAX as `num` stand
 * before and after all endpoints of the name and rank. */
size_t core_index_before(const struct core_index *in, struct str name, int64_t rank, int64_t num);
/* How many places come before those of the name, and before what stands behind them. */
void core_index_run(const struct core_index *in, struct str name, size_t *at, size_t *end);
/* The place that `at` others come before, and in *count how many stand in memory from there on: at least
 * one. at < core_index_count(). */
const struct core_place *core_index_at(const struct core_index *in, size_t at, size_t *count);
