/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel cell move: asks for a move, and looks on. The nodes at work of both cells do it, whether somebody looks on or not.
 */
#include "cli/cell_priv.h"

#include "server/moves.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WORDS_MAX = 8192, MOVES_SHOWN = 64 };

struct cell_move {
    struct cli *cli;
    struct arena arena;
    struct store_move_cell cells[SERVER_MOVES_CELLS];
    size_t count;
    struct str org;
    struct buf why;
};

static int move_failed(struct cell_move *m, enum rc rc)
{
    return cli_failed(m->cli, "%.*s",
                      STR_ARGS(m->why.len > 0 ? buf_str(&m->why) : str_from(rc_name(rc))));
}

static void print_counts(const struct store_move_counts *n)
{
    printf("%" PRId64 " rows of configuration and audit log, %" PRId64 " messages, %" PRId64
           " attempts, %" PRId64 " deliveries still to be made, %" PRId64 " requests, %" PRId64
           " filter runs, %" PRId64 " remembered keys",
           n->rows, n->messages, n->attempts, n->waiting, n->requests, n->filter_runs, n->keys);
}

static void print_move(const struct store_move *move)
{
    printf("%s (%s): cell %s to cell %s: %s", move->id, move->name, move->from, move->to,
           move->step);
    if (move->there[0] != '\0')
        printf(", there %s", move->there);
    if (move->held_us > 0 && !move->is_over)
        printf(", held for %.1f s", (double)move->held_us / 1e6);
    printf("%s%s\n", move->words[0] != '\0' ? ": " : "", move->words);
}

/* It lives there, and nothing is left of it here. */
static bool has_ended(const struct store_move *move)
{
    return move->is_over && (strcmp(move->step, "done") != 0 || strcmp(move->there, "served") == 0);
}

static int end_of(struct cell_move *m, const struct store_move *move)
{
    if (strcmp(move->step, "done") == 0) {
        printf("%s lives in cell %s: ", move->id, move->to);
        print_counts(&move->counts);
        printf(".\n");
        return CLI_DONE;
    }
    return cli_failed(m->cli, "%s stays in cell %s (%s)%s%s", move->id, move->from, move->step,
                      move->words[0] != '\0' ? ": " : "", move->words);
}

/* A line whenever something has changed. */
static int look_on(struct cell_move *m, struct store_move *move)
{
    static const struct timespec pause = { .tv_sec = 0, .tv_nsec = 200000000 };
    struct store_move shown = { 0 };
    size_t found = 1;
    while (!has_ended(move)) {
        bool is_news = strcmp(shown.step, move->step) != 0 ||
                       strcmp(shown.there, move->there) != 0 ||
                       strcmp(shown.words, move->words) != 0;
        if (is_news && found > 0) {
            print_move(move);
            (void)fflush(stdout);
            shown = *move;
        }
        (void)nanosleep(&pause, NULL);
        enum rc rc = store_move_look(m->cells, m->count, str_from(shown.id), move, 1, &found, NULL);
        if (rc != RC_OK || found == 0)
            *move = shown; /* a database is away: it comes back */
    }
    return end_of(m, move);
}

static int show_status(struct cell_move *m)
{
    struct store_move *list = xcalloc(MOVES_SHOWN, sizeof(*list));
    size_t found = 0;
    enum rc rc = store_move_look(m->cells, m->count, m->org, list, MOVES_SHOWN, &found, &m->why);
    for (size_t i = 0; i < found; i++)
        print_move(&list[i]);
    if (rc == RC_OK && found == 0 && m->why.len == 0)
        printf(m->org.len > 0 ? "It has not moved.\n" : "No organisation is on its way.\n");
    xfree(list);
    return m->why.len > 0 ? move_failed(m, rc) : CLI_DONE;
}

static int run_move(struct cell_move *m, const char *to, bool is_cancel, bool is_status)
{
    struct store_move move = { 0 };
    if (is_status)
        return show_status(m);
    enum rc rc = is_cancel ? store_move_take_back(m->cells, m->count, m->org, &move, &m->why)
                           : store_move_ask(m->cells, m->count, m->org, to, &move, &m->why);
    if (rc != RC_OK)
        return move_failed(m, rc);
    if (!is_cancel)
        return look_on(m, &move);
    printf("%s stays in cell %s, unless it has left already (%s).\n", move.id, move.from,
           move.step);
    return CLI_DONE;
}

int cli_cell_move(struct cli *cli)
{
    struct cell_move m = { .cli = cli };
    const char *to = cli_take(cli, "to");
    bool is_cancel = cli_take_switch(cli, "cancel"), is_status = cli_take_switch(cli, "status");
    const char *org = cli_take_word(cli);
    if ((org == NULL && !is_status) || (to == NULL) != (is_cancel || is_status))
        return cli_misused(cli, "cell move needs ORGANISATION --to=CELL, ORGANISATION --cancel, or "
                                "--status");
    struct conf *conf = cli_conf(cli);
    if (conf == NULL)
        return CLI_MISUSED;
    m.org = org == NULL ? STR("") : str_from(org);
    arena_init(&m.arena);
    buf_init(&m.why, WORDS_MAX);
    m.count = server_moves_cells(conf, &m.arena, m.cells, &m.why);
    int code = m.count == 0 ? move_failed(&m, RC_INVALID) : run_move(&m, to, is_cancel, is_status);
    buf_fini(&m.why);
    arena_fini(&m.arena);
    conf_free(conf);
    return code;
}
