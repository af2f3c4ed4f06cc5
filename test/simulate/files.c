/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of the store's folder, in the place of libc's calls. The calls are real, but for the faults and the time they
 * take; what of them is durable is the disk's (test/disk/model.h), whose memory outlives the lives. Nothing is really
 * synced. Everything outside of that folder is real.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../disk/model.h"
#include "machine_priv.h"

/* Opening and reading are quick, but whoever does nothing else gets on in time: else it would look like a loop without end. */
enum {
    PATH_SIZE = 512,
    SIZES = 48,
    SMALLEST = 5,
    SYNC_LEAST_US = 200,
    SYNC_MORE_US = 3800,
    READ_US = 20,
    OPEN_US = 100,
    SECTOR = 512
};

struct files {
    struct disk_model model;
    void *free[SIZES]; /* memory of 2^n bytes that is not used, as lists */
    bool is_cut;
};

struct opened {
    struct disk_inode *inode;  /* NULL: a folder */
    unsigned told_syncs;       /* of failed_syncs: those this descriptor has been told of */
    char name[DISK_NAME_SIZE]; /* from the slash behind the folder on */
};

static struct files *files;
static struct opened opened[FDS_MAX];

/* --- memory --------------------------------------------------------------------------------------------- */

static unsigned size_class(size_t size)
{
    unsigned n = SMALLEST;
    while (((size_t)1 << n) < size)
        n++;
    return n;
}

static void *take_memory(unsigned n)
{
    void *memory = files->free[n];
    if (memory == NULL)
        return sim_keep_more((size_t)1 << n);
    memcpy(&files->free[n], memory, sizeof memory);
    return memory;
}

static void give_memory(void *memory, unsigned n)
{
    memcpy(memory, &files->free[n], sizeof memory);
    files->free[n] = memory;
}

void *disk_memory(void *old, size_t old_size, size_t new_size)
{
    unsigned from = size_class(old_size), to = size_class(new_size);
    if (old != NULL && new_size > 0 && from == to)
        return old;
    void *memory = new_size == 0 ? NULL : take_memory(to);
    if (old != NULL && memory != NULL)
        memcpy(memory, old, old_size < new_size ? old_size : new_size);
    if (old != NULL)
        give_memory(old, from);
    return memory;
}

/* --- beginning and cut --------------------------------------------------------------------------------------- */

static int adopt_file(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)where;
    if (kind == FTW_F && disk_model_has(&files->model, path))
        disk_model_adopt(&files->model, path);
    return 0;
}

void files_start(void)
{
    char folder[PATH_SIZE];
    files = sim_keep("the machine's disk", sizeof *files);
    (void)snprintf(folder, sizeof folder, "%s/store", MACHINE->folder);
    if (files->model.folder[0] == '\0' || files->is_cut)
        disk_model_reset(&files->model, folder);
    if (files->is_cut)
        (void)nftw(folder, adopt_file, 16, FTW_PHYS);
    files->is_cut = false;
}

void files_cut(void)
{
    char image[PATH_SIZE];
    (void)snprintf(image, sizeof image, "%s/cut", MACHINE->folder);
    MACHINE_MUST(mkdir(image, 0700) == 0);
    enum disk_cut how = (enum disk_cut)sim_dice(SIM_DISK, DISK_CUT_RANDOM + 1);
    disk_model_cut(&files->model, image, how, sim_dice(SIM_DISK, UINT64_MAX));
    files->is_cut = true;
}

/* --- what a call meets ---------------------------------------------------------------------------------------- */

/* It takes its time, and may fail: then errno is set. */
static bool is_refused(unsigned call, const char *name)
{
    int64_t delay_us = fault_delay_us(SIM_DISK_SLOW, call, name);
    if (delay_us > 0)
        sim_sleep(delay_us);
    int error = fault_strikes(SIM_DISK_FAILS, call, name);
    machine_trace_line("file %s call %u error %d\n", name, call, error);
    if (error != 0)
        errno = error;
    return error != 0;
}

/* The whole path, and where the name below the store's folder begins in it, with its slash; NULL: it is none of it. */
static const char *resolve(int folder, const char *path, char whole[PATH_SIZE])
{
    char link[64];
    long len = 0;
    if (path[0] != '/' && folder != AT_FDCWD) {
        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        len = machine_call(SYS_readlink, link, whole, PATH_SIZE - 2);
        if (len < 0)
            return NULL;
        whole[len++] = '/';
    }
    if ((size_t)len + strlen(path) >= PATH_SIZE)
        return NULL;
    (void)strcpy(whole + len, path);
    return disk_model_has(&files->model, whole) ? whole + strlen(files->model.folder) : NULL;
}

/* --- opening and closing ---------------------------------------------------------------------------------------- */

static void note_open(int fd, const char *whole, const char *name, int flags, bool is_new)
{
    struct stat st;
    struct opened *o = &opened[fd];
    MACHINE_MUST(fd < FDS_MAX && strlen(name) < sizeof o->name);
    *o = (struct opened){ 0 };
    (void)strcpy(o->name, name);
    fd_set_kind(fd, FD_FILE);
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        return;
    o->inode = disk_model_open(&files->model, whole, is_new);
    o->told_syncs = o->inode->failed_syncs;
    if ((flags & O_TRUNC) != 0)
        disk_model_truncated(o->inode, 0);
}

int files_open(int folder, const char *path, int flags, mode_t mode)
{
    char whole[PATH_SIZE];
    struct stat st;
    const char *name = resolve(folder, path, whole);
    if (name == NULL)
        return (int)machine_call(SYS_openat, folder, path, flags, mode);
    if (is_refused(SIM_OPENS, name))
        return -1;
    MACHINE->now_us += OPEN_US;
    bool is_new = (flags & O_CREAT) != 0 && stat(whole, &st) != 0;
    int fd = (int)machine_call(SYS_openat, folder, path, flags, mode);
    machine_trace_line("open %s flags %o: %d\n", name, (unsigned)flags, fd);
    if (fd >= 0)
        note_open(fd, whole, name, flags, is_new);
    return fd;
}

void files_closed(int fd)
{
    opened[fd] = (struct opened){ 0 };
}

/* --- content ----------------------------------------------------------------------------------------------------- */

static long write_really(int fd, const void *bytes, size_t len, int64_t offset)
{
    return offset < 0 ? machine_call(SYS_write, fd, bytes, len)
                      : machine_call(SYS_pwrite64, fd, bytes, len, offset);
}

/* A disk that is full may have room for some of it. */
static ssize_t write_some(int fd, const void *bytes, size_t len, int64_t offset)
{
    if (errno != ENOSPC || len <= SECTOR || !sim_once_in(SIM_DISK, 4))
        return -1;
    int64_t at = offset < 0 ? machine_call(SYS_lseek, fd, 0, SEEK_CUR) : offset;
    long n = write_really(fd, bytes, len / SECTOR / 2 * SECTOR, offset);
    if (n > 0)
        disk_model_wrote(opened[fd].inode, at, bytes, (size_t)n);
    return n > 0 ? n : -1;
}

ssize_t files_write(int fd, const void *bytes, size_t len, int64_t offset)
{
    struct opened *o = &opened[fd];
    if (o->inode == NULL)
        return write_really(fd, bytes, len, offset);
    if (is_refused(SIM_WRITES, o->name))
        return write_some(fd, bytes, len, offset);
    int64_t at = offset < 0 ? machine_call(SYS_lseek, fd, 0, SEEK_CUR) : offset;
    long n = write_really(fd, bytes, len, offset);
    if (n > 0)
        disk_model_wrote(o->inode, at, bytes, (size_t)n);
    return n;
}

ssize_t files_read(int fd, void *out, size_t len, int64_t offset)
{
    MACHINE->now_us += READ_US;
    if (is_refused(SIM_READS, opened[fd].name))
        return -1;
    return offset < 0 ? machine_call(SYS_read, fd, out, len)
                      : machine_call(SYS_pread64, fd, out, len, offset);
}

/* What was written while the sync went on is not a part of it. A failure is told once to each descriptor that had the
 * file open, as Linux does since 4.13; most file systems have lost what was written, some have it still. */
static int sync_file(int fd)
{
    struct disk_inode *inode = opened[fd].inode;
    uint64_t mark = disk_model_mark(inode);
    sim_sleep(SYNC_LEAST_US + (int64_t)sim_dice(SIM_DISK, SYNC_MORE_US));
    MACHINE_MUST(opened[fd].inode == inode);
    bool is_failed = is_refused(SIM_SYNCS, opened[fd].name);
    if (is_failed && !sim_once_in(SIM_DISK, 4))
        disk_model_lose(inode);
    else if (is_failed)
        return -1;
    bool is_told = opened[fd].told_syncs == inode->failed_syncs;
    opened[fd].told_syncs = inode->failed_syncs;
    if (is_failed || !is_told) {
        errno = is_failed ? errno : EIO;
        return -1;
    }
    disk_model_synced(&files->model, inode, mark);
    return 0;
}

int fsync(int fd)
{
    if (!machine_is_on())
        return (int)machine_call(SYS_fsync, fd);
    if (fd_kind(fd) != FD_FILE)
        return 0;
    if (opened[fd].inode != NULL)
        return sync_file(fd);
    sim_sleep(SYNC_LEAST_US + (int64_t)sim_dice(SIM_DISK, SYNC_MORE_US));
    if (is_refused(SIM_SYNCS, opened[fd].name))
        return -1;
    disk_model_folder_synced(&files->model);
    return 0;
}

int fdatasync(int fd) __attribute__((alias("fsync")));

int ftruncate(int fd, off_t len)
{
    if (!machine_is_on() || fd_kind(fd) != FD_FILE || opened[fd].inode == NULL)
        return (int)machine_call(SYS_ftruncate, fd, len);
    if (is_refused(SIM_TRUNCATES, opened[fd].name))
        return -1;
    int result = (int)machine_call(SYS_ftruncate, fd, len);
    if (result == 0)
        disk_model_truncated(opened[fd].inode, len);
    return result;
}

int ftruncate64(int fd, off64_t len) __attribute__((alias("ftruncate")));

void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
    if (fd >= 0 && machine_is_on() && fd_kind(fd) == FD_FILE) {
        int error = fault_strikes(SIM_NO_MEMORY, 0, opened[fd].name);
        if (error != 0) {
            errno = error;
            return MAP_FAILED;
        }
    }
    return (void *)machine_call(SYS_mmap, at, len, prot, flags, fd, offset);
}

void *mmap64(void *at, size_t len, int prot, int flags, int fd, off64_t offset)
    __attribute__((alias("mmap")));

/* --- names -------------------------------------------------------------------------------------------------------- */

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    char whole_from[PATH_SIZE], whole_to[PATH_SIZE];
    if (!machine_is_on())
        return (int)machine_call(SYS_renameat, from_folder, from, to_folder, to);
    const char *known = resolve(from_folder, from, whole_from),
               *name = resolve(to_folder, to, whole_to);
    if (name != NULL && is_refused(SIM_RENAMES, name))
        return -1;
    int result = (int)machine_call(SYS_renameat, from_folder, from, to_folder, to);
    if (result == 0 && known != NULL && name != NULL)
        disk_model_renamed(&files->model, whole_from, whole_to);
    return result;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int link(const char *from, const char *to)
{
    char whole_from[PATH_SIZE], whole_to[PATH_SIZE];
    if (!machine_is_on())
        return (int)machine_call(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
    const char *known = resolve(AT_FDCWD, from, whole_from),
               *name = resolve(AT_FDCWD, to, whole_to);
    if (name != NULL && is_refused(SIM_RENAMES, name))
        return -1;
    int result = (int)machine_call(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (result == 0 && known != NULL && name != NULL)
        disk_model_linked(&files->model, whole_from, whole_to);
    return result;
}

int unlinkat(int folder, const char *path, int flags)
{
    char whole[PATH_SIZE];
    const char *name = machine_is_on() ? resolve(folder, path, whole) : NULL;
    if (name != NULL && is_refused(SIM_UNLINKS, name))
        return -1;
    int result = (int)machine_call(SYS_unlinkat, folder, path, flags);
    if (result == 0 && name != NULL && flags == 0)
        disk_model_unlinked(&files->model, whole);
    return result;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}
