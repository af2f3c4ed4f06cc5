/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel task: looking at the background tasks of a server, and steering them.
 */
#include "cli/follow_priv.h"

#include <stdio.h>
#include <string.h>

struct steer {
    struct cli *cli;
    struct cli_remote remote;
    const char *what;
    const char *status; /* --status, or NULL */
    bool as_json;
};

/* Bulk actions and the other tasks are two lists. */
static int task_list(struct steer *s)
{
    static const char *const lists[] = { "/api/v1/bulk", "/api/v1/background-task" };
    if (!cli_is_used_up(s->cli))
        return CLI_MISUSED;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        json_t *answer = NULL;
        size_t n;
        const json_t *task;
        struct str path = s->status == NULL
                              ? str_from(lists[i])
                              : arena_fmt(&s->remote.arena, "%s?status=%.*s", lists[i],
                                          STR_ARGS(cli_remote_escape(&s->remote, s->status)));
        if (!cli_remote_call(&s->remote, HTTP_GET, path, NULL, &answer))
            return CLI_FAILED;
        json_array_foreach(json_object_get(answer, "data"), n, task)
        {
            if (s->as_json)
                cli_print_json(task);
            else
                cli_follow_print(task);
        }
        json_decref(answer);
    }
    return CLI_DONE;
}

static int task_call(struct steer *s, enum http_method method, struct str path, json_t *body)
{
    json_t *task = NULL;
    if (s->as_json)
        return cli_remote_show(&s->remote, method, path, body);
    if (!cli_remote_call(&s->remote, method, path, body, &task))
        return CLI_FAILED;
    cli_follow_print(task);
    json_decref(task);
    return CLI_DONE;
}

/* "none": as fast as the server can. NULL: said what is wrong. */
static json_t *rate_body(struct steer *s)
{
    const char *text = cli_take_word(s->cli);
    int64_t rate = 0;
    if (text != NULL && strcmp(text, "none") == 0)
        return json_pack("{s:n}", "rate");
    if (text == NULL || str_to_i64(str_from(text), &rate) != RC_OK || rate < 1 || rate > 100000) {
        (void)cli_misused(s->cli, "which rate? Give objects a second, from 1 to 100000, or none");
        return NULL;
    }
    return json_pack("{s:I}", "rate", (json_int_t)rate);
}

static int task_steer(struct steer *s)
{
    const char *id = cli_take_word(s->cli);
    json_t *body = NULL;
    bool is_show = strcmp(s->what, "show") == 0;
    if (id == NULL)
        return cli_misused(s->cli, "which task? Give its id (grapnel task list)");
    if (strcmp(s->what, "rate") == 0 && (body = rate_body(s)) == NULL)
        return CLI_MISUSED;
    if (!cli_is_used_up(s->cli)) {
        json_decref(body);
        return CLI_MISUSED;
    }
    struct str name = cli_remote_escape(&s->remote, id);
    struct str path =
        is_show ? arena_fmt(&s->remote.arena, "/api/v1/background-task/%.*s", STR_ARGS(name))
                : arena_fmt(&s->remote.arena, "/api/v1/background-task/%.*s/%s", STR_ARGS(name),
                            s->what);
    return task_call(s, is_show ? HTTP_GET : HTTP_POST, path, body);
}

static int task_run(struct cli *cli)
{
    static const char *const verbs[] = { "show", "pause", "resume", "cancel", "rate" };
    struct steer s = { .cli = cli,
                       .status = cli_take(cli, "status"),
                       .as_json = cli_take_switch(cli, "json") };
    bool is_known = false;
    if (!cli_remote_take(cli, &s.remote))
        return CLI_MISUSED;
    s.what = cli_take_word(cli);
    for (size_t i = 0; s.what != NULL && i < COUNT_OF(verbs); i++)
        is_known = is_known || strcmp(s.what, verbs[i]) == 0;
    int code = CLI_MISUSED;
    if (s.what != NULL && strcmp(s.what, "list") == 0)
        code = task_list(&s);
    else if (is_known)
        code = task_steer(&s);
    else
        (void)cli_misused(cli, "say what to do: list, show, pause, resume, rate or cancel");
    cli_remote_close(&s.remote);
    return code;
}

const struct cli_verb cli_task = {
    .name = "task",
    .arguments = "list | show ID | pause ID | resume ID | rate ID N | cancel ID",
    .summary = "Look at a server's background tasks, and steer them",
    .details =
        "  list [--status=running]  tasks, the newest first: bulk actions, then the others\n"
        "  show ID                  how far one is\n"
        "  pause ID, resume ID      hold it, and let it go on\n"
        "  rate ID N                objects a second; none: as fast as the server can\n"
        "  cancel ID                end it; what it has done stays done\n"
        "  --json                   prints the server's answer as it is\n"
        "--token or $GRAPNEL_TOKEN is needed, and --url=http://127.0.0.1:8071 unless the server is there\n",
    .run = task_run,
};
