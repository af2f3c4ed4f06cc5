/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/cell.h. Queries on another cell's database name only tables and columns that all versions with cells have.
 */
#include "store/cell.h"

#include "db/db.h"
#include "store/config_priv.h"

#include <stdio.h>

#define NAME_SETTING "cell_name"
#define NUMBER_SETTING "cell_number"

static const int64_t answer_us = 3000000;

bool store_cell_is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-')
            return false;
    }
    return name.len > 0 && name.len <= STORE_CELL_NAME_MAX;
}

/* --- this node's own ---------------------------------------------------------------------------------- */

/* The first number of a cell's range is never given: 0 stands for none. */
static int64_t first_of(int64_t number)
{
    return number << STORE_CELL_NUMBER_SHIFT;
}

/* Also sequences of tables that a later version has added. */
static enum rc move_sequences(struct store_tx *tx, int64_t number)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(
        tx->db, "SELECT count(setval(c.oid::regclass, CAST(?1 AS BIGINT))) FROM pg_class c"
                " WHERE c.relkind = 'S' AND c.relnamespace = current_schema()::regnamespace"
                " AND coalesce(pg_sequence_last_value(c.oid::regclass), 0) < CAST(?1 AS BIGINT)");
    db_bind_int(s, 1, first_of(number));
    (void)db_step(s, &rc);
    db_reset(s);
    return rc;
}

/* How many organisations were numbered by another range, and did not come from another cell. */
static enum rc count_strangers(struct store_tx *tx, int64_t number, int64_t *count)
{
    enum rc rc;
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT count(*) FROM organisation WHERE num < ? OR num >= ?");
    db_bind_int(s, 1, first_of(number));
    db_bind_int(s, 2, first_of(number + 1));
    if (db_step(s, &rc))
        *count = db_int(s, 0);
    db_reset(s);
    return rc;
}

static enum rc note_cell(struct store_tx *tx, struct str name, int64_t number, struct buf *why)
{
    char text[24];
    int64_t strangers = 0;
    enum rc rc = count_strangers(tx, number, &strangers);
    if (rc == RC_OK && strangers > 0) {
        buf_say(why,
                "cell.number: this database has organisations that were numbered before it was "
                "cell %lld: a database that was in use without cells is number 0; set cell.number "
                "to 0 here, and to another one in the other cells",
                (long long)number);
        return RC_CONFLICT;
    }
    (void)snprintf(text, sizeof text, "%lld", (long long)number);
    if (rc == RC_OK)
        rc = store_setting_set(tx, NUMBER_SETTING, str_from(text));
    return rc == RC_OK ? store_setting_set(tx, NAME_SETTING, name) : rc;
}

static enum rc cell_is_same(struct str known_name, struct str known_number, struct str name,
                            int64_t number, struct buf *why)
{
    int64_t was = -1;
    if (str_to_i64(known_number, &was) == RC_OK && was == number && str_eq(known_name, name))
        return RC_OK;
    buf_say(why,
            "cell.name and cell.number: this database is cell \"%.*s\" with number %.*s, and stays "
            "so; the options say \"%.*s\" and %lld: set them back, or set store.url to the "
            "database that is meant",
            STR_ARGS(known_name), STR_ARGS(known_number), STR_ARGS(name), (long long)number);
    return RC_CONFLICT;
}

/* `rc`: of looking for the name that is kept. */
static enum rc refuse_nameless(enum rc rc, struct str known_name, struct buf *why)
{
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    buf_say(why,
            "cell.name: this database is cell \"%.*s\": set cell.name, cell.number and cell.others "
            "as its other nodes have them",
            STR_ARGS(known_name));
    return RC_CONFLICT;
}

static enum rc claim_in(struct store_tx *tx, struct str name, int64_t number, struct buf *why)
{
    struct arena a;
    struct str known_name, known_number = STR_NONE;
    arena_init(&a);
    enum rc rc = store_setting_get(tx, NAME_SETTING, &a, &known_name);
    if (name.len == 0)
        rc = refuse_nameless(rc, known_name, why);
    else if (rc == RC_NOT_FOUND)
        rc = note_cell(tx, name, number, why);
    else if (rc == RC_OK &&
             (rc = store_setting_get(tx, NUMBER_SETTING, &a, &known_number)) == RC_OK)
        rc = cell_is_same(known_name, known_number, name, number, why);
    arena_fini(&a);
    return rc == RC_OK && name.len > 0 ? move_sequences(tx, number) : rc;
}

enum rc store_cell_claim(struct store *s, struct str name, int64_t number, struct buf *why)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(s, &tx);
    return rc == RC_OK ? store_finish(tx, claim_in(tx, name, number, why)) : rc;
}

/* --- another one -------------------------------------------------------------------------------------- */

struct store_cell {
    struct db *db;
};

/* One number; -1 where it cannot be had. */
static int64_t cell_number(struct db *db, const char *sql, enum rc *rc)
{
    int64_t value = -1;
    struct db_stmt *s = db_prepare(db, sql);
    if (db_step(s, rc))
        value = db_int(s, 0);
    db_reset(s);
    return value;
}

enum rc store_cell_open(const char *url, struct store_cell **out, struct buf *why)
{
    struct db *db = NULL;
    enum rc rc = db_connect(url, &(struct db_server_options){ .answer_us = answer_us }, &db, why);
    if (rc != RC_OK)
        return rc;
    int64_t has_moving =
        cell_number(db,
                    "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('organisation')"
                    " AND attname = 'moving' AND NOT attisdropped",
                    &rc);
    if (rc == RC_OK && has_moving != 1) {
        buf_say(why,
                "the database was not made by Grapnel, or by a version that knows of no cells: "
                "start a node of this version on it once");
        rc = RC_INVALID;
    } else if (rc != RC_OK) {
        buf_say(why, "the database cannot be asked: %s", db_error(db));
        rc = RC_IO;
    }
    if (rc != RC_OK) {
        db_close(db);
        return rc;
    }
    *out = XNEW(struct store_cell);
    (*out)->db = db;
    return RC_OK;
}

void store_cell_close(struct store_cell *c)
{
    if (c == NULL)
        return;
    db_close(c->db);
    xfree(c);
}

struct db *store_cell_db(struct store_cell *c)
{
    return c->db;
}

bool store_cell_is_lost(const struct store_cell *c)
{
    return db_is_stale(c->db);
}

#define LIVES " AND o.moving NOT LIKE 'gone:%' LIMIT 1"
static const char *const queries[STORE_SOUGHT_KINDS] = {
    [STORE_SOUGHT_TOKEN] =
        "SELECT 1 FROM token t JOIN organisation o ON o.num = t.org WHERE t.hash = ?1" LIVES,
    [STORE_SOUGHT_SOURCE] =
        "SELECT 1 FROM source_token t JOIN source s ON s.num = t.source AND s.deleted = 0"
        " JOIN organisation o ON o.num = s.org WHERE t.hash = ?1" LIVES,
    [STORE_SOUGHT_CHAIN] = "SELECT 1 FROM (SELECT app FROM filter_chain WHERE token_hash = ?1"
                           " UNION ALL SELECT app FROM filter_chain WHERE old_hash = ?1) c"
                           " JOIN application a ON a.num = c.app AND a.deleted = 0"
                           " JOIN organisation o ON o.num = a.org WHERE true" LIVES,
    [STORE_SOUGHT_ORG] = "SELECT 1 FROM organisation o WHERE o.id = ?1" LIVES,
    [STORE_SOUGHT_USER] =
        "SELECT 1 FROM \"user\" u JOIN organisation o ON o.num = u.org WHERE u.name = ?1"
        " AND (CAST(?2 AS TEXT) = '' OR o.id = ?2 OR o.name = ?2)" LIVES,
    [STORE_SOUGHT_USER_NUMBER] =
        "SELECT 1 FROM \"user\" u JOIN organisation o ON o.num = u.org WHERE u.num = ?1" LIVES,
};

static struct db_stmt *prepare_query(struct db *db, const struct store_sought *sought)
{
    struct db_stmt *s = db_prepare(db, queries[sought->kind]);
    switch (sought->kind) {
    case STORE_SOUGHT_ORG: db_bind_text(s, 1, sought->name); break;
    case STORE_SOUGHT_USER:
        db_bind_text(s, 1, sought->name);
        db_bind_text(s, 2, sought->tenant);
        break;
    case STORE_SOUGHT_USER_NUMBER: db_bind_int(s, 1, sought->number); break;
    case STORE_SOUGHT_TOKEN:
    case STORE_SOUGHT_SOURCE:
    case STORE_SOUGHT_CHAIN:
    case STORE_SOUGHT_KINDS:
    default: db_bind_blob(s, 1, str_of((const char *)sought->hash, sizeof sought->hash)); break;
    }
    return s;
}

enum rc store_cell_has(struct store_cell *c, const struct store_sought *sought, bool *has)
{
    enum rc rc;
    struct db_stmt *s = prepare_query(c->db, sought);
    *has = db_step(s, &rc);
    db_reset(s);
    return *has ? RC_OK : rc;
}

static enum rc read_text(struct db *db, char *out, size_t room)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(
        db, "SELECT convert_from(value, 'UTF8') FROM setting WHERE name = '" NAME_SETTING "'");
    out[0] = '\0';
    if (db_step(s, &rc)) {
        struct str text = db_borrow(s, 0);
        (void)snprintf(out, room, "%.*s", STR_ARGS(text));
    }
    db_reset(s);
    return rc;
}

enum rc store_cell_look(struct store_cell *c, struct store_cell_facts *out)
{
    *out = (struct store_cell_facts){ .number = -1 };
    enum rc rc = read_text(c->db, out->name, sizeof out->name);
    if (rc == RC_OK)
        out->number = cell_number(c->db,
                                  "SELECT convert_from(value, 'UTF8')::bigint FROM setting"
                                  " WHERE name = '" NUMBER_SETTING "'",
                                  &rc);
    if (rc == RC_OK)
        out->organisations = cell_number(
            c->db,
            "SELECT count(*) FROM organisation WHERE moving = '' AND id NOT IN"
            " (SELECT convert_from(value, 'UTF8') FROM setting WHERE name = 'operational_org')",
            &rc);
    return rc;
}
