/* SPDX-License-Identifier: Apache-2.0
 *
 * The API of a running server, for the verbs that are its clients: one request after another, each
 * with its answer parsed, and what is wrong said on standard error.
 */
#pragma once

#include "cli/cli_priv.h"
#include "fetch/fetch.h"
#include "json/any.h"

enum { CLI_ANSWER_MAX = 80 << 20, CLI_INPUT_MAX = 64 << 20 };

struct cli_remote {
    struct cli *cli;
    const char *server; /* as cli_server_url() has it; in the arena */
    const char *token;  /* borrowed */
    struct arena arena;         /* for paths and bodies; lives until cli_remote_close() */
    int64_t deadline_us;        /* of one request; 30 s at first */
    bool _was_there; /* no more waiting for a server that starts */
    struct fetch_policy *_policy;
    SSL_CTX *_tls;
};

/* With --url (http://127.0.0.1:8071 when not given) and --token (or $GRAPNEL_TOKEN) taken off. False: said
 * what is wrong, and nothing is to be closed. */
MUST_USE bool cli_remote_take(struct cli *cli, struct cli_remote *r);
/* The same with both given. */
MUST_USE bool cli_remote_open(struct cli *cli, const char *server, const char *token,
                              struct cli_remote *r);
void cli_remote_close(struct cli_remote *r);

/* One request. `path` begins with a slash; `body` is taken over, NULL: none. *answer (a new reference) is the
 * parsed answer, NULL when there is none. False: said why. */
MUST_USE bool cli_remote_call(struct cli_remote *r, enum http_method method, struct str path,
                              json_t *body, json_t **answer);
/* The same, printing the answer; the verb's exit code. */
int cli_remote_show(struct cli_remote *r, enum http_method method, struct str path, json_t *body);
/* A GET whose answer has no end: `part` is given it piece by piece. True: the server ended it; false: said what is wrong. */
MUST_USE bool cli_remote_follow(struct cli_remote *r, struct str path, void (*part)(void *ctx, struct str bytes), void *ctx);
/* A JSON value on standard output, for people. */
void cli_print_json(const json_t *value);

/* `text` as one step of a path or a value of a query. */
struct str cli_remote_escape(struct cli_remote *r, const char *text);

/* A file, or standard input for "-", parsed. NULL: said why. */
json_t *cli_read_json(struct cli *cli, const char *name);
