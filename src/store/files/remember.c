/* SPDX-License-Identifier: Apache-2.0
 *
 * Which idempotency keys and event ids were used lately. The truth is the table `remembered` of
 * each segment, append-only; keys_priv.h has what finds a row in it by hash.
 */
#include "store/files/remember_priv.h"

#include "store/files/keys_priv.h"
#include "store/files/readers_priv.h"
#include "store/files/segment_priv.h"
#include "store/files/stretch_priv.h"
#include "store/key_time_priv.h"
#include "store/rows_priv.h"

#include <stdatomic.h>

enum { KEY_BYTES = 16, EVENT_AT = 32 };

/* Keeps hashes of the two kinds apart. */
static const uint64_t key_kind = UINT64_C(0x5bd1e9955bd1e995);

uint64_t store_remembered_hash(const uint8_t key[static KEY_BYTES])
{
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    return hash ^ key_kind;
}

static uint64_t event_hash(const struct store_files *s, const struct store_message *m)
{
    return store_keys_hash(s->hash_seed, m->app, m->event_id);
}

/* --- looking ---------------------------------------------------------------------------------------- */

struct candidate_walk {
    uint64_t hash;
    size_t table_at, file_at;
};

/* *k is 0: no more. Without the file nobody knows whether there is one. */
static enum rc next_candidate(struct store_files *s, struct store_segment *seg,
                              struct candidate_walk *walk, int64_t *k)
{
    enum rc rc = RC_OK;
    mutex_lock(&s->keys_lock);
    *k = store_key_table_find(&seg->keys, walk->hash, &walk->table_at);
    if (*k == 0 && seg->key_file != NULL)
        rc = store_key_file_find(seg->key_file, walk->hash, &walk->file_at, k);
    mutex_unlock(&s->keys_lock);
    if (rc != RC_OK)
        LOG(STORE_KEYS_UNREADABLE, F_TEXT("file", seg->keys_path));
    return rc;
}

enum rc store_event_candidates(struct store_files *s, struct store_segment *seg, uint64_t hash,
                               bool (*fn)(void *ctx, int64_t k), void *ctx, bool *ended)
{
    struct candidate_walk walk = { .hash = hash };
    int64_t k;
    enum rc rc = next_candidate(s, seg, &walk, &k);
    *ended = false;
    while (rc == RC_OK && k != 0 && !*ended) {
        *ended = fn(ctx, k);
        rc = next_candidate(s, seg, &walk, &k);
    }
    return *ended ? RC_OK : rc;
}

/* The stored row says whether it is the same key, and the same request. */
static enum rc same_key(struct store_segment *seg, int64_t k, struct store_publish *p, bool *found)
{
    enum rc rc = store_segment_connect(seg, NULL);
    if (rc != RC_OK)
        return rc;
    struct db_stmt *st = db_prepare(
        seg->writer,
        "SELECT r.hashes, m.tail, m.created FROM remembered r JOIN message m ON m.k = r.k"
        " WHERE r.k = ?");
    db_bind_int(st, 1, k);
    if (!db_step(st, &rc))
        return rc;
    struct str hashes = db_borrow(st, 0);
    *found = hashes.len == REMEMBERED_BYTES && memcmp(hashes.ptr, p->key, KEY_BYTES) == 0;
    if (*found) {
        bool same_body = memcmp(hashes.ptr + KEY_BYTES, p->body_hash, sizeof p->body_hash) == 0;
        p->result = same_body ? STORE_REPLAYED : STORE_KEY_REUSED;
        p->first = store_id_of(k, db_borrow(st, 1));
        p->first_created_us = db_int(st, 2);
    }
    db_reset(st);
    return RC_OK;
}

static enum rc same_event(struct store_segment *seg, int64_t k, struct store_publish *p,
                          bool *found)
{
    enum rc rc = store_segment_connect(seg, NULL);
    if (rc != RC_OK)
        return rc;
    struct db_stmt *st = db_prepare(
        seg->writer, "SELECT tail, created FROM message WHERE k = ? AND app = ? AND event_id = ?");
    db_bind_int(st, 1, k);
    db_bind_int(st, 2, p->message->app);
    db_bind_text(st, 3, p->message->event_id);
    if (!db_step(st, &rc))
        return rc;
    *found = true;
    p->result = STORE_EVENT_ID_TAKEN;
    p->first = store_id_of(k, db_borrow(st, 0));
    p->first_created_us = db_int(st, 1);
    db_reset(st);
    return RC_OK;
}

typedef enum rc (*same_fn)(struct store_segment *seg, int64_t k, struct store_publish *p,
                           bool *found);

static enum rc look_in(struct store_files *s, struct store_segment *seg, uint64_t hash,
                       same_fn same, struct store_publish *p, int64_t not_before, bool *found)
{
    struct candidate_walk walk = { .hash = hash };
    int64_t k;
    enum rc rc = next_candidate(s, seg, &walk, &k);
    for (; rc == RC_OK && k != 0; rc = next_candidate(s, seg, &walk, &k)) {
        if (k < not_before)
            continue;
        rc = same(seg, k, p, found);
        if (rc != RC_OK || *found) {
            files_job(&p->job)->segment =
                seg; /* if its transaction fails, what was found may not be there */
            return rc;
        }
    }
    return rc;
}

static bool may_have(const struct store_segment *seg, uint64_t hash)
{
    size_t at = 0;
    return store_key_table_find(&seg->keys, hash, &at) != 0 ||
           (seg->key_file != NULL && store_key_file_may_have(seg->key_file, hash));
}

/* The newest segment older than that of index `end` that may know the hash and reaches into the
 * window; its index, or segment_count. Of a group that does not know it none is asked. */
static size_t next_segment(struct store_files *s, size_t end, uint64_t hash, int64_t not_before)
{
    size_t found = s->segment_count;
    const struct store_key_group *absent = NULL;
    mutex_lock(&s->keys_lock);
    for (size_t i = end; i-- > 0 && found == s->segment_count;) {
        const struct store_segment *seg = s->segments[i];
        const struct store_key_group *group = seg->key_group;
        if (group != NULL && group != absent && !store_key_group_may_have(group, hash))
            absent = group;
        if ((group == NULL || group != absent) && may_have(seg, hash))
            found = i;
        if (seg->start <= not_before)
            break;
    }
    mutex_unlock(&s->keys_lock);
    return found;
}

static enum rc remember_look(struct store_files *s, uint64_t hash, same_fn same,
                             struct store_publish *p, bool *found)
{
    enum rc rc = RC_OK;
    int64_t window_us = atomic_load_explicit(&s->base.idempotency_us, memory_order_relaxed);
    int64_t not_before = store_key_at(clock_wall_us(s->base.o.clock) - window_us);
    size_t i = next_segment(s, s->segment_count, hash, not_before);
    while (rc == RC_OK && !*found && i < s->segment_count) {
        rc = look_in(s, s->segments[i], hash, same, p, not_before, found);
        i = s->segments[i]->start <= not_before ? s->segment_count
                                                : next_segment(s, i, hash, not_before);
    }
    return rc;
}

enum rc store_remembered_check(struct store_files *s, struct store_publish *p)
{
    bool found = false;
    enum rc rc = RC_OK;
    p->result = STORE_CREATED;
    if (p->has_key)
        rc = remember_look(s, store_remembered_hash(p->key), same_key, p, &found);
    if (rc == RC_OK && !found && p->message->event_id.ptr != NULL)
        rc = remember_look(s, event_hash(s, p->message), same_event, p, &found);
    return rc;
}

/* --- writing ---------------------------------------------------------------------------------------- */

/* Those that follow others have neither key nor event id; of a request's events some may be known. */
static bool is_new_and_keyed(const struct store_publish *p)
{
    return p->result == STORE_CREATED && (p->has_key || p->message->event_id.ptr != NULL);
}

/* A key that is taken back stays in the group's filter, which may be wrong that way. */
static void add_late(struct store_files *s, struct store_segment *seg,
                     const struct store_publish *p)
{
    if (seg->key_group == NULL)
        return;
    if (p->has_key)
        store_key_group_add(seg->key_group, store_remembered_hash(p->key));
    if (p->message->event_id.ptr != NULL)
        store_key_group_add(seg->key_group, event_hash(s, p->message));
}

static void table_change(struct store_files *s, struct store_segment *seg,
                         const struct store_publish *p,
                         void (*change)(struct store_key_table *t, uint64_t hash, int64_t k))
{
    int64_t k = id_key(&p->message->id);
    if (!is_new_and_keyed(p))
        return;
    mutex_lock(&s->keys_lock);
    if (p->has_key)
        change(&seg->keys, store_remembered_hash(p->key), k);
    if (p->message->event_id.ptr != NULL)
        change(&seg->keys, event_hash(s, p->message), k);
    add_late(s, seg, p);
    mutex_unlock(&s->keys_lock);
}

static enum rc write_hashes(struct store_files *s, struct store_segment *seg,
                            const struct store_publish *p)
{
    uint8_t hashes[REMEMBERED_BYTES] = { 0 };
    if (!is_new_and_keyed(p))
        return RC_OK;
    if (p->has_key) {
        memcpy(hashes, p->key, KEY_BYTES);
        memcpy(hashes + KEY_BYTES, p->body_hash, sizeof p->body_hash);
    }
    if (p->message->event_id.ptr != NULL) {
        uint64_t hash = event_hash(s, p->message);
        memcpy(hashes + EVENT_AT, &hash, sizeof hash);
    }
    struct db_stmt *st = db_prepare(seg->writer, "INSERT INTO remembered(k, hashes) VALUES(?, ?)");
    db_bind_int(st, 1, id_key(&p->message->id));
    db_bind_blob(st, 2, str_of((const char *)hashes, sizeof hashes));
    return db_run(st);
}

enum rc store_remember(struct store_files *s, struct store_segment *seg,
                       const struct store_publish *p)
{
    enum rc rc = write_hashes(s, seg, p);
    for (size_t i = 0; rc == RC_OK && i < p->also_count; i++)
        rc = write_hashes(s, seg, p->also[i]);
    if (rc != RC_OK)
        return rc;
    table_change(s, seg, p, store_key_table_add);
    for (size_t i = 0; i < p->also_count; i++)
        table_change(s, seg, p->also[i], store_key_table_add);
    return RC_OK;
}

void store_forget(struct store_files *s, struct store_segment *seg, const struct store_publish *p)
{
    table_change(s, seg, p, store_key_table_remove);
    for (size_t i = 0; i < p->also_count; i++)
        table_change(s, seg, p->also[i], store_key_table_remove);
}

/* --- loading and sealing ----------------------------------------------------------------------------- */

static bool any_bit(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return true;
    }
    return false;
}

struct key_list {
    struct store_key *at;
    size_t count, room;
};

static void add_key(struct key_list *list, uint64_t hash, int64_t k)
{
    MUST(list->count < list->room);
    list->at[list->count++] = (struct store_key){ hash, k };
}

static void add_row(struct key_list *list, int64_t k, struct str hashes)
{
    uint64_t hash;
    if (hashes.len != REMEMBERED_BYTES)
        return;
    if (any_bit(hashes.ptr, EVENT_AT)) {
        memcpy(&hash, hashes.ptr, sizeof hash);
        add_key(list, hash ^ key_kind, k);
    }
    memcpy(&hash, hashes.ptr + EVENT_AT, sizeof hash);
    if (hash != 0)
        add_key(list, hash, k);
}

/* In a read transaction, or where nobody else writes: rows are counted first. */
static enum rc read_rows(struct db *db, struct key_list *list)
{
    enum rc rc;
    struct db_stmt *st = db_prepare(db, "SELECT count(*) FROM remembered");
    if (!db_step(st, &rc))
        return rc;
    list->room = 2 * (size_t)db_int(st, 0);
    list->at = store_keys_new(list->room);
    db_reset(st);
    st = db_prepare(db, "SELECT k, hashes FROM remembered ORDER BY k");
    while (db_step(st, &rc))
        add_row(list, db_int(st, 0), db_borrow(st, 1));
    return rc;
}

/* Keys that came to a sealed segment after its file was made are in its rows only: the count tells. */
static enum rc file_is_current(struct store_segment *seg, bool *is_current)
{
    enum rc rc;
    int64_t rows = 0;
    struct db_stmt *st = db_prepare(
        seg->writer,
        "SELECT coalesce(sum((substr(hashes, 1, 32) <> zeroblob(32)) + (substr(hashes, 33) <> zeroblob(8))), 0)"
        " FROM remembered");
    if (db_step(st, &rc)) {
        rows = db_int(st, 0);
        db_reset(st);
    }
    *is_current = rc == RC_OK && rows == (int64_t)store_key_file_count(seg->key_file);
    return rc;
}

/* Nobody asks for its keys any more. */
static bool is_past(const struct store_segment *seg)
{
    const struct store_files *s = seg->store;
    int64_t window_us = atomic_load_explicit(&s->base.idempotency_us, memory_order_relaxed);
    return store_key_time_us(store_segment_newest_key(seg)) <
           clock_wall_us(s->base.o.clock) - window_us;
}

enum rc store_remembered_load(struct store_segment *seg, bool is_newest)
{
    bool is_current = false;
    enum rc rc = is_newest ? RC_NOT_FOUND : store_key_file_open(seg->keys_path, &seg->key_file);
    if (rc == RC_CORRUPT || rc == RC_IO)
        LOG(STORE_KEYS_REBUILT, F_TEXT("file", seg->keys_path));
    if (rc == RC_OK) {
        rc = file_is_current(seg, &is_current);
        if (rc == RC_OK && is_current && is_past(seg))
            store_key_file_rest(seg->key_file);
        if (rc != RC_OK || is_current)
            return rc;
        store_key_file_close(seg->key_file);
        seg->key_file = NULL;
    }
    struct key_list rows = { 0 };
    rc = read_rows(seg->writer, &rows);
    for (size_t i = 0; i < rows.count; i++) /* the keeper makes the file */
        store_key_table_add(&seg->keys, rows.at[i].hash, rows.at[i].k);
    store_keys_free(rows.at, rows.room);
    return rc;
}

/* The store thread may still add keys (messages whose id was made before the segment was sealed):
 * then the file is not complete and this is tried again at the next round. */
void store_remembered_seal(struct store_segment *seg)
{
    struct store_files *s = seg->store;
    struct store_reader *reader;
    struct key_list rows = { 0 };
    struct store_key_file *file = NULL;
    if (store_reader_get(seg, &reader) != RC_OK)
        return;
    enum rc rc = read_rows(reader->db, &rows);
    store_reader_put(s, reader);
    if (rc == RC_OK)
        rc = store_key_file_write(seg->keys_path, rows.at, rows.count, s->base.o.no_sync);
    store_keys_free(rows.at, rows.room);
    if (rc == RC_OK)
        rc = store_key_file_open(seg->keys_path, &file);
    if (rc != RC_OK)
        return;
    mutex_lock(&s->keys_lock);
    bool is_complete = seg->keys.count == rows.count && seg->key_file == NULL;
    if (is_complete) {
        seg->key_file = file;
        store_key_table_fini(&seg->keys);
    }
    mutex_unlock(&s->keys_lock);
    if (!is_complete)
        store_key_file_close(file);
}

/* --- groups ------------------------------------------------------------------------------------------- */

static void add_table(struct store_key_group *g, const struct store_key_table *t)
{
    for (size_t i = 0; i < t->size; i++)
        if (t->slots[i].k != 0)
            store_key_group_add(g, t->slots[i].hash);
}

/* A sealed segment's file never changes; keys that come late are in its table. */
void store_remembered_group(struct store_files *s, struct store_segment *const *segments,
                            size_t count)
{
    size_t keys = 0;
    for (size_t i = 0; i < count; i++)
        keys += store_key_file_count(segments[i]->key_file);
    struct store_key_group *g = store_key_group_new(keys);
    for (size_t i = 0; i < count; i++) {
        store_key_group_add_file(g, segments[i]->key_file);
        activity_moved();
    }
    mutex_lock(&s->keys_lock);
    for (size_t i = 0; i < count; i++) {
        add_table(g, &segments[i]->keys);
        segments[i]->key_group = store_key_group_ref(g);
        store_key_file_rest(segments[i]->key_file);
    }
    mutex_unlock(&s->keys_lock);
    store_key_group_unref(g);
}
