/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel import ckan: takes the webhooks of the older CKAN extension over, from a dump of its table (CSV with a
 * header line, a JSON array, or a JSON object a line). Each row goes to the running server by itself, so
 * one that is wrong does not hold up the others; what is there already stays as it is.
 */
#include "cli/ckan_dump_priv.h"
#include "cli/import_priv.h"
#include "fetch/fetch.h"
#include "json/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLY_MAX = 65536, DEADLINE_US = 30000000 };

struct import {
    struct cli *cli;
    struct arena arena;
    struct fetch_options fetch;
    struct http_url url;
    struct str headers;
    struct map *hosts; /* whose addresses were looked at */
    size_t done, failed;
    bool is_cut; /* the server does not answer: no use going on */
};

/* --- reading the dump ------------------------------------------------------------------------------ */

static enum rc import_ckan_read_all(FILE *file, struct buf *out)
{
    char part[16384];
    size_t len = 0;

    while ((len = fread(part, 1, sizeof part, file)) > 0)
        if (buf_add(out, part, len) != RC_OK)
            return RC_LIMIT;
    return ferror(file) ? RC_IO : RC_OK;
}

static bool read_dump(struct cli *cli, const char *name, struct buf *out)
{
    bool is_input = strcmp(name, "-") == 0;
    FILE *file = is_input ? stdin : fopen(name, "rb");

    if (file == NULL) {
        (void)cli_failed(cli, "%s: %s", name, strerror(errno));
        return false;
    }
    enum rc rc = import_ckan_read_all(file, out);
    if (!is_input)
        fclose(file);
    if (rc == RC_OK)
        return true;
    (void)cli_failed(cli, "%s: %s", name,
                     rc == RC_LIMIT ? "is larger than 64 MiB" : "cannot be read");
    return false;
}

/* --- handing it over ------------------------------------------------------------------------------- */

static void import_ckan_judge(struct import *im, const struct fetch_call *call, const char *id)
{
    json_t *answer = NULL;

    if (call->error == FETCH_OK && call->status == 200) {
        im->done++;
        return;
    }
    im->failed++;
    if (call->error == FETCH_OK && json_parse(call->response, &answer, NULL) == RC_OK &&
        json_object_get(answer, "error") != NULL) {
        struct str error = json_text(&im->arena, json_object_get(answer, "error"));
        (void)cli_failed(im->cli, "webhook %s: %.*s", id, STR_ARGS(error));
    } else {
        (void)cli_failed(im->cli, "the server refused: status %d %s", call->status, call->detail);
        im->is_cut = true;
    }
    json_decref(answer);
}

static void import_ckan_hand_over(struct import *im, const json_t *row)
{
    struct fetch_call call;

    fetch_call_init(&call);
    call.method = HTTP_POST;
    call.url = &im->url;
    call.headers = im->headers;
    call.body = json_text(&im->arena, row);
    call.deadline_us = call.connect_us = DEADLINE_US;
    call.response_keep = call.response_read = REPLY_MAX;
    fetch_run(&im->fetch, &call);
    import_ckan_judge(im, &call, json_string_value(json_object_get(row, "id")));
    fetch_call_fini(&call);
}

/* Once a host: many webhooks may be at the same one, and looking a name up takes time. */
static void note_address(struct import *im, const json_t *row)
{
    struct http_url url;
    const char *address = json_string_value(json_object_get(row, "address"));
    const char *id = json_string_value(json_object_get(row, "id"));

    if (address == NULL || id == NULL || http_url_parse(str_from(address), &url, NULL) != RC_OK ||
        map_set(im->hosts, url.host, im) != NULL)
        return;
    cli_note_address(arena_fmt(&im->arena, "webhook %s", id).ptr, str_from(address));
}

static int hand_over_all(struct import *im, const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows) && !im->is_cut; i++) {
        const json_t *row = json_array_get(rows, i);
        import_ckan_hand_over(im, row);
        note_address(im, row);
    }
    printf("%zu webhooks are at the server, %zu were refused.\n", im->done, im->failed);
    return im->failed == 0 ? CLI_DONE : CLI_FAILED;
}

/* The client: any address, since the operator named it. */
static enum rc import_ckan_prepare(struct import *im, const char *server, const char *token,
                                   struct buf *why)
{
    struct str url = arena_fmt(&im->arena, "%s/api/3/action/webhook_import", server);

    im->headers = arena_fmt(
        &im->arena, "Content-Type: application/json\r\nAuthorization: Bearer %s\r\n", token);
    enum rc rc = http_url_parse(url, &im->url, why);
    if (rc == RC_OK)
        rc = fetch_policy_new(STR("0.0.0.0/0,::/0"), STR(""), false, &im->fetch.policy, why);
    if (rc == RC_OK)
        rc =
            tls_client_context(&(struct tls_client_options){ .verify = true }, &im->fetch.tls, why);
    return rc;
}

static int import_text(struct import *im, struct str text, const char *server, const char *token)
{
    struct buf why;
    json_t *rows = json_array();
    int code = CLI_FAILED;

    buf_init(&why, 1024);
    if (cli_ckan_dump_read(&im->arena, text, rows) != RC_OK)
        (void)cli_failed(im->cli,
                         "that is no dump of the table: CSV with a header line, a JSON array, or a "
                         "JSON object a line, each with id, address, user_id, topic, created_at");
    else if (import_ckan_prepare(im, server, token, &why) != RC_OK)
        (void)cli_failed(im->cli, "%s: %.*s", server, STR_ARGS(buf_str(&why)));
    else
        code = hand_over_all(im, rows);
    fetch_policy_unref(im->fetch.policy);
    SSL_CTX_free(im->fetch.tls);
    json_decref(rows);
    buf_fini(&why);
    return code;
}

static int import_ckan_run(struct cli *cli)
{
    const char *server = cli_take(cli, "url");
    const char *token = cli_take(cli, "token");
    const char *what = cli_take_word(cli);
    const char *name = cli_take_word(cli);
    struct import im = { .cli = cli };
    struct buf text;

    if (token == NULL)
        token = getenv("GRAPNEL_TOKEN");
    if (what != NULL && strcmp(what, "gaia") == 0)
        return cli_import_gaia(cli, server, token);
    if (what != NULL && strcmp(what, "openedx") == 0)
        return cli_import_openedx(cli, server, token, name);
    if (what == NULL || strcmp(what, "ckan") != 0)
        return cli_misused(cli, "what ckan, gaia and openedx have set can be imported");
    if (server == NULL || token == NULL || name == NULL)
        return cli_misused(
            cli,
            "needs --url=URL, --token or $GRAPNEL_TOKEN, and a file (or - for standard input)");
    if (!cli_is_used_up(cli))
        return CLI_MISUSED;
    buf_init(&text, CLI_CKAN_DUMP_MAX);
    arena_init(&im.arena);
    im.hosts = map_new();
    server = cli_server_url(cli, "url", server, &im.arena);
    int code = CLI_MISUSED;
    if (server != NULL)
        code = read_dump(cli, name, &text)
                   ? import_text(&im, str_trim(buf_str(&text)), server, token)
                   : CLI_FAILED;
    map_free(im.hosts);
    arena_fini(&im.arena);
    buf_fini(&text);
    return code;
}

const struct cli_verb cli_import = {
    .name = "import",
    .arguments =
        "ckan|openedx --url=URL [--token=TOKEN] FILE|-  or  gaia --url=URL --etcd=URL [--dry-run]",
    .summary = "Import webhooks from another service",
    .details =
        "  --url=URL        of the running Grapnel, such as http://127.0.0.1:8071\n"
        "  --token=TOKEN    an API token (default: $GRAPNEL_TOKEN)\n"
        "  FILE             ckan: the old table as CSV with a header line, a JSON array, or one JSON\n"
        "                   object per line, with id, address, user_id, topic, created_at:\n"
        "    psql \"$CKAN_DB\" -c \"\\copy (SELECT id, address, user_id, topic, created_at FROM webhooks) TO STDOUT CSV HEADER\" |\n"
        "      grapnel import ckan --url=URL -\n"
        "                   openedx: what Django's dumpdata writes for the plugin's tables\n"
        "  --etcd=URL       gaia: the etcd (v2 keys) of the original service, such as http://etcd:2379\n"
        "  --dry-run        gaia: only report what would be done\n"
        "  --app=UID        openedx: the application to use, created if missing (default: openedx)\n"
        "  --catalogue      openedx: import the event types that the plugin knows, instead of a file\n",
    .run = import_ckan_run,
};
