/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel source: sources of a running server, through its API; and the presets, which need no server.
 */
#include "cli/cli_priv.h"
#include "fetch/fetch.h"
#include "verify/verify.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_MAX = 8 << 20, DEADLINE_US = 30000000, TEXT_MAX = 65536, SCHEME_MAX = 8192 };

struct target {
    const char *url, *token;
};

/* --- presets ----------------------------------------------------------------------------------------- */

static int presets(struct cli *cli)
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

/* --- the API ----------------------------------------------------------------------------------------- */

static bool take_target(struct cli *cli, struct target *t)
{
    t->url = cli_take(cli, "url");
    if (t->url == NULL)
        t->url = "http://127.0.0.1:8071";
    t->token = cli_take(cli, "token");
    if (t->token == NULL)
        t->token = getenv("GRAPNEL_TOKEN");
    if (t->token == NULL)
        (void)cli_misused(cli, "--token or $GRAPNEL_TOKEN is needed");
    return t->token != NULL;
}

static int report(const struct cli *cli, const struct fetch_call *call)
{
    json_t *answer = NULL;
    if (call->error != FETCH_OK)
        return cli_failed(cli, "%s: %s", fetch_error_name(call->error), call->detail);
    if (call->status >= 300)
        return cli_failed(cli, "%d %.*s", call->status, STR_ARGS(call->response));
    if (call->response.len > 0 && json_parse(call->response, &answer, NULL) == RC_OK) {
        (void)json_dumpf(answer, stdout, JSON_INDENT(2));
        (void)putchar('\n');
    }
    json_decref(answer);
    return CLI_DONE;
}

static int ask(const struct cli *cli, const struct target *t, enum http_method method,
               const char *path, struct str body)
{
    struct fetch_policy *policy = NULL;
    struct fetch_call call;
    struct http_url url;
    struct buf text, headers, why;
    SSL_CTX *tls = NULL;
    int code = CLI_FAILED;
    buf_init(&text, TEXT_MAX);
    buf_init(&headers, TEXT_MAX);
    buf_init(&why, 512);
    fetch_call_init(&call);
    if (buf_addf(&text, "%s/ingest/api/v1/source%s", t->url, path) != RC_OK ||
        http_url_parse(buf_str(&text), &url, &why) != RC_OK ||
        buf_addf(&headers, "authorization: Bearer %s\r\ncontent-type: application/json\r\n",
                 t->token) != RC_OK ||
        fetch_policy_new(STR("0.0.0.0/0,::/0"), STR(""), false, &policy, &why) != RC_OK ||
        (url.tls &&
         tls_client_context(&(struct tls_client_options){ .verify = true }, &tls, &why) != RC_OK)) {
        code = cli_misused(cli, "--url: %.*s", STR_ARGS(buf_str(&why)));
        goto out;
    }
    call.method = method;
    call.url = &url;
    call.headers = buf_str(&headers);
    call.body = body;
    call.deadline_us = call.connect_us = DEADLINE_US;
    call.response_keep = call.response_read = ANSWER_MAX;
    fetch_run(&(struct fetch_options){ .policy = policy, .tls = tls }, &call);
    code = report(cli, &call);
out:
    fetch_call_fini(&call);
    fetch_policy_unref(policy);
    SSL_CTX_free(tls);
    if (headers.ptr != NULL)
        mem_wipe(headers.ptr, headers.len);
    buf_fini(&headers);
    buf_fini(&text);
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

static int send_json(struct cli *cli, const struct target *t, const char *path,
                     const json_t *object)
{
    struct buf body;
    buf_init(&body, ANSWER_MAX);
    int code = json_write(object, &body) == RC_OK ? ask(cli, t, HTTP_POST, path, buf_str(&body))
                                                  : cli_failed(cli, "too long");
    if (body.ptr != NULL)
        mem_wipe(body.ptr, body.len);
    buf_fini(&body);
    return code;
}

static int create(struct cli *cli, const struct target *t)
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
        code = send_json(cli, t, "", source);
out:
    json_decref(secrets);
    json_decref(config);
    json_decref(source);
    return code;
}

static int rotate(struct cli *cli, const struct target *t, const char *id)
{
    json_t *body = json_object();
    char path[512];
    int64_t grace_us = -1;
    const char *secret = cli_take(cli, "secret");
    int code = CLI_MISUSED;
    if (cli_take_duration(cli, "grace", -1, &grace_us) && cli_is_used_up(cli)) {
        set_text(body, "secret", secret);
        if (grace_us >= 0)
            json_object_set_new(body, "gracePeriodSeconds", json_integer(grace_us / 1000000));
        (void)snprintf(path, sizeof(path), "/%.400s/%s/rotate", id,
                       secret == NULL ? "token" : "secret");
        code = send_json(cli, t, path, body);
    }
    json_decref(body);
    return code;
}

static bool is_word_of_path(const char *id)
{
    return id != NULL && id[0] != '\0' && strlen(id) <= 256 && strpbrk(id, "/?#% \r\n") == NULL;
}

static int on_one(struct cli *cli, const struct target *t, struct str what)
{
    char path[512];
    const char *id = cli_take_word(cli);
    if (!is_word_of_path(id))
        return cli_misused(cli, "which source? Its id or uid");
    if (str_eq(what, STR("rotate")))
        return rotate(cli, t, id);
    if (!cli_is_used_up(cli))
        return CLI_MISUSED;
    (void)snprintf(path, sizeof(path), "/%.400s", id);
    return ask(cli, t, str_eq(what, STR("delete")) ? HTTP_DELETE : HTTP_GET, path, STR_NONE);
}

static int run(struct cli *cli)
{
    struct str what = str_from(cli_take_word(cli));
    struct target t;
    if (str_eq(what, STR("presets")))
        return presets(cli);
    if (!str_eq(what, STR("create")) && !str_eq(what, STR("list")) && !str_eq(what, STR("show")) &&
        !str_eq(what, STR("rotate")) && !str_eq(what, STR("delete")))
        return cli_misused(cli, "presets, create, list, show, rotate or delete?");
    if (!take_target(cli, &t))
        return CLI_MISUSED;
    if (str_eq(what, STR("create")))
        return create(cli, &t);
    if (!str_eq(what, STR("list")))
        return on_one(cli, &t, what);
    return cli_is_used_up(cli) ? ask(cli, &t, HTTP_GET, "?limit=250", STR_NONE) : CLI_MISUSED;
}

const struct cli_verb cli_source = {
    .name = "source",
    .arguments = "presets|create|list|show|rotate|delete [...]",
    .summary = "where others' webhooks come in: make, list, end sources",
    .details =
        "  presets [NAME] [--presets=DIR]   what is known, or the text of one\n"
        "  create --name=TEXT --type=PRESET --secret=S [--secret=S2] [--companion=T] [--uid=U]\n"
        "         [--scheme=FILE] [--settings=FILE]   prints it, with its URL\n"
        "  list, show ID, delete ID\n"
        "  rotate ID [--grace=48h]              a new URL\n"
        "  rotate ID --secret=S [--grace=24h]   a new secret\n"
        "All but presets: --token or $GRAPNEL_TOKEN, and --url=http://127.0.0.1:8071\n",
    .run = run,
};
