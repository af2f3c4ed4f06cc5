/* SPDX-License-Identifier: Apache-2.0
 *
 * Query parameters and JSON errors: what handlers need most.
 */
#include "http/query_priv.h"

#include <stdarg.h>
#include <stdio.h>

enum { DETAIL_MAX = 1024, ERROR_BODY_MAX = 16 * 1024 };

bool http_decode(struct arena *arena, struct str s, bool is_form, struct str *out)
{
    if (str_find(s, '%') == s.len && (!is_form || str_find(s, '+') == s.len)) {
        *out = s;
        return true;
    }
    struct buf decoded;
    buf_init(&decoded, s.len);
    bool ok = percent_decode(s, is_form, &decoded) == RC_OK;
    if (ok)
        *out = arena_str(arena, buf_str(&decoded));
    buf_fini(&decoded);
    return ok;
}

bool http_query(struct http_request *req, const char *name, size_t nth, struct str *out)
{
    struct str rest = req->call->head->query, part, wanted = str_from(name);
    while (str_split(&rest, '&', &part)) {
        size_t mark = str_find(part, '=');
        struct str key, value = str_sub(part, mark + 1, part.len);
        if (!http_decode(req->arena, str_sub(part, 0, mark), true, &key) || !str_eq(key, wanted))
            continue;
        if (!http_decode(req->arena, value, true, out))
            continue;
        if (nth-- == 0)
            return true;
    }
    return false;
}

void http_query_each(struct http_request *req,
                     void (*fn)(void *ctx, struct str name, struct str value), void *ctx)
{
    struct str rest = req->call->head->query, part;
    while (str_split(&rest, '&', &part)) {
        size_t mark = str_find(part, '=');
        struct str key, value;
        if (http_decode(req->arena, str_sub(part, 0, mark), true, &key) &&
            http_decode(req->arena, str_sub(part, mark + 1, part.len), true, &value))
            fn(ctx, key, value);
    }
}

/* ---- errors ---- */

static void query_add(struct buf *b, const char *text)
{
    MUST(buf_add_str(b, str_from(text)) == RC_OK);
}

static void add_json(struct buf *b, struct str s)
{
    MUST(buf_add_json(b, s) == RC_OK);
}

static void set_reply(struct http_request *req, int status, struct buf *body)
{
    req->reply.status = status;
    req->reply.content_type = STR("application/json");
    req->reply.body = arena_str(req->arena, buf_str(body));
    buf_fini(body);
}

void http_error(struct http_request *req, int status, const char *code, const char *fmt, ...)
{
    char detail[DETAIL_MAX + 1];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(detail, sizeof(detail), fmt, args);
    va_end(args);
    struct buf body;
    buf_init(&body, ERROR_BODY_MAX);
    query_add(&body, "{\"code\":");
    add_json(&body, str_from(code));
    query_add(&body, ",\"detail\":");
    add_json(&body, str_from(detail));
    query_add(&body, "}");
    set_reply(req, status, &body);
}

void http_invalid(struct http_request *req, const char *loc, const char *type, const char *fmt, ...)
{
    char msg[DETAIL_MAX + 1];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(msg, sizeof(msg), fmt, args);
    va_end(args);
    struct buf body;
    struct str path = str_sub(str_from(loc), 0, DETAIL_MAX), part;
    const char *comma = "";
    buf_init(&body, ERROR_BODY_MAX);
    query_add(&body, "{\"detail\":[{\"loc\":[");
    while (str_split(&path, '.', &part)) {
        query_add(&body, comma);
        add_json(&body, part);
        comma = ",";
    }
    query_add(&body, "],\"msg\":");
    add_json(&body, str_from(msg));
    query_add(&body, ",\"type\":");
    add_json(&body, str_from(type));
    query_add(&body, "}]}");
    set_reply(req, 422, &body);
}
