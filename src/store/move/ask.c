/* SPDX-License-Identifier: Apache-2.0
 *
 * A command's part: rows of `cell_move`, which nodes at work read. It needs nothing but the databases, so that it works at any node of any
 * cell, and without one.
 */
#include "store/move/row_priv.h"

#include "store/application.h"
#include "store/migrations_priv.h"

#include <inttypes.h>
#include <stdio.h>

/* A database, and what of an organisation is in it. */
struct place {
    const struct store_move_cell *cell;
    struct db *db;
    int64_t num;
    char id[STORE_MOVE_TEXT], name[STORE_MOVE_TEXT], moving[STORE_MOVE_TEXT];
};

static void copy_text(struct db_stmt *s, int column, char *out)
{
    (void)snprintf(out, STORE_MOVE_TEXT, "%.*s", STR_ARGS(db_borrow(s, column)));
}

#define PLACE "SELECT num, id, name, moving FROM organisation WHERE "
#define OF_IT " AND moving NOT LIKE 'gone:%' AND moving NOT LIKE 'from:%' ORDER BY num LIMIT 2"

/* The first row; *count: how many there are, 2 at most. */
static enum rc place_read(struct place *p, const char *sql, struct str org, size_t *count)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(p->db, sql);
    *count = 0;
    db_bind_text(s, 1, org);
    while (db_step(s, &rc)) {
        if (++*count > 1)
            continue;
        p->num = db_int(s, 0);
        copy_text(s, 1, p->id);
        copy_text(s, 2, p->name);
        copy_text(s, 3, p->moving);
    }
    return rc;
}

/* Does it live there, or is it on its way from there? By its id, which nobody else has, or else by its name: *named have that. */
static enum rc place_look(struct place *p, struct str org, bool *is_id, size_t *named)
{
    size_t count;
    *named = 0;
    enum rc rc = place_read(p, PLACE "id = ?" OF_IT, org, &count);
    *is_id = rc == RC_OK && count > 0;
    return rc == RC_OK && count == 0 ? place_read(p, PLACE "name = ?" OF_IT, org, named) : rc;
}

static enum rc place_open(struct place *p, struct buf *why)
{
    struct buf words;
    buf_init(&words, MOVE_WORDS);
    enum rc rc = db_connect(p->cell->url, NULL, &p->db, &words);
    if (rc != RC_OK)
        buf_say(why, "cell %s: %.*s", p->cell->name, STR_ARGS(buf_str(&words)));
    buf_fini(&words);
    return rc;
}

/* RC_IO: a cell that may have it cannot be asked. */
static enum rc search_end(struct str org, const struct place *found, size_t named, bool is_away,
                          struct buf *why)
{
    if (named > 1) {
        buf_reset(why);
        buf_say(
            why,
            "several organisations have the name \"%.*s\": give the id of the one that is meant",
            STR_ARGS(org));
        return RC_CONFLICT;
    }
    if (is_away)
        return RC_IO;
    if (found->db != NULL)
        return RC_OK;
    buf_say(
        why,
        "no cell has an organisation with the id or the name \"%.*s\": GET /api/v1/tenant lists "
        "those of a cell",
        STR_ARGS(org));
    return RC_NOT_FOUND;
}

/* Where it is: lives, or is on its way from. RC_NOT_FOUND; RC_CONFLICT: several have its name. */
static enum rc find_org(const struct store_move_cell *cells, size_t count, struct str org,
                        struct place *out, struct buf *why)
{
    size_t named = 0;
    bool is_id = false, is_away = false;
    for (size_t i = 0; i < count && !is_id; i++) {
        struct place p = { .cell = &cells[i] };
        size_t here = 0;
        enum rc rc = place_open(&p, why);
        if (rc == RC_OK)
            rc = place_look(&p, org, &is_id, &here);
        if (rc != RC_OK && p.db != NULL)
            buf_say(why, "cell %s: %s", cells[i].name, db_error(p.db));
        is_away = is_away || rc != RC_OK;
        named += here;
        if (is_id || (here > 0 && out->db == NULL)) {
            db_close(out->db);
            *out = p;
        } else {
            db_close(p.db);
        }
    }
    if (is_id) {
        buf_reset(why); /* others need not have been there */
        return RC_OK;
    }
    return search_end(org, out, named, is_away, why);
}

/* --- one row ----------------------------------------------------------------------------------------------- */

static enum rc write_begin(struct place *p, struct buf *why)
{
    enum rc rc = db_begin(p->db, true);
    if (rc == RC_OK)
        rc = db_exec(p->db, STORE_CONFIG_LOCK);
    if (rc != RC_OK)
        buf_say(why, "cell %s: %s", p->cell->name, db_error(p->db));
    return rc;
}

static enum rc write_end(struct place *p, enum rc rc, struct buf *why)
{
    if (rc == RC_OK)
        rc = db_commit(p->db);
    else
        db_rollback(p->db);
    if (rc != RC_OK && why->len == 0)
        buf_say(why, "cell %s: %s", p->cell->name, db_error(p->db));
    return rc;
}

/* The step of a move that is under way, and where to. */
static enum rc under_way(struct place *p, char step[static STORE_MOVE_TEXT],
                         char to[static STORE_MOVE_TEXT])
{
    enum rc rc;
    struct db_stmt *s =
        db_prepare(p->db, "SELECT step, other FROM cell_move WHERE org = ? AND incoming = 0 AND"
                          " step NOT IN ('done', 'canceled', 'refused')");
    step[0] = to[0] = '\0';
    db_bind_int(s, 1, p->num);
    if (!db_step(s, &rc))
        return rc;
    copy_text(s, 0, step);
    copy_text(s, 1, to);
    db_reset(s);
    return RC_OK;
}

static enum rc put_asked(struct place *p, const char *to)
{
    int64_t now_us = clock_wall_us(clock_system());
    struct db_stmt *s = db_prepare(
        p->db,
        "INSERT INTO cell_move(org, incoming, made, id, other, step, changed) VALUES(?, 0, ?, ?, ?, 'asked', ?)"
        " ON CONFLICT(org, incoming) DO UPDATE SET made = excluded.made, id = excluded.id,"
        " other = excluded.other, step = excluded.step, words = '', cancel = 0, held = 0,"
        " changed = excluded.changed, counts = ''");
    db_bind_int(s, 1, p->num);
    db_bind_int(s, 2, now_us);
    db_bind_text(s, 3, str_from(p->id));
    db_bind_text(s, 4, str_from(to));
    db_bind_int(s, 5, now_us);
    return db_run(s);
}

static enum rc ask_place(struct place *p, const char *to, struct buf *why)
{
    char step[STORE_MOVE_TEXT], other[STORE_MOVE_TEXT];
    enum rc rc = write_begin(p, why);
    if (rc != RC_OK)
        return rc;
    rc = under_way(p, step, other);
    if (rc == RC_OK && step[0] != '\0' && strcmp(other, to) != 0) {
        buf_say(why, "%s is on its way to cell %s already (%s)", p->id, other, step);
        rc = RC_CONFLICT;
    } else if (rc == RC_OK && step[0] == '\0') {
        rc = put_asked(p, to);
    }
    return write_end(p, rc, why);
}

static enum rc check_target(const struct store_move_cell *cells, size_t count, const char *to,
                            struct buf *why)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(cells[i].name, to) == 0)
            return RC_OK;
    buf_say(
        why,
        "there is no cell \"%s\": --to names this cell (cell.name) or one of cell.others; grapnel cell list shows them",
        to);
    return RC_NOT_FOUND;
}

enum rc store_move_ask(const struct store_move_cell *cells, size_t count, struct str org,
                       const char *to, struct store_move *out, struct buf *why)
{
    struct place p = { 0 };
    size_t found = 0;
    enum rc rc = check_target(cells, count, to, why);
    if (rc == RC_OK)
        rc = find_org(cells, count, org, &p, why);
    bool is_there = rc == RC_OK && strcmp(p.cell->name, to) == 0;
    if (rc == RC_OK && !is_there)
        rc = ask_place(&p, to, why);
    db_close(p.db);
    if (rc == RC_IO || rc == RC_CONFLICT)
        return rc;
    enum rc looked = store_move_look(cells, count, org, out, 1, &found, NULL);
    bool is_on_its_way = looked == RC_OK && found > 0 && strcmp(out->to, to) == 0;
    if (is_on_its_way) {
        if (rc != RC_OK) /* it has left the one cell, and is not served in the other yet */
            buf_reset(why);
        return RC_OK;
    }
    if (is_there) {
        buf_say(why, "%s (%s) lives in cell %s", p.id, p.name, to);
        rc = RC_CONFLICT;
    }
    return rc;
}

static enum rc cancel_place(struct place *p, struct buf *why)
{
    char step[STORE_MOVE_TEXT], other[STORE_MOVE_TEXT];
    enum rc rc = write_begin(p, why);
    if (rc != RC_OK)
        return rc;
    rc = under_way(p, step, other);
    if (rc == RC_OK && step[0] == '\0') {
        buf_say(why, "%s is not on its way anywhere", p->id);
        rc = RC_NOT_FOUND;
    }
    if (rc == RC_OK) {
        struct db_stmt *s = db_prepare(p->db, "UPDATE cell_move SET cancel = 1 WHERE org = ?"
                                              " AND incoming = 0 AND step <> 'gone'");
        db_bind_int(s, 1, p->num);
        rc = db_run(s);
    }
    return write_end(p, rc, why);
}

enum rc store_move_take_back(const struct store_move_cell *cells, size_t count, struct str org,
                             struct store_move *out, struct buf *why)
{
    struct place p = { 0 };
    size_t found = 0;
    enum rc rc = find_org(cells, count, org, &p, why);
    if (rc == RC_OK)
        rc = cancel_place(&p, why);
    db_close(p.db);
    if (rc == RC_OK)
        rc = store_move_look(cells, count, org, out, 1, &found, why);
    return rc == RC_OK && found == 0 ? RC_NOT_FOUND : rc;
}

/* --- where it stands ---------------------------------------------------------------------------------------- */

static void counts_of(struct str text, struct store_move_counts *n)
{
    int64_t *const members[] = { &n->rows,     &n->messages,    &n->attempts, &n->waiting,
                                 &n->requests, &n->filter_runs, &n->keys };
    struct str part;
    for (size_t i = 0; i < COUNT_OF(members) && str_split(&text, ' ', &part); i++)
        if (str_to_i64(part, members[i]) != RC_OK)
            *members[i] = 0;
}

static void read_move(struct db_stmt *s, const char *cell, struct store_move *out)
{
    *out = (struct store_move){ 0 };
    copy_text(s, 0, out->id);
    copy_text(s, 1, out->name);
    (void)snprintf(out->from, sizeof out->from, "%s", cell);
    copy_text(s, 2, out->to);
    copy_text(s, 3, out->step);
    (void)snprintf(out->words, sizeof out->words, "%.*s", STR_ARGS(db_borrow(s, 4)));
    int64_t held_us = db_int(s, 5), changed_us = db_int(s, 6);
    out->is_over = strcmp(out->step, "done") == 0 || strcmp(out->step, "canceled") == 0 ||
                   strcmp(out->step, "refused") == 0;
    bool is_held = strcmp(out->step, "holding") == 0 || strcmp(out->step, "held") == 0;
    if (held_us != 0)
        out->held_us = (is_held ? clock_wall_us(clock_system()) : changed_us) - held_us;
    counts_of(db_borrow(s, 7), &out->counts);
    out->asked_us = db_int(s, 8);
}

/* Of several moves of one organisation, in several cells, the last is what counts. */
static void add_move(const struct store_move *move, struct store_move *out, size_t max,
                     size_t *found)
{
    for (size_t i = 0; i < *found; i++) {
        if (strcmp(out[i].id, move->id) != 0)
            continue;
        if (out[i].asked_us < move->asked_us)
            out[i] = *move;
        return;
    }
    if (*found < max)
        out[(*found)++] = *move;
}

static enum rc look_at(struct place *p, struct str org, struct store_move *out, size_t max,
                       size_t *found)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(
        p->db,
        "SELECT m.id, o.name, m.other, m.step, m.words, m.held, m.changed, m.counts, m.made FROM cell_move m"
        " JOIN organisation o ON o.num = m.org WHERE m.incoming = 0 AND CASE WHEN ?1 = ''"
        " THEN m.step NOT IN ('done', 'canceled', 'refused') ELSE o.id = ?1 OR o.name = ?1 END"
        " ORDER BY m.made DESC LIMIT 100");
    db_bind_text(s, 1, org);
    struct store_move *move = XNEW(struct store_move);
    while (db_step(s, &rc)) {
        read_move(s, p->cell->name, move);
        add_move(move, out, max, found);
    }
    xfree(move);
    return rc;
}

/* Of the side that gets it: its step, and what keeps it. */
static enum rc look_there(struct place *p, struct store_move *list, size_t count)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        if (strcmp(list[i].to, p->cell->name) != 0)
            continue;
        struct db_stmt *s = db_prepare(
            p->db, "SELECT step, words FROM cell_move WHERE id = ? AND incoming = 1 AND other = ?");
        db_bind_text(s, 1, str_from(list[i].id));
        db_bind_text(s, 2, str_from(list[i].from));
        if (!db_step(s, &rc))
            continue;
        copy_text(s, 0, list[i].there);
        if (list[i].words[0] == '\0')
            (void)snprintf(list[i].words, sizeof list[i].words, "%.*s", STR_ARGS(db_borrow(s, 1)));
        db_reset(s);
    }
    return rc;
}

enum rc store_move_look(const struct store_move_cell *cells, size_t count, struct str org,
                        struct store_move *out, size_t max, size_t *found, struct buf *why)
{
    enum rc rc = RC_OK;
    *found = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            struct place p = { .cell = &cells[i] };
            if (place_open(&p, pass == 0 ? why : NULL) != RC_OK)
                continue;
            rc = pass == 0 ? look_at(&p, org, out, max, found) : look_there(&p, out, *found);
            if (rc != RC_OK)
                buf_say(why, "cell %s: %s", cells[i].name, db_error(p.db));
            db_close(p.db);
        }
    }
    return RC_OK;
}
