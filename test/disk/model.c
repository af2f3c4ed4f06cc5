/* SPDX-License-Identifier: Apache-2.0
 *
 * See model.h. Files that were removed stay in memory, as long as the removal may be undone by a cut.
 */
#include "model.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SECTOR = 512, PATH_SIZE = DISK_FOLDER_SIZE + DISK_NAME_SIZE + 2, PIECE = 65536 };

struct disk_change {
    bool is_truncate, is_lost;
    int64_t offset; /* the new size of a truncate */
    char *bytes;
    size_t len;
};

struct disk_naming {
    char kind; /* Made (also by a link), Renamed, Unlinked */
    char name[DISK_NAME_SIZE], to[DISK_NAME_SIZE];
    struct disk_inode *inode;
};

struct disk_name {
    char name[DISK_NAME_SIZE];
    struct disk_inode *inode;
};

#define GROW(list, count, room) \
    do { \
        if ((count) == (room)) { \
            size_t more = (room) == 0 ? 16 : (room)*2; \
            (list) = disk_memory((list), (room) * sizeof *(list), more * sizeof *(list)); \
            (room) = more; \
        } \
    } while (0)

/* --- names ---------------------------------------------------------------------------------------- */

bool disk_model_has(const struct disk_model *m, const char *path)
{
    size_t len = strlen(m->folder);
    return len > 0 && strncmp(path, m->folder, len) == 0 &&
           (path[len] == '/' || path[len] == '\0') && strstr(path + len, "-shm") == NULL;
}

const char *disk_model_name(const struct disk_model *m, const char *path)
{
    const char *name = path + strlen(m->folder);
    return *name == '/' ? name + 1 : name;
}

static struct disk_name *find_name(struct disk_name *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i].name, name) == 0)
            return &names[i];
    return NULL;
}

static void note_naming(struct disk_model *m, char kind, const char *name, const char *to,
                        struct disk_inode *inode)
{
    GROW(m->journal, m->journal_count, m->journal_room);
    struct disk_naming *n = &m->journal[m->journal_count++];
    *n = (struct disk_naming){ .kind = kind, .inode = inode };
    (void)snprintf(n->name, DISK_NAME_SIZE, "%s", name);
    (void)snprintf(n->to, DISK_NAME_SIZE, "%s", to);
}

static void set_name(struct disk_name **names, size_t *count, size_t *room, const char *name,
                     struct disk_inode *inode)
{
    struct disk_name *old = find_name(*names, *count, name);
    if (old == NULL) {
        GROW(*names, *count, *room);
        old = &(*names)[(*count)++];
        (void)snprintf(old->name, DISK_NAME_SIZE, "%s", name);
    }
    old->inode = inode;
}

static void drop_name(struct disk_name *names, size_t *count, const char *name)
{
    struct disk_name *old = find_name(names, *count, name);
    if (old != NULL)
        *old = names[--*count];
}

static void make_name(struct disk_model *m, const char *name, struct disk_inode *inode)
{
    set_name(&m->names, &m->name_count, &m->name_room, name, inode);
    note_naming(m, 'M', name, "", inode);
}

static struct disk_inode *make_inode(struct disk_model *m, const char *name)
{
    struct disk_inode *inode = disk_memory(NULL, 0, sizeof *inode);
    *inode = (struct disk_inode){ .next = m->inodes };
    m->inodes = inode;
    make_name(m, name, inode);
    inode->made = m->journal_count;
    return inode;
}

struct disk_inode *disk_model_open(struct disk_model *m, const char *path, bool is_new)
{
    const char *name = disk_model_name(m, path);
    struct disk_name *known = find_name(m->names, m->name_count, name);
    return is_new || known == NULL ? make_inode(m, name) : known->inode;
}

void disk_model_renamed(struct disk_model *m, const char *from, const char *to)
{
    struct disk_name *known = find_name(m->names, m->name_count, disk_model_name(m, from));
    if (known == NULL)
        return;
    struct disk_inode *inode = known->inode;
    note_naming(m, 'R', disk_model_name(m, from), disk_model_name(m, to), inode);
    drop_name(m->names, &m->name_count, disk_model_name(m, from));
    set_name(&m->names, &m->name_count, &m->name_room, disk_model_name(m, to), inode);
}

void disk_model_linked(struct disk_model *m, const char *from, const char *to)
{
    struct disk_name *known = find_name(m->names, m->name_count, disk_model_name(m, from));
    if (known != NULL)
        make_name(m, disk_model_name(m, to), known->inode);
}

void disk_model_unlinked(struct disk_model *m, const char *path)
{
    note_naming(m, 'U', disk_model_name(m, path), "", NULL);
    drop_name(m->names, &m->name_count, disk_model_name(m, path));
}

void disk_model_folder_synced(struct disk_model *m)
{
    m->journal_durable = m->journal_count;
}

/* --- content -------------------------------------------------------------------------------------- */

static void note_change(struct disk_inode *inode, bool is_truncate, int64_t offset,
                        const void *bytes, size_t len)
{
    GROW(inode->changes, inode->count, inode->room);
    struct disk_change *c = &inode->changes[inode->count++];
    *c = (struct disk_change){ .is_truncate = is_truncate, .offset = offset, .len = len };
    if (len > 0) {
        c->bytes = disk_memory(NULL, 0, len);
        memcpy(c->bytes, bytes, len);
    }
}

void disk_model_wrote(struct disk_inode *inode, int64_t offset, const void *bytes, size_t len)
{
    note_change(inode, false, offset, bytes, len);
}

void disk_model_truncated(struct disk_inode *inode, int64_t len)
{
    note_change(inode, true, len, NULL, 0);
}

struct content {
    char *bytes;
    size_t len, room;
};

static void set_length(struct content *c, size_t len)
{
    if (len > c->room) {
        size_t room = c->room * 2 > len ? c->room * 2 : len;
        c->bytes = disk_memory(c->bytes, c->room, room);
        c->room = room;
    }
    if (len > c->len)
        memset(c->bytes + c->len, 0, len - c->len);
    c->len = len;
}

static void apply_change(struct content *to, const struct disk_change *c)
{
    size_t end = (size_t)c->offset + c->len;
    if (end > to->len || c->is_truncate)
        set_length(to, end);
    if (c->len > 0)
        memcpy(to->bytes + c->offset, c->bytes, c->len);
}

static void drop_change(struct disk_change *c)
{
    if (c->bytes != NULL)
        (void)disk_memory(c->bytes, c->len, 0);
}

uint64_t disk_model_mark(const struct disk_inode *inode)
{
    return inode->first + inode->count;
}

void disk_model_synced(struct disk_model *m, struct disk_inode *inode, uint64_t mark)
{
    struct content durable = { inode->durable, inode->durable_len, inode->durable_room };
    size_t i = 0;
    for (; i < inode->count && inode->first + i < mark; i++) {
        if (!inode->changes[i].is_lost)
            apply_change(&durable, &inode->changes[i]);
        drop_change(&inode->changes[i]);
    }
    inode->first += i;
    inode->count -= i;
    if (inode->count > 0)
        memmove(inode->changes, inode->changes + i, inode->count * sizeof *inode->changes);
    inode->durable = durable.bytes;
    inode->durable_len = durable.len;
    inode->durable_room = durable.room;
    if (inode->made > m->journal_durable)
        m->journal_durable = inode->made;
}

void disk_model_lose(struct disk_inode *inode)
{
    for (size_t i = 0; i < inode->count; i++)
        inode->changes[i].is_lost = true;
    inode->failed_syncs++;
}

void disk_model_reset(struct disk_model *m, const char *folder)
{
    for (struct disk_inode *inode = m->inodes, *next; inode != NULL; inode = next) {
        next = inode->next;
        for (size_t i = 0; i < inode->count; i++)
            drop_change(&inode->changes[i]);
        (void)disk_memory(inode->changes, inode->room * sizeof *inode->changes, 0);
        (void)disk_memory(inode->durable, inode->durable_room, 0);
        (void)disk_memory(inode, sizeof *inode, 0);
    }
    m->inodes = NULL;
    m->name_count = m->journal_count = m->journal_durable = 0;
    (void)snprintf(m->folder, sizeof m->folder, "%s", folder);
}

/* --- cutting the power ------------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 11;
}

/* Some sectors of a write. */
static void apply_torn(struct content *to, const struct disk_change *c, uint64_t *random)
{
    for (size_t at = 0, len; at < c->len; at += len) {
        len = SECTOR - ((size_t)c->offset + at) % SECTOR;
        if (len > c->len - at)
            len = c->len - at;
        if (next_random(random) % 2 == 0)
            apply_change(to, &(struct disk_change){ .offset = c->offset + (int64_t)at,
                                                    .bytes = c->bytes + at,
                                                    .len = len });
    }
}

static void apply_by_chance(struct content *to, const struct disk_change *c, uint64_t *random)
{
    uint64_t dice = next_random(random) % 4;
    if (dice == 0 && !c->is_truncate)
        apply_torn(to, c, random);
    else if (dice < 2)
        apply_change(to, c);
}

static void make_parents(char *path)
{
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
}

static void write_image(const char *image, const struct disk_name *name, enum disk_cut how,
                        uint64_t *random)
{
    const struct disk_inode *inode = name->inode;
    struct content content = { 0 };
    char path[PATH_SIZE];
    set_length(&content, inode->durable_len);
    if (inode->durable_len > 0)
        memcpy(content.bytes, inode->durable, inode->durable_len);
    for (size_t i = 0; i < inode->count && how != DISK_CUT_SYNCED; i++) {
        if (inode->changes[i].is_lost)
            continue;
        if (how == DISK_CUT_ALL)
            apply_change(&content, &inode->changes[i]);
        else
            apply_by_chance(&content, &inode->changes[i], random);
    }
    (void)snprintf(path, sizeof path, "%s/%s", image, name->name);
    make_parents(path);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || syscall(SYS_write, fd, content.bytes, content.len) != (long)content.len)
        abort();
    (void)syscall(SYS_close, fd);
    (void)disk_memory(content.bytes, content.room, 0);
}

/* How much of the journal of names survives. */
static size_t surviving_names(const struct disk_model *m, enum disk_cut how, uint64_t *random)
{
    if (how == DISK_CUT_ALL)
        return m->journal_count;
    if (how == DISK_CUT_SYNCED)
        return m->journal_durable;
    return m->journal_durable + next_random(random) % (m->journal_count - m->journal_durable + 1);
}

void disk_model_cut(const struct disk_model *m, const char *image, enum disk_cut how, uint64_t seed)
{
    struct disk_name *names = NULL;
    size_t count = 0, room = 0;
    char path[PATH_SIZE];
    uint64_t random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    size_t most = surviving_names(m, how, &random);
    for (size_t i = 0; i < most; i++) {
        const struct disk_naming *n = &m->journal[i];
        if (n->kind == 'M')
            set_name(&names, &count, &room, n->name, n->inode);
        if (n->kind == 'R')
            set_name(&names, &count, &room, n->to, n->inode);
        if (n->kind != 'M')
            drop_name(names, &count, n->name);
    }
    (void)snprintf(path, sizeof path, "%s/segments", image);
    (void)mkdir(path, 0700);
    for (size_t i = 0; i < count; i++)
        write_image(image, &names[i], how, &random);
    (void)disk_memory(names, room * sizeof *names, 0);
}

void disk_model_adopt(struct disk_model *m, const char *path)
{
    static char piece[PIECE];
    struct disk_inode *inode = disk_model_open(m, path, false);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
    long n, at = 0;
    while (fd >= 0 && (n = syscall(SYS_read, fd, piece, sizeof piece)) > 0) {
        disk_model_wrote(inode, at, piece, (size_t)n);
        at += n;
    }
    (void)syscall(SYS_close, fd);
    disk_model_synced(m, inode, UINT64_MAX);
}
