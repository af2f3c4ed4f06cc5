/* SPDX-License-Identifier: Apache-2.0
 *
 * Event types: rows of the table `event_type`, listed by name.
 */
#include "store/event_type.h"

#include "store/config_priv.h"

#define COLUMNS \
    "num, org, id, name, description, schemas, feature_flags, group_name, deprecated, archived, created, updated"

/* A type without flags is everybody's; one with flags is for holders of one of them. */
#define VISIBLE \
    " AND (archived = 0 OR ?3) AND (?4 IS NULL OR feature_flags IS NULL OR json_array_length(feature_flags) = 0" \
    " OR EXISTS (SELECT 1 FROM json_each(feature_flags) f, json_each(?4) held WHERE f.value = held.value))"

static void read_event_type(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_event_type *et = row;
    *et = (struct store_event_type){
        .num = db_int(s, 0),
        .org = db_int(s, 1),
        .id = db_text(s, 2, a),
        .name = db_text(s, 3, a),
        .description = db_text(s, 4, a),
        .schemas = db_text(s, 5, a),
        .feature_flags = db_text(s, 6, a),
        .group_name = db_text(s, 7, a),
        .deprecated = db_int(s, 8) != 0,
        .archived = db_int(s, 9) != 0,
        .created_us = db_int(s, 10),
        .updated_us = db_int(s, 11),
    };
}

static void event_type_bind_changeable(struct db_stmt *s, const struct store_event_type *et)
{
    db_bind_text(s, 1, et->description);
    db_bind_opt_text(s, 2, et->schemas);
    db_bind_opt_text(s, 3, et->feature_flags);
    db_bind_opt_text(s, 4, et->group_name);
    db_bind_int(s, 5, et->deprecated);
    db_bind_int(s, 6, et->archived);
    db_bind_int(s, 7, et->created_us);
    db_bind_int(s, 8, et->updated_us);
}

enum rc store_event_type_insert(struct store_tx *tx, struct store_event_type *et)
{
    struct db_stmt *s = db_prepare(
        tx->db,
        "INSERT INTO event_type(description, schemas, feature_flags, group_name, deprecated, archived, created,"
        " updated, org, id, name) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    event_type_bind_changeable(s, et);
    db_bind_int(s, 9, et->org);
    db_bind_text(s, 10, et->id);
    db_bind_text(s, 11, et->name);
    enum rc rc = db_run(s);
    if (rc == RC_OK)
        et->num = db_last_rowid(tx->db);
    return rc;
}

enum rc store_event_type_update(struct store_tx *tx, const struct store_event_type *et)
{
    struct db_stmt *s = db_prepare(
        tx->db,
        "UPDATE event_type SET description = ?, schemas = ?, feature_flags = ?, group_name = ?, deprecated = ?,"
        " archived = ?, created = ?, updated = ? WHERE num = ?");
    event_type_bind_changeable(s, et);
    db_bind_int(s, 9, et->num);
    return store_row_change(tx->db, s);
}

enum rc store_event_type_remove(struct store_tx *tx, int64_t num)
{
    struct db_stmt *s = db_prepare(tx->db, "DELETE FROM event_type WHERE num = ?");
    db_bind_int(s, 1, num);
    return store_row_change(tx->db, s);
}

enum rc store_event_type_find(struct store_tx *tx, int64_t org, struct str name, struct arena *a,
                              struct store_event_type *out)
{
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " COLUMNS " FROM event_type WHERE org = ? AND name = ?");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, name);
    return store_row_one(s, read_event_type, a, out);
}

enum rc store_event_type_list(struct store_tx *tx, int64_t org, bool archived_too, struct str flags,
                              const struct store_page *page, struct arena *a,
                              struct store_event_type *out, struct store_page_end *end)
{
    struct db_stmt *s = db_prepare(
        tx->db, store_page_ascending(page)
                    ? "SELECT " COLUMNS " FROM event_type WHERE org = ?1 AND name > ?2" VISIBLE
                      " ORDER BY name"
                    : "SELECT " COLUMNS " FROM event_type WHERE org = ?1 AND name < ?2" VISIBLE
                      " ORDER BY name DESC");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, store_page_bound(page));
    db_bind_int(s, 3, archived_too);
    db_bind_opt_text(s, 4, flags);
    return store_page_rows(s, read_event_type, sizeof *out, page, a, out, end);
}

enum rc store_event_type_names(struct store_tx *tx, int64_t org,
                               void (*fn)(void *ctx, struct str name), void *ctx)
{
    struct arena a;
    struct db_stmt *s = db_prepare(tx->db, "SELECT name FROM event_type WHERE org = ?");
    enum rc rc = RC_OK;
    db_bind_int(s, 1, org);
    arena_init(&a);
    while (db_step(s, &rc))
        fn(ctx, db_text(s, 0, &a));
    arena_fini(&a);
    return rc;
}
