/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1.1 for the world: clients that ask the server, and receivers that the server delivers to. In blocking style;
 * all functions are called from world tasks and wait in virtual time. The rules of sim.h hold.
 */
#pragma once

#include "sim.h"

/* ---- clients --------------------------------------------------------------------------------------------------- */

/* Keeps its connection between requests and makes a new one when there is none. */
struct http_client;
/* `from`: its address, or NULL. */
struct http_client *http_client_new(const char *server, const char *from, const char *token);
void http_client_free(struct http_client *c); /* closes; NULL is accepted */
void http_client_hang_up(struct http_client *c);

enum { HTTP_REFUSED = 0, HTTP_LOST = -1, HTTP_LATE = -2 };

struct http_answer {
    int status; /* or one of the above: nobody listens (not sent), the connection went, `until_us` came (both: unknown) */
    char *head; /* all header lines, with a NUL behind them */
    char *body;
    size_t len; /* of the body, which has a NUL behind it, too */
};

/* Asks and waits for the whole answer. `headers` are whole lines, each with "\r\n", or ""; host, authorization and
 * content-length are added. `len` 0: no body. The answer is freed with http_answer_free(). */
struct http_answer http_ask(struct http_client *c, const char *method, const char *path, const char *headers,
                            const void *body, size_t len, int64_t until_us);
void http_answer_free(struct http_answer *a);
/* The value of a header in a head, found without regard to case, copied into out; false: there is none. */
bool http_header(const char *head, const char *name, char *out, size_t size);
/* The text of a JSON member by its name, anywhere in the text, the first one: enough for ids; false: none. */
bool http_json_text(const char *json, const char *name, char *out, size_t size);

/* ---- receivers ------------------------------------------------------------------------------------------------- */

struct http_exchange; /* one request, while it is answered */

struct http_request {
    const char *method, *path, *head;
    const char *body;
    size_t len;
};

/* Called in a task of the connection for each whole request; it may wait. It calls one of the answers below once;
 * returning without any closes the connection. */
typedef void (*http_receive_fn)(void *ctx, struct http_exchange *x, const struct http_request *req);
/* Takes all connections to `address` until http_receiver_stop(). NULL: somebody else does. */
struct http_receiver *http_receiver_start(const char *address, http_receive_fn fn, void *ctx);
void http_receiver_stop(struct http_receiver *r);

/* `headers` as in http_ask(); content-length is added. */
void http_reply(struct http_exchange *x, int status, const char *headers, const char *body);
/* Only the first `len` bytes of that answer go out, then nothing, until the server hangs up. */
void http_reply_part(struct http_exchange *x, int status, const char *headers, const char *body, size_t len);
void http_reply_reset(struct http_exchange *x);
/* The connection is closed after the answer. */
void http_close_after(struct http_exchange *x);
struct sim_sock *http_socket(struct http_exchange *x);
