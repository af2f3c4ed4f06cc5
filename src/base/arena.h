/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory with the lifetime of one request or attempt: allocate freely, free all at once. One owner
 * thread at a time. What is stored here is bounded by the limits on the input it comes from, so
 * running out of system memory is fatal (panic) and no call returns NULL.
 *
 * Under AddressSanitizer every object is an allocation of its own, so that overruns show.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/rc.h"
#include "base/str.h"

struct arena_block;
struct arena_cleanup;

struct arena {
    struct arena_block *_blocks;
    struct arena_cleanup *_cleanups;
    char *_at;
    char *_end;
    size_t _used;
    bool _is_small;
};

void arena_init(struct arena *a);
/* For one of many that live long and hold little: its first block is 1 KiB, not 4. */
void arena_init_small(struct arena *a);

/* Runs the cleanups, newest first, then frees everything. Fine on a zeroed arena. */
void arena_fini(struct arena *a);

/* As fini, but keeps one block for the next use. */
void arena_reset(struct arena *a);

/* `size` zeroed bytes, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size);
#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
/* `count` zeroed elements; panics if the product overflows. */
void *arena_array(struct arena *a, size_t count, size_t size);

/* A copy that ends in NUL (the NUL is not counted). */
struct str arena_str(struct arena *a, struct str s);
char *arena_cstr(struct arena *a, struct str s);
struct str arena_fmt(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct str arena_vfmt(struct arena *a, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
/* A copy of a secret: as arena_str(), wiped when the arena is reset or finished. */
struct str arena_secret(struct arena *a, struct str secret);
/* The items as a JSON list of strings. */
struct str arena_json_list(struct arena *a, const struct str *items, size_t count);

/* Calls fn(arg) when the arena is reset or finished. */
void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg);

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *a);
