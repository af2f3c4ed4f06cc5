/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel explain: why a message came or did not, in plain words. The server explains (POST and GET .../explain); this asks
 * where the message is and lays the answer out. What receivers answered are strangers' words: control characters of
 * theirs would speak to the terminal, and are replaced.
 */
#include "cli/remote.h"

#include <stdio.h>
#include <string.h>

enum { WORDS_SHOWN = 120, CONDITION_MAX = 4096 };

struct job {
    struct cli *cli;
    struct cli_remote remote;
    struct str app;     /* escaped; empty: to be found */
    struct str message; /* escaped */
    struct str query;
};

/* --- writing --------------------------------------------------------------------------------------------- */

/* A member in one line, cut to `max` bytes. */
static void print_text(const json_t *object, const char *name, size_t max)
{
    struct str text = str_cut_utf8(json_str_member(object, name), max);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        (void)putchar(byte < ' ' || byte == 0x7f ? ' ' : byte);
    }
}

static bool explain_has(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return value != NULL && !json_is_null(value);
}

static int64_t explain_number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void print_labelled(const char *label, const json_t *object, const char *name)
{
    printf("  %-9s ", label);
    print_text(object, name, SIZE_MAX);
    (void)putchar('\n');
}

static void print_attempt(const json_t *attempt)
{
    printf("  attempt %lld  ", (long long)explain_number(attempt, "attemptNumber"));
    print_text(attempt, "timestamp", SIZE_MAX);
    if (explain_number(attempt, "responseStatusCode") != 0)
        printf("  %lld", (long long)explain_number(attempt, "responseStatusCode"));
    else
        printf("  no answer");
    printf(" after %lld ms", (long long)explain_number(attempt, "responseDurationMs"));
    if (explain_number(attempt, "triggerType") == 1)
        printf(", asked for by hand");
    if (explain_has(attempt, "errorDetail")) {
        printf(": ");
        print_text(attempt, "errorDetail", WORDS_SHOWN);
    } else if (explain_has(attempt, "response")) {
        printf(": ");
        print_text(attempt, "response", WORDS_SHOWN);
    }
    (void)putchar('\n');
}

static void print_wait(const json_t *wait)
{
    printf("  waits     ");
    print_text(wait, "words", SIZE_MAX);
    if (explain_has(wait, "until")) {
        printf(" Until ");
        print_text(wait, "until", SIZE_MAX);
        (void)putchar('.');
    }
    if (explain_has(wait, "blockedBy")) {
        printf(" First comes ");
        print_text(wait, "blockedBy", SIZE_MAX);
        (void)putchar('.');
    }
    (void)putchar('\n');
}

static void print_delivery(const json_t *delivery)
{
    size_t i;
    const json_t *item;
    printf("  state     ");
    print_text(delivery, "statusText", SIZE_MAX);
    if (explain_has(delivery, "statusReason")) {
        printf(" (");
        print_text(delivery, "statusReason", SIZE_MAX);
        (void)putchar(')');
    }
    printf(", %lld attempts", (long long)explain_number(delivery, "attemptCount"));
    if (explain_has(delivery, "nextAttempt")) {
        printf(", the next not before ");
        print_text(delivery, "nextAttempt", SIZE_MAX);
    }
    (void)putchar('\n');
    json_array_foreach(json_object_get(delivery, "attempts"), i, item) print_attempt(item);
    json_array_foreach(json_object_get(delivery, "waitsFor"), i, item) print_wait(item);
}

/* The conditions of a filter that do not hold. */
static void print_conditions(const json_t *filter)
{
    size_t i;
    const json_t *condition;
    json_array_foreach(json_object_get(filter, "conditions"), i, condition)
    {
        struct buf line;
        buf_init(&line, CONDITION_MAX);
        if (!str_eq(json_str_member(condition, "result"), STR("true")) &&
            json_write(condition, &line) == RC_OK)
            printf("            %.*s\n", STR_ARGS(buf_str(&line)));
        buf_fini(&line);
    }
}

static void print_now(const json_t *now)
{
    size_t i;
    const json_t *reason;
    const json_t *reasons = json_object_get(now, "reasons");
    if (json_array_size(reasons) == 0)
        print_labelled("now", now, "words");
    json_array_foreach(reasons, i, reason) print_labelled(i == 0 ? "now" : "", reason, "words");
    if (!json_is_true(json_object_get(now, "wanted")))
        print_conditions(json_object_get(now, "filter"));
}

static void print_endpoint(const json_t *item)
{
    (void)putchar('\n');
    print_text(item, "endpointId", SIZE_MAX);
    printf("  ");
    print_text(item, "url", SIZE_MAX);
    if (json_str_member(item, "description").len > 0) {
        printf("  ");
        print_text(item, "description", WORDS_SHOWN);
    }
    (void)putchar('\n');
    if (explain_has(item, "then"))
        print_labelled("then", json_object_get(item, "then"), "words");
    if (explain_has(item, "changedSince"))
        print_labelled("changed", item, "changedSince");
    if (explain_has(item, "delivery"))
        print_delivery(json_object_get(item, "delivery"));
    print_now(json_object_get(item, "now"));
}

static void print_head(const json_t *answer)
{
    print_text(answer, "msgId", SIZE_MAX);
    printf(" of the type ");
    print_text(answer, "eventType", SIZE_MAX);
    printf(", accepted ");
    print_text(answer, "timestamp", SIZE_MAX);
    printf("\nThe application has %lld endpoints; %lld have a delivery of the message.\n",
           (long long)explain_number(answer, "endpointCount"),
           (long long)explain_number(answer, "wantedThenCount"));
    if (json_is_true(json_object_get(answer, "payloadGone")))
        printf("Its payload is gone: nothing can be sent of it any more.\n");
}

static int print_answer(const json_t *answer)
{
    size_t i;
    const json_t *item;
    print_head(answer);
    json_array_foreach(json_object_get(answer, "data"), i, item) print_endpoint(item);
    if (!json_is_true(json_object_get(answer, "done"))) {
        printf("\nThere are more endpoints: add --iterator=");
        print_text(answer, "iterator", SIZE_MAX);
        (void)putchar('\n');
    }
    return CLI_DONE;
}

/* --- asking ------------------------------------------------------------------------------------------------ */

/* The application of a message that is known by its id or event id alone. False: said why. */
static bool find_app(struct job *job, const char *name)
{
    json_t *answer = NULL;
    const json_t *found = NULL;
    struct str path = arena_fmt(&job->remote.arena, "/api/v1/find?q=%.*s", STR_ARGS(job->message));
    if (!cli_remote_call(&job->remote, HTTP_GET, path, NULL, &answer))
        return false;
    size_t count = 0;
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(answer, "data"), i, item)
    {
        if (!str_eq(json_str_member(item, "kind"), STR("message")))
            continue;
        found = item;
        count++;
    }
    if (count == 1) {
        job->app = arena_str(&job->remote.arena, json_str_member(found, "applicationId"));
        job->message = arena_str(&job->remote.arena, json_str_member(found, "id"));
    } else if (count == 0) {
        (void)cli_failed(job->cli, "there is no message %s", name);
    } else {
        (void)cli_failed(job->cli, "several applications have a message %s: say which with --app",
                         name);
    }
    json_decref(answer);
    return count == 1;
}

static int explain_explain(struct job *job, bool as_json)
{
    json_t *answer = NULL;
    struct str path = arena_fmt(&job->remote.arena, "/api/v1/app/%.*s/msg/%.*s/explain%.*s",
                                STR_ARGS(job->app), STR_ARGS(job->message), STR_ARGS(job->query));
    if (as_json)
        return cli_remote_show(&job->remote, HTTP_GET, path, NULL);
    if (!cli_remote_call(&job->remote, HTTP_GET, path, NULL, &answer))
        return CLI_FAILED;
    int code = print_answer(answer);
    json_decref(answer);
    return code;
}

static void add_query(struct job *job, const char *name, const char *value)
{
    if (value != NULL)
        job->query = arena_fmt(&job->remote.arena, "%.*s%c%s=%.*s", STR_ARGS(job->query),
                               job->query.len == 0 ? '?' : '&', name,
                               STR_ARGS(cli_remote_escape(&job->remote, value)));
}

static int explain_run(struct cli *cli)
{
    struct job job = { .cli = cli, .query = STR("") };
    const char *app = cli_take(cli, "app");
    const char *endpoint = cli_take(cli, "endpoint");
    const char *limit = cli_take(cli, "limit");
    const char *iterator = cli_take(cli, "iterator");
    bool as_json = cli_take_switch(cli, "json");
    if (!cli_remote_take(cli, &job.remote))
        return CLI_MISUSED;
    int code = CLI_MISUSED;
    const char *name = cli_take_word(cli);
    if (name == NULL) {
        (void)cli_misused(cli, "which message? Give its id or event id");
    } else if (cli_is_used_up(cli)) {
        job.message = cli_remote_escape(&job.remote, name);
        job.app = app == NULL ? STR_NONE : cli_remote_escape(&job.remote, app);
        add_query(&job, "endpoint_id", endpoint);
        add_query(&job, "limit", limit);
        add_query(&job, "iterator", iterator);
        code = app != NULL || find_app(&job, name) ? explain_explain(&job, as_json) : CLI_FAILED;
    }
    cli_remote_close(&job.remote);
    return code;
}

const struct cli_verb cli_explain = {
    .name = "explain",
    .arguments = "MESSAGE [--app=APP] [--endpoint=ENDPOINT] [--json]",
    .summary = "Say for each endpoint why a message came or did not",
    .details =
        "  MESSAGE is the message's id or event id. Nothing is sent.\n"
        "  --app=APP            the application's id or uid; found by the message when not given\n"
        "  --endpoint=ENDPOINT  only this endpoint\n"
        "  --limit=N --iterator=I   a page of the endpoints\n"
        "  --json               prints the server's answer as it is\n"
        "--token or $GRAPNEL_TOKEN is needed, and --url=http://127.0.0.1:8071 unless the server is there\n",
    .run = explain_run,
};
