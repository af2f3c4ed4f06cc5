/* SPDX-License-Identifier: Apache-2.0
 *
 * Remembered keys: from the hash of an idempotency key or an event id to the key of the message
 * that came with it. No index of the database does this: random keys make a B-tree cost more with
 * every million rows. Instead
 *  - a table in memory for segments that are still written to, rebuilt at start, and
 *  - a sorted file with a Bloom filter for each sealed segment, whose pages are read as they are needed.
 * Hashes may collide: whoever finds a match compares with the stored row.
 */
#pragma once

#include "base/base.h"

/* Keyed, stable across processes (the seed is a setting of the store), for event ids. */
uint64_t store_keys_hash(uint64_t seed, int64_t app, struct str text);

struct store_key {
    uint64_t hash;
    int64_t k; /* 0: an empty slot */
};

/* Zeroed; freed with the same count. NULL is fine. */
struct store_key *store_keys_new(size_t count);
void store_keys_free(struct store_key *keys, size_t count);

/* --- in memory; one owner ---------------------------------------------------------------------------- */
struct store_key_table {
    struct store_key *slots;
    size_t size; /* a power of two, or 0 */
    size_t count;
};
void store_key_table_add(struct store_key_table *t, uint64_t hash, int64_t k);
void store_key_table_remove(struct store_key_table *t, uint64_t hash,
                            int64_t k); /* fine when not there */
/* The next match; start with *at = 0. 0: no more. */
int64_t store_key_table_find(const struct store_key_table *t, uint64_t hash, size_t *at);
void store_key_table_fini(struct store_key_table *t); /* leaves it empty and usable */

/* --- on disk; immutable, any thread -------------------------------------------------------------------- */
struct store_key_file;
/* Sorts `keys` in place and writes them, durable when it returns (unless `no_sync`). RC_IO, RC_LIMIT. */
MUST_USE enum rc store_key_file_write(const char *path, struct store_key *keys, size_t count,
                                      bool no_sync);
/* RC_NOT_FOUND; RC_CORRUPT: torn or foreign, to be written again; RC_IO. */
MUST_USE enum rc store_key_file_open(const char *path, struct store_key_file **out);
void store_key_file_close(struct store_key_file *f); /* NULL is fine */
/* Gives the file's filter in memory back (two bytes a key). For a file that is hardly asked any more, or whose group is
 * asked first. Not beside a look. */
void store_key_file_rest(struct store_key_file *f);
size_t store_key_file_count(const struct store_key_file *f);
/* The next match; start with *at = 0. *k is 0: no more. RC_IO: the file cannot be read (any more), and nobody knows. */
MUST_USE enum rc store_key_file_find(const struct store_key_file *f, uint64_t hash, size_t *at, int64_t *k);
/* False: the hash is not there. True also when the file cannot be read: finding says so. */
bool store_key_file_may_have(const struct store_key_file *f, uint64_t hash);

/* --- one filter over many files ------------------------------------------------------------------------ */

/* In memory, counted, so that asking a long window does not ask every file. Additions are under the
 * lock that guards looking; references may be dropped by any thread. */
struct store_key_group;
/* For about so many keys; more only make it wrong more often. One reference. */
struct store_key_group *store_key_group_new(size_t count);
struct store_key_group *store_key_group_ref(struct store_key_group *g);
void store_key_group_unref(struct store_key_group *g); /* NULL is fine */
void store_key_group_add(struct store_key_group *g, uint64_t hash);
void store_key_group_add_file(struct store_key_group *g, const struct store_key_file *f);
/* False: none of what was added has the hash. */
bool store_key_group_may_have(const struct store_key_group *g, uint64_t hash);
