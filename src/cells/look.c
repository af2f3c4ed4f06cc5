/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread of another cell: it looks who is at work there, and answers what is asked. A database that cannot be had is
 * asked for nothing until the next look that finds it; who asks meanwhile is told so at once.
 */
#include "cells/cells_priv.h"

#include "metrics/metrics.h"

#include <stdio.h>

enum {
    LOOK_US = 200000,
    STUCK_US = 1000000 /* a database that has been silent for so long is asked nothing more */
};

/* --- questions ---------------------------------------------------------------------------------------- */

void cells_question_unref(struct cells_question *q)
{
    if (atomic_fetch_sub(&q->refs, 1) != 1)
        return;
    xfree(q->texts);
    xfree(q);
}

static struct cells_question *new_question(struct cells *c, struct http_request *req,
                                           const struct store_sought *sought)
{
    struct cells_question *q = XNEW(struct cells_question);
    q->sought = *sought;
    q->texts = xcalloc(1, sought->name.len + sought->tenant.len + 1);
    if (sought->name.len > 0)
        memcpy(q->texts, sought->name.ptr, sought->name.len);
    if (sought->tenant.len > 0)
        memcpy(q->texts + sought->name.len, sought->tenant.ptr, sought->tenant.len);
    q->sought.name = str_of(q->texts, sought->name.len);
    q->sought.tenant = str_of(q->texts + sought->name.len, sought->tenant.len);
    q->cells = c;
    q->req = req;
    q->loop = req->call->loop;
    atomic_init(&q->found, -1);
    atomic_init(&q->left, (int)c->count);
    atomic_init(&q->refs, (int)c->count + 1);
    return q;
}

static void tell_once(struct cells_question *q)
{
    if (!atomic_exchange(&q->is_told, true))
        loop_post(q->loop, &q->task);
}

/* A cell's answer; takes its reference. */
static void take_answer(struct cells_question *q, int found, bool is_sure)
{
    if (!is_sure)
        atomic_store(&q->is_unsure, true);
    if (found >= 0)
        atomic_store(&q->found, found);
    if (atomic_fetch_sub(&q->left, 1) == 1 || found >= 0)
        tell_once(q);
    cells_question_unref(q);
}

/* False: it cannot be asked now. */
static bool put_question(struct cells_cell *cell, struct cells_question *q)
{
    mutex_lock(&cell->lock);
    bool is_stuck =
        cell->busy_since_us != 0 && clock_mono_us(clock_system()) - cell->busy_since_us > STUCK_US;
    bool takes = !cell->is_stopping && cell->queued < CELLS_QUEUE_MAX &&
                 cell->reach != CELLS_AWAY && !is_stuck;
    if (takes)
        cell->queue[cell->queued++] = q;
    cond_signal(&cell->wake);
    mutex_unlock(&cell->lock);
    return takes;
}

struct cells_question *cells_ask(struct cells *c, struct http_request *req,
                                 const struct store_sought *sought, loop_fn fn, void *passing)
{
    struct cells_question *q = new_question(c, req, sought);
    q->task = (struct loop_task){ .fn = fn, .arg = q };
    q->passing = passing;
    metrics_add(METRIC_CELL_LOOKUPS, 1);
    for (size_t i = 0; i < c->count; i++)
        if (!put_question(&c->cells[i], q))
            take_answer(q, -1, false);
    return q;
}

/* --- answers ------------------------------------------------------------------------------------------ */

/* What a thread has of its cell. */
struct look {
    struct cells_cell *cell;
    struct store_lookout *lookout;
    struct store_cell *db; /* NULL: not open */
    struct cells_question *taken[CELLS_QUEUE_MAX];
    size_t taken_count;
    int64_t next_us;
};

static void drop_connection(struct look *l)
{
    store_cell_close(l->db);
    l->db = NULL;
}

/* Twice, since a connection may have ended while nobody needed it. */
static enum rc find_there(struct look *l, const struct store_sought *sought, bool *has)
{
    enum rc rc = RC_IO;
    for (int i = 0; i < 2 && rc != RC_OK; i++) {
        rc = l->db != NULL ? RC_OK : store_cell_open(l->cell->url, &l->db, NULL);
        if (rc == RC_OK)
            rc = store_cell_has(l->db, sought, has);
        if (rc != RC_OK)
            drop_connection(l);
    }
    return rc;
}

static void set_reach(struct look *l, enum cells_reach reach, const char *why)
{
    struct cells_cell *cell = l->cell;
    mutex_lock(&cell->lock);
    enum cells_reach before = cell->reach;
    cell->reach = reach;
    mutex_unlock(&cell->lock);
    if (reach == CELLS_AWAY && before != CELLS_AWAY)
        LOG(CELL_AWAY, F_TEXT("cell", cell->name), F_TEXT("why", why));
    else if (reach != CELLS_AWAY && before == CELLS_AWAY)
        LOG(CELL_BACK, F_TEXT("cell", cell->name));
}

static void set_busy(struct cells_cell *cell)
{
    mutex_lock(&cell->lock);
    cell->busy_since_us = clock_mono_us(clock_system());
    mutex_unlock(&cell->lock);
}

static void take_questions(struct look *l)
{
    struct cells_cell *cell = l->cell;
    mutex_lock(&cell->lock);
    cell->busy_since_us = 0;
    while (cell->queued == 0 && !cell->is_stopping &&
           cond_wait_until(&cell->wake, &cell->lock, l->next_us))
        continue;
    memcpy(l->taken, cell->queue, cell->queued * sizeof(cell->queue[0]));
    l->taken_count = cell->queued;
    cell->queued = 0;
    cell->busy_since_us = clock_mono_us(clock_system());
    mutex_unlock(&cell->lock);
}

/* Once the database did not answer, what else was asked is not tried: it would wait as long each. */
static void answer_questions(struct look *l)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < l->taken_count; i++) {
        bool has = false;
        if (rc == RC_OK && !atomic_load(&l->cell->cells->is_stopping))
            rc = find_there(l, &l->taken[i]->sought, &has);
        else
            rc = RC_IO;
        if (rc != RC_OK)
            set_reach(l, CELLS_AWAY, "its database does not answer a look-up");
        take_answer(l->taken[i], has ? l->cell->index : -1, rc == RC_OK);
    }
    l->taken_count = 0;
}

/* --- who is at work ----------------------------------------------------------------------------------- */

struct aiming {
    struct loop_task task;
    struct link_front *front;
    char address[CELLS_ADDRESS_MAX];
};

static void aim_front(void *arg)
{
    struct aiming *a = arg;
    link_front_aim(a->front, str_from(a->address));
    xfree(a);
}

static void aim_all(struct cells_cell *cell, const char *address)
{
    for (size_t i = 0; i < cell->cells->o.loop_count; i++) {
        struct aiming *a = XNEW(struct aiming);
        a->front = cell->fronts[i];
        (void)snprintf(a->address, sizeof a->address, "%s", address);
        a->task = (struct loop_task){ .fn = aim_front, .arg = a };
        loop_post(cell->cells->o.loops[i], &a->task);
    }
}

static void note_address(struct cells_cell *cell, struct str address)
{
    char text[CELLS_ADDRESS_MAX] = "";
    if (address.len < sizeof text)
        (void)snprintf(text, sizeof text, "%.*s", STR_ARGS(address));
    mutex_lock(&cell->lock);
    bool is_new = strcmp(cell->address, text) != 0;
    memcpy(cell->address, text, sizeof text);
    mutex_unlock(&cell->lock);
    if (is_new)
        aim_all(cell, text);
}

/* Where the node at work is reached stays as it was while its database is away: it may answer all the same. */
static void look_once(struct look *l)
{
    struct buf at_work, why;
    buf_init(&at_work, CELLS_ADDRESS_MAX);
    buf_init(&why, 1024);
    set_busy(l->cell);
    enum rc rc = store_lookout_look(l->lookout, &at_work, &why);
    if (rc != RC_IO)
        note_address(l->cell, buf_str(&at_work));
    set_reach(l,
              rc == RC_IO                            ? CELLS_AWAY
              : rc == RC_CONFLICT && at_work.len > 0 ? CELLS_AT_WORK
                                                     : CELLS_NOBODY,
              why.ptr == NULL ? "" : why.ptr);
    buf_fini(&why);
    buf_fini(&at_work);
    l->next_us = clock_mono_us(clock_system()) + LOOK_US;
}

void cells_look_run(void *arg)
{
    struct cells_cell *cell = arg;
    struct store_options o = cell->cells->store;
    struct look *l = XNEW(struct look);
    l->cell = cell;
    o.url = cell->url;
    o.is_guest = true;
    l->lookout = store_lookout_new(&o);
    while (!atomic_load(&cell->cells->is_stopping)) {
        if (clock_mono_us(clock_system()) >= l->next_us)
            look_once(l);
        take_questions(l);
        answer_questions(l);
    }
    take_questions(l); /* nobody puts any in from now on */
    answer_questions(l);
    drop_connection(l);
    store_lookout_free(l->lookout);
    xfree(l);
}
