/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of remembered keys beside a segment, as a start of the server finds it. The first byte says
 * which: any bytes, which are refused as corrupt or searched without leaving them; or hashes, which are
 * written as a file, all found in it, and not believed any more once a byte of it has changed.
 */
#include "../fuzz.h"

#include "store/files/keys_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEYS_MAX = 64, CHANGE_BYTES = 3 };

/* --- a folder of this process -------------------------------------------------------------------------- */

static char folder[] = "/tmp/grapnel-fuzz-keys-XXXXXX";
static char path[sizeof(folder) + sizeof("/keys")];

static void remove_folder(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

static void make_folder(void)
{
    if (path[0] != '\0')
        return;
    MUST(mkdtemp(folder) != NULL && atexit(remove_folder) == 0);
    (void)snprintf(path, sizeof(path), "%s/keys", folder);
}

/* --- any bytes ------------------------------------------------------------------------------------------ */

static void look_up(const struct store_key_file *f, uint64_t hash)
{
    size_t at = 0;
    size_t found = 0;
    int64_t k = 0;
    MUST(store_key_file_find(f, hash, &at, &k) == RC_OK);
    for (; k != 0; found++)
        MUST(store_key_file_find(f, hash, &at, &k) == RC_OK);
    MUST(found <= store_key_file_count(f) && at <= store_key_file_count(f));
}

static void check_file(struct str bytes)
{
    struct store_key_file *f = NULL;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len && close(fd) == 0);
    enum rc rc = store_key_file_open(path, &f);
    MUST(rc == RC_OK || rc == RC_CORRUPT);
    for (size_t i = 0; rc == RC_OK && i + sizeof(uint64_t) <= bytes.len; i += sizeof(uint64_t)) {
        uint64_t hash;
        memcpy(&hash, bytes.ptr + i, sizeof(hash));
        look_up(f, hash);
    }
    store_key_file_close(f);
}

/* --- a file of our own ---------------------------------------------------------------------------------- */

static size_t read_keys(struct str bytes, struct store_key keys[static KEYS_MAX])
{
    size_t count = bytes.len / sizeof(uint64_t);
    count = count < KEYS_MAX ? count : KEYS_MAX;
    for (size_t i = 0; i < count; i++) {
        memcpy(&keys[i].hash, bytes.ptr + i * sizeof(uint64_t), sizeof(uint64_t));
        keys[i].k = (int64_t)i + 1;
    }
    return count;
}

static void check_found(const struct store_key *keys, size_t count)
{
    struct store_key_file *f = NULL;
    MUST(store_key_file_open(path, &f) == RC_OK && store_key_file_count(f) == count);
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        int64_t k = 0;
        MUST(store_key_file_find(f, keys[i].hash, &at, &k) == RC_OK);
        while (k != keys[i].k && k != 0)
            MUST(store_key_file_find(f, keys[i].hash, &at, &k) == RC_OK);
        MUST(k == keys[i].k);
    }
    store_key_file_close(f);
}

static void check_changed(struct str change)
{
    struct store_key_file *f = NULL;
    struct stat st;
    uint16_t offset;
    char byte;
    memcpy(&offset, change.ptr, sizeof(offset));
    int fd = open(path, O_RDWR | O_CLOEXEC);
    MUST(fd >= 0 && fstat(fd, &st) == 0);
    off_t at = offset % st.st_size;
    MUST(pread(fd, &byte, 1, at) == 1);
    byte = (char)(byte ^ change.ptr[2]);
    MUST(pwrite(fd, &byte, 1, at) == 1 && close(fd) == 0);
    enum rc rc = store_key_file_open(path, &f);
    MUST(rc == (change.ptr[2] == 0 ? RC_OK : RC_CORRUPT));
    store_key_file_close(f);
}

static void check_written(struct str bytes)
{
    struct store_key keys[KEYS_MAX];
    if (bytes.len < CHANGE_BYTES)
        return;
    size_t count = read_keys(str_sub(bytes, CHANGE_BYTES, bytes.len), keys);
    MUST(store_key_file_write(path, keys, count, true) == RC_OK);
    check_found(keys, count);
    check_changed(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str rest = str_of((const char *)data + 1, size - 1);
    make_folder();
    if (data[0] & 1)
        check_written(rest);
    else
        check_file(rest);
    return 0;
}
