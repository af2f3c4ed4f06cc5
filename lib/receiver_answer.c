/* SPDX-License-Identifier: Apache-2.0
 *
 * An answer as bytes. What could end a header early is left out rather than sent.
 */
#include "receiver.h"

#include <stdio.h>
#include <stdlib.h>

enum { HEAD_ROOM = 256 };

static const char *reason_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *words;
    } reasons[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
    };
    for (size_t i = 0; i < GN_COUNT(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].words;
        }
    }
    return "";
}

static bool is_safe(struct grapnel_bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static void receiver_answer_add(struct gn_conn *conn, struct grapnel_bytes text)
{
    if (text.len > 0) {
        memcpy(conn->output + conn->output_len, text.ptr, text.len);
        conn->output_len += text.len;
    }
}

static void receiver_answer_add_header(struct gn_conn *conn, struct grapnel_bytes name,
                                       struct grapnel_bytes value)
{
    bool is_name = name.len > 0 && gn_find(name, ' ') == name.len && gn_find(name, ':') == name.len;
    if (!is_name || !is_safe(name) || !is_safe(value)) {
        return;
    }
    receiver_answer_add(conn, name);
    receiver_answer_add(conn, GN_TEXT(": "));
    receiver_answer_add(conn, value);
    receiver_answer_add(conn, GN_TEXT("\r\n"));
}

static bool is_framing(struct grapnel_bytes name)
{
    return gn_ieq(name, GN_TEXT("content-length")) || gn_ieq(name, GN_TEXT("transfer-encoding"));
}

static bool has_type(const struct grapnel_answer *a)
{
    for (size_t i = 0; i < a->header_count; i++) {
        if (gn_ieq(a->headers[i].name, GN_TEXT("content-type"))) {
            return true;
        }
    }
    return false;
}

static size_t room_for(const struct grapnel_answer *a)
{
    size_t room = HEAD_ROOM + a->content_type.len + a->body.len;
    for (size_t i = 0; i < a->header_count; i++) {
        room += a->headers[i].name.len + a->headers[i].value.len + 4;
    }
    return room;
}

static void add_head(struct gn_conn *conn, const struct grapnel_answer *a)
{
    char line[HEAD_ROOM];
    bool has_length = a->status != 204 && a->status != 304;
    int len = snprintf(line, sizeof(line), "HTTP/1.1 %u %s\r\n", a->status, reason_of(a->status));
    receiver_answer_add(conn, gn_bytes(line, (size_t)len));
    if (has_length) {
        len = snprintf(line, sizeof(line), "content-length: %zu\r\n", a->body.len);
        receiver_answer_add(conn, gn_bytes(line, (size_t)len));
    }
    if (conn->closes) {
        receiver_answer_add(conn, GN_TEXT("connection: close\r\n"));
    }
    if (a->status == 503) {
        receiver_answer_add(conn, GN_TEXT("retry-after: 1\r\n"));
    }
    if (a->content_type.len > 0 && !has_type(a)) {
        receiver_answer_add_header(conn, GN_TEXT("content-type"), a->content_type);
    }
    for (size_t i = 0; i < a->header_count; i++) {
        if (!is_framing(a->headers[i].name)) { /* that is ours */
            receiver_answer_add_header(conn, a->headers[i].name, a->headers[i].value);
        }
    }
    receiver_answer_add(conn, GN_TEXT("\r\n"));
    if (has_length && !gn_eq(conn->http.method, GN_TEXT("HEAD"))) {
        receiver_answer_add(conn, a->body);
    }
}

void gn_answer(struct grapnel_receiver *r, struct gn_conn *conn,
               const struct grapnel_answer *answer)
{
    size_t room = room_for(answer);
    conn->output_len = conn->output_done = 0;
    conn->closes = conn->closes || !conn->http.keep_alive;
    conn->output = gn_budget_take(&r->budget, room) ? malloc(room) : NULL;
    if (conn->output == NULL) {
        conn->closes = true;
        return;
    }
    conn->output_cap = room;
    add_head(conn, answer);
}

void gn_refuse(struct grapnel_receiver *r, struct gn_conn *conn, unsigned status)
{
    conn->closes = true;
    gn_answer(r, conn, &(struct grapnel_answer){ .status = status });
}

void gn_answer_free(struct grapnel_receiver *r, struct gn_conn *conn)
{
    free(conn->output);
    gn_budget_give(&r->budget, conn->output_cap);
    conn->output = NULL;
    conn->output_cap = conn->output_len = conn->output_done = 0;
}
