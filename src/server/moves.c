/* SPDX-License-Identifier: Apache-2.0
 *
 * See server/moves_priv.h. The work is the store's (store/move.h); here it is told what deliveries and tasks have to do with it.
 */
#include "server/moves_priv.h"

#include "server/cells_options_priv.h"
#include "server/moves.h"
#include "stats/move.h"

struct server_moves {
    struct server *server;
    struct arena arena;
    struct store_move_cell cells[SERVER_MOVES_CELLS];
    struct store_mover *mover;
    struct thread *thread;
    atomic_bool is_stopping;
    struct mutex lock; /* guards what follows */
    struct cond wake;
    bool is_answered; /* deliveries have been asked, and this came: */
    size_t left;
};

enum { IDLE_US = 1000000, BUSY_US = 100000, ANSWER_US = 5000000 };

/* --- cells ------------------------------------------------------------------------------------------------- */

size_t server_moves_cells(const struct conf *c, struct arena *a,
                          struct store_move_cell out[static SERVER_MOVES_CELLS], struct buf *why)
{
    struct cells_other others[CELLS_OTHERS_MAX];
    size_t count = 0;
    if (c->cell_name[0] == '\0' || c->store_url[0] == '\0') {
        buf_say(why, "there are no cells: cell.name, cell.others and store.url are not set");
        return 0;
    }
    if (server_cells_read(c, a, others, &count, why) != RC_OK)
        return 0;
    out[0] = (struct store_move_cell){ c->cell_name, c->store_url };
    for (size_t i = 0; i < count; i++)
        out[i + 1] = (struct store_move_cell){ others[i].name, others[i].url };
    return count + 1;
}

/* --- what the store asks ------------------------------------------------------------------------------------ */

static enum rc moves_internal_org(void *ctx, int64_t *num)
{
    const struct server_moves *v = ctx;
    return core_events_org(v->server->events, num);
}

/* What is remembered as another cell's may be this one's now. */
static void moves_arrives(void *ctx)
{
    const struct server_moves *v = ctx;
    cells_forget(v->server->cells);
}

static void drain_answered(void *arg)
{
    struct server_moves *v = arg;
    mutex_lock(&v->lock);
    v->is_answered = true;
    mutex_unlock(&v->lock);
    cond_signal(&v->wake);
}

/* Loops that have ended answer nothing: then the server stops, and asks no more. */
static bool moves_is_drained(void *ctx)
{
    struct server_moves *v = ctx;
    int64_t until_us = clock_mono_us(clock_system()) + ANSWER_US;
    mutex_lock(&v->lock);
    v->is_answered = false;
    mutex_unlock(&v->lock);
    deliver_hold(v->server->deliver, &v->left, drain_answered, v);
    mutex_lock(&v->lock);
    while (!v->is_answered &&
           (!atomic_load(&v->is_stopping) || clock_mono_us(clock_system()) < until_us))
        (void)cond_wait_until(&v->wake, &v->lock, clock_mono_us(clock_system()) + BUSY_US);
    bool is_drained = v->is_answered && v->left == 0;
    mutex_unlock(&v->lock);
    return is_drained;
}

static void moves_resume(void *ctx, const struct store_due_endpoint *list, size_t count)
{
    struct server_moves *v = ctx;
    deliver_release(v->server->deliver, list, count);
    cells_forget(v->server->cells); /* answers to what was asked before it left there */
    api_resume(v->server->api);
}

static enum rc moves_beside(void *ctx, const char *from_url, int64_t org, struct buf *why)
{
    struct server_moves *v = ctx;
    return stats_move(from_url, v->server->conf->store_url, org, why);
}

/* --- the thread --------------------------------------------------------------------------------------------- */

static void moves_run(void *arg)
{
    struct server_moves *v = arg;
    while (!atomic_load(&v->is_stopping)) {
        activity_begin("moves organisations", STR_NONE);
        bool is_busy = store_mover_round(v->mover);
        activity_end();
        int64_t until_us = clock_mono_us(clock_system()) + (is_busy ? BUSY_US : IDLE_US);
        mutex_lock(&v->lock);
        while (!atomic_load(&v->is_stopping) && clock_mono_us(clock_system()) < until_us)
            (void)cond_wait_until(&v->wake, &v->lock, until_us);
        mutex_unlock(&v->lock);
    }
}

enum rc server_moves_start(struct server *s)
{
    if (s->conf->cell_name[0] == '\0')
        return RC_OK;
    struct server_moves *v = XNEW(struct server_moves);
    v->server = s;
    atomic_init(&v->is_stopping, false);
    arena_init(&v->arena);
    mutex_init(&v->lock);
    cond_init(&v->wake);
    size_t count = server_moves_cells(s->conf, &v->arena, v->cells, &s->why);
    v->mover =
        store_mover_new(&(struct store_mover_options){ .store = s->store,
                                                       .name = s->conf->cell_name,
                                                       .others = v->cells + 1,
                                                       .other_count = count > 0 ? count - 1 : 0,
                                                       .internal_org = moves_internal_org,
                                                       .is_drained = moves_is_drained,
                                                       .arrives = moves_arrives,
                                                       .resume = moves_resume,
                                                       .beside = moves_beside,
                                                       .is_stopping = &v->is_stopping,
                                                       .ctx = v });
    s->moves = v;
    v->thread = thread_start("moves", THREAD_OTHER, moves_run, v);
    if (v->thread != NULL)
        return RC_OK;
    buf_say(&s->why, "no thread left for moves of organisations");
    return RC_LIMIT;
}

void server_moves_stop(struct server *s)
{
    struct server_moves *v = s->moves;
    if (v == NULL)
        return;
    mutex_lock(&v->lock);
    atomic_store(&v->is_stopping, true);
    mutex_unlock(&v->lock);
    cond_signal(&v->wake);
    thread_join(v->thread);
    store_mover_free(v->mover);
    cond_fini(&v->wake);
    mutex_fini(&v->lock);
    arena_fini(&v->arena);
    xfree(v);
    s->moves = NULL;
}
