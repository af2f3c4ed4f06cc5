/* SPDX-License-Identifier: Apache-2.0
 *
 * See server/cells_priv.h.
 */
#include "server/cells_priv.h"

#include "server/cells_options_priv.h"
#include "server/link_priv.h"
#include "server/loops_priv.h"
#include "server/options_priv.h"
#include "server/secret_priv.h"

#include <stdio.h>

enum { PATIENCE_US = 15000000 }; /* as at a node that stands by */

/* --- what must hold between cells ---------------------------------------------------------------------- */

static enum rc compare_cell(const struct conf *c, const struct cells_other *other,
                            const struct store_cell_facts *facts, struct buf *why)
{
    if (facts->number < 0)
        return RC_OK; /* no node of it has started with cell.name yet */
    if (strcmp(facts->name, other->name) != 0)
        buf_say(why,
                "cell.others: the database of cell \"%s\" is cell \"%s\": correct the name or "
                "the URL",
                other->name, facts->name);
    else if (facts->number == c->cell_number)
        buf_say(why,
                "cell.number: cell \"%s\" has number %lld, too: give each cell a number of its "
                "own, 0 to the one whose database was in use without cells",
                other->name, (long long)facts->number);
    else
        return RC_OK;
    return RC_CONFLICT;
}

enum rc server_cells_look(const struct conf *c, const struct cells_other *other,
                          const struct sign_vault *vault, struct store_cell_facts *out,
                          struct buf *why)
{
    struct store_cell *cell = NULL;
    *out = (struct store_cell_facts){ .number = -1 };
    enum rc rc = store_cell_open(other->url, &cell, why);
    if (rc != RC_OK)
        return rc;
    rc = store_cell_look(cell, out);
    if (rc == RC_OK)
        rc = compare_cell(c, other, out, why);
    if (rc == RC_OK && vault != NULL &&
        server_vault_proves(vault, store_cell_db(cell)) == RC_DENIED) {
        buf_say(why,
                "server.main_secret: what is sealed in the database of cell \"%s\" was sealed "
                "with another one: give all nodes of all cells the same main secret",
                other->name);
        rc = RC_CONFLICT;
    }
    store_cell_close(cell);
    return rc;
}

/* --- which cell this is -------------------------------------------------------------------------------- */

enum rc server_cells_claim(struct server *s)
{
    if (!store_is_in_database(s->store))
        return RC_OK;
    return store_cell_claim(s->store, str_from(s->conf->cell_name), s->conf->cell_number, &s->why);
}

/* --- the others ---------------------------------------------------------------------------------------- */

/* One of them, looked at beside the others: a database that cannot be had takes its time to say so. */
struct looking {
    struct server *server;
    const struct cells_other *other;
    struct thread *thread;
    struct store_cell_facts facts;
    enum rc rc;
    struct buf why;
};

static void look_beside(void *arg)
{
    struct looking *l = arg;
    l->rc = server_cells_look(l->server->conf, l->other, l->server->vault, &l->facts, &l->why);
}

/* What cannot be had now is looked at by `grapnel doctor`, and by its own nodes when they start. */
static enum rc take_look(struct server *s, struct looking *l)
{
    enum rc rc = l->rc == RC_CONFLICT ? RC_CONFLICT : RC_OK;
    if (rc != RC_OK)
        buf_say(&s->why, "%.*s", STR_ARGS(buf_str(&l->why)));
    else if (l->rc != RC_OK)
        LOG(CELL_UNSEEN, F_TEXT("cell", l->other->name), F_STR("why", buf_str(&l->why)));
    buf_fini(&l->why);
    return rc;
}

static enum rc compare_numbers(struct server *s, const struct looking *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (all[i].facts.number >= 0 && all[i].facts.number == all[k].facts.number) {
                buf_say(&s->why, "cell.number: cells \"%s\" and \"%s\" both have number %lld",
                        all[k].other->name, all[i].other->name, (long long)all[i].facts.number);
                return RC_CONFLICT;
            }
    return RC_OK;
}

static enum rc look_at_others(struct server *s, const struct cells_other *others, size_t count)
{
    struct looking *all = xcalloc(count + 1, sizeof(*all));
    enum rc rc = RC_OK;
    for (size_t i = 0; i < count; i++) {
        all[i] = (struct looking){ .server = s, .other = &others[i] };
        buf_init(&all[i].why, SERVER_WHY_MAX);
        all[i].thread = thread_start("cell-look", THREAD_OTHER, look_beside, &all[i]);
        if (all[i].thread == NULL)
            look_beside(&all[i]);
    }
    for (size_t i = 0; i < count; i++) {
        thread_join(all[i].thread);
        enum rc one = take_look(s, &all[i]);
        rc = rc == RC_OK ? one : rc;
    }
    if (rc == RC_OK)
        rc = compare_numbers(s, all, count);
    xfree(all);
    return rc;
}

static enum rc make_cells(struct server *s, const struct cells_other *others, size_t count)
{
    struct store_options store = server_store_options(s->conf);
    SSL_CTX *server = NULL;
    enum rc rc = server_link_contexts(s->conf, &server, &s->cells_tls, &s->why);
    SSL_CTX_free(server);
    if (rc == RC_OK)
        rc = fetch_policy_new(STR("0.0.0.0/0,::/0"), STR_NONE, false, &s->cells_policy, &s->why);
    if (rc != RC_OK)
        return rc;
    s->cells = cells_new(&(struct cells_options){ .name = s->conf->cell_name,
                                                  .others = others,
                                                  .other_count = count,
                                                  .loops = s->loop_list,
                                                  .loop_count = s->loop_count,
                                                  .policy = s->cells_policy,
                                                  .tls = s->cells_tls,
                                                  .store = &store,
                                                  .patience_us = PATIENCE_US });
    return RC_OK;
}

enum rc server_cells_start(struct server *s)
{
    struct cells_other others[CELLS_OTHERS_MAX];
    struct arena a;
    size_t count;
    if (server_text(s->conf->cell_others) == NULL)
        return RC_OK;
    arena_init(&a);
    enum rc rc = server_cells_read(s->conf, &a, others, &count, &s->why);
    if (rc == RC_OK)
        rc = look_at_others(s, others, count);
    if (rc == RC_OK)
        rc = make_cells(s, others, count);
    arena_fini(&a);
    return rc;
}

enum rc server_cells_watch(struct server *s)
{
    return s->cells == NULL || cells_start(s->cells) == RC_OK ? RC_OK : server_no_threads(s);
}

void server_cells_unwatch(struct server *s)
{
    cells_stop(s->cells);
    if (s->cells != NULL)
        server_drain_loops(s);
}

void server_cells_stop(struct server *s)
{
    cells_free(s->cells);
    s->cells = NULL;
    if (s->cells_tls != NULL)
        server_drain_loops(s);
    SSL_CTX_free(s->cells_tls);
    s->cells_tls = NULL;
    fetch_policy_unref(s->cells_policy);
    s->cells_policy = NULL;
}
