/* SPDX-License-Identifier: Apache-2.0
 *
 * A request's head is kept as it came, and the names and values point into it; its body grows as
 * bytes come, never by what a header promises.
 */
#include "http_read.h"

#include <stdlib.h>

enum { FIRST_CAP = 1024, METHOD_MAX = 16, DIGITS_MAX = 18, SIZE_DIGITS_MAX = 15 };

bool gn_budget_take(struct gn_budget *budget, size_t size)
{
    size_t used = atomic_load(&budget->used);
    do {
        if (size > budget->max || used > budget->max - size) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&budget->used, &used, used + size));
    return true;
}

void gn_budget_give(struct gn_budget *budget, size_t size)
{
    atomic_fetch_sub(&budget->used, size);
}

void gn_http_init(struct gn_http *h, size_t head_max, size_t body_max, struct gn_budget *budget)
{
    memset(h, 0, sizeof(*h));
    h->head_max = head_max;
    h->body_max = body_max;
    h->budget = budget;
}

void gn_http_reset(struct gn_http *h)
{
    gn_budget_give(h->budget, h->head_cap + h->body_cap);
    free(h->head);
    free(h->headers);
    free(h->body);
    gn_http_init(h, h->head_max, h->body_max, h->budget);
}

bool gn_http_has_begun(const struct gn_http *h)
{
    return h->head_len > 0;
}

/* Room for `more` bytes behind `len`, up to `max`; false: the budget or memory is short. */
static bool http_read_grow(struct gn_http *h, char **ptr, size_t *cap, size_t len, size_t more,
                           size_t max)
{
    size_t wanted = *cap == 0 ? FIRST_CAP : *cap;
    while (wanted < len + more) {
        wanted *= 2;
    }
    if (wanted > max) {
        wanted = max;
    }
    if (wanted <= *cap) {
        return true;
    }
    if (!gn_budget_take(h->budget, wanted - *cap)) {
        return false;
    }
    char *bigger = realloc(*ptr, wanted);
    if (bigger == NULL) {
        gn_budget_give(h->budget, wanted - *cap);
        return false;
    }
    *ptr = bigger;
    *cap = wanted;
    return true;
}

/* --- head --------------------------------------------------------------------------------------- */

static bool is_token(struct grapnel_bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!word && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return s.len > 0;
}

static bool is_field_text(struct grapnel_bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Bytes above ASCII are taken: senders that do not escape a path send its UTF-8. */
static bool is_target(struct grapnel_bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c == 0x7f || c == '#') {
            return false;
        }
    }
    return s.len > 0;
}

/* Path and query of "/path?query", or of "http://host/path?query", which a server has to take, too
 * (RFC 9112, 3.2.2). */
static bool read_target(struct gn_http *h, struct grapnel_bytes target)
{
    static const char *const schemes[] = { "http://", "https://" };
    bool is_absolute = false;
    for (size_t i = 0; i < GN_COUNT(schemes) && !is_absolute; i++) {
        struct grapnel_bytes scheme = gn_cstr(schemes[i]);
        is_absolute = target.len > scheme.len && gn_ieq(gn_bytes(target.ptr, scheme.len), scheme);
        target = is_absolute ? gn_skip(target, scheme.len) : target;
    }
    size_t mark = gn_find(target, '?');
    if (is_absolute) {
        size_t host = gn_find(target, '/');
        host = host < mark ? host : mark;
        if (host == 0) {
            return false;
        }
        target = gn_skip(target, host);
        mark -= host;
    }
    h->path = mark == 0 && is_absolute ? GN_TEXT("/") : gn_bytes(target.ptr, mark);
    h->query = mark < target.len ? gn_skip(target, mark + 1) : GN_NONE;
    return h->path.len > 0 && h->path.ptr[0] == '/';
}

static unsigned read_request_line(struct gn_http *h, struct grapnel_bytes line)
{
    struct grapnel_bytes target;
    if (!gn_split(&line, ' ', &h->method) || !gn_split(&line, ' ', &target)) {
        return 400;
    }
    if (!is_token(h->method) || h->method.len > METHOD_MAX || !is_target(target) ||
        !read_target(h, target)) {
        return 400;
    }
    h->keep_alive = gn_eq(line, GN_TEXT("HTTP/1.1"));
    h->is_old = gn_eq(line, GN_TEXT("HTTP/1.0"));
    if (!h->keep_alive && !h->is_old) {
        return gn_starts(line, GN_TEXT("HTTP/")) ? 505 : 400;
    }
    return GN_HTTP_MORE;
}

/* What counts while headers are read. */
struct framing {
    bool has_length, has_chunks, has_host;
    int64_t length;
};

static unsigned note_header(struct gn_http *h, struct framing *f, const struct grapnel_header *one)
{
    if (gn_ieq(one->name, GN_TEXT("content-length"))) {
        if (f->has_length || !gn_decimal(one->value, DIGITS_MAX, &f->length)) {
            return 400;
        }
        f->has_length = true;
    } else if (gn_ieq(one->name, GN_TEXT("transfer-encoding"))) {
        if (f->has_chunks || !gn_ieq(one->value, GN_TEXT("chunked"))) {
            return f->has_chunks ? 400 : 501;
        }
        f->has_chunks = true;
    } else if (gn_ieq(one->name, GN_TEXT("host"))) {
        if (f->has_host) {
            return 400;
        }
        f->has_host = true;
    } else if (gn_ieq(one->name, GN_TEXT("connection")) && gn_ieq(one->value, GN_TEXT("close"))) {
        h->keep_alive = false;
    } else if (gn_ieq(one->name, GN_TEXT("expect"))) {
        h->expects_continue = gn_ieq(one->value, GN_TEXT("100-continue"));
    }
    return GN_HTTP_MORE;
}

static unsigned http_read_header(struct gn_http *h, struct framing *f, struct grapnel_bytes line)
{
    size_t colon = gn_find(line, ':');
    if (h->header_count == GRAPNEL_HEADERS_MAX) {
        return 431;
    }
    if (colon == line.len) {
        return 400;
    }
    struct grapnel_header *one = &h->headers[h->header_count++];
    one->name = gn_bytes(line.ptr, colon);
    one->value = gn_trim(gn_skip(line, colon + 1));
    if (!is_token(one->name) || !is_field_text(one->value)) { /* a folded line has no token */
        return 400;
    }
    return note_header(h, f, one);
}

static unsigned begin_body(struct gn_http *h, const struct framing *f)
{
    if (f->has_chunks && (f->has_length || h->is_old)) {
        return 400;
    }
    if (!f->has_host && !h->is_old) {
        return 400;
    }
    if (f->has_chunks) {
        h->state = GN_HTTP_CHUNK_SIZE;
        return GN_HTTP_MORE;
    }
    if (f->has_length && (uint64_t)f->length > h->body_max) {
        return 413;
    }
    h->left = f->has_length ? (uint64_t)f->length : 0;
    h->state = h->left > 0 ? GN_HTTP_LENGTH : GN_HTTP_END;
    return h->left > 0 ? GN_HTTP_MORE : GN_HTTP_DONE;
}

static unsigned read_head(struct gn_http *h)
{
    struct grapnel_bytes rest = gn_bytes(h->head, h->head_len - 4);
    struct framing framing = { 0 };
    struct grapnel_bytes line;
    unsigned status = 400;

    h->headers = calloc(GRAPNEL_HEADERS_MAX, sizeof(*h->headers));
    if (h->headers == NULL) {
        return 503;
    }
    for (bool first = true; gn_split(&rest, '\n', &line); first = false) {
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        status = first ? read_request_line(h, line) : http_read_header(h, &framing, line);
        if (status != GN_HTTP_MORE) {
            return status;
        }
    }
    return status == GN_HTTP_MORE ? begin_body(h, &framing) : status;
}

/* Takes a line, or what there is of it. */
static unsigned push_head(struct gn_http *h, const char *data, size_t len, size_t *used)
{
    const char *end = memchr(data, '\n', len);
    size_t count = end == NULL ? len : (size_t)(end - data) + 1;
    if (h->head_len + count > h->head_max) {
        return 431;
    }
    if (!http_read_grow(h, &h->head, &h->head_cap, h->head_len, count, h->head_max)) {
        return 503;
    }
    memcpy(h->head + h->head_len, data, count);
    h->head_len += count;
    *used += count;
    if (end == NULL) {
        return GN_HTTP_MORE;
    }
    if (h->head_len < 2 || h->head[h->head_len - 2] != '\r' || h->head_len == 2) {
        return 400;
    }
    bool ends = h->head_len >= 4 && memcmp(h->head + h->head_len - 4, "\r\n\r\n", 4) == 0;
    return ends ? read_head(h) : GN_HTTP_MORE;
}

/* --- body --------------------------------------------------------------------------------------- */

static unsigned push_data(struct gn_http *h, const char *data, size_t len, size_t *used)
{
    size_t count = h->left < len ? (size_t)h->left : len;
    if (!http_read_grow(h, &h->body, &h->body_cap, h->body_len, count, h->body_max)) {
        return 503;
    }
    memcpy(h->body + h->body_len, data, count);
    h->body_len += count;
    h->left -= count;
    *used += count;
    if (h->left > 0) {
        return GN_HTTP_MORE;
    }
    if (h->state == GN_HTTP_CHUNK_DATA) {
        h->state = GN_HTTP_CHUNK_END;
        return GN_HTTP_MORE;
    }
    h->state = GN_HTTP_END;
    return GN_HTTP_DONE;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "1a2b;extension"; extensions mean nothing to anybody. */
static bool read_chunk_size(struct grapnel_bytes line, uint64_t *size)
{
    size_t digits = 0;
    *size = 0;
    while (digits < line.len && hex_digit(line.ptr[digits]) >= 0) {
        *size = *size * 16 + (uint64_t)hex_digit(line.ptr[digits]);
        if (++digits > SIZE_DIGITS_MAX) {
            return false;
        }
    }
    struct grapnel_bytes rest = gn_trim(gn_skip(line, digits));
    return digits > 0 && (rest.len == 0 || (rest.ptr[0] == ';' && is_field_text(rest)));
}

static unsigned end_line(struct gn_http *h)
{
    struct grapnel_bytes line = gn_bytes(h->line, h->line_len - 2);
    h->line_len = 0;
    if (h->state == GN_HTTP_CHUNK_END) {
        h->state = GN_HTTP_CHUNK_SIZE;
        return line.len == 0 ? GN_HTTP_MORE : 400;
    }
    if (h->state == GN_HTTP_TRAILER) {
        if (line.len > 0) {
            return GN_HTTP_MORE;
        }
        h->state = GN_HTTP_END;
        return GN_HTTP_DONE;
    }
    if (!read_chunk_size(line, &h->left)) {
        return 400;
    }
    if (h->left > h->body_max - h->body_len) {
        return 413;
    }
    h->state = h->left == 0 ? GN_HTTP_TRAILER : GN_HTTP_CHUNK_DATA;
    return GN_HTTP_MORE;
}

/* Lines between chunks and after them. */
static unsigned push_line(struct gn_http *h, char c, size_t *used)
{
    if (h->state == GN_HTTP_TRAILER && ++h->trailer_len > GN_HTTP_TRAILERS_MAX) {
        return 431;
    }
    if (h->line_len == sizeof(h->line)) {
        return h->state == GN_HTTP_TRAILER ? 431 : 400;
    }
    h->line[h->line_len++] = c;
    *used += 1;
    if (c != '\n') {
        return GN_HTTP_MORE;
    }
    return h->line_len >= 2 && h->line[h->line_len - 2] == '\r' ? end_line(h) : 400;
}

unsigned gn_http_push(struct gn_http *h, const char *data, size_t len, size_t *used)
{
    unsigned status = GN_HTTP_MORE;
    *used = 0;
    while (status == GN_HTTP_MORE && *used < len) {
        switch (h->state) {
        case GN_HTTP_HEAD: status = push_head(h, data + *used, len - *used, used); break;
        case GN_HTTP_LENGTH:
        case GN_HTTP_CHUNK_DATA: status = push_data(h, data + *used, len - *used, used); break;
        case GN_HTTP_CHUNK_SIZE:
        case GN_HTTP_CHUNK_END:
        case GN_HTTP_TRAILER: status = push_line(h, data[*used], used); break;
        case GN_HTTP_END: return GN_HTTP_DONE;
        }
    }
    return status;
}
