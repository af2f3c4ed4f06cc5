/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/copy/keys_priv.h.
 */
#include "store/copy/keys_priv.h"

#include "store/files/keys_priv.h"
#include "store/files/remember_priv.h"
#include "store/key_time_priv.h"
#include "store/postgres/event_key_priv.h"

#include <inttypes.h>
#include <stdio.h>

enum { KEY_BYTES = 16, EVENT_AT = 2 * KEY_BYTES, SQL_MAX = 1024 };

static const uint8_t no_bytes[KEY_BYTES] = { 0 };

struct str store_copy_seed(struct str value, size_t wanted,
                           uint8_t room[static COPY_SERVER_SEED_BYTES])
{
    static const uint64_t key[2] = { 1, 2 };
    if (value.len == wanted || value.len < COPY_FILE_SEED_BYTES)
        return value;
    uint64_t second = str_siphash(key, str_sub(value, 0, COPY_FILE_SEED_BYTES));
    memcpy(room, value.ptr, COPY_FILE_SEED_BYTES);
    memcpy(room + COPY_FILE_SEED_BYTES, &second, sizeof second);
    return str_of((const char *)room, wanted);
}

static enum rc take_seed(void *ctx, struct copy_row *row)
{
    uint8_t room[COPY_SERVER_SEED_BYTES] = { 0 };
    struct str seed = store_copy_seed(row->at[0].bytes, COPY_SERVER_SEED_BYTES, room);
    memcpy(ctx, seed.ptr, seed.len < COPY_SERVER_SEED_BYTES ? seed.len : COPY_SERVER_SEED_BYTES);
    return RC_OK;
}

/* The server's; what is configured is there before segments are copied. */
static enum rc read_seed(struct copy_server *s, uint64_t seed[static 2])
{
    struct copy_side side = store_copy_server_side(s);
    seed[0] = seed[1] = 0;
    return store_copy_each(&side, "SELECT value FROM setting WHERE name = '" COPY_SEED_SETTING "'",
                           "b", take_seed, seed);
}

/* --- to the server ------------------------------------------------------------------------------------ */

struct sending {
    struct copy_sink sink;
    uint64_t seed[2];
};

static enum rc put_key(struct sending *s, const void *key, int64_t k, const void *body_hash)
{
    struct copy_row row = { .count = 3 };
    row.at[0].bytes = str_of(key, KEY_BYTES);
    row.at[1].number = k;
    row.at[2].bytes = str_of(body_hash, KEY_BYTES);
    return store_copy_sink_put(&s->sink, &row);
}

/* k, hashes or NULL, app, event id or NULL */
static enum rc send_keys(void *ctx, struct copy_row *row)
{
    struct sending *s = ctx;
    uint8_t key[KEY_BYTES];
    int64_t k = row->at[0].number;
    struct str hashes = row->at[1].bytes;
    enum rc rc = RC_OK;
    bool has_key = hashes.len == REMEMBERED_BYTES && memcmp(hashes.ptr, no_bytes, KEY_BYTES) != 0;
    if (has_key)
        rc = put_key(s, hashes.ptr, k, hashes.ptr + KEY_BYTES);
    if (rc != RC_OK || row->at[3].is_null)
        return rc;
    store_postgres_event_hash(s->seed, row->at[2].number, row->at[3].bytes, key);
    return put_key(s, key, k, no_bytes);
}

enum rc store_copy_keys_to_server(struct copy_server *to, const struct copy_side *file,
                                  int64_t *count)
{
    char table[32], sql[SQL_MAX];
    struct copy_side side = store_copy_server_side(to);
    struct sending s = { 0 };
    int64_t from_k = store_key_at(clock_wall_us(to->o->clock) - to->o->idempotency_us);
    enum rc rc = read_seed(to, s.seed);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(table, sizeof table, "remembered_%" PRId64, to->key_bucket);
    (void)snprintf(
        sql, sizeof sql,
        "SELECT m.k, r.hashes, m.app, m.event_id FROM message m LEFT JOIN remembered r ON r.k = m.k"
        " WHERE m.k >= %" PRId64
        " AND (r.k IS NOT NULL OR m.event_id IS NOT NULL) ORDER BY m.k DESC",
        from_k);
    store_copy_sink_init(&s.sink, &side, table, "key, k, body_hash", "ulu");
    rc = store_copy_each(file, sql, "lblb", send_keys, &s);
    if (rc == RC_OK)
        rc = store_copy_sink_end(&s.sink);
    *count += s.sink.count;
    store_copy_sink_fini(&s.sink);
    return rc;
}

/* --- to a file ---------------------------------------------------------------------------------------- */

struct taking {
    struct copy_sink sink;
    uint64_t seed[2];
    int64_t k; /* of the message that rows are gathered of; 0: none */
    uint8_t hashes[REMEMBERED_BYTES];
    int64_t *count;
};

static enum rc put_taken(struct taking *t)
{
    struct copy_row row = { .count = 2 };
    if (t->k == 0)
        return RC_OK;
    row.at[0].number = t->k;
    row.at[1].bytes = str_of((const char *)t->hashes, sizeof t->hashes);
    *t->count += (memcmp(t->hashes, no_bytes, KEY_BYTES) != 0) +
                 (memcmp(t->hashes + EVENT_AT, no_bytes, sizeof(uint64_t)) != 0);
    return store_copy_sink_put(&t->sink, &row);
}

/* k, app, event id or NULL, key and body hash or NULL: a row for each key of a message, one after the other. */
static enum rc take_keys(void *ctx, struct copy_row *row)
{
    struct taking *t = ctx;
    uint8_t event_key[KEY_BYTES] = { 0 };
    int64_t app = row->at[1].number;
    const struct copy_value *event_id = &row->at[2], *key = &row->at[3];
    enum rc rc = RC_OK;
    if (row->at[0].number != t->k) {
        rc = put_taken(t);
        t->k = row->at[0].number;
        memset(t->hashes, 0, sizeof t->hashes);
    }
    if (!event_id->is_null) {
        uint64_t hash = store_keys_hash(t->seed[0], app, event_id->bytes);
        memcpy(t->hashes + EVENT_AT, &hash, sizeof hash);
        store_postgres_event_hash(t->seed, app, event_id->bytes, event_key);
    }
    if (!key->is_null && memcmp(key->bytes.ptr, event_key, KEY_BYTES) != 0) {
        memcpy(t->hashes, key->bytes.ptr, KEY_BYTES);
        memcpy(t->hashes + KEY_BYTES, row->at[4].bytes.ptr, KEY_BYTES);
    }
    return rc;
}

enum rc store_copy_keys_to_file(struct copy_server *from, const struct copy_side *file,
                                const struct copy_segment *seg, int64_t *count)
{
    char sql[SQL_MAX];
    struct copy_side side = store_copy_server_side(from);
    struct taking t = { .count = count };
    enum rc rc = read_seed(from, t.seed);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(sql, sizeof sql,
                   "SELECT m.k, m.app, m.event_id, r.key, r.body_hash FROM message_%" PRId64
                   " m LEFT JOIN (SELECT key, k, body_hash FROM remembered_%" PRId64
                   " UNION ALL SELECT key, k, body_hash FROM remembered_%" PRId64 ") r ON r.k = m.k"
                   " WHERE r.k IS NOT NULL OR m.event_id IS NOT NULL ORDER BY m.k",
                   seg->start, from->key_bucket - 1, from->key_bucket);
    store_copy_sink_init(&t.sink, file, "remembered", "k, hashes", "lb");
    rc = store_copy_each(&side, sql, "llbuu", take_keys, &t);
    if (rc == RC_OK)
        rc = put_taken(&t);
    store_copy_sink_fini(&t.sink);
    return rc;
}
