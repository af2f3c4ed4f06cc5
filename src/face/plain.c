/* SPDX-License-Identifier: Apache-2.0
 *
 * What people see who follow a portal link to a server without the portal: text, no script, no style, nothing fetched.
 * The token is in the link's fragment, which browsers keep to themselves; the page says what it is good for. The link
 * names what it gives access to, `app` or `source`; it is shown only if it is an id or uid by its characters, so there
 * is nothing to escape.
 */
#include "face/face_priv.h"

enum { PAGE_MAX = 16 * 1024, NAME_MAX_LEN = 256 };

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<title>Your webhooks</title>\n</head>\n<body>\n<h1>Your webhooks</h1>\n"
    "<p>The link you followed gives access to your webhooks on this server: to see and change where they are "
    "delivered, to see what was delivered and what failed, and to send something again.</p>\n"
    "<h2>Your token</h2>\n"
    "<p>Everything after <code>#key=</code> in the address of this page is your access token. Your browser did not "
    "send it to this server. Keep it to yourself: whoever has it can do what you can do. It expires; whoever gave you "
    "the link can give you another.</p>\n"
    "<h2>How to use it</h2>\n"
    "<p>Send it as a bearer token. Put it in the place of <code>TOKEN</code>:</p>\n";

static const char tail[] =
    "<p><a href=\"/docs\">The reference</a> lists every call; "
    "<a href=\"/api/v1/openapi.json\">the OpenAPI document</a> is for programs.</p>\n"
    "</body>\n</html>\n";

static bool plain_is_name(struct str s)
{
    if (s.len == 0 || s.len > NAME_MAX_LEN)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || c == '.';
        if (!fine)
            return false;
    }
    return true;
}

static enum rc add_call(struct buf *out, const char *words, struct str path, const char *rest)
{
    return buf_addf(out,
                    "<p>%s</p>\n<pre>curl -H 'Authorization: Bearer TOKEN' "
                    "\"$SERVER%.*s%s\"</pre>\n",
                    words, STR_ARGS(path), rest);
}

static enum rc add_calls(struct http_request *req, struct buf *out)
{
    struct str name;
    enum rc rc = buf_add_str(out, STR("<pre>SERVER=https://the-host-of-this-page</pre>\n"));
    if (http_query(req, "source", 0, &name) && plain_is_name(name)) {
        struct str path = arena_fmt(req->arena, "/ingest/api/v1/source/%.*s", STR_ARGS(name));
        if (rc == RC_OK)
            rc = add_call(out, "The source, and the address it receives at:", path, "");
        if (rc == RC_OK)
            rc = add_call(out, "Where its events go:", path, "/endpoint");
        return rc == RC_OK ? add_call(out, "What came in:", path, "/request") : rc;
    }
    if (!http_query(req, "app", 0, &name) || !plain_is_name(name))
        name = STR("APPLICATION");
    struct str path = arena_fmt(req->arena, "/api/v1/app/%.*s", STR_ARGS(name));
    if (rc == RC_OK)
        rc = add_call(out, "Your endpoints, and which of them are disabled:", path, "/endpoint");
    if (rc == RC_OK)
        rc = add_call(out, "The latest messages:", path, "/msg");
    return rc == RC_OK ? add_call(out, "What became of a message at each endpoint:", path,
                                  "/msg/MESSAGE/endpoint")
                       : rc;
}

static void free_page(void *page)
{
    buf_fini(page);
}

void face_answer_plain(struct http_request *req)
{
    struct buf *page = ARENA_NEW(req->arena, struct buf);
    buf_init(page, PAGE_MAX);
    arena_defer(req->arena, free_page, page);
    enum rc rc = buf_add_str(page, str_from(head));
    if (rc == RC_OK)
        rc = add_calls(req, page);
    if (rc == RC_OK)
        rc = buf_add_str(page, str_from(tail));
    MUST(rc == RC_OK); /* its texts are ours, and names have a limit */
    req->reply.status = 200;
    req->reply.content_type = STR("text/html; charset=utf-8");
    req->reply.body = buf_str(page);
    http_add_header(req, STR("Content-Security-Policy"),
                    STR("default-src 'none'; base-uri 'none'; form-action 'none'; "
                        "frame-ancestors 'none'"));
    http_add_header(req, STR("Referrer-Policy"), STR("no-referrer"));
    http_add_header(req, STR("X-Content-Type-Options"), STR("nosniff"));
    http_add_header(req, STR("Cache-Control"), STR("no-store"));
    http_answer(req);
}
