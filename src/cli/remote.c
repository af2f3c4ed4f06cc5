/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to a running server. Each has its own connection: a verb makes a handful.
 */
#include "cli/remote.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEADLINE_US = 30000000, CONNECT_US = 10000000, HEADERS_MAX = 8192, WORDS_MAX = 1024 };

bool cli_remote_open(struct cli *cli, const char *server, const char *token, struct cli_remote *r)
{
    const struct tls_client_options tls = { .verify = true };
    struct http_url url;
    struct buf why;

    *r = (struct cli_remote){
        .cli = cli, .server = server, .token = token, .deadline_us = DEADLINE_US
    };
    buf_init(&why, WORDS_MAX);
    arena_init(&r->arena);
    bool is_open =
        http_url_parse(str_from(server), &url, &why) == RC_OK &&
        fetch_policy_new(STR("0.0.0.0/0,::/0"), STR(""), false, &r->_policy, &why) == RC_OK &&
        (!url.tls || tls_client_context(&tls, &r->_tls, &why) == RC_OK);
    if (!is_open) {
        (void)cli_misused(cli, "--url: %.*s", STR_ARGS(buf_str(&why)));
        cli_remote_close(r);
    }
    buf_fini(&why);
    return is_open;
}

bool cli_remote_take(struct cli *cli, struct cli_remote *r)
{
    const char *server = cli_take(cli, "url");
    const char *token = cli_take(cli, "token");

    if (token == NULL)
        token = getenv("GRAPNEL_TOKEN");
    if (token == NULL) {
        (void)cli_misused(cli, "--token or $GRAPNEL_TOKEN is needed");
        return false;
    }
    return cli_remote_open(cli, server != NULL ? server : "http://127.0.0.1:8071", token, r);
}

void cli_remote_close(struct cli_remote *r)
{
    fetch_policy_unref(r->_policy);
    SSL_CTX_free(r->_tls);
    arena_fini(&r->arena);
}

/* --- one request ------------------------------------------------------------------------------------- */

static bool take_answer(struct cli_remote *r, struct str path, const struct fetch_call *c,
                        json_t **answer)
{
    struct cli *cli = r->cli;

    if (c->error != FETCH_OK)
        (void)cli_failed(cli, "%.*s: %s: %s", STR_ARGS(path), fetch_error_name(c->error),
                         c->detail);
    else if (c->status >= 300)
        (void)cli_failed(cli, "%.*s: %d %.*s", STR_ARGS(path), c->status, STR_ARGS(c->response));
    else if (c->response_cut)
        (void)cli_failed(cli, "%.*s: the answer is too long", STR_ARGS(path));
    else if (c->response.len > 0 && json_parse(c->response, answer, NULL) != RC_OK)
        (void)cli_failed(cli, "%.*s: the answer is no JSON", STR_ARGS(path));
    else
        return true;
    return false;
}

bool cli_remote_call(struct cli_remote *r, enum http_method method, struct str path, json_t *body,
                     json_t **answer)
{
    struct fetch_call c;
    struct http_url url;
    struct buf headers;
    struct str text = arena_fmt(&r->arena, "%s%.*s", r->server, STR_ARGS(path));
    bool fine = false;

    *answer = NULL;
    buf_init(&headers, HEADERS_MAX);
    fetch_call_init(&c);
    if (http_url_parse(text, &url, NULL) == RC_OK &&
        buf_addf(&headers, "authorization: Bearer %s\r\ncontent-type: application/json\r\n",
                 r->token) == RC_OK) {
        c.method = method;
        c.url = &url;
        c.headers = buf_str(&headers);
        c.body = body == NULL ? STR_NONE : json_text(&r->arena, body);
        c.deadline_us = r->deadline_us;
        c.connect_us = CONNECT_US;
        c.response_keep = c.response_read = CLI_ANSWER_MAX;
        fetch_run(&(struct fetch_options){ .policy = r->_policy, .tls = r->_tls }, &c);
        fine = take_answer(r, path, &c, answer);
    } else {
        (void)cli_misused(r->cli, "%.*s: is no URL, or the token is no token", STR_ARGS(text));
    }
    fetch_call_fini(&c);
    if (headers.ptr != NULL)
        mem_wipe(headers.ptr, headers.len);
    buf_fini(&headers);
    json_decref(body);
    return fine;
}

void cli_print_json(const json_t *value)
{
    (void)json_dumpf(value, stdout, JSON_INDENT(2));
    (void)putchar('\n');
}

int cli_remote_show(struct cli_remote *r, enum http_method method, struct str path, json_t *body)
{
    json_t *answer;

    if (!cli_remote_call(r, method, path, body, &answer))
        return CLI_FAILED;
    if (answer != NULL)
        cli_print_json(answer);
    json_decref(answer);
    return CLI_DONE;
}

/* --- words and files ----------------------------------------------------------------------------------- */

struct str cli_remote_escape(struct cli_remote *r, const char *text)
{
    struct buf out;

    buf_init(&out, 3 * strlen(text) + 1);
    enum rc rc = percent_encode(str_from(text), &out);
    MUST(rc == RC_OK);
    struct str escaped = arena_str(&r->arena, buf_str(&out));
    buf_fini(&out);
    return escaped;
}

static enum rc read_all(FILE *file, struct buf *out)
{
    char part[16384];
    size_t len;

    while ((len = fread(part, 1, sizeof(part), file)) > 0)
        if (buf_add(out, part, len) != RC_OK)
            return RC_LIMIT;
    return ferror(file) ? RC_IO : RC_OK;
}

json_t *cli_read_json(struct cli *cli, const char *name)
{
    bool is_input = str_eq(str_from(name), STR("-"));
    FILE *file = is_input ? stdin : fopen(name, "rb");
    struct json_error error = { 0 };
    json_t *value = NULL;
    struct buf text;

    if (file == NULL) {
        (void)cli_failed(cli, "%s: %s", name, strerror(errno));
        return NULL;
    }
    buf_init(&text, CLI_INPUT_MAX);
    enum rc rc = read_all(file, &text);
    if (!is_input)
        (void)fclose(file);
    if (rc != RC_OK)
        (void)cli_failed(cli, "%s: %s", name,
                         rc == RC_LIMIT ? "is larger than 64 MiB" : "cannot be read");
    else if (json_parse(buf_str(&text), &value, &error) != RC_OK)
        (void)cli_failed(cli, "%s: is no JSON: %s at byte %zu", name, error.reason, error.offset);
    buf_fini(&text);
    return value;
}
