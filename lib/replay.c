/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring of entries, each in the chain of its bucket. The keys are SHA-256, so the first bytes are
 * hash enough, and a sender cannot choose them.
 */
#include "replay.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { NONE = 0 }; /* entries are numbered from 1 */

struct entry {
    unsigned char key[GN_REPLAY_KEY_BYTES];
    int64_t at_us;
    uint32_t next; /* in the bucket */
    enum { EMPTY, CLAIMED, SETTLED } state;
};

/* In the file. */
struct record {
    unsigned char key[GN_REPLAY_KEY_BYTES];
    int64_t at_us;
};

struct gn_replay {
    pthread_mutex_t mutex;
    int64_t window_us;
    uint32_t max;
    uint32_t oldest; /* the next to be overwritten */
    int folder_fd, fd;
    size_t record_count; /* in the file */
    uint32_t *buckets;
    struct entry *entries;
};

/* --- keys --------------------------------------------------------------------------------------- */

static bool add_key(char kind, struct grapnel_bytes text, struct gn_replay_keys *out)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(md, &kind, 1) == 1 &&
              EVP_DigestUpdate(md, text.ptr, text.len) == 1 &&
              EVP_DigestFinal_ex(md, out->key[out->count], NULL) == 1;
    EVP_MD_CTX_free(md);
    out->count += ok ? 1 : 0;
    return ok;
}

void gn_replay_keys(const struct grapnel_verdict *verdict, struct gn_replay_keys *out)
{
    out->count = 0;
    if (verdict->id.len > 0) {
        (void)add_key('i', verdict->id, out);
    }
}

/* --- the ring, with the mutex held ---------------------------------------------------------------- */

static uint32_t *bucket_of(struct gn_replay *r, const unsigned char *key)
{
    uint32_t hash;
    memcpy(&hash, key, sizeof(hash));
    return &r->buckets[hash % r->max];
}

static struct entry *replay_find(struct gn_replay *r, const unsigned char *key, int64_t now_us)
{
    for (uint32_t at = *bucket_of(r, key); at != NONE; at = r->entries[at - 1].next) {
        struct entry *e = &r->entries[at - 1];
        if (memcmp(e->key, key, sizeof(e->key)) == 0) {
            return e->at_us + r->window_us >= now_us ? e : NULL;
        }
    }
    return NULL;
}

static void replay_drop(struct gn_replay *r, struct entry *e)
{
    uint32_t number = (uint32_t)(e - r->entries) + 1;
    uint32_t *link = bucket_of(r, e->key);
    while (*link != number) {
        link = &r->entries[*link - 1].next;
    }
    *link = e->next;
    e->state = EMPTY;
}

static void replay_insert(struct gn_replay *r, const unsigned char *key, int64_t at_us,
                          bool settled)
{
    struct entry *e = &r->entries[r->oldest];
    uint32_t *bucket = bucket_of(r, key);
    if (e->state != EMPTY) {
        replay_drop(r, e);
    }
    memcpy(e->key, key, sizeof(e->key));
    e->at_us = at_us;
    e->state = settled ? SETTLED : CLAIMED;
    e->next = *bucket;
    *bucket = r->oldest + 1;
    r->oldest = (r->oldest + 1) % r->max;
}

/* --- the file ------------------------------------------------------------------------------------ */

/* What a write that was cut off left would shift all that follows. */
static bool cut_off(struct gn_replay *r)
{
    off_t end = (off_t)(r->record_count * sizeof(struct record));
    return ftruncate(r->fd, end) == 0 && lseek(r->fd, end, SEEK_SET) == end;
}

/* False: it cannot be read, and is left as it is. */
static bool replay_load(struct gn_replay *r, int64_t now_us)
{
    struct record record;
    ssize_t n;
    while ((n = read(r->fd, &record, sizeof(record))) == (ssize_t)sizeof(record)) {
        r->record_count++;
        if (record.at_us + r->window_us >= now_us && record.at_us <= now_us &&
            replay_find(r, record.key, now_us) == NULL) {
            replay_insert(r, record.key, record.at_us, true);
        }
    }
    return n >= 0 && cut_off(r);
}

/* Writes the entries in order of age to a new file, and puts it in the old one's place. */
static void replay_compact(struct gn_replay *r)
{
    int fd = openat(r->folder_fd, "seen.new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t count = 0;
    bool ok = fd >= 0;
    for (uint32_t i = 0; i < r->max && ok; i++) {
        const struct entry *e = &r->entries[(r->oldest + i) % r->max];
        struct record record = { .at_us = e->at_us };
        if (e->state == SETTLED) {
            memcpy(record.key, e->key, sizeof(record.key));
            ok = write(fd, &record, sizeof(record)) == (ssize_t)sizeof(record);
            count++;
        }
    }
    ok = ok && fsync(fd) == 0;
    if (ok && renameat(r->folder_fd, "seen.new", r->folder_fd, "seen") == 0) {
        (void)close(r->fd);
        r->fd = fd;
        r->record_count = count;
    } else if (fd >= 0) { /* the old one goes on growing */
        (void)close(fd);
        (void)unlinkat(r->folder_fd, "seen.new", 0);
    }
}

void gn_replay_keep(struct gn_replay *r, const struct gn_replay_keys *keys, int64_t now_us)
{
    if (r == NULL || r->fd < 0) {
        return;
    }
    pthread_mutex_lock(&r->mutex);
    for (unsigned i = 0; i < keys->count; i++) {
        struct record record = { .at_us = now_us };
        memcpy(record.key, keys->key[i], sizeof(record.key));
        if (write(r->fd, &record, sizeof(record)) == (ssize_t)sizeof(record)) {
            r->record_count++;
        } else {
            (void)cut_off(r); /* known until this process ends, then perhaps run again */
        }
    }
    if (r->record_count > (size_t)r->max * 4) {
        replay_compact(r);
    }
    pthread_mutex_unlock(&r->mutex);
}

/* --- for the receiver ----------------------------------------------------------------------------- */

struct gn_replay *gn_replay_new(size_t max, int64_t window_us, int folder_fd, int64_t now_us)
{
    struct gn_replay *r = calloc(1, sizeof(*r));
    if (r == NULL || max == 0 || max > UINT32_MAX / 2) {
        free(r);
        return NULL;
    }
    r->max = (uint32_t)max;
    r->window_us = window_us;
    r->folder_fd = folder_fd;
    r->fd = -1;
    r->buckets = calloc(max, sizeof(*r->buckets));
    r->entries = calloc(max, sizeof(*r->entries));
    (void)pthread_mutex_init(&r->mutex, NULL);
    bool ok = r->buckets != NULL && r->entries != NULL;
    if (ok && folder_fd >= 0) {
        r->fd = openat(folder_fd, "seen", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        ok = r->fd >= 0;
    }
    if (!ok) {
        gn_replay_free(r);
        return NULL;
    }
    if (r->fd >= 0 && !replay_load(r, now_us)) {
        gn_replay_free(r);
        return NULL;
    }
    return r;
}

void gn_replay_free(struct gn_replay *r)
{
    if (r == NULL) {
        return;
    }
    if (r->fd >= 0) {
        (void)close(r->fd);
    }
    (void)pthread_mutex_destroy(&r->mutex);
    free(r->buckets);
    free(r->entries);
    free(r);
}

enum gn_replay_answer gn_replay_claim(struct gn_replay *r, const struct gn_replay_keys *keys,
                                      int64_t now_us)
{
    enum gn_replay_answer answer = GN_REPLAY_NEW;
    if (r == NULL) {
        return answer;
    }
    pthread_mutex_lock(&r->mutex);
    for (unsigned i = 0; i < keys->count && answer != GN_REPLAY_KNOWN; i++) {
        const struct entry *e = replay_find(r, keys->key[i], now_us);
        if (e != NULL) {
            answer = e->state == SETTLED ? GN_REPLAY_KNOWN : GN_REPLAY_BUSY;
        }
    }
    for (unsigned i = 0; i < keys->count && answer == GN_REPLAY_NEW; i++) {
        replay_insert(r, keys->key[i], now_us, false);
    }
    pthread_mutex_unlock(&r->mutex);
    return answer;
}

void gn_replay_settle(struct gn_replay *r, const struct gn_replay_keys *keys, bool accepted,
                      int64_t now_us)
{
    if (r == NULL) {
        return;
    }
    pthread_mutex_lock(&r->mutex);
    for (unsigned i = 0; i < keys->count; i++) {
        struct entry *e = replay_find(r, keys->key[i], now_us);
        if (e == NULL) {
            if (accepted) { /* what a spool brought back */
                replay_insert(r, keys->key[i], now_us, true);
            }
        } else if (accepted) {
            e->state = SETTLED;
        } else {
            replay_drop(r, e);
        }
    }
    pthread_mutex_unlock(&r->mutex);
}
