/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel source: sources of a running server, through its API; and the presets, which need no server.
 */
#include "cli/remote.h"
#include "verify/verify.h"

#include <stdio.h>

enum { TEXT_MAX = 65536 };

/* --- presets ----------------------------------------------------------------------------------------- */

static int source_presets(struct cli *cli)
{
    struct verify_book *book = NULL;
    struct buf why;
    const char *folder = cli_take(cli, "presets");
    const char *name = cli_take_word(cli);
    int code = CLI_DONE;
    if (!cli_is_used_up(cli))
        return CLI_MISUSED;
    buf_init(&why, 1024);
    if (verify_book_open(folder, &book, &why) != RC_OK)
        code = cli_failed(cli, "%.*s", STR_ARGS(buf_str(&why)));
    for (size_t i = 0; book != NULL && name == NULL && i < verify_book_count(book); i++) {
        const struct verify_scheme *s = verify_book_at(book, i);
        printf("%-24.*s %-12s %.*s\n", STR_ARGS(s->name), s->origin, STR_ARGS(s->title));
    }
    if (book != NULL && name != NULL) {
        const struct verify_scheme *s = verify_book_find(book, str_from(name));
        if (s == NULL)
            code = cli_failed(cli, "there is no preset \"%s\"", name);
        else
            printf("%.*s\n", STR_ARGS(s->text));
    }
    verify_book_free(book);
    buf_fini(&why);
    return code;
}

/* --- verbs ------------------------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *name, const char *value)
{
    if (value != NULL)
        json_object_set_new(object, name, json_string(value));
}

/* False: said so. */
static bool set_file(struct cli *cli, json_t *object, const char *name, const char *path,
                     bool is_json)
{
    char text[TEXT_MAX];
    json_t *value = NULL;
    if (path == NULL)
        return true;
    FILE *file = fopen(path, "rb");
    size_t len = file == NULL ? 0 : fread(text, 1, sizeof(text), file);
    if (file != NULL)
        (void)fclose(file);
    if (is_json && len > 0 && len < sizeof(text))
        value = json_parse(str_of(text, len), &value, NULL) == RC_OK ? value : NULL;
    else if (len > 0 && len < sizeof(text))
        value = json_stringn(text, len);
    if (value == NULL) {
        (void)cli_misused(cli, "%s: cannot be read, is empty, too long, or not what --%s takes",
                          path, name);
        return false;
    }
    json_object_set_new(object, name, value);
    return true;
}

static struct str source_path_of(struct cli_remote *r, const char *id, const char *tail)
{
    return arena_fmt(&r->arena, "/ingest/api/v1/source/%.*s%s", STR_ARGS(cli_remote_escape(r, id)),
                     tail);
}

static int source_create(struct cli *cli, struct cli_remote *r)
{
    json_t *source = json_object();
    json_t *config = json_object();
    json_t *secrets = json_array();
    const char *name = cli_take(cli, "name");
    const char *type = cli_take(cli, "type");
    const char *scheme = cli_take(cli, "scheme");
    const char *secret;
    int code = CLI_MISUSED;
    while ((secret = cli_take(cli, "secret")) != NULL)
        json_array_append_new(secrets, json_string(secret));
    set_text(source, "name", name);
    set_text(source, "type", type == NULL && scheme != NULL ? "custom" : type);
    set_text(source, "uid", cli_take(cli, "uid"));
    set_text(config, "companion", cli_take(cli, "companion"));
    if (json_array_size(secrets) > 0)
        json_object_set(config, "secrets", secrets);
    if (json_object_size(config) > 0)
        json_object_set(source, "config", config);
    if (!set_file(cli, source, "scheme", scheme, false) ||
        !set_file(cli, source, "settings", cli_take(cli, "settings"), true) || !cli_is_used_up(cli))
        goto out;
    if (name == NULL || (type == NULL && scheme == NULL))
        code = cli_misused(cli, "create needs --name, and --type or --scheme");
    else
        code = cli_remote_show(r, HTTP_POST, STR("/ingest/api/v1/source"), json_incref(source));
out:
    json_decref(secrets);
    json_decref(config);
    json_decref(source);
    return code;
}

static int source_rotate(struct cli *cli, struct cli_remote *r, const char *id)
{
    int64_t grace_us = -1;
    const char *secret = cli_take(cli, "secret");
    if (!cli_take_duration(cli, "grace", -1, &grace_us) || !cli_is_used_up(cli))
        return CLI_MISUSED;
    json_t *body = json_object();
    set_text(body, "secret", secret);
    if (grace_us >= 0)
        json_object_set_new(body, "gracePeriodSeconds", json_integer(grace_us / 1000000));
    const char *tail = secret == NULL ? "/token/rotate" : "/secret/rotate";
    return cli_remote_show(r, HTTP_POST, source_path_of(r, id, tail), body);
}

static int on_one(struct cli *cli, struct cli_remote *r, struct str what)
{
    const char *id = cli_take_word(cli);
    if (id == NULL || id[0] == '\0')
        return cli_misused(cli, "which source? Its id or uid");
    if (str_eq(what, STR("rotate")))
        return source_rotate(cli, r, id);
    if (!cli_is_used_up(cli))
        return CLI_MISUSED;
    return cli_remote_show(r, str_eq(what, STR("delete")) ? HTTP_DELETE : HTTP_GET,
                           source_path_of(r, id, ""), NULL);
}

static int source_perform(struct cli *cli, struct cli_remote *r, struct str what)
{
    if (str_eq(what, STR("create")))
        return source_create(cli, r);
    if (!str_eq(what, STR("list")))
        return on_one(cli, r, what);
    if (!cli_is_used_up(cli))
        return CLI_MISUSED;
    return cli_remote_show(r, HTTP_GET, STR("/ingest/api/v1/source?limit=250"), NULL);
}

static int source_run(struct cli *cli)
{
    struct str what = str_from(cli_take_word(cli));
    struct cli_remote remote;
    if (str_eq(what, STR("presets")))
        return source_presets(cli);
    if (!str_eq(what, STR("create")) && !str_eq(what, STR("list")) && !str_eq(what, STR("show")) &&
        !str_eq(what, STR("rotate")) && !str_eq(what, STR("delete")))
        return cli_misused(cli, "presets, create, list, show, rotate or delete?");
    if (!cli_remote_take(cli, &remote))
        return CLI_MISUSED;
    int code = source_perform(cli, &remote, what);
    cli_remote_close(&remote);
    return code;
}

const struct cli_verb cli_source = {
    .name = "source",
    .arguments = "presets|create|list|show|rotate|delete [...]",
    .summary = "Create, list and delete sources, which receive others' webhooks",
    .details =
        "  presets [NAME] [--presets=DIR]   lists the known presets, or shows the text of one\n"
        "  create --name=TEXT --type=PRESET --secret=S [--secret=S2] [--companion=T] [--uid=U]\n"
        "         [--scheme=FILE] [--settings=FILE]   creates a source and prints it, with its URL\n"
        "  list, show ID, delete ID\n"
        "  rotate ID [--grace=48h]              gives the source a new URL\n"
        "  rotate ID --secret=S [--grace=24h]   adds a new secret\n"
        "All but presets take --token or $GRAPNEL_TOKEN, and --url=http://127.0.0.1:8071\n",
    .run = source_run,
};
