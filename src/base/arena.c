/* SPDX-License-Identifier: Apache-2.0
 *
 * Arenas: blocks that double from 4 KiB (small ones: 1 KiB) to 64 KiB; what is larger gets a block of its own behind the
 * current one. Under AddressSanitizer every object has a block of its own.
 */
#include "base/arena.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/panic.h"

#include <stdio.h>

#if defined(__SANITIZE_ADDRESS__)
#define ONE_BLOCK_EACH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_BLOCK_EACH 1
#endif
#endif
#ifndef ONE_BLOCK_EACH
#define ONE_BLOCK_EACH 0
#endif

enum { BLOCK_SMALL = 1024, BLOCK_LEAST = 4096, BLOCK_MOST = 65536, ALIGN = _Alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data */
    _Alignas(max_align_t) char data[];
};

struct arena_cleanup {
    struct arena_cleanup *next;
    void (*fn)(void *arg);
    void *arg;
};

void arena_init(struct arena *a)
{
    *a = (struct arena){ 0 };
}

void arena_init_small(struct arena *a)
{
    *a = (struct arena){ ._is_small = true };
}

static void run_cleanups(struct arena *a)
{
    while (a->_cleanups != NULL) {
        struct arena_cleanup *cleanup = a->_cleanups;
        a->_cleanups = cleanup->next;
        cleanup->fn(cleanup->arg);
    }
}

static void free_blocks(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *next = block->next;
        xfree(block);
        block = next;
    }
}

void arena_fini(struct arena *a)
{
    run_cleanups(a);
    free_blocks(a->_blocks);
    *a = (struct arena){ 0 };
}

void arena_reset(struct arena *a)
{
    run_cleanups(a);
    struct arena_block *keep = ONE_BLOCK_EACH ? NULL : a->_blocks;
    if (keep == NULL || a->_at == NULL) {
        arena_fini(a);
        return;
    }
    free_blocks(keep->next);
    keep->next = NULL;
    *a = (struct arena){ ._blocks = keep,
                         ._at = keep->data,
                         ._end = keep->data + keep->size,
                         ._is_small = a->_is_small };
}

static struct arena_block *block_new(size_t size)
{
    MUST(size <= SIZE_MAX / 2);
    struct arena_block *block = xmalloc(sizeof(*block) + size);
    block->next = NULL;
    block->size = size;
    return block;
}

/* The current block stays first in the list, so that it is the one a reset keeps. */
static void *alloc_alone(struct arena *a, size_t size)
{
    struct arena_block *block = block_new(size);
    if (a->_at == NULL) {
        block->next = a->_blocks;
        a->_blocks = block;
    } else {
        block->next = a->_blocks->next;
        a->_blocks->next = block;
    }
    return block->data;
}

static void *alloc_slow(struct arena *a, size_t size)
{
    if (ONE_BLOCK_EACH || size > BLOCK_MOST / 4)
        return alloc_alone(a, size);
    size_t least = a->_is_small ? BLOCK_SMALL : BLOCK_LEAST;
    size_t grown = a->_at == NULL ? least : a->_blocks->size * 2;
    if (grown > BLOCK_MOST)
        grown = BLOCK_MOST;
    while (grown < size)
        grown *= 2;
    struct arena_block *block = block_new(grown);
    block->next = a->_blocks;
    a->_blocks = block;
    a->_at = block->data + size;
    a->_end = block->data + grown;
    return block->data;
}

void *arena_alloc(struct arena *a, size_t size)
{
    MUST(size <= SIZE_MAX / 2);
    size_t step = ONE_BLOCK_EACH ? size : (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    void *ptr;
    if (a->_at != NULL && step <= (size_t)(a->_end - a->_at)) {
        ptr = a->_at;
        a->_at += step;
    } else {
        ptr = alloc_slow(a, step);
    }
    a->_used += size;
    return memset(ptr, 0, size);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t total = 0;
    MUST(!__builtin_mul_overflow(count, size, &total));
    return arena_alloc(a, total);
}

char *arena_cstr(struct arena *a, struct str s)
{
    char *copy = arena_alloc(a, s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

struct str arena_str(struct arena *a, struct str s)
{
    return str_of(arena_cstr(a, s), s.len);
}

struct str arena_vfmt(struct arena *a, const char *fmt, va_list args)
{
    char small[256];
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(small, sizeof(small), fmt, args);
    MUST(len >= 0);
    char *text = arena_alloc(a, (size_t)len + 1);
    if ((size_t)len < sizeof(small))
        memcpy(text, small, (size_t)len);
    else
        (void)vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return str_of(text, (size_t)len);
}

struct str arena_fmt(struct arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct str text = arena_vfmt(a, fmt, args);
    va_end(args);
    return text;
}

struct str arena_json_list(struct arena *a, const struct str *items, size_t count)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 8); /* six times the items at most, and they are in memory */
    enum rc rc = buf_add_json_list(&b, items, count);
    MUST(rc == RC_OK);
    struct str text = arena_str(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg)
{
    struct arena_cleanup *cleanup = ARENA_NEW(a, struct arena_cleanup);
    *cleanup = (struct arena_cleanup){ a->_cleanups, fn, arg };
    a->_cleanups = cleanup;
}

struct kept_secret {
    char *bytes;
    size_t len;
};

static void wipe_secret(void *arg)
{
    const struct kept_secret *kept = arg;
    mem_wipe(kept->bytes, kept->len);
}

struct str arena_secret(struct arena *a, struct str secret)
{
    struct kept_secret *kept = ARENA_NEW(a, struct kept_secret);
    *kept = (struct kept_secret){ arena_cstr(a, secret), secret.len };
    arena_defer(a, wipe_secret, kept);
    return str_of(kept->bytes, kept->len);
}

size_t arena_used(const struct arena *a)
{
    return a->_used;
}
