/* SPDX-License-Identifier: Apache-2.0
 *
 * The file: header, Bloom filter in blocks of one cache line, keys sorted by hash. It is written
 * under another name and renamed, and its checksum covers all of it, so that a torn one is known.
 */
#include "store/files/keys_priv.h"

#include "base/file.h"

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
    PAGE_KEYS = 256, /* 4 KiB */
    PART_BYTES = 64 * 1024
};

static const char magic[8] = { 'G', 'R', 'P', 'K', 'E', 'Y', 'S', '2' };

struct header {
    char magic[8];
    uint64_t count;
    uint64_t blocks;
    uint64_t checksum; /* of everything, with this field 0 */
};

/* Read, not mapped: a page of a mapping that the disk does not give any more ends the process. */
struct store_key_file {
    int fd;
    uint64_t count, blocks;
    off_t keys_at;   /* the Bloom filter is between the header and these */
    uint64_t *bloom; /* in memory while the file is asked often; NULL: read as it is needed */
};

/* --- hashing --------------------------------------------------------------------------------------- */

/* Folds a 64 by 64 bit product: each bit of the result depends on every bit of both. */
static inline uint64_t keys_fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_begin(uint64_t state, size_t len)
{
    return keys_fold(state ^ len, UINT64_C(0x9E3779B97F4A7C15));
}

/* Whole words only; what is left over is for hash_end(). */
static uint64_t hash_words(uint64_t state, const char *at, size_t count)
{
    for (; count > 0; at += 8, count--) {
        uint64_t word;
        memcpy(&word, at, 8);
        state = keys_fold(state ^ word, UINT64_C(0xD6E8FEB86659FD93));
    }
    return state;
}

static uint64_t hash_end(uint64_t state, const char *rest, size_t len)
{
    uint64_t last = 0;
    if (len > 0)
        memcpy(&last, rest, len);
    return keys_fold(state ^ last ^ UINT64_C(0xA0761D6478BD642F), UINT64_C(0xE7037ED1A0B428DB));
}

static uint64_t hash_bytes(uint64_t state, const void *bytes, size_t len)
{
    const char *at = bytes;
    state = hash_words(hash_begin(state, len), at, len / 8);
    return hash_end(state, at + len / 8 * 8, len % 8);
}

uint64_t store_keys_hash(uint64_t seed, int64_t app, struct str text)
{
    return hash_bytes(keys_fold(seed ^ (uint64_t)app, UINT64_C(0x8EBC6AF09C88C6E3)) + seed,
                      text.ptr, text.len);
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
    return (unsigned)(keys_fold(hash, UINT64_C(0x9FB21C651E98DF25)) >> (i * 9)) & 511;
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

static uint64_t keys_checksum(const struct header *h, const uint64_t *bloom,
                              const struct store_key *keys)
{
    struct header blank = *h;
    blank.checksum = 0;
    uint64_t state = hash_bytes(1, &blank, sizeof blank);
    state = hash_bytes(state, bloom, h->blocks * BLOCK_WORDS * sizeof *bloom);
    return hash_bytes(state, keys, h->count * sizeof *keys);
}

enum rc store_key_file_write(const char *path, struct store_key *keys, size_t count, bool no_sync)
{
    struct header h = { .count = count, .blocks = count / BLOCK_KEYS + 1 };
    memcpy(h.magic, magic, sizeof magic);
    if (count > 1)
        qsort(keys, count, sizeof *keys, by_hash);
    uint64_t *bloom = xcalloc(h.blocks * BLOCK_WORDS, sizeof *bloom);
    for (size_t i = 0; i < count; i++)
        bloom_set(bloom, h.blocks, keys[i].hash);
    h.checksum = keys_checksum(&h, bloom, keys);
    const struct str parts[] = {
        str_of((const char *)&h, sizeof h),
        str_of((const char *)bloom, h.blocks * BLOCK_WORDS * sizeof *bloom),
        str_of((const char *)keys, count * sizeof *keys),
    };
    enum rc rc = file_replace(path, parts, COUNT_OF(parts), no_sync);
    xfree(bloom);
    return rc;
}

static bool keys_is_whole(const struct header *h, size_t size)
{
    size_t most = size / sizeof(struct store_key);
    return memcmp(h->magic, magic, sizeof magic) == 0 && h->count <= most && h->blocks >= 1 &&
           h->blocks <= most &&
           size == sizeof *h + h->blocks * BLOCK_WORDS * sizeof(uint64_t) +
                       h->count * sizeof(struct store_key);
}

static size_t bloom_bytes(const struct store_key_file *f)
{
    return f->blocks * BLOCK_WORDS * sizeof(uint64_t);
}

/* RC_IO: also when there is less than it had when it was opened. */
static enum rc read_at(int fd, off_t at, void *out, size_t len)
{
    char *to = out;
    while (len > 0) {
        ssize_t n = pread(fd, to, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return RC_IO;
        to += n;
        at += n;
        len -= (size_t)n;
    }
    return RC_OK;
}

/* Of the stretch from `at`; its length is one of whole words. */
static enum rc hash_stretch(int fd, off_t at, size_t len, uint64_t *state)
{
    char *part = xmalloc(PART_BYTES);
    enum rc rc = RC_OK;
    *state = hash_begin(*state, len);
    while (rc == RC_OK && len > 0) {
        size_t some = len < PART_BYTES ? len : PART_BYTES;
        rc = read_at(fd, at, part, some);
        if (rc == RC_OK)
            *state = hash_words(*state, part, some / 8);
        at += (off_t)some;
        len -= some;
    }
    *state = hash_end(*state, NULL, 0);
    xfree(part);
    return rc;
}

static enum rc check_all(const struct store_key_file *f, const struct header *h)
{
    struct header blank = *h;
    blank.checksum = 0;
    uint64_t state = hash_bytes(1, &blank, sizeof blank);
    enum rc rc =
        hash_stretch(f->fd, (off_t)sizeof *h, h->blocks * BLOCK_WORDS * sizeof(uint64_t), &state);
    if (rc == RC_OK)
        rc = hash_stretch(f->fd, f->keys_at, h->count * sizeof(struct store_key), &state);
    if (rc != RC_OK)
        return rc;
    return state == h->checksum ? RC_OK : RC_CORRUPT;
}

static enum rc read_whole(int fd, struct store_key_file *f)
{
    struct stat st;
    struct header h;
    if (fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof h)
        return RC_CORRUPT;
    enum rc rc = read_at(fd, 0, &h, sizeof h);
    if (rc != RC_OK)
        return rc;
    if (!keys_is_whole(&h, (size_t)st.st_size))
        return RC_CORRUPT;
    *f = (struct store_key_file){ .fd = fd, .count = h.count, .blocks = h.blocks };
    f->keys_at = (off_t)(sizeof h + h.blocks * BLOCK_WORDS * sizeof(uint64_t));
    return check_all(f, &h);
}

/* Without it each look reads from the file: slower, and no less right. */
static void load_bloom(struct store_key_file *f)
{
    size_t bytes = bloom_bytes(f);
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return;
    f->bloom = at;
    if (read_at(f->fd, (off_t)sizeof(struct header), at, bytes) != RC_OK)
        store_key_file_rest(f);
}

void store_key_file_rest(struct store_key_file *f)
{
    if (f->bloom != NULL)
        (void)munmap(f->bloom, bloom_bytes(f));
    f->bloom = NULL;
}

enum rc store_key_file_open(const char *path, struct store_key_file **out)
{
    struct store_key_file f;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? RC_NOT_FOUND : RC_IO;
    enum rc rc = read_whole(fd, &f);
    if (rc != RC_OK) {
        (void)close(fd);
        return rc;
    }
    /* A look needs a page or two, anywhere. */
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    load_bloom(&f);
    *out = xmemdup(&f, sizeof f);
    return RC_OK;
}

void store_key_file_close(struct store_key_file *f)
{
    if (f == NULL)
        return;
    store_key_file_rest(f);
    (void)close(f->fd);
    xfree(f);
}

size_t store_key_file_count(const struct store_key_file *f)
{
    return (size_t)f->count;
}

static enum rc read_keys(const struct store_key_file *f, size_t first, size_t count,
                         struct store_key *out)
{
    return read_at(f->fd, f->keys_at + (off_t)(first * sizeof *out), out, count * sizeof *out);
}

/* Where a hash is expected between two others: they are spread evenly. */
static size_t keys_guess(uint64_t hash, uint64_t low, uint64_t high, size_t count)
{
    if (hash <= low || high <= low)
        return 0;
    double share = hash >= high ? 1.0 : (double)(hash - low) / (double)(high - low);
    size_t place = (size_t)(share * (double)count);
    return place < count ? place : count - 1;
}

/* What is left to search: the answer is in first..end, and end stands for itself. */
struct search {
    size_t first, end;
    uint64_t low, high;
};

/* Looks at a page of keys; narrows the search, to nothing when the place is found. */
static enum rc search_once(const struct store_key_file *f, uint64_t hash, size_t middle,
                           struct search *s)
{
    struct store_key page[PAGE_KEYS];
    size_t from = middle > s->first + PAGE_KEYS / 2 ? middle - PAGE_KEYS / 2 : s->first;
    size_t count = s->end - from < PAGE_KEYS ? s->end - from : PAGE_KEYS;
    enum rc rc = read_keys(f, from, count, page);
    if (rc != RC_OK)
        return rc;
    if (page[0].hash >= hash) {
        s->end = from;
        s->high = page[0].hash;
    } else if (page[count - 1].hash < hash) {
        s->first = from + count;
        s->low = page[count - 1].hash;
    } else {
        size_t i = 0;
        while (page[i].hash < hash)
            i++;
        s->first = s->end = from + i;
    }
    return RC_OK;
}

static enum rc lower_bound(const struct store_key_file *f, uint64_t hash, size_t *out)
{
    enum { GUESSES = 4 }; /* then by halves, whatever the hashes are */
    struct search s = { .end = (size_t)f->count, .high = UINT64_MAX };
    for (int i = 0; s.first < s.end; i++) {
        size_t left = s.end - s.first;
        size_t ahead = i < GUESSES ? keys_guess(hash, s.low, s.high, left) : left / 2;
        enum rc rc = search_once(f, hash, s.first + ahead, &s);
        if (rc != RC_OK)
            return rc;
    }
    *out = s.first;
    return RC_OK;
}

static enum rc may_have(const struct store_key_file *f, uint64_t hash, bool *out)
{
    uint64_t block[BLOCK_WORDS];
    if (f->bloom != NULL) {
        *out = bloom_has(f->bloom, f->blocks, hash);
        return RC_OK;
    }
    off_t at = (off_t)(sizeof(struct header) + bloom_block(hash, f->blocks) * sizeof block);
    enum rc rc = read_at(f->fd, at, block, sizeof block);
    *out = rc != RC_OK || bloom_has(block, 1, hash);
    return rc;
}

/* *at: the index after the last match, so that a walk searches once. */
enum rc store_key_file_find(const struct store_key_file *f, uint64_t hash, size_t *at, int64_t *k)
{
    struct store_key key;
    bool is_likely = true;
    enum rc rc = *at == 0 ? may_have(f, hash, &is_likely) : RC_OK;
    *k = 0;
    if (rc != RC_OK || !is_likely)
        return rc;
    if (*at == 0)
        rc = lower_bound(f, hash, at);
    if (rc != RC_OK || *at >= f->count)
        return rc;
    rc = read_keys(f, *at, 1, &key);
    if (rc == RC_OK && key.hash == hash) {
        *k = key.k;
        (*at)++;
    }
    return rc;
}

bool store_key_file_may_have(const struct store_key_file *f, uint64_t hash)
{
    bool is_likely;
    enum rc rc = may_have(f, hash, &is_likely);
    (void)rc; /* who is told "maybe" asks, and then it shows */
    return is_likely;
}

/* --- one filter over many files ---------------------------------------------------------------------- */

struct store_key_group {
    atomic_int refs;
    bool is_blind; /* the keys of a file could not be read: anything may be there */
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
    enum { SOME = PART_BYTES / sizeof(struct store_key) };
    struct store_key *some = xmalloc(PART_BYTES);
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < f->count; i += SOME) {
        size_t count = f->count - i < SOME ? (size_t)f->count - i : SOME;
        rc = read_keys(f, i, count, some);
        for (size_t n = 0; rc == RC_OK && n < count; n++)
            store_key_group_add(g, some[n].hash);
    }
    g->is_blind = g->is_blind || rc != RC_OK;
    xfree(some);
}

bool store_key_group_may_have(const struct store_key_group *g, uint64_t hash)
{
    return g->is_blind || bloom_has(g->bloom, g->blocks, hash);
}
