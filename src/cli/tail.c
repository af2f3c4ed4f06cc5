/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel tail: what a running server commits, as it happens, a line each.
 */
#include "cli/remote.h"

#include <stdio.h>

enum { LINE_MAX_BYTES = 256 * 1024, TIME_AT = 11, TIME_LEN = 12 };

struct tail {
    struct buf line; /* not ended yet */
    char event[32];  /* the name that the data belongs to */
    bool as_json;
    bool is_ended; /* the server said goodbye */
};

/* --- lines ------------------------------------------------------------------------------------------- */

static struct str tail_text_of(const json_t *data, const char *name)
{
    struct str s = json_str_of(json_object_get(data, name));
    return s.ptr == NULL ? STR("-") : s;
}

static int64_t number_of(const json_t *data, const char *name)
{
    return json_integer_value(json_object_get(data, name));
}

static double ms_of(const json_t *data)
{
    return json_number_value(json_object_get(data, "ms"));
}

static void show_attempt(const json_t *data)
{
    int64_t status = number_of(data, "status");
    char answer[16] = "no answer";
    if (status != 0)
        (void)snprintf(answer, sizeof(answer), "%lld", (long long)status);
    printf("attempt  %-8.*s %-9s %9.1f ms  %.*s  %.*s  %.*s\n",
           STR_ARGS(tail_text_of(data, "state")), answer, ms_of(data),
           STR_ARGS(tail_text_of(data, "endpoint")), STR_ARGS(tail_text_of(data, "message")),
           STR_ARGS(tail_text_of(data, "eventType")));
}

static void show_event(const struct tail *t, const json_t *data)
{
    struct str name = str_from(t->event);
    struct str at = tail_text_of(data, "at");
    printf("%.*s  ", STR_ARGS(str_sub(at, TIME_AT, TIME_AT + TIME_LEN)));
    if (str_eq(name, STR("attempt")))
        show_attempt(data);
    else if (str_eq(name, STR("message")))
        printf("message  %.*s  %.*s  %.*s  to %lld endpoints\n", STR_ARGS(tail_text_of(data, "id")),
               STR_ARGS(tail_text_of(data, "app")), STR_ARGS(tail_text_of(data, "eventType")),
               (long long)number_of(data, "endpoints"));
    else if (str_eq(name, STR("request")))
        printf("request  %-9.*s %lld  %.*s  %.*s\n", STR_ARGS(tail_text_of(data, "outcome")),
               (long long)number_of(data, "status"), STR_ARGS(tail_text_of(data, "source")),
               STR_ARGS(tail_text_of(data, "id")));
    else if (str_eq(name, STR("run")))
        printf("run      %-8s %9.1f ms  %.*s  %.*s  %.*s\n",
               json_is_true(json_object_get(data, "halted")) ? "halted" : "passed", ms_of(data),
               STR_ARGS(tail_text_of(data, "event")), STR_ARGS(tail_text_of(data, "app")),
               STR_ARGS(tail_text_of(data, "id")));
    else
        printf("%-8s %.*s  %.*s  %.*s\n", t->event, STR_ARGS(tail_text_of(data, "id")),
               STR_ARGS(tail_text_of(data, "task")), STR_ARGS(tail_text_of(data, "status")));
}

/* What is about the stream itself goes to standard error. */
static void show_note(struct tail *t, const json_t *data)
{
    struct str name = str_from(t->event);
    if (str_eq(name, STR("lag")))
        fprintf(stderr, "grapnel tail: %lld events were left out: this reader is too slow\n",
                (long long)number_of(data, "dropped"));
    else if (str_eq(name, STR("summary")) && number_of(data, "leftOut") > 0)
        fprintf(stderr, "grapnel tail: %lld more events within a second are not shown\n",
                (long long)number_of(data, "leftOut"));
    else if (str_eq(name, STR("bye")))
        fprintf(stderr, "grapnel tail: the server ended the stream: %.*s\n",
                STR_ARGS(tail_text_of(data, "reason")));
    t->is_ended = t->is_ended || str_eq(name, STR("bye"));
}

static bool is_note(const struct tail *t)
{
    static const char *const notes[] = { "open", "summary", "lag", "bye" };
    for (size_t i = 0; i < COUNT_OF(notes); i++)
        if (strcmp(t->event, notes[i]) == 0)
            return true;
    return false;
}

static void show_data(struct tail *t, struct str text)
{
    json_t *data = NULL;
    if (json_parse(text, &data, NULL) != RC_OK)
        return; /* not of a kind that we know */
    if (is_note(t))
        show_note(t, data);
    else if (t->as_json)
        printf("{\"event\":\"%s\",\"data\":%.*s}\n", t->event, STR_ARGS(text));
    else
        show_event(t, data);
    json_decref(data);
}

static void take_line(struct tail *t, struct str line)
{
    if (str_skip_prefix(&line, STR("event: ")))
        (void)snprintf(t->event, sizeof(t->event), "%.*s", STR_ARGS(line));
    else if (str_skip_prefix(&line, STR("data: ")))
        show_data(t, line);
}

static void take_part(void *ctx, struct str bytes)
{
    struct tail *t = ctx;
    while (bytes.len > 0) {
        size_t end = str_find(bytes, '\n');
        if (buf_add_str(&t->line, str_sub(bytes, 0, end)) != RC_OK)
            buf_reset(&t->line); /* no line of the server's is so long */
        if (end >= bytes.len)
            return;
        take_line(t, buf_str(&t->line));
        buf_reset(&t->line);
        bytes = str_sub(bytes, end + 1, bytes.len);
    }
    (void)fflush(stdout);
}

/* --- the verb ------------------------------------------------------------------------------------------- */

static struct str tail_path_of(struct cli *cli, struct cli_remote *r)
{
    static const char *const names[] = { "kinds",  "app",    "endpoint", "source",
                                         "status", "sample", "seconds" };
    struct str path = STR("/api/v1/stream");
    const char *mark = "?";
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *value = cli_take(cli, names[i]);
        if (value == NULL)
            continue;
        path = arena_fmt(&r->arena, "%.*s%s%s=%.*s", STR_ARGS(path), mark, names[i],
                         STR_ARGS(cli_remote_escape(r, value)));
        mark = "&";
    }
    return path;
}

static int tail_run(struct cli *cli)
{
    struct cli_remote remote;
    struct tail t = { .as_json = cli_take_switch(cli, "json") };
    if (!cli_remote_take(cli, &remote))
        return CLI_MISUSED;
    struct str path = tail_path_of(cli, &remote);
    int code = CLI_MISUSED;
    if (cli_is_used_up(cli)) {
        buf_init(&t.line, LINE_MAX_BYTES);
        code = cli_remote_follow(&remote, path, take_part, &t) ? CLI_DONE : CLI_FAILED;
        buf_fini(&t.line);
        if (code == CLI_DONE && !t.is_ended)
            code = cli_failed(cli, "the connection to the server was lost");
    }
    cli_remote_close(&remote);
    return code;
}

const struct cli_verb cli_tail = {
    .name = "tail",
    .arguments = "[--kinds=LIST] [--app=ID] [--endpoint=ID] [--source=ID] [--status=LIST] [...]",
    .summary = "Show what a running server does, as it happens",
    .details =
        "  --kinds=message,attempt,request,run,task   shows only these\n"
        "  --app=ID, --endpoint=ID, --source=ID       only of this one\n"
        "  --status=fail,5xx,rejected                 only what ended so: success, fail, canceled, none,\n"
        "                                             1xx to 5xx, accepted, rejected, duplicate, ignored,\n"
        "                                             halted, passed\n"
        "  --sample=200      at most so many a second; standard error says how many are not shown\n"
        "  --seconds=N       ends after this time; otherwise it goes on\n"
        "  --json            prints each event as a line of JSON\n"
        "  --url=http://127.0.0.1:8071, and --token or $GRAPNEL_TOKEN\n",
    .run = tail_run,
};
