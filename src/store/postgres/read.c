/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/read_priv.h.
 */
#include "store/postgres/read_priv.h"

#include "store/postgres/readers_priv.h"
#include "store/postgres/segments_priv.h"
#include "store/rows_priv.h"

#include <inttypes.h>
#include <string.h>

enum { NUMBER_TEXT = 21 }; /* the longest, and a comma */

/* Connections of the pool are lost together, when the server restarts: each call that meets one of them throws it away. */
static const int64_t again_us = 5000000;

static enum rc read_once(struct store_postgres *s, postgres_read_fn *fn, void *ctx, bool *is_lost)
{
    struct db *db;
    enum rc rc = store_postgres_reader_get(s, &db);
    *is_lost = false;
    if (rc != RC_OK)
        return rc;
    rc = db_begin(db, false);
    if (rc == RC_OK) {
        rc = fn(ctx, db);
        db_rollback(db);
    }
    *is_lost = rc == RC_IO && db_is_stale(db);
    store_postgres_reader_put(s, db);
    return rc;
}

enum rc store_postgres_read(struct store_postgres *s, postgres_read_fn *fn, void *ctx)
{
    bool is_lost = true;
    enum rc rc = RC_IO;
    MUST(thread_kind() != THREAD_LOOP);
    int64_t until_us = clock_mono_us(clock_system()) + again_us;
    for (size_t i = 0; is_lost && i <= s->reader_count; i++) {
        if (i > 0 && clock_mono_us(clock_system()) > until_us)
            break;
        rc = read_once(s, fn, ctx, &is_lost);
    }
    return rc;
}

struct db_stmt *store_postgres_prepare_number(struct db *db, int number, const char *sql)
{
    struct buf text;
    size_t len = strlen(sql), places = 0;
    for (const char *at = sql; (at = strchr(at, '#')) != NULL; at++)
        places++;
    buf_init(&text, len + places * NUMBER_TEXT + 1);
    for (const char *end; (end = strchr(sql, '#')) != NULL; sql = end + 1)
        buf_say(&text, "%.*s%d", (int)(end - sql), sql, number);
    buf_say(&text, "%s", sql);
    struct db_stmt *s = db_prepare_once(db, text.ptr);
    buf_fini(&text);
    return s;
}

struct db_stmt *store_postgres_prepare(struct db *db, const struct postgres_segment *seg,
                                       const char *sql)
{
    return store_postgres_prepare_number(db, seg->n, sql);
}

enum rc store_postgres_read_cursor(struct db *db, int64_t *k)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, "SELECT coalesce(min(cursor_k), 0) FROM node_beat"
                                       " WHERE lease_until > clock_timestamp()");
    *k = 0;
    if (db_step(s, &rc)) {
        *k = db_int(s, 0);
        db_reset(s);
    }
    return rc;
}

static struct str read_list_text(const int64_t *first, size_t count, size_t stride, struct arena *a)
{
    char *text = arena_alloc(a, count * NUMBER_TEXT + 3);
    size_t len = 0;
    text[len++] = '{';
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, NUMBER_TEXT + 1, "%s%" PRId64, i == 0 ? "" : ",",
                                first[i * stride]);
    text[len++] = '}';
    return str_of(text, len);
}

struct str store_postgres_list(const int64_t *numbers, size_t count, struct arena *a)
{
    return read_list_text(numbers, count, 1, a);
}

void store_postgres_bind_keys(struct db_stmt *s, const struct postgres_key *keys, size_t count,
                              struct arena *a)
{
    enum { STRIDE = sizeof(*keys) / sizeof(keys->k) };
    db_bind_text(s, 1, read_list_text(&keys->k, count, STRIDE, a));
    db_bind_text(s, 2, read_list_text(&keys->of, count, STRIDE, a));
}

/* --- a row by its id --------------------------------------------------------------------------------------- */

enum rc store_postgres_read_by_id(struct store_postgres *s, const struct id *id,
                                  postgres_read_fn *fn, struct postgres_by_id *read)
{
    read->store = s;
    read->id = *id;
    read->segment = store_postgres_segment_of(s, id_key(id));
    if (read->segment == NULL)
        return RC_NOT_FOUND;
    enum rc rc = store_postgres_read(s, fn, read);
    store_postgres_segment_unref(read->segment);
    return rc;
}

struct db_stmt *store_postgres_prepare_by_id(struct db *db, const struct postgres_by_id *read,
                                             const char *sql)
{
    struct db_stmt *s = store_postgres_prepare(db, read->segment, sql);
    db_bind_int(s, 1, id_key(&read->id));
    db_bind_blob(s, 2, store_id_tail(&read->id));
    return s;
}
