/* SPDX-License-Identifier: Apache-2.0
 *
 * API tokens, for owners: what there is, a new one, the end of one. A token's text is shown when it is made and
 * never again, since only its hash is kept. Portal links and sessions are rows of the same table, and not shown here.
 */
#include "api/kit/kit_priv.h"

#include "api/schemas/schemas.h"
#include "store/token.h"

/* A row as it is shown. */
struct shown {
    struct str id; /* its number */
    struct store_token row;
    struct str app_id;
    json_t *scopes; /* NULL: none */
};

static void drop_scopes(void *scopes)
{
    json_decref(scopes);
}

static enum rc token_look(struct api_ctx *c, struct store_tx *tx, struct shown *t)
{
    struct store_application app;
    t->id = arena_fmt(c->arena, "%lld", (long long)t->row.num);
    if (t->row.scopes.ptr != NULL && json_parse(t->row.scopes, &t->scopes, NULL) == RC_OK)
        arena_defer(c->arena, drop_scopes, t->scopes);
    if (t->row.app == 0)
        return RC_OK;
    enum rc rc = store_application_by_num(tx, t->row.app, c->arena, &app);
    if (rc == RC_OK)
        t->app_id = app.id;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static void write_members(struct api_ctx *c, struct api_out *o, const struct shown *t)
{
    struct str role = json_str_member(t->scopes, "role");
    bool is_viewer = str_eq(role, str_from(access_role_name(ACCESS_VIEWER)));
    if (role.ptr == NULL)
        role = str_from(access_role_name(ACCESS_OWNER));
    api_out_str(o, "id", t->id);
    api_out_str(o, "name", t->row.name);
    api_out_opt(o, "role", t->row.app != 0 ? STR_NONE : role);
    api_out_bool(o, "readOnly", is_viewer || json_is_true(json_object_get(t->scopes, "readOnly")));
    api_out_opt(o, "applicationId", t->app_id);
    api_out_date(o, "createdAt", t->row.created_us);
    api_out_opt_date(o, "expiresAt",
                     t->row.expires_us == 0 ? 0
                                            : store_shown_us(c->api->o.store, t->row.expires_us));
}

static void token_write_row(struct api_ctx *c, struct api_out *o, const void *row, const void *arg)
{
    (void)arg;
    api_out_begin(o, '{');
    write_members(c, o, row);
    api_out_end(o, '}');
}

static void list_tokens(struct api_ctx *c)
{
    struct store_page page;
    struct store_page_end end = { 0 };
    if (!api_page(c, "", true, &page))
        return;
    struct store_token *rows = api_page_room(c, &page, sizeof(*rows));
    struct shown *list = api_page_room(c, &page, sizeof(*list));
    enum rc rc = store_token_page(c->tx, c->who->org, &page, c->arena, rows, &end);
    if (rc == RC_INVALID) {
        http_invalid(c->req, "query.iterator", "value_error", "Not an iterator of this list.");
        return;
    }
    for (size_t i = 0; rc == RC_OK && i < end.count; i++) {
        list[i] = (struct shown){ .row = rows[i] };
        rc = token_look(c, c->tx, &list[i]);
    }
    api_reply_page(c, rc, &page, &end, API_ROWS(list, id, NULL, token_write_row, NULL));
}

static void reply_made(struct api_ctx *c, int64_t num, const char *text)
{
    struct shown t = { .scopes = NULL };
    struct api_out o;
    if (!api_tx_read(c))
        return;
    enum rc rc = store_token_by_num(c->tx, num, c->arena, &t.row);
    if (rc == RC_OK)
        rc = token_look(c, c->tx, &t);
    api_tx_end(c);
    if (!api_ok(c, rc))
        return;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    write_members(c, &o, &t);
    api_out_str(&o, "token", str_from(text));
    api_out_end(&o, '}');
    api_reply(c, 201, &o);
}

static void create_token(struct api_ctx *c)
{
    char text[ACCESS_TOKEN_TEXT + 1];
    int64_t num = 0;
    struct str role = api_get_str(c, "role");
    struct access_token_spec spec = { .org = c->who->org,
                                      .name = api_get_str(c, "name"),
                                      .lifetime_us =
                                          api_get_int(c, "expiry", 0) * INT64_C(1000000) };
    if (role.ptr != NULL && access_role_find(role, &spec.role) != RC_OK) {
        http_invalid(c->req, "body.role", "value_error",
                     "There is no role '%.*s': expected owner, operator or viewer.",
                     STR_ARGS(role));
        return;
    }
    if (api_ok(c, access_create(c->api->o.access, &spec, text, &num)))
        reply_made(c, num, text);
    mem_wipe(text, sizeof(text));
}

static void revoke_token(struct api_ctx *c)
{
    int64_t num = 0;
    enum rc rc = str_to_i64(api_param(c, "token_id"), &num);
    rc = rc == RC_OK ? access_revoke_num(c->api->o.access, c->who->org, num) : RC_NOT_FOUND;
    if (api_ok(c, rc))
        api_reply_empty(c, 204);
}

#define OWNER (API_ORG | API_OWNS)
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/token", OWNER, "v1.token.list", "List API tokens, newest first"),
      .run = list_tokens, .steps = API_READS, .out = &api_schema_TokenOut, .status = 200,
      .is_list = true, .query = API_PAGE_ORDER },
    { API_ROUTE(HTTP_POST, "/api/v1/token", OWNER | API_WRITE, "v1.token.create",
                "Make an API token of the organisation; it is shown once"),
      .run = create_token, .steps = API_ONCE, .in = &api_schema_TokenIn,
      .out = &api_schema_TokenMadeOut, .status = 201 },
    { API_ROUTE(HTTP_DELETE, "/api/v1/token/{token_id}", OWNER | API_WRITE, "v1.token.revoke",
                "Revoke an API token, and end the sessions that were opened with it"),
      .run = revoke_token, .status = 204 },
};
API_ROUTES(token, routes);
