/* SPDX-License-Identifier: Apache-2.0
 *
 * See face/face.h. What is below /console and /portal is for the page's own script to tell apart, so all of it answers
 * with the same page; what is below /console/api is not, and stays a 404 in JSON.
 */
#include "face/face_priv.h"

static struct face *face_of(const struct http_request *req)
{
    return api_faces(req->ctx);
}

static void answer_not_found(struct http_request *req, const char *words)
{
    http_error(req, 404, "not_found", "%s", words);
    http_answer(req);
}

/* --- pages --------------------------------------------------------------------------------------------- */

static void answer_page(struct http_request *req, const struct face_page *p)
{
    req->is_private = true;
    req->reply.headers = p->headers;
    req->reply.header_count = p->header_count;
    if (face_etag_matches(http_call_header(req->call, "if-none-match"), p->etag)) {
        req->reply.status = 304;
    } else {
        req->reply.status = 200;
        req->reply.content_type = STR("text/html; charset=utf-8");
        req->reply.body = p->text;
    }
    http_answer(req);
}

/* A listener of its own keeps it off all others. */
static bool is_console_elsewhere(const struct face *f, const struct http_request *req)
{
    return f->has_console && !api_serves_console(f->api, req->call);
}

static void show_console(struct http_request *req)
{
    const struct face *f = face_of(req);
    if (is_console_elsewhere(f, req)) {
        answer_not_found(req, API_CONSOLE_ELSEWHERE);
        return;
    }
    if (!f->has_console) {
        http_error(req, 404, "not_found", "this server has no console: %s", f->no_console);
        http_answer(req);
        return;
    }
    if (!face_host_is_ours(http_call_header(req->call, "host"), f->console_host)) {
        http_error(
            req, 421, "wrong_host",
            "the console is not served under this name; set server.public_url (or console.public_url) to the address you use");
        http_answer(req);
        return;
    }
    answer_page(req, &f->console);
}

static void show_portal(struct http_request *req)
{
    const struct face *f = face_of(req);
    if (f->has_portal)
        answer_page(req, &f->portal);
    else if (req->call->head->path.len > sizeof("/portal/"))
        answer_not_found(req, "there is nothing at this path; this server has no portal");
    else
        face_answer_plain(req);
}

/* --- files --------------------------------------------------------------------------------------------- */

static void show_asset(struct http_request *req)
{
    const struct face_file *file = face_asset_find(req->params[0]);
    if (file == NULL) {
        answer_not_found(req, "there is no such file in this version; load the page again");
        return;
    }
    enum http_coding coding =
        http_coding_pick(http_call_header(req->call, "accept-encoding"), face_file_codings(file));
    struct str name = http_coding_name(coding);
    struct str etag =
        arena_fmt(req->arena, "\"%s%s%.*s\"", file->etag, name.len > 0 ? "-" : "", STR_ARGS(name));
    req->is_private = true;
    http_add_header(req, STR("Cache-Control"), STR("public, max-age=31536000, immutable"));
    http_add_header(req, STR("Vary"), STR("Accept-Encoding"));
    http_add_header(req, STR("ETag"), etag);
    http_add_header(req, STR("X-Content-Type-Options"), STR("nosniff"));
    http_add_header(req, STR("Cross-Origin-Resource-Policy"), STR("same-origin"));
    http_add_header(req, STR("Content-Security-Policy"),
                    STR("default-src 'none'; frame-ancestors 'none'"));
    if (face_etag_matches(http_call_header(req->call, "if-none-match"), etag)) {
        req->reply.status = 304;
        http_answer(req);
        return;
    }
    if (name.len > 0)
        http_add_header(req, STR("Content-Encoding"), name);
    req->reply.status = 200;
    req->reply.content_type = str_from(file->type);
    req->reply.body = face_file_bytes(file, coding);
    http_answer(req);
}

/* --- ways in ------------------------------------------------------------------------------------------- */

/* Browsers carry a fragment over by themselves. */
static void face_redirect(struct http_request *req, struct str prefix, const char *path,
                          bool keeps_query)
{
    struct str query = keeps_query ? req->call->head->query : STR_NONE;
    req->reply.status = 302;
    http_add_header(req, STR("Location"),
                    arena_fmt(req->arena, "%.*s%s%s%.*s", STR_ARGS(prefix), path,
                              query.len > 0 ? "?" : "", STR_ARGS(query)));
    http_add_header(req, STR("Cache-Control"), STR("no-cache"));
    http_answer(req);
}

static void face_enter(struct http_request *req)
{
    const struct face *f = face_of(req);
    if (f->has_console && !is_console_elsewhere(f, req))
        face_redirect(req, f->console_prefix, "/console/", false);
    else
        answer_not_found(req, "there is nothing at this path");
}

/* Svix' links lead here. */
static void log_in_to_portal(struct http_request *req)
{
    face_redirect(req, face_of(req)->prefix, "/portal", true);
}

static void miss_api(struct http_request *req)
{
    answer_not_found(req, "there is nothing at this path");
}

static const struct http_route routes[] = {
    { HTTP_GET, "/", HTTP_INLINE, face_enter, API_OPEN, NULL, "Leads to the console" },
    { HTTP_GET, "/login", HTTP_INLINE, log_in_to_portal, API_OPEN, NULL, "Leads to the portal" },
    { HTTP_GET, "/console", HTTP_INLINE, show_console, API_OPEN, NULL, "The operators' console" },
    { HTTP_GET, "/console/{*rest}", HTTP_INLINE, show_console, API_OPEN, NULL,
      "The operators' console" },
    { HTTP_GET, "/console/api/{*rest}", HTTP_INLINE, miss_api, API_OPEN, NULL, "Not found" },
    { HTTP_GET, "/portal", HTTP_INLINE, show_portal, API_OPEN, NULL, "The customers' portal" },
    { HTTP_GET, "/portal/logo", HTTP_INLINE, face_show_logo, API_OPEN, NULL, "portal.logo" },
    { HTTP_GET, "/portal/{*rest}", HTTP_INLINE, show_portal, API_OPEN, NULL,
      "The customers' portal" },
    { HTTP_GET, "/assets/{name}", HTTP_INLINE, show_asset, API_OPEN, NULL, "Files of the pages" },
};

bool face_has_pages(void)
{
    return face_missing() == NULL;
}

enum rc face_new(const struct face_options *o, struct face **out, struct buf *why)
{
    struct face *f = XNEW(struct face);
    arena_init(&f->arena);
    enum rc rc = face_look_make(o, &f->arena, &f->look, why);
    if (rc != RC_OK) {
        face_free(f);
        return rc;
    }
    f->api = o->api;
    f->has_console = o->console && face_has_pages();
    f->has_portal = o->portal && face_has_pages();
    f->no_console = !o->console ? "console.enabled is false" : face_missing();
    struct str url = arena_str(&f->arena, str_from(o->public_url)), host;
    face_split_url(url, &f->prefix, &host);
    url = arena_str(&f->arena, str_from(o->console_url));
    face_split_url(url, &f->console_prefix, &f->console_host);
    face_make_pages(f);
    *out = f;
    return RC_OK;
}

void face_free(struct face *f)
{
    if (f == NULL)
        return;
    arena_fini(&f->arena);
    xfree(f);
}

void face_add_operations(struct api *api, struct http_router *router)
{
    api_add_table(api, router, &face_look_routes);
}

void face_add_routes(struct face *f, struct http_router *router)
{
    api_set_faces(f->api, f);
    http_router_add(router, routes, COUNT_OF(routes));
    face_add_operations(f->api, router);
}
