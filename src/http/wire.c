/* SPDX-License-Identifier: Apache-2.0
 *
 * Heads of requests and responses. One pass over the bytes; the headers that decide framing are
 * taken in as they go by, and judged together at the end (http/framing.c).
 */
#include "http/wire.h"

#include "http/framing_priv.h"
#include "http/text_priv.h"

/* Where the parser stands. Every step returns HTTP_PARSE_OK with `at` behind what it read. */
struct cursor {
    const char *ptr;
    size_t len;
    size_t at;
    size_t headers_max;
    struct http_parse_error *error;
};

static enum http_parse wire_bad(struct cursor *c, int status, const char *reason)
{
    *c->error = (struct http_parse_error){ status, reason };
    return HTTP_PARSE_BAD;
}

/* Reads CR LF; `junk` is said when something else stands there. */
static enum http_parse read_line_end(struct cursor *c, const char *junk)
{
    if (c->at >= c->len)
        return HTTP_PARSE_MORE;
    if (c->ptr[c->at] == '\n')
        return wire_bad(c, 400, "line ends in LF without CR");
    if (c->ptr[c->at] != '\r')
        return wire_bad(c, 400, junk);
    if (c->at + 1 >= c->len)
        return HTTP_PARSE_MORE;
    if (c->ptr[c->at + 1] != '\n')
        return wire_bad(c, 400, "CR without LF");
    c->at += 2;
    return HTTP_PARSE_OK;
}

/* A name of a request is a token. Receivers that people run do answer with others, such as
 * "application/json: ...": any visible character but the colon passes there, and nothing depends on it,
 * because the names that frame a message are tokens. */
static size_t name_span(const char *s, size_t len, bool is_response)
{
    size_t n = http_span(s, len, HTTP_CHAR_TOKEN);
    while (is_response && n < len && s[n] > ' ' && s[n] < 0x7f && s[n] != ':')
        n++;
    return n;
}

static enum http_parse wire_read_header(struct cursor *c, struct http_head *head,
                                        struct framing *framing)
{
    size_t start = c->at;
    size_t name_len = name_span(c->ptr + start, c->len - start, head->status != 0);
    size_t colon = start + name_len;
    if (colon >= c->len)
        return HTTP_PARSE_MORE;
    if (c->ptr[colon] != ':') {
        bool blank = c->ptr[colon] == ' ' || c->ptr[colon] == '\t';
        if (blank && name_len == 0)
            return wire_bad(c, 400, "folded header line");
        return wire_bad(c, 400,
                        blank ? "blank before the colon of a header" : "malformed header name");
    }
    if (name_len == 0)
        return wire_bad(c, 400, "empty header name");
    size_t value = colon + 1;
    c->at = value + http_value_span(c->ptr + value, c->len - value);
    size_t end = c->at;
    enum http_parse p = read_line_end(c, "control byte in a header value");
    if (p != HTTP_PARSE_OK)
        return p;
    if (head->header_count == c->headers_max)
        return wire_bad(c, 431, "too many headers");
    struct http_header *h = &head->headers[head->header_count++];
    h->name = str_of(c->ptr + start, name_len);
    h->value = str_trim(str_of(c->ptr + value, end - value));
    return http_framing_note(framing, head, h, c->error) ? HTTP_PARSE_OK : HTTP_PARSE_BAD;
}

static enum http_parse wire_read_headers(struct cursor *c, struct http_head *head,
                                         struct framing *framing)
{
    for (;;) {
        if (c->at >= c->len)
            return HTTP_PARSE_MORE;
        enum http_parse p;
        if (c->ptr[c->at] == '\r' || c->ptr[c->at] == '\n') {
            return read_line_end(c, "");
        }
        p = wire_read_header(c, head, framing);
        if (p != HTTP_PARSE_OK)
            return p;
    }
}

/* ---- requests ---- */

static enum http_method method_of(struct str text)
{
    for (int m = 0; m < HTTP_OTHER; m++) {
        if (str_eq(text, http_method_name((enum http_method)m)))
            return (enum http_method)m;
    }
    return HTTP_OTHER;
}

static enum http_parse read_method(struct cursor *c, struct http_head *head)
{
    size_t len = http_span(c->ptr + c->at, c->len - c->at, HTTP_CHAR_TOKEN);
    if (c->at + len >= c->len)
        return HTTP_PARSE_MORE;
    if (len == 0 || c->ptr[c->at + len] != ' ')
        return wire_bad(c, 400, "malformed method");
    head->method_text = str_of(c->ptr + c->at, len);
    head->method = method_of(head->method_text);
    c->at += len + 1;
    return HTTP_PARSE_OK;
}

/* Takes "http://authority" off; the authority must then agree with Host. */
static bool split_absolute(struct str *path, struct framing *framing)
{
    size_t scheme = str_starts(*path, STR("http://"))    ? 7
                    : str_starts(*path, STR("https://")) ? 8
                                                         : 0;
    if (scheme == 0)
        return false;
    struct str rest = str_sub(*path, scheme, path->len);
    size_t len = http_span(rest.ptr, rest.len, HTTP_CHAR_HOST);
    if (len == 0 || len == rest.len || rest.ptr[len] != '/')
        return false;
    framing->authority = str_sub(rest, 0, len);
    *path = str_sub(rest, len, rest.len);
    return true;
}

static enum http_parse split_target(struct cursor *c, struct http_head *head,
                                    struct framing *framing)
{
    struct str path = head->target;
    bool is_star = head->method == HTTP_OPTIONS && str_eq(path, STR("*"));
    if (path.ptr[0] != '/' && !is_star && !split_absolute(&path, framing)) {
        return wire_bad(c, 400, "malformed request target");
    }
    size_t mark = str_find(path, '?');
    head->path = str_sub(path, 0, mark);
    head->query = mark == path.len ? STR_NONE : str_sub(path, mark + 1, path.len);
    return HTTP_PARSE_OK;
}

static enum http_parse read_target(struct cursor *c, struct http_head *head,
                                   struct framing *framing)
{
    size_t len = http_span(c->ptr + c->at, c->len - c->at, HTTP_CHAR_TARGET);
    if (c->at + len >= c->len)
        return HTTP_PARSE_MORE;
    if (len == 0 || c->ptr[c->at + len] != ' ')
        return wire_bad(c, 400, "malformed request target");
    head->target = str_of(c->ptr + c->at, len);
    c->at += len + 1;
    return split_target(c, head, framing);
}

/* "HTTP/1.0" or "HTTP/1.1". */
static enum http_parse read_version(struct cursor *c, struct http_head *head)
{
    static const char PREFIX[] = "HTTP/";
    enum { PREFIX_LEN = 5, VERSION_LEN = 8 };
    const char *p = c->ptr + c->at;
    size_t left = c->len - c->at;
    if (memcmp(p, PREFIX, left < PREFIX_LEN ? left : PREFIX_LEN) != 0)
        return wire_bad(c, 400, "malformed HTTP version");
    if (left < VERSION_LEN)
        return HTTP_PARSE_MORE;
    bool is_version = p[5] >= '0' && p[5] <= '9' && p[6] == '.' && p[7] >= '0' && p[7] <= '9';
    if (!is_version)
        return wire_bad(c, 400, "malformed HTTP version");
    if (p[5] != '1' || p[7] > '1')
        return wire_bad(c, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    head->minor = p[7] - '0';
    c->at += VERSION_LEN;
    return HTTP_PARSE_OK;
}

static enum http_parse read_request_line(struct cursor *c, struct http_head *head,
                                         struct framing *framing)
{
    enum http_parse p = read_method(c, head);
    if (p == HTTP_PARSE_OK)
        p = read_target(c, head, framing);
    if (p == HTTP_PARSE_OK)
        p = read_version(c, head);
    if (p == HTTP_PARSE_OK)
        p = read_line_end(c, "malformed request line");
    return p;
}

/* What MORE means once the limit on the head is reached. */
static enum http_parse judge_more(struct cursor *c, size_t in_len, size_t max, bool in_first_line)
{
    if (in_len < max)
        return HTTP_PARSE_MORE;
    return in_first_line ? wire_bad(c, 414, "request line too long")
                         : wire_bad(c, 431, "headers too large");
}

static void start_head(struct http_head *head)
{
    /* Everything but the headers, which header_count says are not there yet. */
    memset(head, 0, offsetof(struct http_head, headers));
}

enum http_parse http_parse_passed(struct str in, size_t max, size_t more, struct http_head *head,
                                  size_t *used, struct http_parse_error *error)
{
    struct cursor c = { in.ptr, in.len < max ? in.len : max, 0, HTTP_HEADERS_MAX + more, error };
    MUST(more <= HTTP_HEADERS_MORE);
    struct framing framing = { .is_request = true };
    start_head(head);
    enum http_parse p = HTTP_PARSE_OK;
    /* RFC 9112, 2.2: one empty line before a request is ignored. */
    if (c.len > 0 && in.ptr[0] == '\r')
        p = read_line_end(&c, "");
    if (p == HTTP_PARSE_OK)
        p = read_request_line(&c, head, &framing);
    if (p == HTTP_PARSE_MORE)
        return judge_more(&c, in.len, max, true);
    if (p == HTTP_PARSE_OK)
        p = wire_read_headers(&c, head, &framing);
    if (p == HTTP_PARSE_MORE)
        return judge_more(&c, in.len, max, false);
    if (p == HTTP_PARSE_OK && !http_framing_judge(&framing, head, error))
        p = HTTP_PARSE_BAD;
    *used = c.at;
    return p;
}

enum http_parse http_parse_request(struct str in, size_t max, struct http_head *head, size_t *used,
                                   struct http_parse_error *error)
{
    return http_parse_passed(in, max, 0, head, used, error);
}

/* ---- responses ---- */

static enum http_parse read_status(struct cursor *c, struct http_head *head)
{
    const char *p = c->ptr + c->at;
    size_t left = c->len - c->at;
    if (left < 4)
        return HTTP_PARSE_MORE;
    if (p[0] != ' ')
        return wire_bad(c, 400, "malformed status line");
    for (int i = 1; i <= 3; i++) {
        if (p[i] < '0' || p[i] > '9')
            return wire_bad(c, 400, "malformed status");
        head->status = head->status * 10 + (p[i] - '0');
    }
    if (head->status < 100)
        return wire_bad(c, 400, "malformed status");
    c->at += 4;
    return HTTP_PARSE_OK;
}

/* " reason", or nothing: many servers leave out the blank when they have no reason to give. */
static enum http_parse read_reason(struct cursor *c, struct http_head *head)
{
    if (c->at < c->len && c->ptr[c->at] == ' ') {
        size_t start = c->at + 1;
        size_t len = http_value_span(c->ptr + start, c->len - start);
        head->reason = str_of(c->ptr + start, len);
        c->at = start + len;
    }
    return read_line_end(c, "malformed status line");
}

enum http_parse http_parse_response(struct str in, size_t max, struct http_head *head, size_t *used,
                                    struct http_parse_error *error)
{
    struct cursor c = { in.ptr, in.len < max ? in.len : max, 0, HTTP_HEADERS_MAX, error };
    struct framing framing = { .is_request = false };
    start_head(head);
    enum http_parse p = read_version(&c, head);
    if (p == HTTP_PARSE_OK)
        p = read_status(&c, head);
    if (p == HTTP_PARSE_OK)
        p = read_reason(&c, head);
    if (p == HTTP_PARSE_OK)
        p = wire_read_headers(&c, head, &framing);
    if (p == HTTP_PARSE_MORE)
        return judge_more(&c, in.len, max, false);
    if (p == HTTP_PARSE_OK && !http_framing_judge(&framing, head, error))
        p = HTTP_PARSE_BAD;
    *used = c.at;
    return p;
}

bool http_response_has_body(const struct http_head *head, enum http_method request)
{
    return request != HTTP_HEAD && head->status >= 200 && head->status != 204 &&
           head->status != 304;
}

/* ---- lookups ---- */

const struct http_header *http_find(const struct http_head *head, struct str name)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (str_ieq(head->headers[i].name, name))
            return &head->headers[i];
    }
    return NULL;
}

size_t http_count(const struct http_head *head, struct str name)
{
    size_t count = 0;
    for (size_t i = 0; i < head->header_count; i++) {
        if (str_ieq(head->headers[i].name, name))
            count++;
    }
    return count;
}
