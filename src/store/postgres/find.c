/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of which only the id is known, or a key that was remembered with them. An id's time names the segment; only an
 * attempt lies in its message's segment, which may be any that began before.
 */
#include "store/postgres/find_priv.h"

#include "store/postgres/read_priv.h"
#include "store/postgres/segments_priv.h"
#include "store/rows_priv.h"

#include <stdio.h>

/* --- by id alone ---------------------------------------------------------------------------------------------- */

/* ?1 key, ?2 the rest of the id. Columns for store_read_flowing(). */
#define NO_MESSAGE ", NULL, NULL, 0"
static const char *const by_key[] = {
    [STORE_FLOW_MESSAGE] = "SELECT app, 0, created, 0, event_type, event_id" NO_MESSAGE
                           " FROM message_# WHERE k = ?1 AND tail = ?2",
    [STORE_FLOW_REQUEST] =
        "SELECT * FROM (SELECT app, source, at, status, coalesce(event_type, reason, ''), dedupe_id" NO_MESSAGE
        " FROM request_# WHERE k = ?1 AND tail = ?2 UNION ALL"
        " SELECT app, source, received, status, coalesce(request_type, ''), dedupe_id" NO_MESSAGE
        " FROM message_# WHERE k = ?1 AND tail = ?2 AND source IS NOT NULL) r LIMIT 1",
    [STORE_FLOW_RUN] = "SELECT app, 0, started, CAST(halted AS INT), event, NULL" NO_MESSAGE
                       " FROM filter_run_# WHERE k = ?1 AND tail = ?2",
    [STORE_FLOW_ATTEMPT] =
        "SELECT m.app, 0, a.started, a.http_status, m.event_type, NULL, m.k, m.tail, a.endpoint"
        " FROM (SELECT * FROM attempt_# t WHERE (t.ak >> 44) = ?1 >> 44 AND t.ak = ?1 AND t.tail = ?2"
        " AND t.number > 0 LIMIT 1) a"
        " CROSS JOIN LATERAL (SELECT * FROM message_# t WHERE t.k = a.msg LIMIT 1) m",
};

struct flowing_read {
    struct postgres_by_id base;
    struct arena *arena;
    struct store_flowing_row *out;
    bool *is_complete;
};

static enum rc find_in_segment(void *ctx, struct db *db)
{
    enum rc rc;
    const struct flowing_read *r = ctx;
    struct db_stmt *s = store_postgres_prepare_by_id(db, &r->base, by_key[r->out->kind]);
    if (db_step(s, &rc))
        store_read_flowing(s, r->arena, r->out);
    else if (rc == RC_OK)
        rc = RC_NOT_FOUND;
    db_release(s);
    return rc;
}

static enum rc find_attempt_anywhere(void *ctx, struct db *db)
{
    struct flowing_read *r = ctx;
    enum rc rc = RC_NOT_FOUND;
    size_t looked = 0;
    struct postgres_segments list = store_postgres_segments_get(r->base.store);
    for (size_t i = list.count; rc == RC_NOT_FOUND && i-- > 0;) {
        if (list.at[i]->first_k > id_key(&r->base.id))
            continue;
        if (looked++ == STORE_FIND_SEGMENTS) {
            *r->is_complete = false;
            break;
        }
        r->base.segment = list.at[i];
        rc = find_in_segment(r, db);
    }
    store_postgres_segments_free(&list);
    return rc;
}

enum rc store_postgres_find_flowing(struct store *store, enum store_flowing kind,
                                    const struct id *id, struct arena *a,
                                    struct store_flowing_row *out, bool *is_complete)
{
    struct store_postgres *s = store_postgres_of(store);
    struct flowing_read r = {
        .base = { .store = s, .id = *id }, .arena = a, .out = out, .is_complete = is_complete
    };
    *out = (struct store_flowing_row){ .kind = kind, .id = *id };
    if (kind == STORE_FLOW_ATTEMPT)
        return store_postgres_read(s, find_attempt_anywhere, &r);
    return store_postgres_read_by_id(s, id, find_in_segment, &r.base);
}

/* --- by what was remembered ------------------------------------------------------------------------------- */

struct words_read {
    struct store_postgres *store;
    const struct store_find_keys *find;
    struct arena *arena;
    struct store_flowing_row *out;
    size_t first, count, max; /* rows before, and with those found */
    bool is_complete;
};

static bool find_is_late(struct words_read *w)
{
    bool is_late = clock_mono_us(w->store->base.o.clock) > w->find->until_us;
    w->is_complete = w->is_complete && !is_late;
    return is_late;
}

/* A statement at: key, tail, app, created, event type, event id. */
static void find_read_message(struct words_read *w, struct db_stmt *s)
{
    w->out[w->count++] =
        (struct store_flowing_row){ .kind = STORE_FLOW_MESSAGE,
                                    .id = store_id_of(db_int(s, 0), db_borrow(s, 1)),
                                    .app = db_int(s, 2),
                                    .at_us = db_int(s, 3),
                                    .title = db_text(s, 4, w->arena),
                                    .event_id = db_text(s, 5, w->arena) };
}

static struct str find_apps(const struct words_read *w)
{
    const struct store_find_keys *f = w->find;
    int64_t *apps = arena_array(w->arena, f->key_count + 1, sizeof(*apps));
    for (size_t i = 0; i < f->key_count; i++)
        apps[i] = f->keys[i].app;
    return store_postgres_list(apps, f->key_count, w->arena);
}

static enum rc find_event_in_segment(struct words_read *w, struct db *db,
                                     const struct postgres_segment *seg, struct str apps)
{
    enum rc rc;
    struct db_stmt *s = store_postgres_prepare(
        db, seg,
        "SELECT m.k, m.tail, m.app, m.created, m.event_type, m.event_id FROM unnest(" POSTGRES_LIST(
            "?1") ") AS a(app)"
                  " CROSS JOIN LATERAL (SELECT * FROM message_# t WHERE t.app = a.app AND t.event_id = ?2"
                  " ORDER BY t.k DESC LIMIT ?3) m ORDER BY m.k DESC LIMIT ?3");
    db_bind_text(s, 1, apps);
    db_bind_blob(s, 2, w->find->event_id);
    db_bind_int(s, 3, (int64_t)(w->max - w->count));
    while (db_step(s, &rc))
        find_read_message(w, s);
    db_release(s);
    return rc;
}

static enum rc find_by_event_id(void *ctx, struct db *db)
{
    struct words_read *w = ctx;
    enum rc rc = RC_OK;
    struct str apps = find_apps(w);
    struct postgres_segments list = store_postgres_segments_get(w->store);
    w->count = w->first;
    w->is_complete = true;
    for (size_t i = list.count; rc == RC_OK && w->count < w->max && i-- > 0 && !find_is_late(w);)
        rc = find_event_in_segment(w, db, list.at[i], apps);
    store_postgres_segments_free(&list);
    return rc;
}

/* --- by idempotency key: as long as keys are remembered ---------------------------------------------------- */

static struct str find_key_list(const struct words_read *w)
{
    enum { HEX = 2 * sizeof(w->find->keys->key) + 1 };
    const struct store_find_keys *f = w->find;
    char *text = arena_alloc(w->arena, f->key_count * HEX + 3);
    size_t len = 0;
    for (size_t i = 0; i < f->key_count; i++) {
        text[len++] = i == 0 ? '{' : ',';
        for (size_t j = 0; j < sizeof(f->keys[i].key); j++, len += 2)
            (void)snprintf(text + len, 3, "%02x", f->keys[i].key[j]);
    }
    if (f->key_count == 0)
        text[len++] = '{';
    text[len++] = '}';
    return str_of(text, len);
}

static int64_t find_app_of_key(const struct store_find_keys *f, struct str key)
{
    for (size_t i = 0; i < f->key_count; i++)
        if (key.len == sizeof(f->keys[i].key) && memcmp(f->keys[i].key, key.ptr, key.len) == 0)
            return f->keys[i].app;
    return 0;
}

static enum rc find_remembered(struct words_read *w, struct db *db, int64_t k, int64_t app)
{
    enum rc rc = RC_OK;
    struct postgres_segment *seg = store_postgres_segment_of(w->store, k);
    if (seg == NULL)
        return RC_OK;
    struct db_stmt *s = store_postgres_prepare(
        db, seg,
        "SELECT k, tail, app, created, event_type, event_id FROM message_# WHERE k = ? AND app = ?");
    db_bind_int(s, 1, k);
    db_bind_int(s, 2, app);
    if (db_step(s, &rc))
        find_read_message(w, s);
    db_release(s);
    store_postgres_segment_unref(seg);
    return rc;
}

static enum rc find_in_bucket(struct words_read *w, struct db *db, int bucket, struct str keys)
{
    enum rc rc, rc_one = RC_OK;
    struct db_stmt *s = store_postgres_prepare_number(
        db, bucket,
        "SELECT key, k FROM remembered_#"
        " WHERE key = ANY(CAST(CAST(? AS TEXT) AS UUID[])) ORDER BY k DESC LIMIT ?");
    db_bind_text(s, 1, keys);
    db_bind_int(s, 2, (int64_t)(w->max - w->count));
    while (rc_one == RC_OK && w->count < w->max && db_step(s, &rc))
        rc_one = find_remembered(w, db, db_int(s, 1), find_app_of_key(w->find, db_borrow(s, 0)));
    db_release(s);
    return rc_one != RC_OK ? rc_one : w->count < w->max ? rc : RC_OK;
}

static enum rc find_bucket(struct db *db, int *out)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, "SELECT key_bucket FROM cluster");
    if (!db_step(s, &rc))
        return rc == RC_OK ? RC_CORRUPT : rc;
    *out = (int)db_int(s, 0);
    db_reset(s);
    return RC_OK;
}

static enum rc find_by_key(void *ctx, struct db *db)
{
    struct words_read *w = ctx;
    int bucket = 0;
    struct str keys = find_key_list(w);
    enum rc rc = find_bucket(db, &bucket);
    w->count = w->first;
    w->is_complete = true;
    for (int i = 0; i < 2 && rc == RC_OK && w->count < w->max && !find_is_late(w); i++)
        rc = find_in_bucket(w, db, bucket - i, keys);
    return rc;
}

enum rc store_postgres_find_messages(struct store *store, const struct store_find_keys *f,
                                     struct arena *a, struct store_flowing_row *out, size_t max,
                                     size_t *count, bool *is_complete)
{
    struct words_read w = { .store = store_postgres_of(store),
                            .find = f,
                            .arena = a,
                            .out = out,
                            .first = *count,
                            .count = *count,
                            .max = max };
    postgres_read_fn *fn = f->event_id.ptr != NULL ? find_by_event_id : find_by_key;
    enum rc rc = store_postgres_read(w.store, fn, &w);
    if (rc == RC_NOT_FOUND) /* the older table of keys was dropped that moment */
        rc = store_postgres_read(w.store, fn, &w);
    *count = w.count;
    *is_complete = *is_complete && w.is_complete;
    return rc;
}
