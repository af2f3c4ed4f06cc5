/* SPDX-License-Identifier: Apache-2.0
 *
 * A disk that fails on demand and can lose its power, under one folder. It defines the calls of libc by which the
 * store and SQLite reach files, so whatever is linked into the program goes through it. Nothing is really synced:
 * what a sync would have made durable is remembered. SQLite's "-shm" files are memory and are left alone.
 *
 * Any thread; the rules are set while no store is open or from the thread that waits for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"

enum disk_call { DISK_OPEN, DISK_WRITE, DISK_SYNC, DISK_TRUNCATE, DISK_RENAME, DISK_UNLINK, DISK_CALLS };
enum disk_how { DISK_ONCE, DISK_FROM_THEN_ON };

/* A place in the program that makes such a call, by its stack. */
struct disk_point {
    enum disk_call call;
    uint64_t stack;
};

/* Forgets everything and watches the (empty) folder. */
void disk_watch(const char *folder);

/* The places seen since disk_watch(), in order of their first call; owned by the disk. */
size_t disk_points(const struct disk_point **out);

/* Calls from this place fail with `error`: the first one, or all from the first on. A failed sync loses what was
 * written to the file since the last good one, though reading still shows it, as Linux does it. */
void disk_fail(const struct disk_point *point, enum disk_how how, int error);
/* The same for every call of a kind to files whose path contains `part`. */
void disk_fail_path(enum disk_call call, const char *part, enum disk_how how, int error);
void disk_heal(void);
bool disk_has_failed(void);

/* Writes what the disk may hold if the power were cut now to `image`, an empty folder. */
void disk_cut(const char *image, enum disk_cut how, uint64_t seed);
/* Does so before the call of that number since disk_watch(), and calls `noted` there. */
void disk_cut_at(uint64_t number, const char *image, uint64_t seed, void (*noted)(void *ctx), void *ctx);
uint64_t disk_count(void);
