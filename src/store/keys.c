/* SPDX-License-Identifier: Apache-2.0
 *
 * The file: header, Bloom filter in blocks of one cache line, keys sorted by hash. It is written
 * under another name and renamed, and its checksum covers all of it, so that a torn one is known.
 */
#include "store/keys_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TABLE_FIRST = 1024,
    BLOCK_WORDS = 8, /* 512 bits, one cache line */
    BLOCK_KEYS = 32, /* 16 bits a key: it is wrong about once in 600 times */
    BLOOM_BITS = 7,  /* set per key; 9 bits of a hash each */
    WRITE_CHUNK = 1 << 20
};

static const char magic[8] = { 'G', 'R', 'P', 'K', 'E', 'Y', 'S', '2' };

struct header {
    char magic[8];
    uint64_t count;
    uint64_t blocks;
    uint64_t checksum; /* of everything, with this field 0 */
};

struct store_key_file {
    const struct header *header; /* the mapping */
    const uint64_t *bloom;
    const struct store_key *keys;
    size_t size_bytes;
};

/* --- hashing --------------------------------------------------------------------------------------- */

/* Folds a 64 by 64 bit product: each bit of the result depends on every bit of both. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_bytes(uint64_t state, const void *bytes, size_t len)
{
    const char *at = bytes;
    state = fold(state ^ len, UINT64_C(0x9E3779B97F4A7C15));
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        state = fold(state ^ word, UINT64_C(0xD6E8FEB86659FD93));
    }
    uint64_t last = 0;
    if (len > 0)
        memcpy(&last, at, len);
    return fold(state ^ last ^ UINT64_C(0xA0761D6478BD642F), UINT64_C(0xE7037ED1A0B428DB));
}

uint64_t store_keys_hash(uint64_t seed, int64_t app, struct str text)
{
    return hash_bytes(fold(seed ^ (uint64_t)app, UINT64_C(0x8EBC6AF09C88C6E3)) + seed, text.ptr,
                      text.len);
}

/* --- memory ---------------------------------------------------------------------------------------- */

/* Straight from the system: these come and go with segments and are tens of megabytes, which the
 * heap would keep. */
struct store_key *store_keys_new(size_t count)
{
    void *at = mmap(NULL, (count + 1) * sizeof(struct store_key), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(at != MAP_FAILED);
    return at;
}

void store_keys_free(struct store_key *keys, size_t count)
{
    if (keys != NULL)
        MUST(munmap(keys, (count + 1) * sizeof *keys) == 0);
}

/* --- the table ------------------------------------------------------------------------------------- */

static void table_put(struct store_key_table *t, struct store_key key)
{
    size_t mask = t->size - 1, at = (size_t)key.hash & mask;
    while (t->slots[at].k != 0)
        at = (at + 1) & mask;
    t->slots[at] = key;
}

static void table_grow(struct store_key_table *t)
{
    struct store_key_table old = *t;
    t->size = old.size == 0 ? TABLE_FIRST : old.size * 2;
    t->slots = store_keys_new(t->size);
    for (size_t i = 0; i < old.size; i++) {
        if (old.slots[i].k != 0)
            table_put(t, old.slots[i]);
    }
    store_keys_free(old.slots, old.size);
}

void store_key_table_add(struct store_key_table *t, uint64_t hash, int64_t k)
{
    MUST(k != 0);
    if ((t->count + 1) * 4 > t->size * 3)
        table_grow(t);
    table_put(t, (struct store_key){ hash, k });
    t->count++;
}

/* Moves later members of the run back over the hole, so that no marker is left behind. */
static void table_close_hole(struct store_key_table *t, size_t hole)
{
    size_t mask = t->size - 1;
    for (size_t at = (hole + 1) & mask; t->slots[at].k != 0; at = (at + 1) & mask) {
        size_t home = (size_t)t->slots[at].hash & mask;
        bool may_move = ((at - home) & mask) >= ((at - hole) & mask);
        if (!may_move)
            continue;
        t->slots[hole] = t->slots[at];
        hole = at;
    }
    t->slots[hole] = (struct store_key){ 0, 0 };
}

void store_key_table_remove(struct store_key_table *t, uint64_t hash, int64_t k)
{
    if (t->size == 0)
        return;
    size_t mask = t->size - 1;
    for (size_t at = (size_t)hash & mask; t->slots[at].k != 0; at = (at + 1) & mask) {
        if (t->slots[at].hash != hash || t->slots[at].k != k)
            continue;
        table_close_hole(t, at);
        t->count--;
        return;
    }
}

/* *at counts the slots looked at. */
int64_t store_key_table_find(const struct store_key_table *t, uint64_t hash, size_t *at)
{
    if (t->size == 0)
        return 0;
    size_t mask = t->size - 1;
    for (;;) {
        const struct store_key *slot = &t->slots[((size_t)hash + *at) & mask];
        if (slot->k == 0)
            return 0;
        (*at)++;
        if (slot->hash == hash)
            return slot->k;
    }
}

void store_key_table_fini(struct store_key_table *t)
{
    store_keys_free(t->slots, t->size);
    *t = (struct store_key_table){ 0 };
}

/* --- the Bloom filter ------------------------------------------------------------------------------- */

/* High bits choose the block, the rest the bits in it. */
static size_t bloom_block(uint64_t hash, uint64_t blocks)
{
    return (size_t)((hash >> 32) * blocks >> 32);
}

static unsigned bloom_bit(uint64_t hash, int i)
{
    return (unsigned)(fold(hash, UINT64_C(0x9FB21C651E98DF25)) >> (i * 9)) & 511;
}

static void bloom_set(uint64_t *bloom, uint64_t blocks, uint64_t hash)
{
    uint64_t *block = bloom + bloom_block(hash, blocks) * BLOCK_WORDS;
    for (int i = 0; i < BLOOM_BITS; i++)
        block[bloom_bit(hash, i) / 64] |= UINT64_C(1) << (bloom_bit(hash, i) % 64);
}

static bool bloom_has(const uint64_t *bloom, uint64_t blocks, uint64_t hash)
{
    const uint64_t *block = bloom + bloom_block(hash, blocks) * BLOCK_WORDS;
    for (int i = 0; i < BLOOM_BITS; i++) {
        if ((block[bloom_bit(hash, i) / 64] >> (bloom_bit(hash, i) % 64) & 1) == 0)
            return false;
    }
    return true;
}

/* --- the file -------------------------------------------------------------------------------------- */

static int by_hash(const void *left, const void *right)
{
    const struct store_key *a = left, *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return (a->k > b->k) - (a->k < b->k);
}

static uint64_t checksum(const struct header *h, const uint64_t *bloom,
                         const struct store_key *keys)
{
    struct header blank = *h;
    blank.checksum = 0;
    uint64_t state = hash_bytes(1, &blank, sizeof blank);
    state = hash_bytes(state, bloom, h->blocks * BLOCK_WORDS * sizeof *bloom);
    return hash_bytes(state, keys, h->count * sizeof *keys);
}

static enum rc write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = write(fd, at, len < WRITE_CHUNK ? len : WRITE_CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC || errno == EDQUOT ? RC_LIMIT : RC_IO;
        at += n;
        len -= (size_t)n;
    }
    return RC_OK;
}

static enum rc write_parts(int fd, const struct header *h, const uint64_t *bloom,
                           const struct store_key *keys, bool no_sync)
{
    enum rc rc = write_all(fd, h, sizeof *h);
    if (rc == RC_OK)
        rc = write_all(fd, bloom, h->blocks * BLOCK_WORDS * sizeof *bloom);
    if (rc == RC_OK)
        rc = write_all(fd, keys, h->count * sizeof *keys);
    if (rc == RC_OK && !no_sync && fsync(fd) != 0)
        rc = RC_IO;
    return rc;
}

/* After a crash the name may be missing, which only means that the file is made again: the folder
 * itself needs no fsync. */
enum rc store_key_file_write(const char *path, struct store_key *keys, size_t count, bool no_sync)
{
    struct header h = { .count = count, .blocks = count / BLOCK_KEYS + 1 };
    memcpy(h.magic, magic, sizeof magic);
    if (count > 1)
        qsort(keys, count, sizeof *keys, by_hash);
    uint64_t *bloom = xcalloc(h.blocks * BLOCK_WORDS, sizeof *bloom);
    for (size_t i = 0; i < count; i++)
        bloom_set(bloom, h.blocks, keys[i].hash);
    h.checksum = checksum(&h, bloom, keys);

    size_t size = strlen(path) + sizeof ".new";
    char *temporary = xcalloc(1, size);
    (void)snprintf(temporary, size, "%s.new", path);
    enum rc rc = RC_IO;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        rc = write_parts(fd, &h, bloom, keys, no_sync);
        if (close(fd) != 0 && rc == RC_OK)
            rc = RC_IO;
    }
    if (rc == RC_OK && rename(temporary, path) != 0)
        rc = RC_IO;
    if (rc != RC_OK)
        (void)unlink(temporary);
    xfree(temporary);
    xfree(bloom);
    return rc;
}

static bool is_whole(const struct header *h, size_t size)
{
    size_t most = size / sizeof(struct store_key);
    return memcmp(h->magic, magic, sizeof magic) == 0 && h->count <= most && h->blocks >= 1 &&
           h->blocks <= most &&
           size == sizeof *h + h->blocks * BLOCK_WORDS * sizeof(uint64_t) +
                       h->count * sizeof(struct store_key);
}

enum rc store_key_file_open(const char *path, struct store_key_file **out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? RC_NOT_FOUND : RC_IO;
    if (fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof(struct header)) {
        (void)close(fd);
        return RC_CORRUPT;
    }
    size_t size = (size_t)st.st_size;
    const struct header *h = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (h == MAP_FAILED)
        return RC_IO;
    struct store_key_file f = { .header = h,
                                .bloom = (const uint64_t *)(h + 1),
                                .size_bytes = size };
    if (is_whole(h, size))
        f.keys = (const struct store_key *)(f.bloom + h->blocks * BLOCK_WORDS);
    if (f.keys == NULL || checksum(h, f.bloom, f.keys) != h->checksum) {
        (void)munmap((void *)(uintptr_t)h, size);
        return RC_CORRUPT;
    }
    /* The check has read all of it; a look needs two or three pages. */
    (void)madvise((void *)(uintptr_t)h, size, MADV_DONTNEED);
    (void)madvise((void *)(uintptr_t)h, size, MADV_RANDOM);
    *out = xmemdup(&f, sizeof f);
    return RC_OK;
}

void store_key_file_close(struct store_key_file *f)
{
    if (f == NULL)
        return;
    (void)munmap((void *)(uintptr_t)f->header, f->size_bytes);
    xfree(f);
}

size_t store_key_file_count(const struct store_key_file *f)
{
    return (size_t)f->header->count;
}

static size_t lower_bound(const struct store_key_file *f, uint64_t hash)
{
    size_t low = 0, high = (size_t)f->header->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->keys[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void let_go(const struct store_key_file *f, const void *from)
{
    const uintptr_t page_bytes = 4096, end = (uintptr_t)f->header + f->size_bytes;
    uintptr_t start = ((uintptr_t)from + page_bytes - 1) & ~(page_bytes - 1);
    if (start < end)
        (void)madvise((void *)start, end - start, MADV_DONTNEED);
}

void store_key_file_rest(const struct store_key_file *f)
{
    let_go(f, f->header);
}

/* *at: the index after the last match, so that a walk searches once. */
int64_t store_key_file_find(const struct store_key_file *f, uint64_t hash, size_t *at)
{
    int64_t k = 0;
    if (*at == 0) {
        if (!bloom_has(f->bloom, f->header->blocks, hash))
            return 0;
        *at = lower_bound(f, hash);
    }
    if (*at < f->header->count && f->keys[*at].hash == hash)
        k = f->keys[(*at)++].k;
    let_go(f, f->keys); /* they are looked at seldom and anywhere: all would be mapped in the end */
    return k;
}

bool store_key_file_may_have(const struct store_key_file *f, uint64_t hash)
{
    return bloom_has(f->bloom, f->header->blocks, hash);
}

/* --- one filter over many files ---------------------------------------------------------------------- */

struct store_key_group {
    atomic_int refs;
    uint64_t blocks;
    uint64_t *bloom; /* straight from the system, as tables are */
};

enum { GROUP_BLOCK_KEYS = 48 /* wrong about once in 100 times, and then the files are asked */ };

static size_t group_bytes(const struct store_key_group *g)
{
    return g->blocks * BLOCK_WORDS * sizeof *g->bloom;
}

struct store_key_group *store_key_group_new(size_t count)
{
    struct store_key_group *g = XNEW(struct store_key_group);
    atomic_init(&g->refs, 1);
    g->blocks = count / GROUP_BLOCK_KEYS + 1;
    void *at =
        mmap(NULL, group_bytes(g), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(at != MAP_FAILED);
    g->bloom = at;
    return g;
}

struct store_key_group *store_key_group_ref(struct store_key_group *g)
{
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void store_key_group_unref(struct store_key_group *g)
{
    if (g == NULL || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
        return;
    MUST(munmap(g->bloom, group_bytes(g)) == 0);
    xfree(g);
}

void store_key_group_add(struct store_key_group *g, uint64_t hash)
{
    bloom_set(g->bloom, g->blocks, hash);
}

void store_key_group_add_file(struct store_key_group *g, const struct store_key_file *f)
{
    for (uint64_t i = 0; i < f->header->count; i++)
        store_key_group_add(g, f->keys[i].hash);
    let_go(f, f->keys);
}

bool store_key_group_may_have(const struct store_key_group *g, uint64_t hash)
{
    return bloom_has(g->bloom, g->blocks, hash);
}
