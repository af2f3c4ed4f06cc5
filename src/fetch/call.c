/* SPDX-License-Identifier: Apache-2.0
 *
 * What a call is, whoever runs it: its start, its end, what is kept of an answer.
 */
#include "fetch/call_priv.h"

#include "fetch/policy_priv.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    DEADLINE_US = 15 * 1000 * 1000,
    CONNECT_US = 5 * 1000 * 1000,
    RESPONSE_KEEP = 16 * 1024,
    RESPONSE_READ = 64 * 1024
};

const char *fetch_error_name(enum fetch_error e)
{
    static const char *const names[] = {
        [FETCH_OK] = "ok",
        [FETCH_BAD_URL] = "bad_url",
        [FETCH_DNS] = "dns",
        [FETCH_ADDRESS] = "address",
        [FETCH_CONNECT] = "connect",
        [FETCH_CONNECT_TIMEOUT] = "connect_timeout",
        [FETCH_TLS] = "tls",
        [FETCH_TIMEOUT] = "timeout",
        [FETCH_CLOSED] = "closed",
        [FETCH_PROTOCOL] = "protocol",
        [FETCH_TOO_LARGE] = "too_large",
        [FETCH_CANCELED] = "canceled",
    };
    MUST((size_t)e < COUNT_OF(names));
    return names[e];
}

void fetch_call_init(struct fetch_call *c)
{
    memset(c, 0, sizeof(*c));
    c->method = HTTP_POST;
    c->deadline_us = DEADLINE_US;
    c->connect_us = CONNECT_US;
    c->response_keep = RESPONSE_KEEP;
    c->response_read = RESPONSE_READ;
    buf_init(&c->_head, FETCH_HEAD_BUFFER);
    buf_init(&c->_body, SIZE_MAX / 8); /* response_keep bounds it */
}

void fetch_call_fini(struct fetch_call *c)
{
    MUST(c->_state == NULL);
    buf_fini(&c->_head);
    buf_fini(&c->_body);
}

/* The next header line of *lines, without its line end. */
static bool next_line(struct str *lines, struct str *line)
{
    if (!str_split(lines, '\n', line))
        return false;
    if (line->len > 0 && line->ptr[line->len - 1] == '\r')
        line->len--;
    return true;
}

static struct str find_header(struct str lines, struct str name)
{
    struct str line;

    while (next_line(&lines, &line)) {
        size_t colon = str_find(line, ':');
        if (colon < line.len && str_ieq(str_sub(line, 0, colon), name))
            return str_trim(str_sub(line, colon + 1, line.len));
    }
    return STR_NONE;
}

struct str fetch_response_header(const struct fetch_call *c, const char *name)
{
    return find_header(c->response_headers, str_from(name));
}

void fetch_call_say(struct fetch_call *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(c->detail, sizeof(c->detail), fmt, args);
    va_end(args);
}

bool fetch_call_begin(struct fetch_call *c, const struct fetch_policy *policy)
{
    MUST(c->_state == NULL && c->done != NULL);
    buf_reset(&c->_head);
    buf_reset(&c->_body);
    c->error = FETCH_OK;
    c->status = 0;
    c->response_headers = c->response = STR_NONE;
    c->response_cut = c->reused = false;
    c->took_us = c->connect_took_us = 0;
    c->peer[0] = c->detail[0] = '\0';

    if (c->url == NULL || c->url->host.len == 0 || c->url->port == 0) {
        c->error = FETCH_BAD_URL;
        fetch_call_say(c, "the URL has no host or no port");
    } else if (!c->url->tls && fetch_policy_https_only(policy)) {
        c->error = FETCH_ADDRESS;
        fetch_call_say(c, "plain http is not allowed");
    }
    return c->error == FETCH_OK;
}

/* What follows "HTTP/1.1 403 ". */
static void keep_phrase(struct fetch_call *c, struct str line)
{
    struct str version, status;
    (void)str_split(&line, ' ', &version);
    (void)str_split(&line, ' ', &status);
    if (str_ends(line, STR("\n")))
        line.len--;
    if (str_ends(line, STR("\r")))
        line.len--;
    size_t len = line.len < sizeof(c->phrase) ? line.len : sizeof(c->phrase) - 1;
    if (len > 0)
        memcpy(c->phrase, line.ptr, len);
    c->phrase[len] = '\0';
}

void fetch_call_keep_headers(struct fetch_call *c, struct str head)
{
    size_t first = str_find(head, '\n') + 1;
    keep_phrase(c, str_sub(head, 0, first - 1));
    struct str lines = str_sub(head, first, head.len);

    if (lines.len > FETCH_HEADERS_KEEP)
        lines.len = FETCH_HEADERS_KEEP;
    while (lines.len > 0 && lines.ptr[lines.len - 1] != '\n')
        lines.len--;
    if (str_eq(lines, STR("\r\n")) || str_eq(lines, STR("\n")))
        lines.len = 0;
    else if (str_ends(lines, STR("\n\r\n")))
        lines.len -= 2; /* the empty line */
    else if (str_ends(lines, STR("\n\n")))
        lines.len -= 1;
    /* `head` may lie in this buffer. */
    size_t len = lines.len;
    if (c->_head.ptr != NULL && lines.ptr >= c->_head.ptr &&
        lines.ptr < c->_head.ptr + c->_head.len) {
        buf_consume(&c->_head, (size_t)(lines.ptr - c->_head.ptr));
        c->_head.len = len;
        c->_head.ptr[len] = '\0';
    } else {
        buf_reset(&c->_head);
        MUST(buf_add_str(&c->_head, lines) == RC_OK);
    }
}

enum fetch_error fetch_call_say_no_connection(struct fetch_call *c)
{
    fetch_call_say(c, "no connection within %lld ms", (long long)(c->connect_us / 1000));
    return FETCH_CONNECT_TIMEOUT;
}

enum fetch_error fetch_call_say_no_names(struct fetch_call *c, int64_t us)
{
    fetch_call_say(c, "%.*s: the name servers did not answer within %lld ms",
                   STR_ARGS(c->url->host), (long long)(us / 1000));
    return FETCH_DNS;
}

void fetch_call_say_tls(struct fetch_call *c, struct str reason)
{
    static const struct str mark = { " alert ", 7 }; /* "tlsv13 alert certificate required" */

    for (size_t i = 0; i + mark.len < reason.len; i++) {
        if (str_eq(str_sub(reason, i, mark.len), mark)) {
            fetch_call_say(c, "TLS: the receiver refused the connection: %.*s",
                           STR_ARGS(str_sub(reason, i + mark.len, reason.len)));
            return;
        }
    }
    fetch_call_say(c, "TLS handshake: %.*s", STR_ARGS(reason));
}

void fetch_call_note_sloppy(struct fetch_call *c, const struct fetch_head *read)
{
    if (read->sloppy == NULL)
        return;
    fetch_call_say(c, "only the status of this answer was read; its head is malformed: %s",
                   read->sloppy);
    c->response_cut = read->is_body_lost;
}

bool fetch_call_take_body(struct fetch_call *c, struct str bytes, size_t *read)
{
    if (c->part != NULL && c->status == 200) {
        c->response_headers = buf_str(&c->_head);
        c->part(c->part_arg, bytes);
        return true;
    }
    size_t readable = c->response_read > *read ? c->response_read - *read : 0;
    bool is_over = bytes.len > readable;

    if (is_over)
        bytes.len = readable;
    *read += bytes.len;
    size_t room = c->response_keep - c->_body.len;
    if (bytes.len > room) {
        bytes.len = room;
        c->response_cut = true;
    }
    MUST(buf_add_str(&c->_body, bytes) == RC_OK);
    if (is_over) {
        c->response_cut = true;
        fetch_call_say(c, "the answer is longer than the %zu bytes that are read",
                       c->response_read);
    }
    return !is_over;
}

void fetch_call_end(struct fetch_call *c, enum fetch_error error, int64_t took_us)
{
    c->error = error;
    c->took_us = took_us;
    if (c->status != 0) {
        c->response_headers = buf_str(&c->_head);
        c->response = buf_str(&c->_body);
    }
    c->done(c);
}

void fetch_add_authorization(const struct fetch_call *c, struct buf *out)
{
    struct str user = c->url->userinfo;
    struct buf plain;

    if (user.len == 0 || find_header(c->headers, STR("authorization")).ptr != NULL)
        return;
    buf_init(&plain, HTTP_URL_MAX);
    /* An escape that is not one is sent as it stands. */
    if (percent_decode(user, false, &plain) != RC_OK) {
        buf_reset(&plain);
        MUST(buf_add_str(&plain, user) == RC_OK);
    }
    MUST(buf_add_str(out, STR("Authorization: Basic ")) == RC_OK &&
         buf_reserve(out, BASE64_LEN(plain.len) + 2) == RC_OK);
    base64_encode(plain.ptr, plain.len, out->ptr + out->len);
    out->len += BASE64_LEN(plain.len);
    MUST(buf_add_str(out, STR("\r\n")) == RC_OK);
    mem_wipe(plain.ptr, plain.len);
    buf_fini(&plain);
}

void fetch_add_accept(const struct fetch_call *c, struct buf *out)
{
    if (find_header(c->headers, STR("accept")).ptr == NULL)
        MUST(buf_add_str(out, STR("Accept: */*\r\n")) == RC_OK);
}

bool fetch_has_body(const struct fetch_call *c)
{
    return c->body.len > 0 || c->chunked || c->method == HTTP_POST || c->method == HTTP_PUT ||
           c->method == HTTP_PATCH;
}
