/* SPDX-License-Identifier: Apache-2.0
 *
 * Saved views of the console: a page and its filters under a name. One's own are seen by nobody else; shared ones are
 * everybody's of the organisation, to open and to change. Whose they are is the user who signed in or the token behind
 * the session, so that a view outlives the session in which it was saved.
 */
#include "store/saved_view.h"

#include "api/kit/kit_priv.h"
#include "api/schemas/schemas.h"
#include "store/token.h"

enum { VIEW_BYTES_MAX = 2048 };

/* --- whose -------------------------------------------------------------------------------------------- */

/* c->tx is open. */
static enum rc view_owner(struct api_ctx *c, struct str *out)
{
    struct store_token row;
    *out = STR("jwt");
    if (c->who->token == 0)
        return RC_OK;
    enum rc rc = store_token_by_num(c->tx, c->who->token, c->arena, &row);
    if (rc != RC_OK)
        return rc;
    int64_t token = row.parent != 0 ? row.parent : row.num;
    if (row.user != 0)
        *out = arena_fmt(c->arena, "user:%lld", (long long)row.user);
    else if (row.kind == STORE_TOKEN_SESSION && row.parent == 0)
        *out = STR("console"); /* by a link of `grapnel console`, which is nobody's in particular */
    else
        *out = arena_fmt(c->arena, "token:%lld", (long long)token);
    return RC_OK;
}

/* The view of the path, which whoever asks may see. False: answered. */
static bool view_find(struct api_ctx *c, struct store_saved_view *out)
{
    struct str owner;
    enum rc rc = view_owner(c, &owner);
    if (rc == RC_OK)
        rc = store_saved_view_find(c->tx, c->who->org, owner, api_param(c, "view_id"), c->arena,
                                   out);
    return api_ok(c, rc);
}

/* --- out ---------------------------------------------------------------------------------------------- */

static void view_write_row(struct api_ctx *c, struct api_out *o, const void *row, const void *arg)
{
    const struct store_saved_view *v = row;
    (void)c;
    (void)arg;
    api_out_begin(o, '{');
    api_out_str(o, "id", v->id);
    api_out_str(o, "name", v->name);
    api_out_str(o, "page", v->page);
    api_out_str(o, "query", v->query);
    api_out_bool(o, "shared", v->is_shared);
    api_out_date(o, "createdAt", v->created_us);
    api_out_date(o, "updatedAt", v->updated_us);
    api_out_end(o, '}');
}

static void reply_view(struct api_ctx *c, int status, const struct store_saved_view *v)
{
    struct api_out o;
    api_out_open(c, &o);
    view_write_row(c, &o, v, NULL);
    api_reply(c, status, &o);
}

/* --- in ----------------------------------------------------------------------------------------------- */

static bool view_is_plain(struct str s, const char *refused)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 127 || strchr(refused, s.ptr[i]) != NULL)
            return false;
    return true;
}

/* It becomes a link of the console: a path below it, and nothing that leads elsewhere. */
static bool is_page(struct str page)
{
    return str_starts(page, STR("/")) && !str_starts(page, STR("//")) &&
           view_is_plain(page, "?#\\");
}

/* What the body says of a view, beside what it has. False: answered. */
static bool view_fill(struct api_ctx *c, struct store_saved_view *v)
{
    if (api_has(c, "name"))
        v->name = api_get_str(c, "name");
    if (api_has(c, "page"))
        v->page = api_get_str(c, "page");
    if (api_has(c, "query"))
        v->query = api_get_str(c, "query");
    v->is_shared = api_get_bool(c, "shared", v->is_shared);
    v->updated_us = c->now_us;
    size_t size = v->name.len + v->page.len + v->query.len;
    if (!is_page(v->page))
        http_invalid(
            c->req, "body.page", "value_error",
            "Expected the path of a page of the console, such as /apps: it begins with one '/' "
            "and has no '?', '#', backslash or space.");
    else if (!view_is_plain(v->query, "#"))
        http_invalid(c->req, "body.query", "value_error",
                     "Expected a query as it stands in an address, without '?', '#' and spaces.");
    else if (size > VIEW_BYTES_MAX)
        http_invalid(c->req, "body.query", "value_error",
                     "Name, page and query have %zu bytes together; at most %d are kept.", size,
                     VIEW_BYTES_MAX);
    else
        return true;
    return false;
}

/* --- the calls ---------------------------------------------------------------------------------------- */

static void list_views(struct api_ctx *c)
{
    struct store_page page;
    struct store_page_end end = { 0 };
    struct str owner;
    if (!api_page(c, "view_", false, &page) || !api_ok(c, view_owner(c, &owner)))
        return;
    struct store_saved_view *rows = api_page_room(c, &page, sizeof(*rows));
    enum rc rc = store_saved_view_list(c->tx, c->who->org, owner, &page, c->arena, rows, &end);
    api_reply_page(c, rc, &page, &end, API_ROWS(rows, id, NULL, view_write_row, NULL));
}

static void create_view(struct api_ctx *c)
{
    struct store_saved_view v = { .org = c->who->org,
                                  .id = api_new_id_text(c, "view_"),
                                  .query = STR(""),
                                  .created_us = c->now_us };
    if (!view_fill(c, &v) || !api_ok(c, view_owner(c, &v.owner)))
        return;
    enum rc rc = store_saved_view_insert(c->tx, &v);
    if (rc == RC_LIMIT)
        http_error(c->req, 400, "limit_reached",
                   "An organisation has at most %d saved views: delete one first.",
                   STORE_VIEWS_MAX);
    else if (api_ok(c, rc))
        reply_view(c, 201, &v);
}

static void patch_view(struct api_ctx *c)
{
    struct store_saved_view v;
    if (view_find(c, &v) && view_fill(c, &v) && api_ok(c, store_saved_view_update(c->tx, &v)))
        reply_view(c, 200, &v);
}

static void delete_view(struct api_ctx *c)
{
    struct store_saved_view v;
    if (view_find(c, &v) && api_ok(c, store_saved_view_remove(c->tx, v.num)))
        api_reply_empty(c, 204);
}

#define BASE "/api/v1/view"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, BASE, API_ORG, "v1.view.list",
                "List saved views of the console: one's own and shared ones"),
      .run = list_views, .steps = API_READS, .out = &api_schema_ViewOut, .status = 200,
      .is_list = true, .query = API_PAGE_ORDER },
    { API_ROUTE(HTTP_POST, BASE, API_ORG | API_WRITE, "v1.view.create", "Save a view"),
      .run = create_view, .steps = API_WRITES, .in = &api_schema_ViewIn, .out = &api_schema_ViewOut,
      .status = 201 },
    { API_ROUTE(HTTP_PATCH, BASE "/{view_id}", API_ORG | API_WRITE, "v1.view.patch",
                "Change a saved view"),
      .run = patch_view, .steps = API_WRITES, .in = &api_schema_ViewPatch,
      .out = &api_schema_ViewOut, .status = 200 },
    { API_ROUTE(HTTP_DELETE, BASE "/{view_id}", API_ORG | API_WRITE, "v1.view.delete",
                "Delete a saved view"),
      .run = delete_view, .steps = API_WRITES, .status = 204 },
};
API_ROUTES(view, routes);
