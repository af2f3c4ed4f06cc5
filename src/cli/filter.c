/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel filter: webfilters, their chains and runs on a running server, through its API. Settings
 * are flags named as the API names them; a table says which is which.
 */
#include "cli/remote.h"

#include <stdio.h>
#include <string.h>

enum { US_PER_MS = 1000, US_PER_S = 1000000, ORDER_MAX = 1000000, FAILURES_MAX = 1000 };

static const int64_t trial_us = INT64_C(90) * US_PER_S; /* above what the server takes for one */

struct job {
    struct cli *cli;
    struct cli_remote remote;
    struct str app; /* escaped, for paths */
};

/* --- settings as flags --------------------------------------------------------------------------------- */

enum kind { TEXT, LIST, SWITCH, COUNT, MILLISECONDS, SECONDS };

struct setting {
    const char *flag, *name;
    enum kind kind;
    int64_t max;
};

static const struct setting filter_settings[] = {
    { "description", "description", TEXT, 0 },
    { "mode", "mode", TEXT, 0 },
    { "encoding", "encoding", TEXT, 0 },
    { "secret", "secret", TEXT, 0 },
    { "order", "order", COUNT, ORDER_MAX },
    { "timeout", "timeoutMs", MILLISECONDS, 0 },
    { "breaker-failures", "breakerFailures", COUNT, FAILURES_MAX },
    { "breaker", "breakerMs", MILLISECONDS, 0 },
    { "cache", "cacheSeconds", SECONDS, 0 },
    { "disable-filtering", "disableFiltering", SWITCH, 0 },
    { "disable-halt", "disableHalt", SWITCH, 0 },
    { "fail-closed", "failClosed", SWITCH, 0 },
    { "halt-on-4xx", "haltOn4xx", SWITCH, 0 },
    { "redirect-on-4xx", "redirectOn4xx", TEXT, 0 },
    { "halt-on-5xx", "haltOn5xx", SWITCH, 0 },
    { "redirect-on-5xx", "redirectOn5xx", TEXT, 0 },
    { "halt-on-request-exception", "haltOnRequestException", SWITCH, 0 },
    { "redirect-on-request-exception", "redirectOnRequestException", TEXT, 0 },
};

static const struct setting chain_settings[] = {
    { "deadline", "deadlineMs", MILLISECONDS, 0 },
    { "keep", "keep", TEXT, 0 },
    { "redact", "redact", LIST, 0 },
};

/* NULL: said that it is not UTF-8. */
static json_t *filter_text_of(const struct cli *cli, const char *flag, const char *value)
{
    json_t *text = json_string(value);
    if (text == NULL)
        (void)cli_misused(cli, "--%s: the text is not UTF-8", flag);
    return text;
}

/* "" in a list stands for an empty list, to take what is there away. */
static bool take_list(struct cli *cli, const struct setting *s, json_t *into)
{
    const char *value;
    json_t *list = NULL;
    while ((value = cli_take(cli, s->flag)) != NULL) {
        json_t *text = filter_text_of(cli, s->flag, value);
        if (list == NULL)
            list = json_array();
        if (text == NULL) {
            json_decref(list);
            return false;
        }
        if (value[0] != '\0')
            json_array_append(list, text);
        json_decref(text);
    }
    if (list != NULL)
        json_object_set_new(into, s->name, list);
    return true;
}

static void take_switch(struct cli *cli, const struct setting *s, json_t *into)
{
    char off[64];
    (void)snprintf(off, sizeof(off), "no-%s", s->flag);
    if (cli_take_switch(cli, s->flag))
        json_object_set_new(into, s->name, json_true());
    if (cli_take_switch(cli, off))
        json_object_set_new(into, s->name, json_false());
}

static bool take_number(struct cli *cli, const struct setting *s, json_t *into)
{
    int64_t value = -1;
    bool fine = s->kind == COUNT ? cli_take_number(cli, s->flag, -1, 0, s->max, &value)
                                 : cli_take_duration(cli, s->flag, -1, &value);
    if (s->kind != COUNT && value >= 0)
        value /= s->kind == SECONDS ? US_PER_S : US_PER_MS;
    if (fine && value >= 0)
        json_object_set_new(into, s->name, json_integer(value));
    return fine;
}

static bool take_text(struct cli *cli, const struct setting *s, json_t *into)
{
    const char *value = cli_take(cli, s->flag);
    json_t *text = value == NULL ? NULL : filter_text_of(cli, s->flag, value);
    if (text != NULL)
        json_object_set_new(into, s->name, text);
    return value == NULL || text != NULL;
}

/* What is given of the settings, into an object. False: said what is wrong. */
static bool take_settings(struct cli *cli, const struct setting *settings, size_t count,
                          json_t *into)
{
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++) {
        const struct setting *s = &settings[i];
        if (s->kind == TEXT)
            fine = take_text(cli, s, into);
        else if (s->kind == LIST)
            fine = take_list(cli, s, into);
        else if (s->kind == SWITCH)
            take_switch(cli, s, into);
        else
            fine = take_number(cli, s, into);
    }
    return fine;
}

/* --- paths ----------------------------------------------------------------------------------------------- */

/* /api/v1/app/<app>/<what>[/<name>[/<tail>]] */
static struct str filter_path_of(struct job *job, const char *what, const char *name,
                                 const char *tail)
{
    struct str path =
        arena_fmt(&job->remote.arena, "/api/v1/app/%.*s/%s", STR_ARGS(job->app), what);
    if (name != NULL)
        path = arena_fmt(&job->remote.arena, "%.*s/%.*s", STR_ARGS(path),
                         STR_ARGS(cli_remote_escape(&job->remote, name)));
    if (tail != NULL)
        path = arena_fmt(&job->remote.arena, "%.*s/%s", STR_ARGS(path), tail);
    return path;
}

static struct str add_query(struct job *job, struct str path, const char *name, const char *value)
{
    if (value == NULL)
        return path;
    return arena_fmt(&job->remote.arena, "%.*s%c%s=%.*s", STR_ARGS(path),
                     str_contains(path, STR("?")) ? '&' : '?', name,
                     STR_ARGS(cli_remote_escape(&job->remote, value)));
}

/* --- filters --------------------------------------------------------------------------------------------- */

static int filter_create(struct job *job)
{
    struct cli *cli = job->cli;
    json_t *body = json_object();
    bool fine = take_settings(cli, filter_settings, COUNT_OF(filter_settings), body);
    bool is_off = cli_take_switch(cli, "disabled");
    const char *event = cli_take_word(cli), *processor = cli_take_word(cli);
    if (fine && (event == NULL || processor == NULL)) {
        (void)cli_misused(cli, "create needs the event and the processor's URL");
        fine = false;
    }
    if (!fine || !cli_is_used_up(cli)) {
        json_decref(body);
        return CLI_MISUSED;
    }
    json_object_set_new(body, "event", json_string(event));
    json_object_set_new(body, "url", json_string(processor));
    json_object_set_new(body, "enabled", json_boolean(!is_off));
    return cli_remote_show(&job->remote, HTTP_POST, filter_path_of(job, "filter", NULL, NULL),
                           body);
}

static int filter_list(struct job *job)
{
    struct cli *cli = job->cli;
    const char *limit = cli_take(cli, "limit"), *iterator = cli_take(cli, "iterator");
    const char *event = cli_take_word(cli);
    if (!cli_is_used_up(cli))
        return CLI_MISUSED;
    struct str path = filter_path_of(job, "filter", NULL, NULL);
    path = add_query(job, path, "limit", limit != NULL ? limit : "250");
    path = add_query(job, path, "iterator", iterator);
    return cli_remote_show(&job->remote, HTTP_GET, add_query(job, path, "event", event), NULL);
}

/* The id that the arguments name, when nothing else is left; NULL: said so. */
static const char *only_id(struct cli *cli, const char *of)
{
    const char *id = cli_take_word(cli);
    if (id != NULL)
        return cli_is_used_up(cli) ? id : NULL;
    (void)cli_misused(cli, "which %s?", of);
    return NULL;
}

static int filter_show(struct job *job)
{
    const char *id = only_id(job->cli, "filter or run? Its id");
    if (id == NULL)
        return CLI_MISUSED;
    const char *what = str_starts(str_from(id), STR("frun_")) ? "filter-run" : "filter";
    return cli_remote_show(&job->remote, HTTP_GET, filter_path_of(job, what, id, NULL), NULL);
}

static int show_secret(struct job *job)
{
    const char *id = only_id(job->cli, "filter? Its id");
    if (id == NULL)
        return CLI_MISUSED;
    return cli_remote_show(&job->remote, HTTP_GET, filter_path_of(job, "filter", id, "secret"),
                           NULL);
}

static int delete_one(struct job *job)
{
    const char *id = only_id(job->cli, "filter? Its id");
    if (id == NULL)
        return CLI_MISUSED;
    return cli_remote_show(&job->remote, HTTP_DELETE, filter_path_of(job, "filter", id, NULL),
                           NULL);
}

static int filter_update(struct job *job)
{
    static const struct setting own[] = { { "event", "event", TEXT, 0 },
                                          { "processor", "url", TEXT, 0 } };
    struct cli *cli = job->cli;
    json_t *body = json_object();
    const char *id = NULL;
    if (take_settings(cli, filter_settings, COUNT_OF(filter_settings), body) &&
        take_settings(cli, own, COUNT_OF(own), body))
        id = only_id(cli, "filter? Its id");
    if (id == NULL) {
        json_decref(body);
        return CLI_MISUSED;
    }
    return cli_remote_show(&job->remote, HTTP_PATCH, filter_path_of(job, "filter", id, NULL), body);
}

static int filter_turn(struct job *job, bool on)
{
    const char *id = only_id(job->cli, "filter? Its id");
    if (id == NULL)
        return CLI_MISUSED;
    return cli_remote_show(&job->remote, HTTP_PATCH, filter_path_of(job, "filter", id, NULL),
                           json_pack("{s:b}", "enabled", on));
}

static int filter_enable(struct job *job)
{
    return filter_turn(job, true);
}

static int filter_disable(struct job *job)
{
    return filter_turn(job, false);
}

/* --- chains ------------------------------------------------------------------------------------------------ */

/* What is given takes the place of what is set; the rest stays. */
static int set_chain(struct job *job, struct str path, const json_t *given)
{
    json_t *chain;
    if (!cli_remote_call(&job->remote, HTTP_GET, path, NULL, &chain))
        return CLI_FAILED;
    json_t *body = json_object();
    for (size_t i = 0; i < COUNT_OF(chain_settings); i++) {
        const char *name = chain_settings[i].name;
        json_t *value = json_object_get(given, name);
        if (value == NULL)
            value = json_object_get(chain, name);
        if (value != NULL)
            json_object_set(body, name, value);
    }
    json_decref(chain);
    return cli_remote_show(&job->remote, HTTP_PUT, path, body);
}

static int filter_chain(struct job *job)
{
    json_t *given = json_object();
    const char *event = NULL;
    int code = CLI_MISUSED;
    if (take_settings(job->cli, chain_settings, COUNT_OF(chain_settings), given))
        event = only_id(job->cli, "event");
    if (event != NULL) {
        struct str path = filter_path_of(job, "filter-chain", event, NULL);
        code = json_object_size(given) > 0 ? set_chain(job, path, given)
                                           : cli_remote_show(&job->remote, HTTP_GET, path, NULL);
    }
    json_decref(given);
    return code;
}

static int rotate_url(struct job *job)
{
    static const struct setting grace = { "grace", "gracePeriodSeconds", SECONDS, 0 };
    json_t *body = json_object();
    bool is_off = cli_take_switch(job->cli, "off");
    const char *event =
        take_settings(job->cli, &grace, 1, body) ? only_id(job->cli, "event") : NULL;
    if (event == NULL || is_off) {
        json_decref(body);
        body = NULL;
    }
    if (event == NULL)
        return CLI_MISUSED;
    return cli_remote_show(&job->remote, is_off ? HTTP_DELETE : HTTP_POST,
                           filter_path_of(job, "filter-chain", event, "url"), body);
}

/* Data of a file, or of standard input when none is named. */
static json_t *read_data(struct cli *cli, const char *name)
{
    json_t *data = cli_read_json(cli, name != NULL ? name : "-");
    if (data == NULL || json_is_object(data))
        return data;
    (void)cli_failed(cli, "the data is not a JSON object");
    json_decref(data);
    return NULL;
}

static int run_chain(struct job *job)
{
    struct cli *cli = job->cli;
    const char *event = cli_take_word(cli), *name = cli_take_word(cli);
    json_t *verdict;
    if (event == NULL)
        return cli_misused(cli, "which event? And the data: a file, or on standard input");
    if (!cli_is_used_up(cli))
        return CLI_MISUSED;
    json_t *data = read_data(cli, name);
    if (data == NULL)
        return CLI_FAILED;
    job->remote.deadline_us = trial_us;
    if (!cli_remote_call(&job->remote, HTTP_POST, filter_path_of(job, "filter-chain", event, NULL),
                         json_pack("{s:o}", "data", data), &verdict))
        return CLI_FAILED;
    cli_print_json(verdict);
    bool halts = json_is_true(json_object_get(verdict, "halt"));
    json_decref(verdict);
    return halts ? CLI_HALTED : CLI_DONE;
}

static int try_chain(struct job *job)
{
    struct cli *cli = job->cli;
    int64_t last;
    if (!cli_take_number(cli, "last", 50, 1, 200, &last))
        return CLI_MISUSED;
    const char *event = cli_take_word(cli), *name = cli_take_word(cli);
    if (event == NULL)
        return cli_misused(cli,
                           "which event? And a file of filters, unless it is the present chain");
    if (!cli_is_used_up(cli))
        return CLI_MISUSED;
    json_t *body = json_pack("{s:I}", "last", (json_int_t)last);
    if (name != NULL) {
        json_t *filters = cli_read_json(cli, name);
        if (filters == NULL) {
            json_decref(body);
            return CLI_FAILED;
        }
        json_object_set_new(body, "filters", filters);
    }
    job->remote.deadline_us = trial_us;
    return cli_remote_show(&job->remote, HTTP_POST,
                           filter_path_of(job, "filter-chain", event, "trial"), body);
}

/* --- runs ---------------------------------------------------------------------------------------------------- */

static int list_runs(struct job *job)
{
    static const char *const queries[][2] = { { "event", "event" }, { "filter", "filter_id" },
                                              { "after", "after" }, { "before", "before" },
                                              { "limit", "limit" }, { "iterator", "iterator" } };
    struct cli *cli = job->cli;
    struct str path = filter_path_of(job, "filter-run", NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(queries); i++)
        path = add_query(job, path, queries[i][1], cli_take(cli, queries[i][0]));
    if (cli_take_switch(cli, "halted"))
        path = add_query(job, path, "halted", "true");
    else if (cli_take_switch(cli, "passed"))
        path = add_query(job, path, "halted", "false");
    if (!cli_is_used_up(cli))
        return CLI_MISUSED;
    return cli_remote_show(&job->remote, HTTP_GET, path, NULL);
}

static int filter_replay(struct job *job)
{
    struct cli *cli = job->cli;
    const char *filter = cli_take(cli, "filter");
    const char *id = cli_take_word(cli), *processor = cli_take_word(cli);
    if (id == NULL || processor == NULL)
        return cli_misused(cli, "replay needs the run's id and the URL of a processor");
    if (!cli_is_used_up(cli))
        return CLI_MISUSED;
    json_t *body = json_pack("{s:s}", "url", processor);
    if (filter != NULL)
        json_object_set_new(body, "filterId", json_string(filter));
    job->remote.deadline_us = trial_us;
    return cli_remote_show(&job->remote, HTTP_POST, filter_path_of(job, "filter-run", id, "replay"),
                           body);
}

/* --- the verb -------------------------------------------------------------------------------------------------- */

static const struct action {
    const char *word;
    int (*run)(struct job *job);
} actions[] = {
    { "create", filter_create }, { "list", filter_list },     { "show", filter_show },
    { "update", filter_update }, { "enable", filter_enable }, { "disable", filter_disable },
    { "delete", delete_one },    { "secret", show_secret },   { "chain", filter_chain },
    { "url", rotate_url },       { "run", run_chain },        { "runs", list_runs },
    { "replay", filter_replay }, { "trial", try_chain },
};

static int filter_run(struct cli *cli)
{
    const char *what = cli_take_word(cli);
    const struct action *action = NULL;
    struct job job = { .cli = cli };
    for (size_t i = 0; i < COUNT_OF(actions); i++)
        if (str_eq(str_from(what), str_from(actions[i].word)))
            action = &actions[i];
    if (action == NULL)
        return cli_misused(cli,
                           "create, list, show, update, enable, disable, delete, secret, chain, "
                           "url, run, runs, replay or trial?");
    const char *app = cli_take(cli, "app");
    if (app == NULL || app[0] == '\0')
        return cli_misused(cli, "--app is needed: the application's id or uid");
    if (!cli_remote_take(cli, &job.remote))
        return CLI_MISUSED;
    job.app = cli_remote_escape(&job.remote, app);
    int code = action->run(&job);
    cli_remote_close(&job.remote);
    return code;
}

const struct cli_verb cli_filter = {
    .name = "filter",
    .arguments = "create|list|show|update|...|run|runs|replay|trial --app=APP [...]",
    .summary = "Create, list and delete webfilters, ask a chain, show its runs",
    .details =
        "  create EVENT URL [SETTINGS] [--disabled]   creates a filter and prints it\n"
        "  list [EVENT] [--limit=N] [--iterator=I]\n"
        "  show ID              shows a filter, or a run\n"
        "  update ID [--event=NAME] [--processor=URL] [SETTINGS]   changes only what is given\n"
        "  enable ID, disable ID, delete ID\n"
        "  secret ID            shows the secret that signs the filter's requests\n"
        "  chain EVENT [--deadline=9s] [--keep=none|headers|all] [--redact=/POINTER ...]   shows or sets the chain\n"
        "  url EVENT [--grace=1h] [--off]   gives the chain a URL, or a new one; --off removes it\n"
        "  run EVENT [FILE]     asks the chain about a JSON object (from standard input without FILE); prints\n"
        "                       the verdict; the exit code is 3 if the verdict is to halt\n"
        "  runs [--event=NAME] [--filter=ID] [--halted|--passed] [--after=T] [--before=T]\n"
        "       [--limit=N] [--iterator=I]\n"
        "  replay RUN URL [--filter=ID]     asks another processor the same question as the run\n"
        "  trial EVENT [FILE] [--last=50]   tries a chain (a JSON array of filters) on the last kept runs;\n"
        "                                   without FILE, the current chain\n"
        "SETTINGS: --order=N --timeout=5s --mode=original|chained|parallel|shadow --encoding=json|form\n"
        "  --breaker-failures=5 --breaker=30s --cache=60s --secret=S --description=TEXT\n"
        "  --redirect-on-4xx=URL --redirect-on-5xx=URL --redirect-on-request-exception=URL, and on or off (--no-...):\n"
        "  --halt-on-4xx --halt-on-5xx --halt-on-request-exception --fail-closed --disable-filtering --disable-halt\n"
        "FILE may be - for standard input. --app is the application's id or uid. All actions take --token or\n"
        "$GRAPNEL_TOKEN, and --url=http://127.0.0.1:8071\n",
    .run = filter_run,
};
