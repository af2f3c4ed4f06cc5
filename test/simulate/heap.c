/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap, in the place of libc's calls, which do the work: each block has a head that names the place in the code
 * that asked for it, so that what the server holds can be told from what its libraries and the world hold, and a report
 * can say where it grew. All of the family is here, since a block with a head must meet nobody who does not know of it.
 * In a build with AddressSanitizer the program has a family of its own, which wins; then nothing is counted here.
 */
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched_priv.h"

/* libc's own names of them: dlsym() would have to allocate first. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

/* Lies right before the block, which keeps libc's alignment. */
struct head {
    size_t size;
    uint32_t offset; /* of the block, from what libc gave */
    uint32_t place;
};
enum {
    HEAD = sizeof(struct head),
    PAGE = 4096,
    PLACES = 32768,
    REPORTED = 12,
    KEPT_MOST = 32 * 1024 * 1024
};
_Static_assert(HEAD % 16 == 0, "blocks are aligned as libc's");

static struct place {
    void *caller;
    enum sim_heap_owner owner;
    size_t blocks, bytes, marked;
} places[PLACES]; /* by hash; none is ever removed */

static struct sim_heap heaps[SIM_HEAP_OWNERS];

struct sim_heap sim_heap(enum sim_heap_owner owner)
{
    return heaps[owner];
}

/* --- whose it is ------------------------------------------------------------------------------------------ */

static struct range {
    uintptr_t from, to;
} program, sqlite;

static bool is_in(const struct range *range, const void *caller)
{
    return (uintptr_t)caller >= range->from && (uintptr_t)caller < range->to;
}

static int note_range(struct dl_phdr_info *object, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    struct range *range = object->dlpi_name[0] == '\0'                       ? &program
                          : strstr(object->dlpi_name, "/libsqlite3") != NULL ? &sqlite
                                                                             : NULL;
    if (range == NULL || range->to != 0)
        return 0;
    range->from = object->dlpi_addr;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        uintptr_t end = object->dlpi_addr + header->p_vaddr + header->p_memsz;
        if (header->p_type == PT_LOAD && end > range->to)
            range->to = end;
    }
    return 0;
}

/* One thread runs at a time, so one arena will do; and what was given back is wanted again soon. */
void heap_start(void)
{
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_MOST);
    (void)mallopt(M_MMAP_THRESHOLD, KEPT_MOST);
    (void)dl_iterate_phdr(note_range, NULL);
}

static uint32_t place_of(void *caller, enum sim_heap_owner owner)
{
    uint32_t at = (uint32_t)(((uintptr_t)caller * UINT64_C(0x9E3779B97F4A7C15)) >> 32) % PLACES;
    while (places[at].caller != NULL && (places[at].caller != caller || places[at].owner != owner))
        at = (at + 1) % PLACES;
    if (places[at].caller == NULL)
        places[at] = (struct place){ .caller = caller, .owner = owner };
    return at;
}

/* The server's own code allocates in one file (base/mem.c), so the place that counts is whoever called that. `frame` is
 * the one of the family's function, above which lies the frame of its caller, as all of the server's code keeps them. */
static uint32_t place_of_call(void **frame)
{
    if (sched_is_of_world())
        return place_of(frame[1], SIM_HEAP_WORLD);
    if (is_in(&sqlite, frame[1]))
        return place_of(frame[1], SIM_HEAP_SQLITE);
    if (!is_in(&program, frame[1]))
        return place_of(frame[1], SIM_HEAP_LIBRARIES);
    return place_of(((void **)frame[0])[1], SIM_HEAP_SERVER);
}

static void count(const struct head *head, bool is_taken)
{
    struct place *place = &places[head->place];
    struct sim_heap *heap = &heaps[place->owner];
    size_t blocks = is_taken ? 1 : SIZE_MAX, bytes = is_taken ? head->size : -head->size;
    place->blocks += blocks;
    place->bytes += bytes;
    heap->blocks += blocks;
    heap->bytes += bytes;
    if (heap->bytes > heap->most_bytes)
        heap->most_bytes = heap->bytes;
}

static struct head *head_of(void *block)
{
    return (struct head *)((char *)block - HEAD);
}

static void *give(void *memory, size_t offset, size_t size, void **frame)
{
    if (memory == NULL)
        return NULL;
    void *block = (char *)memory + offset;
    *head_of(block) = (struct head){ size, (uint32_t)offset, place_of_call(frame) };
    count(head_of(block), true);
    return block;
}

/* --- where it grew -------------------------------------------------------------------------------------------- */

void sim_heap_mark(void)
{
    for (struct place *place = places; place < places + PLACES; place++)
        place->marked = place->blocks;
}

static long growth(const struct place *place)
{
    return (long)place->blocks - (long)place->marked;
}

void heap_report(int fd)
{
    for (int n = 0; n < REPORTED; n++) {
        struct place *most = places;
        for (struct place *place = places; place < places + PLACES; place++)
            if (place->owner <= SIM_HEAP_LIBRARIES && growth(place) > growth(most))
                most = place;
        if (growth(most) <= 0)
            return;
        (void)dprintf(fd, "%ld more blocks, of now %zu with %zu bytes, taken by ", growth(most),
                      most->blocks, most->bytes);
        backtrace_symbols_fd(&most->caller, 1, fd);
        most->marked = most->blocks;
    }
}

/* --- the family --------------------------------------------------------------------------------------------- */

static void *allocate(size_t size, void **frame)
{
    if (size > PTRDIFF_MAX - HEAD) {
        errno = ENOMEM;
        return NULL;
    }
    return give(__libc_malloc(HEAD + size), HEAD, size, frame);
}

static void *allocate_aligned(size_t alignment, size_t size, void **frame)
{
    size_t offset = alignment > HEAD ? alignment : HEAD;
    if (size > PTRDIFF_MAX - offset) {
        errno = ENOMEM;
        return NULL;
    }
    return give(__libc_memalign(offset, offset + size), offset, size, frame);
}

void *malloc(size_t size)
{
    return allocate(size, __builtin_frame_address(0));
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - HEAD) {
        errno = ENOMEM;
        return NULL;
    }
    return give(__libc_calloc(1, HEAD + bytes), HEAD, bytes, __builtin_frame_address(0));
}

void free(void *block)
{
    if (block == NULL)
        return;
    const struct head *head = head_of(block);
    count(head, false);
    __libc_free((char *)block - head->offset);
}

static void *reallocate(void *block, size_t size, void **frame)
{
    if (block == NULL)
        return allocate(size, frame);
    void *moved = size == 0 ? NULL : allocate(size, frame);
    if (moved == NULL && size > 0)
        return NULL;
    size_t before = head_of(block)->size;
    if (moved != NULL)
        memcpy(moved, block, before < size ? before : size);
    free(block);
    return moved;
}

void *realloc(void *block, size_t size)
{
    return reallocate(block, size, __builtin_frame_address(0));
}

void *reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return reallocate(block, bytes, __builtin_frame_address(0));
}

void *memalign(size_t alignment, size_t size)
{
    return allocate_aligned(alignment, size, __builtin_frame_address(0));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return allocate_aligned(alignment, size, __builtin_frame_address(0));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    int kept_errno = errno;
    void *block = allocate_aligned(alignment, size, __builtin_frame_address(0));
    errno = kept_errno;
    if (block == NULL)
        return ENOMEM;
    *out = block;
    return 0;
}

void *valloc(size_t size)
{
    return allocate_aligned(PAGE, size, __builtin_frame_address(0));
}

void *pvalloc(size_t size)
{
    return allocate_aligned(PAGE, (size + PAGE - 1) / PAGE * PAGE, __builtin_frame_address(0));
}

size_t malloc_usable_size(void *block)
{
    return block == NULL ? 0 : head_of(block)->size;
}
