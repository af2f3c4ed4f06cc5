/* SPDX-License-Identifier: Apache-2.0
 *
 * See http/origin.h.
 */
#include "http/origin.h"

#include "http/conn_priv.h"

#define MARK "grapnel-origin-"

static const struct str mark = { MARK, sizeof MARK - 1 };

const struct http_header http_origin_unknown = { { MARK "unknown", sizeof MARK "unknown" - 1 },
                                                 { "1", 1 } };

static bool is_marked(struct str name)
{
    return name.len > mark.len && str_ieq(str_sub(name, 0, mark.len), mark);
}

bool http_origin_passes(struct str name)
{
    static const struct str about_connection[] = {
        { "connection", 10 },        { "content-length", 14 },   { "date", 4 }, { "expect", 6 },
        { "keep-alive", 10 },        { "proxy-connection", 16 }, { "te", 2 },   { "trailer", 7 },
        { "transfer-encoding", 17 }, { "upgrade", 7 },
    };
    for (size_t i = 0; i < COUNT_OF(about_connection); i++) {
        if (str_ieq(name, about_connection[i]))
            return false;
    }
    return !is_marked(name);
}

/* --- sending ---------------------------------------------------------------------------------- */

static void add_line(struct buf *lines, struct str name, struct str value)
{
    MUST(buf_add_str(lines, name) == RC_OK && buf_add_str(lines, STR(": ")) == RC_OK &&
         buf_add_str(lines, value) == RC_OK && buf_add_str(lines, STR("\r\n")) == RC_OK);
}

void http_origin_write(const struct http_call *call, struct str cell, struct buf *lines)
{
    const struct http_head *head = call->head;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *h = &head->headers[i];
        if (str_ieq(h->name, STR("host")))
            add_line(lines, STR(MARK "host"), h->value);
        else if (http_origin_passes(h->name))
            add_line(lines, h->name, h->value);
    }
    add_line(lines, STR(MARK "peer"), call->peer);
    add_line(lines, STR(MARK "id"), call->request_id);
    add_line(lines, STR(MARK "door"), arena_fmt(call->arena, "%u", call->door));
    if (cell.len > 0)
        add_line(lines, STR(MARK "cell"), cell);
    if (call->refused_status != 0)
        add_line(lines, STR(MARK "refused"),
                 arena_fmt(call->arena, "%d %s", call->refused_status, call->refused_why));
}

/* --- receiving -------------------------------------------------------------------------------- */

static void read_refusal(struct http_call *call, struct str value)
{
    struct str status;
    uint64_t number = 0;
    if (!str_split(&value, ' ', &status) || str_to_u64(status, &number) != RC_OK || number < 400 ||
        number > 599)
        return;
    call->refused_status = (int)number;
    call->refused_why = arena_str(call->arena, value).ptr;
}

static void set_host(struct http_head *head, struct str value)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (str_ieq(head->headers[i].name, STR("host")))
            head->headers[i].value = value;
    }
}

static void read_line(struct call *call, const struct http_header *line)
{
    struct str what = str_sub(line->name, mark.len, line->name.len);
    uint64_t number = 0;
    if (str_ieq(what, STR("host")))
        set_host(&call->head, line->value);
    else if (str_ieq(what, STR("peer")))
        call->pub.peer = line->value;
    else if (str_ieq(what, STR("id")))
        call->pub.request_id = line->value;
    else if (str_ieq(what, STR("door")) && str_to_u64(line->value, &number) == RC_OK)
        call->pub.door = (unsigned)number;
    else if (str_ieq(what, STR("cell")))
        call->pub.from_cell = line->value;
    else if (str_ieq(what, STR("refused")))
        read_refusal(&call->pub, line->value);
}

void http_origin_read(struct http_call *pub)
{
    struct call *call = CONTAINER_OF(pub, struct call, pub);
    struct http_head *head = &call->head;
    size_t kept = 0;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header line = head->headers[i];
        bool is_ours = is_marked(line.name);
        if (is_ours)
            read_line(call, &line);
        if (!is_ours || call->is_judging) /* its handler has to read them again */
            head->headers[kept++] = line;
    }
    head->header_count = kept;
}
