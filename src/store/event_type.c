/* SPDX-License-Identifier: Apache-2.0
 *
 * Event types: rows of the table `event_type`, listed by name.
 */
#include "store/event_type.h"

#include "store/config_priv.h"
#include "json/json.h"

#define COLUMNS \
    "num, org, id, name, description, schemas, feature_flags, group_name, deprecated, archived, created, updated"

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
        " updated, org, id, name) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING num");
    event_type_bind_changeable(s, et);
    db_bind_int(s, 9, et->org);
    db_bind_text(s, 10, et->id);
    db_bind_text(s, 11, et->name);
    return store_row_insert(s, &et->num);
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

/* --- lists ----------------------------------------------------------------------------------------- */

static bool has_value(const json_t *list, const json_t *value)
{
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one)
    {
        if (json_equal(one, value))
            return true;
    }
    return false;
}

/* A type without flags is everybody's; one with flags is for holders of one of them. */
static enum rc is_visible(const struct store_event_type *et, const json_t *held, bool *visible)
{
    json_t *flags = NULL, *one;
    size_t i;
    *visible = held == NULL || et->feature_flags.ptr == NULL;
    if (*visible)
        return RC_OK;
    if (json_parse(et->feature_flags, &flags, NULL) != RC_OK)
        return RC_CORRUPT;
    *visible = json_array_size(flags) == 0;
    json_array_foreach(flags, i, one) *visible = *visible || has_value(held, one);
    json_decref(flags);
    return RC_OK;
}

struct type_walk {
    struct db_stmt *s;
    const struct store_page *page;
    const json_t *held;
    struct arena *a;
    struct store_event_type *out;
    struct store_page_end *end;
    struct str last; /* name of the row that was looked at last */
    int64_t looked;
};

/* The rows of one statement. They are counted, and what is visible is put into the page. */
static enum rc type_walk_rows(struct type_walk *w)
{
    enum rc rc;
    w->looked = 0;
    while (db_step(w->s, &rc)) {
        struct store_event_type et;
        bool visible = false;
        read_event_type(w->s, w->a, &et);
        w->last = et.name;
        w->looked++;
        rc = is_visible(&et, w->held, &visible);
        if (rc == RC_OK && !visible)
            continue;
        w->end->done = rc == RC_OK && w->end->count < (size_t)w->page->limit;
        if (w->end->done)
            w->out[w->end->count++] = et;
        else
            break;
    }
    db_reset(w->s);
    return rc;
}

/* Flags are compared here, so that a page may take several statements of as many rows each. */
static enum rc type_walk_page(struct type_walk *w, struct store_tx *tx, int64_t org,
                              bool archived_too)
{
    const char *sql = store_page_ascending(w->page)
                          ? "SELECT " COLUMNS " FROM event_type WHERE org = ?1 AND name > ?2"
                            " AND (archived = 0 OR ?3 <> 0) ORDER BY name LIMIT ?4"
                          : "SELECT " COLUMNS " FROM event_type WHERE org = ?1 AND name < ?2"
                            " AND (archived = 0 OR ?3 <> 0) ORDER BY name DESC LIMIT ?4";
    enum rc rc;
    w->last = store_page_bound(w->page);
    do {
        w->s = db_prepare(tx->db, sql);
        db_bind_int(w->s, 1, org);
        db_bind_text(w->s, 2, w->last);
        db_bind_int(w->s, 3, archived_too);
        db_bind_int(w->s, 4, store_page_max(w->page));
        rc = type_walk_rows(w);
    } while (rc == RC_OK && w->end->done && w->looked == store_page_max(w->page));
    return rc;
}

enum rc store_event_type_list(struct store_tx *tx, int64_t org, bool archived_too, struct str flags,
                              const struct store_page *page, struct arena *a,
                              struct store_event_type *out, struct store_page_end *end)
{
    json_t *held = NULL;
    *end = (struct store_page_end){ .done = true };
    if (flags.ptr != NULL && json_parse(flags, &held, NULL) != RC_OK)
        return RC_CORRUPT;
    struct type_walk walk = { .page = page, .held = held, .a = a, .out = out, .end = end };
    enum rc rc = type_walk_page(&walk, tx, org, archived_too);
    if (page->backwards)
        store_page_reverse(out, end->count, sizeof *out);
    json_decref(held);
    return rc;
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
