/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel recover and grapnel replay: sending many messages again. The server counts first; what was counted is done when
 * somebody says so, and nothing else.
 */
#include "cli/follow_priv.h"

#include <stdio.h>
#include <unistd.h>

#define DAY_US INT64_C(86400000000)

struct bulk {
    struct cli *cli;
    struct cli_remote remote;
    const char *action;
    bool is_yes, is_detached;
    int64_t rate; /* 0: as fast as the server can */
};

/* --- what is asked for ------------------------------------------------------------------------------------ */

static void bulk_set(json_t *body, const char *name, const char *value)
{
    if (value != NULL)
        json_object_set_new(body, name, json_string(value));
}

/* "a,b" as a list. */
static void bulk_set_list(json_t *body, const char *name, const char *value)
{
    struct str given = value == NULL ? STR_NONE : str_from(value);
    struct str one;
    json_t *list = value == NULL ? NULL : json_array();
    while (list != NULL && str_split(&given, ',', &one))
        json_array_append_new(list, json_stringn(one.ptr, one.len));
    if (list != NULL)
        json_object_set_new(body, name, list);
}

/* --since is a time; --last is how long ago. */
static bool set_period(struct bulk *b, json_t *body)
{
    char text[TIME_TEXT_LEN + 1];
    int64_t last_us = 0;
    const char *since = cli_take(b->cli, "since");
    bulk_set(body, "until", cli_take(b->cli, "until"));
    if (!cli_take_duration(b->cli, "last", DAY_US, &last_us))
        return false;
    if (since == NULL) {
        time_format(clock_wall_us(clock_system()) - last_us, text);
        since = text;
    }
    bulk_set(body, "since", since);
    return true;
}

/* NULL: said what is wrong. */
static json_t *bulk_take(struct bulk *b)
{
    int64_t class = -1;
    json_t *body = json_object();
    bulk_set(body, "action", b->action);
    bulk_set(body, "appId", cli_take(b->cli, "app"));
    bulk_set(body, "endpointId", cli_take(b->cli, "endpoint"));
    bulk_set_list(body, "eventTypes", cli_take(b->cli, "type"));
    bulk_set_list(body, "channels", cli_take(b->cli, "channel"));
    bulk_set_list(body, "tags", cli_take(b->cli, "tag"));
    b->is_yes = cli_take_switch(b->cli, "yes");
    b->is_detached = cli_take_switch(b->cli, "detach");
    bool is_right = cli_take_number(b->cli, "rate", 0, 1, 100000, &b->rate) &&
                    cli_take_number(b->cli, "status-class", -1, 0, 500, &class) &&
                    set_period(b, body);
    if (class >= 0)
        json_object_set_new(body, "statusCodeClass", json_integer(class));
    if (is_right && cli_is_used_up(b->cli))
        return body;
    json_decref(body);
    return NULL;
}

/* --- counting, and doing it ------------------------------------------------------------------------------- */

static void print_count(const json_t *count)
{
    const char *state;
    json_t *n;
    json_t *states = json_object_get(count, "byStatus");
    bool is_all = json_is_true(json_object_get(count, "complete"));
    struct str oldest = json_str_member(count, "oldest"), newest = json_str_member(count, "newest");
    printf("%s%lld deliveries match", is_all ? "" : "more than ",
           (long long)json_integer_value(json_object_get(count, "matched")));
    const char *mark = ": ";
    json_object_foreach(states, state, n)
    {
        if (json_integer_value(n) == 0)
            continue;
        printf("%s%lld %s", mark, (long long)json_integer_value(n), state);
        mark = ", ";
    }
    (void)putchar('\n');
    if (oldest.len > 0)
        printf("accepted from %.*s to %.*s\n", STR_ARGS(oldest), STR_ARGS(newest));
}

static bool is_agreed(const struct bulk *b)
{
    if (b->is_yes)
        return true;
    if (isatty(STDIN_FILENO) == 0) {
        printf("Nothing was sent. Add --yes to send them.\n");
        return false;
    }
    fprintf(stderr, "Send them again? [y/N] ");
    (void)fflush(stderr);
    int answer = getchar();
    return answer == 'y' || answer == 'Y';
}

static int bulk_start(struct bulk *b, const json_t *count)
{
    json_t *task = NULL;
    json_t *body = json_object();
    json_object_set(body, "plan", json_object_get(count, "plan"));
    if (b->rate > 0)
        json_object_set_new(body, "rate", json_integer(b->rate));
    cli_follow_prepare();
    if (!cli_remote_call(&b->remote, HTTP_POST, STR("/api/v1/bulk"), body, &task))
        return CLI_FAILED;
    struct str id = arena_str(&b->remote.arena, json_str_member(task, "id"));
    json_decref(task);
    printf("started %.*s\n", STR_ARGS(id));
    (void)fflush(stdout);
    return b->is_detached ? CLI_DONE : cli_follow(&b->remote, id);
}

static int bulk_do(struct bulk *b, json_t *body)
{
    json_t *count = NULL;
    int code = CLI_DONE;
    if (!cli_remote_call(&b->remote, HTTP_POST, STR("/api/v1/bulk/count"), body, &count))
        return CLI_FAILED;
    print_count(count);
    (void)fflush(stdout);
    if (json_integer_value(json_object_get(count, "matched")) > 0 && is_agreed(b))
        code = bulk_start(b, count);
    json_decref(count);
    return code;
}

static int bulk_run(struct cli *cli, const char *action)
{
    struct bulk b = { .cli = cli, .action = action };
    if (!cli_remote_take(cli, &b.remote))
        return CLI_MISUSED;
    json_t *body = bulk_take(&b);
    int code = body == NULL ? CLI_MISUSED : bulk_do(&b, body);
    cli_remote_close(&b.remote);
    return code;
}

static int run_recover(struct cli *cli)
{
    return bulk_run(cli, "recover");
}

static int run_replay(struct cli *cli)
{
    return bulk_run(cli, "replay");
}

#define DETAILS \
    "  It counts first, and sends nothing unless you agree.\n" \
    "  --app=APP             the application's id or uid; not needed with an application's token\n" \
    "  --endpoint=ENDPOINT   only deliveries to this endpoint\n" \
    "  --last=24h            messages of so long; or --since=TIME and --until=TIME (RFC 3339)\n" \
    "  --type, --channel, --tag=LIST   only such messages\n" \
    "  --status-class=500    only what was answered last with such a status; 0: not at all\n" \
    "  --rate=N              at most so many a second\n" \
    "  --yes                 sends without asking\n" \
    "  --detach              starts it and does not wait for the end\n" \
    "Ctrl-C leaves the task running and says how to stop it.\n" \
    "--token or $GRAPNEL_TOKEN is needed, and --url=http://127.0.0.1:8071 unless the server is there\n"

const struct cli_verb cli_recover = {
    .name = "recover",
    .arguments = "--app=APP [--endpoint=ENDPOINT] [--last=24h] [--rate=N] [--yes] [...]",
    .summary = "Count what failed, and send it again",
    .details = DETAILS,
    .run = run_recover,
};
const struct cli_verb cli_replay = {
    .name = "replay",
    .arguments = "--app=APP [--endpoint=ENDPOINT] [--last=24h] [--rate=N] [--yes] [...]",
    .summary = "Count what was sent, and send it again whatever came of it",
    .details = DETAILS,
    .run = run_replay,
};
