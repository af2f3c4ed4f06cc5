/* SPDX-License-Identifier: Apache-2.0
 *
 * Hash maps from bytes or from a 64-bit number to a pointer. Keys are copied, values are borrowed.
 * One owner; not thread-safe. Iteration order is unspecified; do not change a map while iterating.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct map;
struct map *map_new(void);
void map_free(struct map *m); /* NULL is fine; values are not touched */
void *map_get(const struct map *m, struct str key);              /* NULL: not there */
void *map_set(struct map *m, struct str key, void *value);       /* returns the old value or NULL */
void *map_remove(struct map *m, struct str key);                 /* returns the value or NULL */
size_t map_count(const struct map *m);
/* Start with *at = 0; false at the end. */
bool map_next(const struct map *m, size_t *at, struct str *key, void **value);

struct map64;
struct map64 *map64_new(void);
void map64_free(struct map64 *m);
void *map64_get(const struct map64 *m, uint64_t key);
void *map64_set(struct map64 *m, uint64_t key, void *value);
void *map64_remove(struct map64 *m, uint64_t key);
size_t map64_count(const struct map64 *m);
bool map64_next(const struct map64 *m, size_t *at, uint64_t *key, void **value);
