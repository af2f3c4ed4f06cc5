/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions on the configuration: one writer at a time, a few readers, all handed out under one lock.
 * Waiting happens here and not in the database, so that a waiting writer has a fair deadline. Writers of
 * other nodes are waited for in PostgreSQL, by a lock that the transaction begins with.
 */
#include "store/config_priv.h"

#include "store/audit_priv.h"
#include "store/migrations_priv.h"

static struct store_tx *free_reader(struct store_config *c)
{
    for (size_t i = 0; i < CONFIG_READERS; i++) {
        if (!c->readers[i].is_busy)
            return &c->readers[i];
    }
    return NULL;
}

void store_config_give_back(struct store_tx *tx)
{
    struct store_config *c = tx->config;
    if (tx->db != NULL && db_is_stale(tx->db)) {
        db_close(tx->db);
        tx->db = NULL;
    }
    mutex_lock(&c->lock);
    tx->is_busy = false;
    cond_broadcast(&c->freed);
    mutex_unlock(&c->lock);
}

static enum rc tx_begin(struct store_tx *tx)
{
    enum rc rc = store_config_connect(tx, NULL);
    if (rc == RC_OK)
        rc = db_begin(tx->db, tx->is_write);
    if (rc == RC_OK && tx->is_write && db_is_postgres(tx->db)) {
        rc = db_exec(tx->db, STORE_CONFIG_LOCK);
        if (rc != RC_OK)
            db_rollback(tx->db);
    }
    return rc;
}

/* Not on loops: everything here may wait for a disk. A connection that has been lost while nobody used it says so at
 * the first word, and nothing has been done then: another one is made. */
static enum rc tx_start(struct store_tx *tx, struct store_tx **out)
{
    bool was_there = tx->db != NULL;
    if (tx->is_write) {
        tx->config->notes.count = 0;
        tx->config->audit_must = false;
        tx->config->is_unaudited = tx->config->is_untold = false;
        store_audited_clear(&tx->config->audited);
    }
    enum rc rc = tx_begin(tx);
    if (rc != RC_OK && was_there && db_is_postgres(tx->db) && db_is_stale(tx->db)) {
        db_close(tx->db);
        tx->db = NULL;
        rc = tx_begin(tx);
    }
    if (rc != RC_OK) {
        store_config_give_back(tx);
        return rc;
    }
    *out = tx;
    return RC_OK;
}

enum rc store_read_config(struct store_config *c, struct store_tx **out)
{
    MUST(thread_kind() != THREAD_LOOP);
    mutex_lock(&c->lock);
    struct store_tx *tx = free_reader(c);
    while (tx == NULL) {
        cond_wait(&c->freed, &c->lock);
        tx = free_reader(c);
    }
    tx->is_busy = true;
    mutex_unlock(&c->lock);
    return tx_start(tx, out);
}

enum rc store_write_config(struct store_config *c, struct store_tx **out)
{
    int64_t until_us = clock_mono_us(clock_system()) + CONFIG_WRITE_WAIT_US;
    MUST(thread_kind() != THREAD_LOOP);
    mutex_lock(&c->lock);
    while (c->writer.is_busy) {
        if (!cond_wait_until(&c->freed, &c->lock, until_us) && c->writer.is_busy) {
            mutex_unlock(&c->lock);
            return RC_BUSY;
        }
    }
    c->writer.is_busy = true;
    mutex_unlock(&c->lock);
    return tx_start(&c->writer, out);
}

/* What is to be audited goes with it or it does not happen. */
static enum rc commit_audited(struct store_tx *tx)
{
    if (tx->is_write && tx->config->time != NULL) {
        enum rc rc = store_audit_flush(tx);
        if (rc != RC_OK) {
            db_rollback(tx->db);
            return rc;
        }
    }
    return db_commit(tx->db);
}

/* Listeners read, and the next may write meanwhile: the notes are told from a copy. A commit that a server has not
 * answered may have been made: what is in memory has to be looked at again, as if it were. */
enum rc store_commit(struct store_tx *tx)
{
    struct store_config *c = tx->config;
    struct store_notes notes;
    notes.count = tx->is_write && !c->is_untold ? c->notes.count : 0;
    memcpy(notes.list, c->notes.list, notes.count * sizeof(notes.list[0]));
    enum rc rc = commit_audited(tx);
    bool is_told = rc == RC_OK || (db_is_postgres(tx->db) && db_is_stale(tx->db));
    store_config_give_back(tx);
    for (size_t i = 0; is_told && notes.count > 0 && i < c->listener_count; i++)
        c->listeners[i].fn(c->listeners[i].ctx, notes.list, notes.count);
    return rc;
}

void store_end(struct store_tx *tx)
{
    if (tx == NULL)
        return;
    db_rollback(tx->db);
    store_config_give_back(tx);
}

enum rc store_finish(struct store_tx *tx, enum rc rc)
{
    if (rc == RC_OK)
        return store_commit(tx);
    store_end(tx);
    return rc;
}

/* --- rows ------------------------------------------------------------------------------------------ */

enum rc store_row_one(struct db_stmt *s, store_row_fn read, struct arena *a, void *out)
{
    enum rc rc;
    if (!db_step(s, &rc))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    read(s, a, out);
    db_reset(s);
    return RC_OK;
}

enum rc store_row_all(struct db_stmt *s, store_row_fn read, size_t size, struct arena *a,
                      void **out, size_t *count)
{
    enum rc rc;
    size_t room = 16;
    char *rows = arena_array(a, room, size);
    *count = 0;
    while (db_step(s, &rc)) {
        if (*count == room) {
            char *more = arena_array(a, room * 2, size);
            memcpy(more, rows, room * size);
            rows = more;
            room *= 2;
        }
        read(s, a, rows + (*count)++ * size);
    }
    *out = rows;
    return rc;
}

enum rc store_row_insert(struct db_stmt *s, int64_t *num)
{
    enum rc rc;
    if (!db_step(s, &rc))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    *num = db_int(s, 0);
    db_reset(s);
    return RC_OK;
}

enum rc store_row_change(struct db *db, struct db_stmt *s)
{
    enum rc rc = db_run(s);
    return rc == RC_OK && db_changes(db) == 0 ? RC_NOT_FOUND : rc;
}

/* --- pages ----------------------------------------------------------------------------------------- */

bool store_page_ascending(const struct store_page *page)
{
    return page->descending == page->backwards;
}

/* '~' sorts after everything ids and names are made of. */
struct str store_page_bound(const struct store_page *page)
{
    if (page->after.len > 0)
        return page->after;
    return store_page_ascending(page) ? STR("") : STR("~");
}

int64_t store_page_max(const struct store_page *page)
{
    return page->limit + 1;
}

/* Not lower() of a parameter: in PostgreSQL that goes by the database's language, while columns go by bytes. */
struct str store_text_lower(struct arena *a, struct str text)
{
    char *out = arena_alloc(a, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        out[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + ('a' - 'A')
                                                                 : text.ptr[i]);
    return str_of(out, text.len);
}

void store_page_reverse(void *rows, size_t count, size_t size)
{
    char *base = rows;
    for (size_t i = 0; i < count / 2; i++) {
        char *left = base + i * size, *right = base + (count - 1 - i) * size;
        for (size_t b = 0; b < size; b++) {
            char kept = left[b];
            left[b] = right[b];
            right[b] = kept;
        }
    }
}

enum rc store_page_rows(struct db_stmt *s, store_row_fn read, size_t size,
                        const struct store_page *page, struct arena *a, void *out,
                        struct store_page_end *end)
{
    enum rc rc;
    *end = (struct store_page_end){ .count = 0, .done = true };
    while (db_step(s, &rc)) {
        if (end->count == (size_t)page->limit) {
            end->done = false;
            db_reset(s);
            break;
        }
        read(s, a, (char *)out + end->count++ * size);
    }
    if (page->backwards)
        store_page_reverse(out, end->count, size);
    return rc;
}

/* --- settings and answers --------------------------------------------------------------------------- */

static void config_read_text(struct db_stmt *s, struct arena *a, void *row)
{
    *(struct str *)row = db_text(s, 0, a);
}

enum rc store_setting_get(struct store_tx *tx, const char *name, struct arena *a, struct str *out)
{
    struct db_stmt *s = db_prepare(tx->db, "SELECT value FROM setting WHERE name = ?");
    db_bind_text(s, 1, str_from(name));
    return store_row_one(s, config_read_text, a, out);
}

enum rc store_setting_set(struct store_tx *tx, const char *name, struct str value)
{
    struct db_stmt *s =
        db_prepare(tx->db, "INSERT INTO setting(name, value) VALUES(?, ?)"
                           " ON CONFLICT(name) DO UPDATE SET value = excluded.value");
    db_bind_text(s, 1, str_from(name));
    db_bind_blob(s, 2, value);
    return db_run(s);
}

static void config_read_answer(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_answer *answer = row;
    struct str hash = db_borrow(s, 2);
    answer->status = (int)db_int(s, 0);
    answer->body = db_text(s, 1, a);
    memset(answer->body_hash, 0, sizeof answer->body_hash);
    memcpy(answer->body_hash, hash.ptr,
           hash.len < sizeof answer->body_hash ? hash.len : sizeof answer->body_hash);
}

enum rc store_answer_find(struct store_tx *tx, const uint8_t key[static 16], int64_t not_before_us,
                          struct arena *a, struct store_answer *out)
{
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT status, body, body_hash FROM answer WHERE key = ? AND at >= ?");
    db_bind_blob(s, 1, str_of((const char *)key, 16));
    db_bind_int(s, 2, not_before_us);
    return store_row_one(s, config_read_answer, a, out);
}

/* Forgets what is past the window on the way, so that the table holds one window's worth. */
enum rc store_answer_put(struct store_tx *tx, const uint8_t key[static 16], int64_t now_us,
                         const struct store_answer *answer)
{
    struct db_stmt *s = db_prepare(tx->db, "DELETE FROM answer WHERE at < ?");
    db_bind_int(s, 1, now_us - atomic_load(&tx->config->idempotency_us));
    enum rc rc = db_run(s);
    if (rc != RC_OK)
        return rc;
    s = db_prepare(
        tx->db, "INSERT INTO answer(key, at, status, body, body_hash, org) VALUES(?, ?, ?, ?, ?, ?)"
                " ON CONFLICT(key) DO UPDATE SET at = excluded.at, status = excluded.status,"
                " body = excluded.body, body_hash = excluded.body_hash, org = excluded.org");
    db_bind_blob(s, 1, str_of((const char *)key, 16));
    db_bind_int(s, 2, now_us);
    db_bind_int(s, 3, answer->status);
    db_bind_blob(s, 4, answer->body);
    db_bind_blob(s, 5, str_of((const char *)answer->body_hash, sizeof answer->body_hash));
    db_bind_int(s, 6, answer->org);
    return db_run(s);
}
