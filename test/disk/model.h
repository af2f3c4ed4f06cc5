/* SPDX-License-Identifier: Apache-2.0
 *
 * What a disk under one folder holds, and what of it would survive if the power were cut. It does no I/O of its own,
 * but for the image of a cut: whoever stands between the program and the system tells it what has happened.
 *
 * Each file has the content that survives and the writes since. A good sync moves them over, a failed one marks them
 * lost. Names are a journal of their own, of which a prefix survives: up to the last synced folder, and up to the
 * making of any synced file. SQLite's "-shm" files are memory, and none of it.
 *
 * No locks; one caller at a time. Its memory comes from disk_memory() alone, so that it can lie where it outlives the
 * process.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISK_NAME_SIZE = 96, DISK_FOLDER_SIZE = 320 };
enum disk_cut { DISK_CUT_SYNCED /* only what was synced */, DISK_CUT_ALL /* but what was lost */, DISK_CUT_RANDOM };

struct disk_change;
struct disk_naming;
struct disk_name;

struct disk_inode {
    struct disk_inode *next;
    char *durable;
    size_t durable_len, durable_room;
    struct disk_change *changes;
    size_t count, room;
    uint64_t first; /* the number of the first of these changes */
    size_t made;    /* its place in the journal of names, from 1 */
    unsigned failed_syncs;
};

/* All zero, with a folder: empty. */
struct disk_model {
    char folder[DISK_FOLDER_SIZE];
    struct disk_inode *inodes;
    struct disk_name *names;
    size_t name_count, name_room;
    struct disk_naming *journal;
    size_t journal_count, journal_room, journal_durable;
};

/* What the host of the model has to define: as realloc(), with 0 to free; never NULL otherwise. */
void *disk_memory(void *old, size_t old_size, size_t new_size);

void disk_model_reset(struct disk_model *m, const char *folder);
/* The folder itself, or a path below it that the disk keeps; its name there, "" for the folder. */
bool disk_model_has(const struct disk_model *m, const char *path);
const char *disk_model_name(const struct disk_model *m, const char *path);

/* A file was opened: `is_new` when that has made it. */
struct disk_inode *disk_model_open(struct disk_model *m, const char *path, bool is_new);
void disk_model_wrote(struct disk_inode *inode, int64_t offset, const void *bytes, size_t len);
void disk_model_truncated(struct disk_inode *inode, int64_t len);
/* What a sync that begins now will make durable, and its good end; UINT64_MAX: all there is. */
uint64_t disk_model_mark(const struct disk_inode *inode);
void disk_model_synced(struct disk_model *m, struct disk_inode *inode, uint64_t mark);
/* Its failure: what was written since the last good one is gone, though reading still shows it. */
void disk_model_lose(struct disk_inode *inode);
void disk_model_folder_synced(struct disk_model *m);
void disk_model_renamed(struct disk_model *m, const char *from, const char *to);
void disk_model_linked(struct disk_model *m, const char *from, const char *to);
void disk_model_unlinked(struct disk_model *m, const char *path);

/* Writes what the disk may hold if the power were cut now to `image`, an empty folder. */
void disk_model_cut(const struct disk_model *m, const char *image, enum disk_cut how, uint64_t seed);
/* A file that lies in the folder already, and is durable as it is: one of an image that has taken the folder's place. */
void disk_model_adopt(struct disk_model *m, const char *path);
