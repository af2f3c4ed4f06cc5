/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel audit: who changed what, as the server's audit log has it. Names and values are of whoever gave them: control
 * characters among them would speak to the terminal, and are replaced.
 */
#include "cli/remote.h"

#include <stdio.h>

enum { AUDIT_PAGE = 100, AUDIT_ROWS = 50, VALUE_SHOWN = 100, AUDIT_VALUE_MAX = 64 * 1024 };

struct audit {
    struct cli_remote remote;
    struct str query; /* begins with '?' */
    int64_t left;     /* rows to print */
    bool as_json;
};

/* --- a row ------------------------------------------------------------------------------------------- */

static void print_plain(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        (void)putchar(byte < ' ' || byte == 0x7f ? ' ' : byte);
    }
}

static void print_member(const json_t *object, const char *name, const char *before)
{
    struct str text = json_str_member(object, name);
    if (text.len == 0)
        return;
    (void)fputs(before, stdout);
    print_plain(text);
}

static void print_value(const json_t *value)
{
    struct buf text;
    buf_init(&text, AUDIT_VALUE_MAX);
    if (json_is_string(value))
        print_plain(str_cut_utf8(json_str_of(value), VALUE_SHOWN));
    else if (value == NULL || json_is_null(value))
        (void)fputs("nothing", stdout);
    else if (json_write(value, &text) == RC_OK)
        print_plain(str_cut_utf8(buf_str(&text), VALUE_SHOWN));
    buf_fini(&text);
}

static void print_change(const json_t *change)
{
    print_member(change, "member", "    ");
    (void)fputs(": ", stdout);
    if (json_object_get(change, "from") != NULL) {
        print_value(json_object_get(change, "from"));
        (void)fputs(" -> ", stdout);
    }
    if (json_is_true(json_object_get(change, "cut")))
        (void)fputs("more than is kept", stdout);
    else
        print_value(json_object_get(change, "to"));
    (void)putchar('\n');
}

static void print_row(const json_t *row)
{
    const json_t *who = json_object_get(row, "who"), *object = json_object_get(row, "object");
    const json_t *change;
    size_t i;
    print_plain(json_str_member(row, "timestamp"));
    print_member(row, "action", "  ");
    print_member(object, "kind", "  ");
    print_member(object, "id", " ");
    print_member(object, "name", "  ");
    print_member(who, "kind", "\n    by ");
    print_member(who, "id", " ");
    print_member(who, "name", " ");
    print_member(row, "peer", "  from ");
    print_member(row, "operation", "  ");
    (void)putchar('\n');
    json_array_foreach(json_object_get(row, "changes"), i, change) print_change(change);
}

static void print_line(const json_t *row)
{
    struct buf text;
    buf_init(&text, AUDIT_VALUE_MAX);
    if (json_write(row, &text) == RC_OK)
        printf("%.*s\n", STR_ARGS(buf_str(&text)));
    buf_fini(&text);
}

/* --- asking ------------------------------------------------------------------------------------------ */

static void audit_print(struct audit *a, const json_t *answer)
{
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(answer, "data"), i, row)
    {
        if (a->left-- <= 0)
            return;
        if (a->as_json)
            print_line(row);
        else
            print_row(row);
    }
}

static int audit_pages(struct audit *a)
{
    struct str iterator = STR("");
    bool is_done = false;
    while (!is_done && a->left > 0) {
        json_t *answer = NULL;
        struct str path = arena_fmt(&a->remote.arena, "/api/v1/audit%.*s%s%.*s", STR_ARGS(a->query),
                                    iterator.len > 0 ? "&iterator=" : "", STR_ARGS(iterator));
        if (!cli_remote_call(&a->remote, HTTP_GET, path, NULL, &answer))
            return CLI_FAILED;
        audit_print(a, answer);
        iterator = arena_str(&a->remote.arena, json_str_member(answer, "iterator"));
        is_done = iterator.len == 0 || json_is_true(json_object_get(answer, "done"));
        json_decref(answer);
    }
    return CLI_DONE;
}

static void audit_add(struct cli *cli, struct audit *a, const char *flag, const char *name)
{
    const char *value = cli_take(cli, flag);
    if (value != NULL)
        a->query = arena_fmt(&a->remote.arena, "%.*s&%s=%.*s", STR_ARGS(a->query), name,
                             STR_ARGS(cli_remote_escape(&a->remote, value)));
}

static bool take_limit(struct cli *cli, struct audit *a)
{
    const char *limit = cli_take(cli, "limit");
    a->left = AUDIT_ROWS;
    if (limit == NULL || (str_to_i64(str_from(limit), &a->left) == RC_OK && a->left > 0))
        return true;
    (void)cli_misused(cli, "--limit is a number of rows, from 1");
    return false;
}

static int audit_run(struct cli *cli)
{
    static const char *const flags[][2] = {
        { "object", "object_id" },    { "app", "app_id" },    { "who", "who" },
        { "operation", "operation" }, { "action", "action" }, { "since", "since" },
        { "until", "until" },         { "text", "text" },
    };
    struct audit a = { .as_json = cli_take_switch(cli, "json") };
    if (!take_limit(cli, &a) || !cli_remote_take(cli, &a.remote))
        return CLI_MISUSED;
    a.query = arena_fmt(&a.remote.arena, "?limit=%d", AUDIT_PAGE);
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        audit_add(cli, &a, flags[i][0], flags[i][1]);
    int code = cli_is_used_up(cli) ? audit_pages(&a) : CLI_MISUSED;
    cli_remote_close(&a.remote);
    return code;
}

const struct cli_verb cli_audit = {
    .name = "audit",
    .arguments = "[--object=ID] [--app=ID] [--who=NAME] [--operation=NAME] [--since=TIME] [...]",
    .summary = "Say who changed what, newest first",
    .details =
        "  --object=ID       only what concerns this object: an endpoint, an application, a source, a task, ...\n"
        "  --app=ID          only what concerns this application\n"
        "  --who=NAME        only what this token or user did: its name or number\n"
        "  --operation=v1.endpoint.*   only this operation, or those that begin so\n"
        "  --action=created, changed, deleted, did, signed-in, signed-out, refused\n"
        "  --since=TIME, --until=TIME  RFC 3339\n"
        "  --text=TEXT       only rows that contain it\n"
        "  --limit=50        at most so many rows\n"
        "  --json            prints each row as a line of JSON\n"
        "--token or $GRAPNEL_TOKEN is needed, and --url=http://127.0.0.1:8071 unless the server is there\n",
    .run = audit_run,
};
