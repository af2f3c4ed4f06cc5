/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to a running server. Each has its own connection: a verb makes a handful.
 */
#include "cli/remote.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DEADLINE_US = 30000000, CONNECT_US = 10000000, HEADERS_MAX = 8192, WORDS_MAX = 1024 };
#define FOLLOW_US INT64_C(31536000000000) /* a year: until somebody ends it */
enum { START_PATIENCE_US = 5000000, START_LOOK_NS = 100000000 };

bool cli_remote_open(struct cli *cli, const char *server, const char *token, struct cli_remote *r)
{
    const struct tls_client_options tls = { .verify = true };
    struct http_url url;
    struct buf why;

    *r = (struct cli_remote){ .cli = cli, .token = token, .deadline_us = DEADLINE_US };
    arena_init(&r->arena);
    r->server = cli_server_url(cli, "url", server, &r->arena);
    if (r->server == NULL) {
        cli_remote_close(r);
        return false;
    }
    buf_init(&why, WORDS_MAX);
    bool is_open =
        http_url_parse(str_from(r->server), &url, &why) == RC_OK &&
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

/* The server may be under a path of a proxy's. */
static bool has_path(const char *server)
{
    struct http_url url;
    return http_url_parse(str_from(server), &url, NULL) == RC_OK && url.target.len > 0;
}

static bool take_answer(struct cli_remote *r, struct str path, const struct fetch_call *c,
                        json_t **answer)
{
    struct cli *cli = r->cli;

    if (c->error != FETCH_OK)
        (void)cli_failed(cli, "%.*s: %s: %s", STR_ARGS(path), fetch_error_name(c->error),
                         c->detail);
    else if (c->status == 404 && has_path(r->server))
        (void)cli_failed(cli, "%.*s: 404 %.*s; is the path in --url=%s right?", STR_ARGS(path),
                         STR_ARGS(c->response), r->server);
    else if (c->status >= 300)
        (void)cli_failed(cli, "%.*s: %d %.*s", STR_ARGS(path), c->status, STR_ARGS(c->response));
    else if (c->response_cut)
        (void)cli_failed(cli, "%.*s: the answer is too long", STR_ARGS(path));
    else if (c->response.len > 0 && json_parse_any(c->response, answer, NULL) != RC_OK)
        (void)cli_failed(cli, "%.*s: the answer is not JSON", STR_ARGS(path));
    else
        return true;
    return false;
}

/* A server that was started a moment ago may not listen yet; one that never will costs these few seconds. */
static void remote_ask(struct cli_remote *r, struct fetch_call *c)
{
    const struct fetch_options o = { .policy = r->_policy, .tls = r->_tls };
    const struct fetch_call asked = *c;
    int64_t until_us = clock_mono_us(clock_system()) + START_PATIENCE_US;
    bool has_said = false;

    fetch_run(&o, c);
    while (!r->_was_there && c->error == FETCH_CONNECT &&
           clock_mono_us(clock_system()) < until_us) {
        if (!has_said)
            fprintf(stderr, "grapnel %s: nothing listens at %s yet; waiting a few seconds for it\n",
                    r->cli->verb->name, r->server);
        has_said = true;
        (void)nanosleep(&(struct timespec){ .tv_nsec = START_LOOK_NS }, NULL);
        fetch_call_fini(c);
        *c = asked;
        fetch_run(&o, c);
    }
    r->_was_there = true;
}

/* Fills the rest of the call and makes it. */
static bool run_call(struct cli_remote *r, struct str path, struct fetch_call *c, json_t **answer)
{
    struct http_url url;
    struct buf headers;
    struct str text = arena_fmt(&r->arena, "%s%.*s", r->server, STR_ARGS(path));
    bool fine = false;

    *answer = NULL;
    buf_init(&headers, HEADERS_MAX);
    if (http_url_parse(text, &url, NULL) == RC_OK &&
        buf_addf(&headers, "authorization: Bearer %s\r\ncontent-type: application/json\r\n",
                 r->token) == RC_OK) {
        c->url = &url;
        c->headers = buf_str(&headers);
        c->connect_us = CONNECT_US;
        c->response_keep = c->response_read = CLI_ANSWER_MAX;
        remote_ask(r, c);
        fine = take_answer(r, path, c, answer);
    } else {
        (void)cli_misused(r->cli, "%.*s: is no URL, or the token is no token", STR_ARGS(text));
    }
    fetch_call_fini(c);
    if (headers.ptr != NULL)
        mem_wipe(headers.ptr, headers.len);
    buf_fini(&headers);
    return fine;
}

bool cli_remote_call(struct cli_remote *r, enum http_method method, struct str path, json_t *body,
                     json_t **answer)
{
    struct fetch_call c;

    fetch_call_init(&c);
    c.method = method;
    c.body = body == NULL ? STR_NONE : json_text(&r->arena, body);
    c.deadline_us = r->deadline_us;
    bool fine = run_call(r, path, &c, answer);
    json_decref(body);
    return fine;
}

bool cli_remote_follow(struct cli_remote *r, struct str path,
                       void (*part)(void *ctx, struct str bytes), void *ctx)
{
    struct fetch_call c;
    json_t *answer;

    fetch_call_init(&c);
    c.method = HTTP_GET;
    c.deadline_us = FOLLOW_US;
    c.part = part;
    c.part_arg = ctx;
    bool fine = run_call(r, path, &c, &answer);
    json_decref(answer);
    return fine;
}

void cli_print_json(const json_t *value)
{
    struct buf text;
    buf_init(&text, SIZE_MAX / 8); /* as large as the answer makes it */
    if (json_write_lines(value, &text) == RC_OK)
        (void)fwrite(text.ptr, 1, text.len, stdout);
    buf_fini(&text);
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

static enum rc remote_read_all(FILE *file, struct buf *out)
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
    enum rc rc = remote_read_all(file, &text);
    if (!is_input)
        (void)fclose(file);
    if (rc != RC_OK)
        (void)cli_failed(cli, "%s: %s", name,
                         rc == RC_LIMIT ? "is larger than 64 MiB" : "cannot be read");
    else if (json_parse(buf_str(&text), &value, &error) != RC_OK)
        (void)cli_failed(cli, "%s is not JSON: %s at byte %zu", name, error.reason, error.offset);
    buf_fini(&text);
    return value;
}
