/* SPDX-License-Identifier: Apache-2.0
 *
 * The console's sessions, for owners: who is signed in, since when and from where, and the end of that. However a session
 * was opened, it is a row of the same table.
 */
#include "api/kit/kit_priv.h"

#include "access/session.h"
#include "api/schemas/schemas.h"

static const int64_t hour_us = INT64_C(3600) * 1000000;

struct shown {
    struct str id; /* its number */
    struct store_token row;
    json_t *scopes; /* NULL: none */
};

static void drop_scopes(void *scopes)
{
    json_decref(scopes);
}

static void shown_look(struct api_ctx *c, struct shown *s)
{
    s->id = arena_fmt(c->arena, "%lld", (long long)s->row.num);
    if (s->row.scopes.ptr != NULL && json_parse(s->row.scopes, &s->scopes, NULL) == RC_OK)
        arena_defer(c->arena, drop_scopes, s->scopes);
}

static struct str number_text(struct api_ctx *c, int64_t num)
{
    return num == 0 ? STR_NONE : arena_fmt(c->arena, "%lld", (long long)num);
}

static struct str none_if_empty(struct str s)
{
    return s.len == 0 ? STR_NONE : s;
}

/* Unless it is used. */
static int64_t session_ends_us(const struct store_token *row)
{
    int64_t unused_us = row->used_us + ACCESS_SESSION_UNUSED_US;
    return unused_us < row->expires_us ? unused_us : row->expires_us;
}

static void session_write_row(struct api_ctx *c, struct api_out *o, const void *row,
                              const void *arg)
{
    const struct shown *s = row;
    struct store *store = c->api->o.store;
    struct str role = json_str_member(s->scopes, "role");
    bool is_viewer = str_eq(role, str_from(access_role_name(ACCESS_VIEWER)));
    int64_t used_us = store_shown_us(store, s->row.used_us);
    (void)arg;
    api_out_begin(o, '{');
    api_out_str(o, "id", s->id);
    api_out_str(o, "name", s->row.name);
    api_out_opt(o, "how", none_if_empty(s->row.how));
    api_out_str(o, "role", role.ptr == NULL ? str_from(access_role_name(ACCESS_OWNER)) : role);
    api_out_bool(o, "readOnly", is_viewer || json_is_true(json_object_get(s->scopes, "readOnly")));
    api_out_opt(o, "userId", number_text(c, s->row.user));
    api_out_opt(o, "tokenId", number_text(c, s->row.parent));
    api_out_opt(o, "address", none_if_empty(s->row.peer));
    api_out_date(o, "createdAt", s->row.created_us);
    api_out_date(o, "lastUsedAt", used_us / hour_us * hour_us);
    api_out_date(o, "expiresAt", store_shown_us(store, session_ends_us(&s->row)));
    api_out_bool(o, "current", s->row.num == c->who->token);
    api_out_end(o, '}');
}

/* A number that may be left out. False: answered. */
static bool read_number(struct api_ctx *c, struct str text, const char *where, int64_t *out)
{
    *out = 0;
    if (text.len == 0 || (str_to_i64(text, out) == RC_OK && *out > 0))
        return true;
    http_invalid(c->req, where, "value_error", "'%.*s' is not a number as the lists show it.",
                 STR_ARGS(str_sub(text, 0, 64)));
    return false;
}

static struct store_session_filter filter_of_living(const struct api_ctx *c)
{
    return (struct store_session_filter){ .org = c->who->org,
                                          .now_us =
                                              clock_wall_us(store_clock_later(c->api->o.store)),
                                          .unused_us = ACCESS_SESSION_UNUSED_US };
}

static void list_sessions(struct api_ctx *c)
{
    struct store_page page;
    struct store_page_end end = { 0 };
    struct str user, token;
    struct store_session_filter f = filter_of_living(c);
    if (!api_page(c, "", true, &page) || !api_query_chars(c, "user_id", API_CHARS_NAME, &user) ||
        !api_query_chars(c, "token_id", API_CHARS_NAME, &token) ||
        !read_number(c, user, "query.user_id", &f.user) ||
        !read_number(c, token, "query.token_id", &f.parent))
        return;
    struct store_token *rows = api_page_room(c, &page, sizeof(*rows));
    struct shown *list = api_page_room(c, &page, sizeof(*list));
    enum rc rc = store_token_sessions(c->tx, &f, &page, c->arena, rows, &end);
    if (rc == RC_INVALID) {
        http_invalid(c->req, "query.iterator", "value_error", "Not an iterator of this list.");
        return;
    }
    for (size_t i = 0; rc == RC_OK && i < end.count; i++) {
        list[i] = (struct shown){ .row = rows[i] };
        shown_look(c, &list[i]);
    }
    api_reply_page(c, rc, &page, &end, API_ROWS(list, id, NULL, session_write_row, NULL));
}

static void end_session(struct api_ctx *c)
{
    struct store_token row;
    int64_t num = 0;
    enum rc rc = str_to_i64(api_param(c, "session_id"), &num);
    rc = rc == RC_OK ? store_token_by_num(c->tx, num, c->arena, &row) : RC_NOT_FOUND;
    if (rc == RC_OK && (row.org != c->who->org || row.kind != STORE_TOKEN_SESSION))
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        rc = store_token_delete(c->tx, num);
    if (api_ok(c, rc))
        api_reply_empty(c, 204);
}

static void end_sessions(struct api_ctx *c)
{
    struct store_session_filter f = filter_of_living(c);
    int64_t count = 0;
    struct api_out o;
    bool others = api_get_bool(c, "others", false);
    if (api_has(c, "userId") + api_has(c, "tokenId") + others != 1) {
        http_invalid(c->req, "body", "value_error", "Give one of: userId; tokenId; others.");
        return;
    }
    f.unused_us = INT64_MAX / 2; /* those that have ended unused, too */
    if (!read_number(c, api_get_str(c, "userId"), "body.userId", &f.user) ||
        !read_number(c, api_get_str(c, "tokenId"), "body.tokenId", &f.parent) ||
        !api_ok(c, store_token_end_sessions(c->tx, &f, c->who->token, &count)))
        return;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_int(&o, "ended", count);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

#define OWNER (API_ORG | API_OWNS)
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/session", OWNER, "v1.session.list",
                "List the sessions of the console, newest first"),
      .run = list_sessions, .steps = API_READS, .out = &api_schema_SessionOut, .status = 200,
      .is_list = true, .query = API_PAGE_ORDER " user_id token_id" },
    { API_ROUTE(HTTP_DELETE, "/api/v1/session/{session_id}", OWNER | API_WRITE, "v1.session.end",
                "End a session of the console"),
      .run = end_session, .steps = API_WRITES, .status = 204 },
    { API_ROUTE(HTTP_POST, "/api/v1/session/end", OWNER | API_WRITE, "v1.session.end-many",
                "End all sessions of a user or a token, or all others"),
      .run = end_sessions, .steps = API_WRITES, .in = &api_schema_SessionEndIn,
      .out = &api_schema_SessionEndOut, .status = 200 },
};
API_ROUTES(session_list, routes);
