/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the head of an answer. The strict parser comes first. What it refuses behind a good status
 * line is read for that line alone, because a receiver that said 200 has taken the message, however
 * sloppy the lines are that follow, and would only get it a second time. Such an answer ends its
 * connection, so nothing is ever read behind it and two readers cannot disagree on where it ends.
 */
#include "fetch/head_priv.h"

/* "HTTP/1.1 200", what may follow it, and a line end. */
enum { VERSION_LEN = 8, STATUS_LINE_MIN = 12, STATUS_LEAST = 100 };

/* Something that cannot become an answer is refused before a whole line of it is there. */
static bool starts_like_http(struct str in)
{
    static const struct str start = { "HTTP/1.", 7 };
    return str_starts(in.len < start.len ? start : in, in.len < start.len ? in : start);
}

/* "HTTP/1.0 " or "HTTP/1.1 ", three bytes, and a blank or the end of the line. */
static bool is_status_line(struct str line)
{
    if (line.len < STATUS_LINE_MIN || !starts_like_http(line) || line.ptr[VERSION_LEN] != ' ' ||
        (line.ptr[VERSION_LEN - 1] != '0' && line.ptr[VERSION_LEN - 1] != '1'))
        return false;
    char next = line.len > STATUS_LINE_MIN ? line.ptr[STATUS_LINE_MIN] : ' ';
    return next == ' ' || next == '\r';
}

/* The status of a whole status line at the start of `in`; 0: there is none. */
static int status_of(struct str in)
{
    struct str line = str_sub(in, 0, str_find(in, '\n'));
    int status = 0;

    if (line.len == in.len || line.len >= FETCH_HEAD_MAX || !is_status_line(line) ||
        memchr(line.ptr, '\0', line.len) != NULL)
        return 0;
    for (size_t i = VERSION_LEN + 1; i < STATUS_LINE_MIN; i++) {
        if (line.ptr[i] < '0' || line.ptr[i] > '9')
            return 0;
        status = status * 10 + (line.ptr[i] - '0');
    }
    return status < STATUS_LEAST ? 0 : status;
}

/* What the lines say of the body. */
struct framing {
    bool is_unclear;
    bool has_length;
    uint64_t length;
};

static void note_line(struct framing *f, struct str line)
{
    size_t colon = str_find(line, ':');
    struct str name = str_trim(str_sub(line, 0, colon));
    struct str value = str_trim(str_sub(line, colon + 1, line.len));
    uint64_t length = 0;

    if (str_ieq(name, STR("transfer-encoding"))) {
        f->is_unclear = true;
    } else if (str_ieq(name, STR("content-length"))) {
        bool is_number = str_to_u64(value, &length) == RC_OK && length <= INT64_MAX;
        if (!is_number || (f->has_length && f->length != length))
            f->is_unclear = true;
        f->has_length = true;
        f->length = length;
    }
}

/* Goes over the lines behind the status line. Returns the length of the head with its empty line, or
 * 0 when that has not come. */
static size_t read_lines(struct str in, struct framing *f)
{
    struct str rest = in;
    struct str line;
    bool is_framing = false; /* the last line; one that continues it is beyond us */

    (void)str_split(&rest, '\n', &line);
    for (;;) {
        size_t end = str_find(rest, '\n');
        if (end == rest.len)
            return 0;
        line = str_sub(rest, 0, end);
        rest = str_sub(rest, end + 1, rest.len);
        if (line.len == 0 || line.ptr[0] == '\r')
            return in.len - rest.len;
        if (line.ptr[line.len - 1] == '\r')
            line.len--;
        bool is_folded = line.ptr[0] == ' ' || line.ptr[0] == '\t';
        if (is_folded && is_framing)
            f->is_unclear = true;
        if (is_folded)
            continue;
        bool had_length = f->has_length;
        note_line(f, line);
        is_framing = f->is_unclear || f->has_length != had_length;
    }
}

static enum http_parse read_leniently(struct str in, bool is_all, struct http_head *head,
                                      struct fetch_head *out)
{
    bool is_full = in.len >= FETCH_HEAD_MAX;
    struct framing f = { 0 };
    size_t len = read_lines(str_sub(in, 0, FETCH_HEAD_MAX), &f);

    if (len == 0 && !is_full && !is_all)
        return HTTP_PARSE_MORE;
    memset(head, 0, offsetof(struct http_head, headers));
    head->status = status_of(in);
    out->used = len > 0 ? len : in.len;
    if (len == 0)
        out->sloppy = is_full ? "longer than 16 KiB" : "without an end";
    else
        out->sloppy = out->error.reason;
    out->is_body_lost = f.is_unclear || len == 0;
    head->has_length = f.has_length || out->is_body_lost;
    head->length = out->is_body_lost ? 0 : f.length;
    return HTTP_PARSE_OK;
}

enum http_parse fetch_head_read(struct str in, bool is_all, struct http_head *head,
                                struct fetch_head *out)
{
    enum http_parse state = HTTP_PARSE_BAD;

    *out = (struct fetch_head){ .error = { .reason = "not an HTTP/1.x answer" } };
    if (!starts_like_http(in))
        return HTTP_PARSE_BAD;
    out->error.reason = NULL;
    state = http_parse_response(in, FETCH_HEAD_MAX, head, &out->used, &out->error);
    if (state == HTTP_PARSE_OK || (state == HTTP_PARSE_MORE && !is_all) || status_of(in) == 0)
        return state;
    return read_leniently(in, is_all, head, out);
}
