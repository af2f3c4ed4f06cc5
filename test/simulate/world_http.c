/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1.1 for the world: see world_http.h.
 */
#include "world_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "machine_priv.h"

enum { HEAD_MAX = 65536, PIECE = 16384, ADDRESS_MAX = 64, TOKEN_MAX = 256 };

/* What was read from a connection and is not used up yet. */
struct stream {
    struct sim_sock *sock;
    char *bytes;
    size_t len, room;
};

static long read_more(struct stream *s, int64_t until_us)
{
    if (s->room - s->len < PIECE + 1) {
        s->room = s->room * 2 + PIECE + 1;
        s->bytes = realloc(s->bytes, s->room);
        MACHINE_MUST(s->bytes != NULL);
    }
    long n = sim_recv(s->sock, s->bytes + s->len, PIECE, until_us);
    if (n > 0)
        s->len += (size_t)n;
    s->bytes[s->len] = '\0';
    return n;
}

static void drop_stream(struct stream *s)
{
    if (s->sock != NULL)
        sim_close(s->sock);
    free(s->bytes);
    *s = (struct stream){ 0 };
}

static void use_up(struct stream *s, size_t len)
{
    s->len -= len;
    memmove(s->bytes, s->bytes + len, s->len + 1);
}

/* The length of a head with its empty line; 0: not there yet. */
static size_t head_length(const struct stream *s)
{
    const char *end = s->len == 0 ? NULL : memmem(s->bytes, s->len, "\r\n\r\n", 4);
    return end == NULL ? 0 : (size_t)(end - s->bytes) + 4;
}

bool http_header(const char *head, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    for (const char *line = head; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        const char *value = line + len + 1;
        value += strspn(value, " ");
        size_t value_len = strcspn(value, "\r\n");
        if (value_len >= size)
            return false;
        memcpy(out, value, value_len);
        out[value_len] = '\0';
        return true;
    }
    return false;
}

bool http_json_text(const char *json, const char *name, char *out, size_t size)
{
    char key[80];
    (void)snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *at = strstr(json, key);
    if (at == NULL)
        return false;
    at += strlen(key);
    size_t len = strcspn(at, "\"");
    if (len >= size)
        return false;
    memcpy(out, at, len);
    out[len] = '\0';
    return true;
}

/* --- bodies ------------------------------------------------------------------------------------------------- */

struct message {
    char *head, *body;
    size_t len;
};

static char *copy_text(const char *bytes, size_t len)
{
    char *copy = malloc(len + 1);
    MACHINE_MUST(copy != NULL);
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

/* One chunk from the front of the stream: its length, -1 when the stream ended, -2 when time was up. */
static long take_chunk(struct stream *s, struct message *m, int64_t until_us)
{
    const char *end;
    while ((end = memmem(s->bytes, s->len, "\r\n", 2)) == NULL) {
        long n = read_more(s, until_us);
        if (n <= 0)
            return n == SIM_LATE ? HTTP_LATE : HTTP_LOST;
    }
    size_t len = strtoul(s->bytes, NULL, 16), line = (size_t)(end - s->bytes) + 2;
    while (s->len < line + len + 2) {
        long n = read_more(s, until_us);
        if (n <= 0)
            return n == SIM_LATE ? HTTP_LATE : HTTP_LOST;
    }
    m->body = realloc(m->body, m->len + len + 1);
    MACHINE_MUST(m->body != NULL);
    memcpy(m->body + m->len, s->bytes + line, len);
    m->len += len;
    m->body[m->len] = '\0';
    use_up(s, line + len + 2);
    return (long)len;
}

static int take_body(struct stream *s, struct message *m, bool has_none, int64_t until_us)
{
    char value[64];
    if (!has_none && http_header(m->head, "transfer-encoding", value, sizeof value)) {
        long len;
        while ((len = take_chunk(s, m, until_us)) > 0)
            ;
        return (int)len;
    }
    size_t len = 0;
    if (!has_none && http_header(m->head, "content-length", value, sizeof value))
        len = strtoul(value, NULL, 10);
    while (s->len < len) {
        long n = read_more(s, until_us);
        if (n <= 0)
            return n == SIM_LATE ? HTTP_LATE : HTTP_LOST;
    }
    m->body = copy_text(s->bytes, len);
    m->len = len;
    use_up(s, len);
    return 0;
}

/* One message: 0, or HTTP_LOST or HTTP_LATE. With `is_asked_head` it has no body whatever it says. */
static int take_message(struct stream *s, struct message *m, bool is_asked_head, int64_t until_us)
{
    size_t len;
    *m = (struct message){ 0 };
    while ((len = head_length(s)) == 0) {
        long n = s->len > HEAD_MAX ? SIM_RESET : read_more(s, until_us);
        if (n <= 0)
            return n == SIM_LATE ? HTTP_LATE : HTTP_LOST;
    }
    m->head = copy_text(s->bytes, len);
    use_up(s, len);
    bool has_none = is_asked_head || strncmp(m->head, "HTTP/1.1 204", 12) == 0 ||
                    strncmp(m->head, "HTTP/1.1 304", 12) == 0;
    int error = take_body(s, m, has_none, until_us);
    if (error == 0 && m->body == NULL)
        m->body = copy_text("", 0);
    return error;
}

static void drop_message(struct message *m)
{
    free(m->head);
    free(m->body);
}

/* --- clients -------------------------------------------------------------------------------------------------- */

struct http_client {
    char server[ADDRESS_MAX], from[ADDRESS_MAX], token[TOKEN_MAX];
    struct stream stream;
    int64_t used_us; /* when it was last used */
};

enum { IDLE_US = 30 * 1000000 };

struct http_client *http_client_new(const char *server, const char *from, const char *token)
{
    struct http_client *c = calloc(1, sizeof *c);
    MACHINE_MUST(c != NULL);
    (void)snprintf(c->server, sizeof c->server, "%s", server);
    (void)snprintf(c->from, sizeof c->from, "%s", from == NULL ? "" : from);
    (void)snprintf(c->token, sizeof c->token, "%s", token == NULL ? "" : token);
    return c;
}

void http_client_hang_up(struct http_client *c)
{
    drop_stream(&c->stream);
}

void http_client_free(struct http_client *c)
{
    if (c != NULL)
        http_client_hang_up(c);
    free(c);
}

static bool send_request(struct http_client *c, const char *method, const char *path,
                         const char *headers, const void *body, size_t len)
{
    size_t room = strlen(path) + strlen(headers) + TOKEN_MAX + 256 + len;
    char *text = malloc(room);
    MACHINE_MUST(text != NULL);
    int head = snprintf(text, room, "%s %s HTTP/1.1\r\nhost: %s\r\n%s%s%s%s", method, path,
                        c->server, c->token[0] == '\0' ? "" : "authorization: Bearer ", c->token,
                        c->token[0] == '\0' ? "" : "\r\n", headers);
    if (len > 0)
        head += snprintf(text + head, room - (size_t)head, "content-length: %zu\r\n", len);
    head += snprintf(text + head, room - (size_t)head, "\r\n");
    if (len > 0)
        memcpy(text + head, body, len);
    bool is_sent = sim_send(c->stream.sock, text, (size_t)head + len);
    free(text);
    return is_sent;
}

struct http_answer http_ask(struct http_client *c, const char *method, const char *path,
                            const char *headers, const void *body, size_t len, int64_t until_us)
{
    char value[32];
    struct message m = { 0 };
    /* One that has not been used for a while may have been closed; what is asked on it would be lost. */
    if (sim_now_us() - c->used_us > IDLE_US)
        http_client_hang_up(c);
    c->used_us = sim_now_us();
    if (c->stream.sock == NULL)
        c->stream.sock = sim_connect(c->server, c->from[0] == '\0' ? NULL : c->from, until_us);
    if (c->stream.sock == NULL)
        return (struct http_answer){ .status = HTTP_REFUSED };
    int error = send_request(c, method, path, headers, body, len) ? 0 : HTTP_LOST;
    if (error == 0)
        error = take_message(&c->stream, &m, strcmp(method, "HEAD") == 0, until_us);
    if (error != 0) {
        http_client_hang_up(c);
        drop_message(&m);
        return (struct http_answer){ .status = error };
    }
    if (http_header(m.head, "connection", value, sizeof value) && strcasecmp(value, "close") == 0)
        http_client_hang_up(c);
    return (struct http_answer){ atoi(m.head + 9), m.head, m.body, m.len };
}

void http_answer_free(struct http_answer *a)
{
    free(a->head);
    free(a->body);
    *a = (struct http_answer){ 0 };
}

/* --- receivers -------------------------------------------------------------------------------------------------- */

struct http_receiver {
    struct sim_listener *listener;
    http_receive_fn fn;
    void *ctx;
};

struct http_exchange {
    struct stream stream;
    struct http_receiver receiver;
    bool is_answered, is_last;
};

/* "POST /path HTTP/1.1": method and path are cut out of the head, which begins at the header lines then. */
static bool split_request(struct message *m, struct http_request *out)
{
    char *method = m->head, *path = strchr(method, ' ');
    char *end = path == NULL ? NULL : strchr(path + 1, ' '), *line = strchr(m->head, '\n');
    if (end == NULL || line == NULL || end > line)
        return false;
    *path = *end = '\0';
    *out = (struct http_request){ method, path + 1, line + 1, m->body, m->len };
    return true;
}

static void serve_connection(void *arg)
{
    struct http_exchange *x = arg;
    struct http_request req;
    struct message m;
    while (x->stream.sock != NULL && take_message(&x->stream, &m, false, SIM_FOREVER) == 0) {
        x->is_answered = false;
        if (split_request(&m, &req))
            x->receiver.fn(x->receiver.ctx, x, &req);
        if (!x->is_answered || x->is_last)
            drop_stream(&x->stream);
        drop_message(&m);
    }
    drop_stream(&x->stream);
    free(x);
}

static void accept_connections(void *arg)
{
    struct http_receiver *r = arg;
    struct sim_sock *sock;
    while ((sock = sim_accept(r->listener, SIM_FOREVER)) != NULL) {
        struct http_exchange *x = calloc(1, sizeof *x);
        MACHINE_MUST(x != NULL);
        x->stream.sock = sock;
        x->receiver = *r;
        sim_spawn("receiver", serve_connection, x);
    }
    free(r);
}

struct http_receiver *http_receiver_start(const char *address, http_receive_fn fn, void *ctx)
{
    struct sim_listener *listener = sim_listen(address);
    struct http_receiver *r = listener == NULL ? NULL : calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    *r = (struct http_receiver){ listener, fn, ctx };
    sim_spawn("listener", accept_connections, r);
    return r;
}

void http_receiver_stop(struct http_receiver *r)
{
    sim_unlisten(r->listener);
}

static char *make_reply(int status, const char *headers, const char *body, size_t *len)
{
    size_t room = strlen(headers) + strlen(body) + 128;
    char *text = malloc(room);
    MACHINE_MUST(text != NULL);
    *len = (size_t)snprintf(text, room, "HTTP/1.1 %d Said\r\n%scontent-length: %zu\r\n\r\n%s",
                            status, headers, strlen(body), body);
    return text;
}

void http_reply(struct http_exchange *x, int status, const char *headers, const char *body)
{
    size_t len;
    char *text = make_reply(status, headers, body, &len);
    x->is_answered = sim_send(x->stream.sock, text, len);
    free(text);
}

void http_reply_part(struct http_exchange *x, int status, const char *headers, const char *body,
                     size_t len)
{
    char byte;
    size_t whole;
    char *text = make_reply(status, headers, body, &whole);
    (void)sim_send(x->stream.sock, text, len < whole ? len : whole);
    free(text);
    while (sim_recv(x->stream.sock, &byte, 1, SIM_FOREVER) > 0)
        ;
}

void http_reply_reset(struct http_exchange *x)
{
    sim_reset(x->stream.sock);
    x->stream.sock = NULL;
}

void http_close_after(struct http_exchange *x)
{
    x->is_last = true;
}

struct sim_sock *http_socket(struct http_exchange *x)
{
    return x->stream.sock;
}
