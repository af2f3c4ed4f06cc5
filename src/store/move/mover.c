/* SPDX-License-Identifier: Apache-2.0
 *
 * What is next of each move, on either side. A step ends with one commit that changes the organisation's row and the move's together. Whatever is
 * done before that commit may be done again: after a crash it is.
 */
#include "store/move/config_priv.h"
#include "store/move/flow_priv.h"

#include "store/application.h"
#include "store/held.h"
#include "store/store_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* --- life ------------------------------------------------------------------------------------------------- */

struct store_mover *store_mover_new(const struct store_mover_options *o)
{
    struct store_mover *m = XNEW(struct store_mover);
    m->o = *o;
    m->store = store_postgres_of(o->store);
    store_move_conn_init(&m->own, m->store->url);
    m->far = xcalloc(o->other_count + 1, sizeof(*m->far));
    for (size_t i = 0; i < o->other_count; i++)
        store_move_conn_init(&m->far[i], o->others[i].url);
    return m;
}

void store_mover_free(struct store_mover *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->o.other_count; i++)
        store_postgres_conn_close(&m->far[i]);
    store_postgres_conn_close(&m->own);
    xfree(m->far);
    xfree(m);
}

/* --- one commit ------------------------------------------------------------------------------------------- */

/* Both rows; `moving` NULL: the organisation's stays as it is. */
static enum rc step_write(struct store_mover *m, struct move_row *row, const char *step,
                          const char *moving, bool is_quiet)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(m->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    tx->config->is_unaudited = is_quiet;
    rc = store_move_row_check(tx, row, strcmp(step, "gone") == 0);
    struct move_row next = *row;
    (void)snprintf(next.step, sizeof next.step, "%s", step);
    next.changed_us = clock_wall_us(clock_system());
    if (rc == RC_OK && moving != NULL)
        rc = store_org_set_moving(tx, row->org, str_from(moving));
    if (rc == RC_OK)
        rc = store_move_row_put(tx, &next);
    rc = store_finish(tx, rc);
    if (rc == RC_OK) {
        *row = next;
        LOG(STORE_MOVE_STEP, F_TEXT("organisation", row->id), F_TEXT("cell", row->other),
            F_TEXT("step", row->step));
    }
    return rc;
}

static enum rc step_to(struct store_mover *m, struct move_row *row, const char *step,
                       const char *direction, bool is_quiet)
{
    char moving[STORE_MOVE_TEXT + 8];
    (void)snprintf(moving, sizeof moving, "%s:%s", direction, row->other);
    return step_write(m, row, step, moving, is_quiet);
}

/* Why it does not get on, for whoever asks; not more often than it changes. */
static void say_words(struct store_mover *m, struct move_row *row, const char *words)
{
    if (strcmp(row->words, words) == 0)
        return;
    (void)snprintf(row->words, sizeof row->words, "%s", words);
    enum rc rc = step_write(m, row, row->step, NULL, true);
    (void)rc; /* the next round says it again */
}

/* Served again here, or for the first time. The row says so already. */
static enum rc serve_org(struct store_mover *m, int64_t org)
{
    struct store_due_endpoint *list = NULL;
    size_t count = 0;
    enum rc rc = store_hold(m->o.store, 0);
    if (rc == RC_OK)
        rc = store_move_flow_waiting(m, org, &list, &count);
    if (rc == RC_OK)
        m->o.resume(m->o.ctx, list, count);
    xfree(list);
    return rc;
}

/* A node that ends before all of it goes on does so at its next start. */
static enum rc serve_from(struct store_mover *m, struct move_row *row, const char *step)
{
    static const struct timespec again = { .tv_sec = 0, .tv_nsec = 200000000 };
    enum rc rc = step_write(m, row, step, "", false);
    while (rc == RC_OK && !atomic_load(m->o.is_stopping) && serve_org(m, row->org) != RC_OK)
        (void)nanosleep(&again, NULL);
    return rc;
}

/* --- the cell that has it ---------------------------------------------------------------------------------- */

static enum rc read_org(struct store_mover *m, int64_t num, struct arena *a, struct store_org *org)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_read(m->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_org_by_num(tx, num, a, org);
    store_end(tx);
    return rc;
}

/* The commands of a cell work on its default organisation, and operational webhooks are the cell's own. */
static enum rc is_own(struct store_mover *m, struct str id, struct arena *a, bool *is)
{
    static const char *const settings[] = { "default_org", "operational_org" };
    struct store_tx *tx = NULL;
    struct str value = STR_NONE;
    *is = false;
    enum rc rc = store_read(m->o.store, &tx);
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(settings); i++) {
        rc = store_setting_get(tx, settings[i], a, &value);
        *is = *is || (rc == RC_OK && str_eq(value, id));
        rc = rc == RC_NOT_FOUND ? RC_OK : rc;
    }
    store_end(tx);
    return rc;
}

static enum rc refuse_move(struct store_mover *m, struct move_row *row, const char *words)
{
    (void)snprintf(row->words, sizeof row->words, "%s", words);
    return step_write(m, row, "refused", NULL, true);
}

/* RC_CONFLICT: the other cell has another organisation of its id or number. Before anybody is held. */
static enum rc ask_far(struct postgres_conn *far, const struct store_org *org)
{
    PGresult *r;
    struct postgres_params p;
    struct move_row row;
    enum rc rc = store_move_row_find(far, org->num, true, &row);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return RC_IO;
    store_postgres_params_init(&p);
    store_postgres_params_int(&p, org->num);
    store_postgres_params_bytes(&p, DB_TYPE_TEXT, org->id);
    rc = store_postgres_query(far,
                              "SELECT 1 FROM organisation WHERE (num = $1 OR id = $2) AND NOT"
                              " (num = $1 AND id = $2 AND moving <> '') LIMIT 1",
                              &p, &r);
    if (rc != RC_OK)
        return RC_IO;
    rc = PQntuples(r) > 0 ? RC_CONFLICT : RC_OK;
    PQclear(r);
    return rc;
}

static enum rc out_hold(struct store_mover *m, struct move_row *row)
{
    row->held_us = clock_wall_us(clock_system());
    row->words[0] = '\0';
    enum rc rc = store_hold(m->o.store, row->org);
    if (rc == RC_OK)
        rc = step_to(m, row, "holding", "to", false);
    enum rc renewed = store_hold(m->o.store, 0);
    return rc == RC_OK ? renewed : rc;
}

static enum rc judge_asked(struct store_mover *m, struct move_row *row, struct arena *a)
{
    struct store_org org = { 0 };
    bool is_cells_own = false;
    struct postgres_conn *far = store_move_far_of(m, row->other, NULL);
    enum rc rc = read_org(m, row->org, a, &org);
    if (rc == RC_OK)
        rc = is_own(m, org.id, a, &is_cells_own);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && org.moving.len > 0))
        return refuse_move(m, row, "it does not live in this cell");
    if (rc != RC_OK)
        return rc;
    if (is_cells_own)
        return refuse_move(
            m, row,
            "it is the cell's own: the default organisation, or that of operational webhooks");
    if (far == NULL)
        return refuse_move(m, row, "cell.others of the node at work does not have that cell");
    rc = ask_far(far, &org);
    if (rc == RC_CONFLICT)
        return refuse_move(m, row,
                           "that cell has another organisation with its id or number: give each "
                           "cell a cell.number of its own");
    if (rc != RC_OK) {
        say_words(m, row, "the database of the other cell cannot be asked");
        return rc;
    }
    return out_hold(m, row);
}

static enum rc out_asked(struct store_mover *m, struct move_row *row)
{
    struct arena a;
    if (row->is_canceled)
        return step_write(m, row, "canceled", NULL, true);
    arena_init(&a);
    enum rc rc = judge_asked(m, row, &a);
    arena_fini(&a);
    return rc;
}

static enum rc out_cancel(struct store_mover *m, struct move_row *row)
{
    return serve_from(m, row, "canceled");
}

/* Twice: what was accepted by a group that was under way is written down in the second. And lanes that a message which was accepted just
 * before has made are gone by then. */
static enum rc out_holding(struct store_mover *m, struct move_row *row)
{
    if (row->is_canceled)
        return out_cancel(m, row);
    if (!store_org_is_held(m->o.store, row->org))
        return store_hold(m->o.store, 0);
    if (m->settled_org != row->org) {
        m->settled_org = row->org;
        m->settled_us = clock_mono_us(clock_system());
        m->settled_times = 0;
    }
    if (!store_is_settled(m->o.store, m->settled_us) || !m->o.is_drained(m->o.ctx))
        return RC_OK;
    m->settled_us = clock_mono_us(clock_system());
    if (++m->settled_times < 3)
        return RC_OK;
    m->settled_org = 0;
    return step_write(m, row, "held", NULL, true);
}

static enum rc out_held(struct store_mover *m, struct move_row *row)
{
    struct move_row there;
    if (row->is_canceled)
        return out_cancel(m, row);
    struct postgres_conn *far = store_move_far_of(m, row->other, NULL);
    enum rc rc = far == NULL ? RC_NOT_FOUND : store_move_row_find(far, row->org, true, &there);
    if (rc == RC_NOT_FOUND)
        return RC_OK; /* nobody of that cell has seen it yet */
    if (rc != RC_OK) {
        say_words(m, row, "the database of the other cell cannot be asked");
        return rc;
    }
    bool is_this = there.made == row->made && strcmp(there.other, m->o.name) == 0;
    if (!is_this || !store_move_row_is(&there, "there"))
        return RC_OK;
    row->counts = there.counts;
    row->words[0] = '\0';
    return step_to(m, row, "gone", "gone", true);
}

static enum rc out_gone(struct store_mover *m, struct move_row *row)
{
    enum rc rc = store_move_config_delete(m, row->org, true);
    if (rc == RC_OK)
        rc = store_move_flow_delete(m, row->org);
    if (rc == RC_OK)
        rc = store_move_config_delete(m, row->org, false);
    return rc == RC_OK ? step_write(m, row, "done", NULL, true) : rc;
}

/* --- the cell that gets it --------------------------------------------------------------------------------- */

static enum rc in_drop(struct store_mover *m, struct move_row *row)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_move_flow_delete(m, row->org);
    if (rc == RC_OK)
        rc = store_move_config_delete(m, row->org, false);
    if (rc == RC_OK)
        rc = store_write(m->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    tx->config->is_unaudited = true;
    rc = store_move_row_check(tx, row, false);
    struct db_stmt *s =
        db_prepare(tx->db, "DELETE FROM organisation WHERE num = ? AND moving <> ''");
    db_bind_int(s, 1, row->org);
    if (rc == RC_OK)
        rc = db_run(s);
    if (rc == RC_OK)
        rc = store_move_row_delete(tx, row->org, true);
    return store_finish(tx, rc);
}

static enum rc in_cleaning(struct store_mover *m, struct move_row *row)
{
    enum rc rc = store_move_flow_delete(m, row->org);
    if (rc == RC_OK)
        rc = store_move_config_delete(m, row->org, false);
    return rc == RC_OK ? step_write(m, row, "copying", NULL, true) : rc;
}

static void conns_init(struct move_in *in)
{
    struct postgres_conn *const far[] = { &in->from, &in->from_details };
    struct postgres_conn *const own[] = { &in->read, &in->read_details, &in->write };
    for (size_t i = 0; i < COUNT_OF(far); i++)
        store_move_conn_init(far[i], in->from_url);
    for (size_t i = 0; i < COUNT_OF(own); i++)
        store_move_conn_init(own[i], in->m->store->url);
}

static void conns_close(struct move_in *in)
{
    struct postgres_conn *const all[] = { &in->from, &in->from_details, &in->read,
                                          &in->read_details, &in->write };
    for (size_t i = 0; i < COUNT_OF(all); i++)
        store_postgres_conn_close(all[i]);
}

/* Both cells have one, or there is nothing that belongs to it. */
static enum rc find_internals(struct move_in *in)
{
    struct copy_side side = { .server = &in->from, .name = "a database", .why = in->why };
    enum rc rc = store_move_read_begin(&in->from);
    if (rc == RC_OK)
        rc = store_copy_number(&side, "SELECT CAST(coalesce(" STORE_MOVE_INTERNAL ", 0) AS bigint)",
                               &in->from_internal);
    store_move_read_end(&in->from);
    if (rc == RC_OK && in->from_internal != 0)
        rc = in->m->o.internal_org(in->m->o.ctx, &in->own_internal);
    return rc;
}

static enum rc copy_all(struct move_in *in)
{
    enum rc rc = find_internals(in);
    if (rc == RC_OK)
        rc = store_move_config_copy(in);
    if (rc == RC_OK)
        rc = store_move_flow_copy(in);
    if (rc == RC_OK && in->m->o.beside != NULL)
        rc = in->m->o.beside(in->m->o.ctx, in->from_url, in->org, in->why);
    return rc;
}

/* One that differs is begun anew: something was written after all while it was held. */
static enum rc in_copying(struct store_mover *m, struct move_row *row)
{
    struct buf why;
    struct move_in in = { .m = m, .org = row->org };
    if (store_move_far_of(m, row->other, &in.from_url) == NULL) {
        say_words(m, row, "cell.others of the node at work does not have the cell it comes from");
        return RC_IO;
    }
    buf_init(&why, MOVE_WORDS);
    in.why = &why;
    conns_init(&in);
    enum rc rc = copy_all(&in);
    conns_close(&in);
    if (rc == RC_OK) {
        row->counts = in.counts;
        row->words[0] = '\0';
        rc = step_write(m, row, "there", NULL, true);
    } else if (rc == RC_CORRUPT) {
        (void)snprintf(row->words, sizeof row->words, "%s", why.ptr == NULL ? "" : why.ptr);
        LOG(STORE_MOVE_FAILED, F_TEXT("organisation", row->id), F_TEXT("why", row->words));
        rc = step_write(m, row, "cleaning", NULL, true);
    } else if (rc != RC_BUSY) {
        say_words(m, row, why.len > 0 ? why.ptr : rc_name(rc));
    }
    buf_fini(&why);
    return rc;
}

static enum rc in_there(struct store_mover *m, struct move_row *row, const struct move_row *there)
{
    if (!store_move_row_is(there, "gone") && !store_move_row_is(there, "done"))
        return RC_OK;
    store_postgres_counted_forget(&m->store->counted, INT64_MIN);
    m->o.arrives(m->o.ctx);
    return serve_from(m, row, "served");
}

static enum rc in_step(struct store_mover *m, struct move_row *row)
{
    struct move_row there;
    if (store_move_row_is(row, "dropping"))
        return in_drop(m, row);
    enum rc rc = store_move_far_row(m, row, &there);
    if (rc == RC_NOT_FOUND)
        return step_write(m, row, "dropping", NULL, true);
    if (rc != RC_OK) {
        say_words(m, row, "the database of the cell it comes from cannot be asked");
        return rc;
    }
    if (store_move_row_is(row, "cleaning"))
        return in_cleaning(m, row);
    if (store_move_row_is(row, "copying"))
        return in_copying(m, row);
    return store_move_row_is(row, "there") ? in_there(m, row, &there) : RC_OK;
}

/* The organisation's row as the other cell has it, but that it arrives here. RC_CONFLICT: the id is another one's here. */
static enum rc put_org(struct store_tx *tx, const struct move_row *row, const struct store_org *org)
{
    char moving[STORE_MOVE_TEXT + 8];
    (void)snprintf(moving, sizeof moving, "from:%s", row->other);
    struct db_stmt *s = db_prepare(
        tx->db, "INSERT INTO organisation(num, id, name, created, moving) VALUES(?, ?, ?, ?, ?)"
                " ON CONFLICT(num) DO UPDATE SET name = excluded.name, moving = excluded.moving"
                " WHERE organisation.id = excluded.id AND organisation.moving <> ''");
    db_bind_int(s, 1, row->org);
    db_bind_text(s, 2, org->id);
    db_bind_text(s, 3, org->name);
    db_bind_int(s, 4, org->created_us);
    db_bind_text(s, 5, str_from(moving));
    enum rc rc = db_run(s);
    return rc == RC_OK && db_changes(tx->db) == 0 ? RC_CONFLICT : rc;
}

static enum rc far_org(struct postgres_conn *far, int64_t num, struct arena *a,
                       struct store_org *out)
{
    PGresult *r;
    struct postgres_params p;
    store_postgres_params_init(&p);
    store_postgres_params_int(&p, num);
    enum rc rc = store_postgres_query(
        far, "SELECT id, name, created FROM organisation WHERE num = $1", &p, &r);
    if (rc != RC_OK)
        return rc;
    if (PQntuples(r) == 0)
        rc = RC_NOT_FOUND;
    else
        *out = (struct store_org){ .num = num,
                                   .id = arena_str(a, store_postgres_bytes(r, 0, 0)),
                                   .name = arena_str(a, store_postgres_bytes(r, 0, 1)),
                                   .created_us = store_postgres_int(r, 0, 2) };
    PQclear(r);
    return rc;
}

static enum rc in_write_begin(struct store_mover *m, const struct move_row *row,
                              const struct store_org *org)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(m->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    tx->config->is_unaudited = true;
    rc = put_org(tx, row, org);
    if (rc == RC_OK)
        rc = store_move_row_put(tx, row);
    return store_finish(tx, rc);
}

/* Held before there is a row of it: nobody serves it for a moment. */
static enum rc in_begin(struct store_mover *m, size_t cell, const struct move_row *there)
{
    struct move_row row = { .org = there->org,
                            .made = there->made,
                            .is_incoming = true,
                            .changed_us = clock_wall_us(clock_system()) };
    struct arena a;
    struct store_org org = { 0 };
    (void)snprintf(row.id, sizeof row.id, "%s", there->id);
    (void)snprintf(row.other, sizeof row.other, "%s", m->o.others[cell].name);
    (void)snprintf(row.step, sizeof row.step, "cleaning");
    arena_init(&a);
    enum rc rc = far_org(&m->far[cell], there->org, &a, &org);
    if (rc == RC_OK)
        rc = store_hold(m->o.store, row.org);
    if (rc == RC_OK)
        rc = in_write_begin(m, &row, &org);
    enum rc renewed = store_hold(m->o.store, 0);
    arena_fini(&a);
    if (rc == RC_CONFLICT)
        LOG(STORE_MOVE_FAILED, F_TEXT("organisation", row.id),
            F_TEXT("why", "another organisation of this cell has its id or number"));
    return rc == RC_OK ? renewed : rc;
}

/* --- a round ----------------------------------------------------------------------------------------------- */

static enum rc out_step(struct store_mover *m, struct move_row *row)
{
    static const struct {
        const char *step;
        enum rc (*fn)(struct store_mover *m, struct move_row *row);
    } steps[] = { { "asked", out_asked },
                  { "holding", out_holding },
                  { "held", out_held },
                  { "gone", out_gone } };
    for (size_t i = 0; i < COUNT_OF(steps); i++)
        if (store_move_row_is(row, steps[i].step))
            return steps[i].fn(m, row);
    return RC_OK;
}

static void begin_new(struct store_mover *m, size_t cell)
{
    char where[STORE_MOVE_TEXT + 64];
    struct move_row list[8], mine;
    size_t count = 0;
    (void)snprintf(where, sizeof where, "incoming = 0 AND step = 'held' AND other = '%s'",
                   m->o.name);
    if (store_move_rows_read(&m->far[cell], where, list, COUNT_OF(list), &count) != RC_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        enum rc rc = store_move_row_find(&m->own, list[i].org, false, &mine);
        bool is_away = rc == RC_NOT_FOUND || (rc == RC_OK && store_move_row_is_over(&mine));
        rc = store_move_row_find(&m->own, list[i].org, true, &mine);
        bool is_new = rc == RC_NOT_FOUND ||
                      (rc == RC_OK && store_move_row_is_over(&mine) && mine.made != list[i].made);
        if (is_away && is_new && !list[i].is_canceled)
            rc = in_begin(m, cell, &list[i]);
        (void)rc; /* the next round tries again */
    }
}

bool store_mover_round(struct store_mover *m)
{
    static const char under_way[] = "step NOT IN ('done', 'canceled', 'refused', 'served')";
    struct move_row *list = xcalloc(MOVE_ROWS_MAX, sizeof(*list));
    size_t count = 0;
    if (!store_may_deliver(m->o.store)) { /* perhaps another node is at work by now */
        xfree(list);
        return false;
    }
    for (size_t i = 0; i < m->o.other_count; i++)
        begin_new(m, i);
    if (store_move_rows_read(&m->own, under_way, list, MOVE_ROWS_MAX, &count) != RC_OK)
        count = 0;
    for (size_t i = 0; i < count && !atomic_load(m->o.is_stopping); i++) {
        m->now = &list[i];
        enum rc rc = list[i].is_incoming ? in_step(m, &list[i]) : out_step(m, &list[i]);
        if (rc != RC_OK && rc != RC_BUSY)
            LOG(STORE_MOVE_WAITS, F_TEXT("organisation", list[i].id), F_TEXT("step", list[i].step),
                F_TEXT("rc", rc_name(rc)));
    }
    xfree(list);
    return count > 0;
}
