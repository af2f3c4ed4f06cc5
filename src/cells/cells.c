/* SPDX-License-Identifier: Apache-2.0
 *
 * See cells/cells.h.
 */
#include "cells/cells_priv.h"

#include <stdio.h>

enum { PLACES = 4096, THREAD_NAME_MAX = 16 };
#define SECOND_US INT64_C(1000000)

static void cell_init(struct cells *c, size_t at, const struct cells_other *other)
{
    struct cells_cell *cell = &c->cells[at];
    cell->cells = c;
    cell->index = (int)at;
    cell->name = xstrdup(other->name);
    cell->url = xstrdup(other->url);
    cell->fronts = xcalloc(c->o.loop_count, sizeof(struct link_front *));
    mutex_init(&cell->lock);
    cond_init(&cell->wake);
    for (size_t i = 0; i < c->o.loop_count; i++)
        cell->fronts[i] =
            link_front_new(&(struct link_front_options){ .loop = c->o.loops[i],
                                                         .policy = c->o.policy,
                                                         .tls = c->o.tls,
                                                         .patience_us = c->o.patience_us,
                                                         .cell = c->o.name,
                                                         .to_cell = cell->name });
}

struct cells *cells_new(const struct cells_options *o)
{
    struct cells *c = XNEW(struct cells);
    c->o = *o;
    c->o.others = NULL;
    c->store = *o->store;
    c->count = o->other_count < CELLS_OTHERS_MAX ? o->other_count : CELLS_OTHERS_MAX;
    c->cells = xcalloc(c->count + 1, sizeof(*c->cells));
    c->memory = cells_memory_new();
    c->lookups = core_meter_new(1, SECOND_US / CELLS_LOOKUPS_A_SECOND, CELLS_LOOKUPS_A_SECOND);
    c->lookups_of_one =
        core_meter_new(PLACES, SECOND_US / CELLS_LOOKUPS_OF_ONE, CELLS_LOOKUPS_OF_ONE);
    for (size_t i = 0; i < c->count; i++)
        cell_init(c, i, &o->others[i]);
    return c;
}

enum rc cells_start(struct cells *c)
{
    char name[THREAD_NAME_MAX];
    for (size_t i = 0; i < c->count; i++) {
        (void)snprintf(name, sizeof name, "cell-%.10s", c->cells[i].name);
        c->cells[i].thread = thread_start(name, THREAD_OTHER, cells_look_run, &c->cells[i]);
        if (c->cells[i].thread == NULL)
            return RC_LIMIT;
    }
    return RC_OK;
}

void cells_stop(struct cells *c)
{
    if (c == NULL)
        return;
    atomic_store(&c->is_stopping, true);
    for (size_t i = 0; i < c->count; i++) {
        mutex_lock(&c->cells[i].lock);
        c->cells[i].is_stopping = true;
        cond_signal(&c->cells[i].wake);
        mutex_unlock(&c->cells[i].lock);
    }
    for (size_t i = 0; i < c->count; i++) {
        thread_join(c->cells[i].thread);
        c->cells[i].thread = NULL;
    }
}

static void cell_fini(struct cells *c, struct cells_cell *cell)
{
    for (size_t i = 0; i < c->o.loop_count; i++)
        link_front_free(cell->fronts[i]);
    xfree(cell->fronts);
    mem_wipe(cell->url, strlen(cell->url));
    xfree(cell->url);
    xfree(cell->name);
    cond_fini(&cell->wake);
    mutex_fini(&cell->lock);
}

void cells_free(struct cells *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->count; i++)
        cell_fini(c, &c->cells[i]);
    core_meter_free(c->lookups);
    core_meter_free(c->lookups_of_one);
    cells_memory_free(c->memory);
    xfree(c->cells);
    xfree(c);
}

void cells_forget(struct cells *c)
{
    if (c != NULL)
        cells_memory_clear(c->memory);
}

/* --- for operators ------------------------------------------------------------------------------------ */

const char *cells_reach_name(enum cells_reach reach)
{
    static const char *const names[] = { [CELLS_UNKNOWN] = "unknown",
                                         [CELLS_AT_WORK] = "at work",
                                         [CELLS_NOBODY] = "nobody at work",
                                         [CELLS_AWAY] = "away" };
    return names[reach];
}

size_t cells_state(struct cells *c, struct cells_state *out)
{
    size_t count = c == NULL ? 0 : c->count;
    for (size_t i = 0; i < count; i++) {
        struct cells_cell *cell = &c->cells[i];
        mutex_lock(&cell->lock);
        out[i] = (struct cells_state){ .name = cell->name,
                                       .reach = cell->reach,
                                       .passed = atomic_load(&cell->passed) };
        memcpy(out[i].address, cell->address, sizeof cell->address);
        mutex_unlock(&cell->lock);
    }
    return count;
}
