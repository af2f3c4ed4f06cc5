/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators see of cells: the command, the doctor, metrics and /debug/cells.
 */
#include "server/cells_priv.h"

#include "server/admin_client_priv.h"
#include "server/cells_command.h"
#include "server/cells_options_priv.h"
#include "server/doctor_postgres_priv.h"
#include "server/options_priv.h"
#include "server/secret_priv.h"

enum { WHY_MAX = 512 };

/* --- the command --------------------------------------------------------------------------------------- */

static void list_own(struct server *s, struct buf *out)
{
    struct store_cell *db = NULL;
    struct store_cell_facts facts = { .organisations = -1 };
    struct buf why;
    buf_init(&why, WHY_MAX);
    enum rc rc = store_cell_open(s->conf->store_url, &db, &why);
    if (rc == RC_OK)
        rc = store_cell_look(db, &facts);
    store_cell_close(db);
    buf_say(out, "%s\tthis cell\tnumber %lld\tat work at %s", s->conf->cell_name,
            (long long)s->conf->cell_number, s->link_address);
    if (rc == RC_OK)
        buf_say(out, "\t%lld organisations\n", (long long)facts.organisations);
    else
        buf_say(out, "\tits organisations cannot be counted now\n");
    buf_fini(&why);
}

static void list_other(struct server *s, const struct cells_other *other,
                       const struct cells_state *state, struct buf *out)
{
    struct store_cell_facts facts;
    struct buf why;
    buf_init(&why, WHY_MAX);
    enum rc rc = RC_IO;
    if (state->reach == CELLS_AWAY)
        buf_say(&why, "away: its database cannot be had");
    else
        rc = server_cells_look(s->conf, other, s->vault, &facts, &why);
    buf_say(out, "%s\tanother cell", other->name);
    if (rc != RC_OK)
        buf_say(out, "\t%.*s\n", STR_ARGS(buf_str(&why)));
    else if (facts.number < 0)
        buf_say(out, "\tno node of it has started with cell.name yet\n");
    else
        buf_say(out, "\tnumber %lld\t%s%s%s\t%lld organisations\n", (long long)facts.number,
                cells_reach_name(state->reach), state->reach == CELLS_AT_WORK ? " at " : "",
                state->reach == CELLS_AT_WORK ? state->address : "",
                (long long)facts.organisations);
    buf_fini(&why);
}

enum rc server_cells_list(struct server *s, struct buf *out, struct buf *why)
{
    struct cells_other others[CELLS_OTHERS_MAX];
    struct cells_state states[CELLS_OTHERS_MAX];
    struct arena a;
    size_t count = 0;
    if (server_text(s->conf->cell_name) == NULL) {
        buf_say(why, "this server is no cell: cell.name is not set");
        return RC_NOT_FOUND;
    }
    list_own(s, out);
    arena_init(&a);
    size_t known = cells_state(s->cells, states);
    enum rc rc = server_cells_read(s->conf, &a, others, &count, why);
    for (size_t i = 0; rc == RC_OK && i < count && i < known; i++)
        list_other(s, &others[i], &states[i], out);
    arena_fini(&a);
    return rc;
}

enum rc server_cells_command(const struct conf *c, struct buf *out, struct buf *why)
{
    if (!server_admin_answers(c->data_dir)) {
        buf_say(why,
                "no server is at work with the folder %s: run this on the machine of the node at "
                "work, with its store.dir",
                c->data_dir);
        return RC_NOT_FOUND;
    }
    return server_cells_ask(c->data_dir, out, why);
}

/* --- metrics and /debug --------------------------------------------------------------------------------- */

void server_cells_metrics(struct server *s, struct buf *out)
{
    struct cells_state states[CELLS_OTHERS_MAX];
    size_t count = cells_state(s->cells, states);
    if (count == 0)
        return;
    buf_say(out, "# HELP grapnel_cell_passed_to_total Requests that this node passed on, by cell.\n"
                 "# TYPE grapnel_cell_passed_to_total counter\n");
    for (size_t i = 0; i < count; i++)
        buf_say(out, "grapnel_cell_passed_to_total{cell=\"%s\"} %lld\n", states[i].name,
                (long long)states[i].passed);
    buf_say(out, "# HELP grapnel_cell_reachable Whether the cell's database can be had and a node "
                 "is at work there.\n# TYPE grapnel_cell_reachable gauge\n");
    for (size_t i = 0; i < count; i++)
        buf_say(out, "grapnel_cell_reachable{cell=\"%s\"} %d\n", states[i].name,
                states[i].reach == CELLS_AT_WORK);
}

void server_cells_describe(struct server *s, struct buf *out)
{
    struct cells_state states[CELLS_OTHERS_MAX];
    size_t count = cells_state(s->cells, states);
    buf_say(out, "name=\"%s\" number=%lld\n", s->conf->cell_name, (long long)s->conf->cell_number);
    for (size_t i = 0; i < count; i++)
        buf_say(out, "cell=\"%s\" reach=\"%s\" address=%s passed=%lld\n", states[i].name,
                cells_reach_name(states[i].reach), states[i].address, (long long)states[i].passed);
}

/* --- the doctor ----------------------------------------------------------------------------------------- */

static enum server_verdict look_at_cell(const struct conf *c, const struct cells_other *other,
                                        const struct sign_vault *vault, struct buf *text)
{
    struct store_cell_facts facts;
    struct buf why;
    buf_init(&why, WHY_MAX);
    enum rc rc = server_cells_look(c, other, vault, &facts, &why);
    buf_say(text, "%s%s: ", text->len > 0 ? "; " : "", other->name);
    if (rc == RC_OK && facts.number >= 0)
        buf_say(text, "number %lld, %lld organisations, same main secret", (long long)facts.number,
                (long long)facts.organisations);
    else if (rc == RC_OK)
        buf_say(text, "no node of it has started with cell.name yet: set it there");
    else
        buf_say(text, "%.*s", STR_ARGS(buf_str(&why)));
    buf_fini(&why);
    return rc == RC_CONFLICT                  ? SERVER_CHECK_FAIL
           : rc == RC_OK && facts.number >= 0 ? SERVER_CHECK_OK
                                              : SERVER_CHECK_WARN;
}

enum server_verdict server_doctor_cells(const struct conf *c, struct buf *text)
{
    struct cells_other others[CELLS_OTHERS_MAX];
    struct sign_vault *vault = NULL;
    struct arena a;
    size_t count = 0;
    enum server_verdict worst = SERVER_CHECK_OK;
    if (server_text(c->cell_others) == NULL) {
        buf_say(text, "there are no others");
        return SERVER_CHECK_OK;
    }
    arena_init(&a);
    enum rc rc = server_cells_read(c, &a, others, &count, text);
    if (rc == RC_OK && server_knows_main_secret(c))
        rc = server_vault(c, &vault, text);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        enum server_verdict one = look_at_cell(c, &others[i], vault, text);
        worst = one > worst ? one : worst;
    }
    sign_vault_free(vault);
    arena_fini(&a);
    return rc == RC_OK ? worst : SERVER_CHECK_FAIL;
}
