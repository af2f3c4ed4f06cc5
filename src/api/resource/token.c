/* SPDX-License-Identifier: Apache-2.0
 *
 * API tokens, for owners: what there is, a new one, another in its place, the end of one, and who uses it. A token's text is shown when it is made and
 * never again, since only its hash is kept. Portal links and sessions are rows of the same table, and not shown here.
 */
#include "api/resource/token_priv.h"

#include "api/kit/actor.h"
#include "api/schemas/schemas.h"
#include "store/token.h"

static const int64_t second_us = 1000000;
static const int64_t overlap_s = 86400;

/* A row as it is shown. */
struct shown {
    struct str id; /* its number */
    struct store_token row;
    struct str app_id;
    json_t *scopes; /* NULL: none */
    int64_t used_us;
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
    enum rc rc = store_token_last_use(tx, t->row.num, &t->used_us);
    if (rc != RC_OK || t->row.app == 0)
        return rc;
    rc = store_application_by_num(tx, t->row.app, c->arena, &app);
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
    api_out_opt_date(o, "lastUsedAt", t->used_us);
    api_out_raw(o, "madeBy", t->row.made_by);
}

static void token_write_row(struct api_ctx *c, struct api_out *o, const void *row, const void *arg)
{
    (void)arg;
    api_out_begin(o, '{');
    write_members(c, o, row);
    api_out_end(o, '}');
}

bool api_token_uses_written(struct api_ctx *c)
{
    access_uses_write(access_uses_of(c->api->o.access));
    return true;
}

void api_token_list(struct api_ctx *c, int64_t org)
{
    struct store_page page;
    struct store_page_end end = { 0 };
    if (!api_page(c, "", true, &page))
        return;
    struct store_token *rows = api_page_room(c, &page, sizeof(*rows));
    struct shown *list = api_page_room(c, &page, sizeof(*list));
    enum rc rc = store_token_page(c->tx, org, &page, c->arena, rows, &end);
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

/* --- making and ending ------------------------------------------------------------------------------- */

static void reply_made(struct api_ctx *c, int64_t num, const char *text)
{
    struct shown t = { .scopes = NULL };
    struct api_out o;
    enum rc rc = store_token_by_num(c->tx, num, c->arena, &t.row);
    if (rc == RC_OK)
        rc = token_look(c, c->tx, &t);
    if (!api_ok(c, rc))
        return;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    write_members(c, &o, &t);
    api_out_str(&o, "token", str_from(text));
    api_out_end(&o, '}');
    api_reply(c, 201, &o);
}

static void make_token(struct api_ctx *c, const struct access_token_spec *spec)
{
    char text[ACCESS_TOKEN_TEXT + 1];
    int64_t num = 0;
    struct access_token_spec by = *spec;
    by.made_by = api_actor(c);
    if (api_ok(c, access_create_in(c->api->o.access, c->tx, &by, text, &num)))
        reply_made(c, num, text);
    mem_wipe(text, sizeof(text));
}

void api_token_create(struct api_ctx *c, int64_t org)
{
    struct str role = api_get_str(c, "role");
    struct access_token_spec spec = { .org = org,
                                      .name = api_get_str(c, "name"),
                                      .lifetime_us = api_get_int(c, "expiry", 0) * second_us };
    if (role.ptr != NULL && access_role_find(role, &spec.role) != RC_OK) {
        http_invalid(c->req, "body.role", "value_error",
                     "There is no role '%.*s': expected owner, operator or viewer.",
                     STR_ARGS(role));
        return;
    }
    make_token(c, &spec);
}

/* The API token in the path. False: answered. */
static bool find_token(struct api_ctx *c, int64_t org, struct store_token *out)
{
    int64_t num = 0;
    enum rc rc = str_to_i64(api_param(c, "token_id"), &num);
    rc = rc == RC_OK ? store_token_by_num(c->tx, num, c->arena, out) : RC_NOT_FOUND;
    if (rc == RC_OK && (out->org != org || out->kind != STORE_TOKEN_BEARER ||
                        out->expires_us == STORE_TOKEN_ENDED_US))
        rc = RC_NOT_FOUND;
    return api_ok(c, rc);
}

void api_token_revoke(struct api_ctx *c, int64_t org)
{
    struct store_token token;
    if (find_token(c, org, &token) && api_ok(c, store_token_delete(c->tx, token.num)))
        api_reply_empty(c, 204);
}

/* --- replacing --------------------------------------------------------------------------------------- */

/* How long the new one is good for; 0: without an end. False: the old one has ended, answered. */
static bool new_lifetime(struct api_ctx *c, const struct store_token *old, int64_t *us)
{
    int64_t left_us = old->expires_us == 0 ? 0 : old->expires_us - c->own_us;
    *us = api_get_int(c, "expiry", 0) * second_us;
    if (old->expires_us != 0 && left_us <= 0) {
        http_error(c->req, 409, "ended", "This token has ended already. Make a new one.");
        return false;
    }
    if (*us == 0)
        *us = left_us;
    return true;
}

static enum rc end_old(struct api_ctx *c, const struct store_token *old)
{
    int64_t overlap_us = api_get_int(c, "overlap", overlap_s) * second_us;
    return overlap_us == 0 ? store_token_delete(c->tx, old->num)
                           : store_token_shorten(c->tx, old->num, c->own_us + overlap_us);
}

static void rotate_token(struct api_ctx *c)
{
    struct store_token old;
    int64_t lifetime_us = 0;
    if (!find_token(c, c->who->org, &old) || !new_lifetime(c, &old, &lifetime_us) ||
        !api_ok(c, end_old(c, &old)))
        return;
    make_token(c, &(struct access_token_spec){ .org = old.org,
                                               .app = old.app,
                                               .name = old.name,
                                               .lifetime_us = lifetime_us,
                                               .scopes = old.scopes });
}

/* --- from where -------------------------------------------------------------------------------------- */

static void list_uses(struct api_ctx *c)
{
    struct store_token token;
    struct store_token_use *uses = NULL;
    struct store_page_end end = { .done = true };
    struct api_out o;
    if (!find_token(c, c->who->org, &token) ||
        !api_ok(c, store_token_uses(c->tx, token.num, c->arena, &uses, &end.count)))
        return;
    api_list_open(c, &o);
    for (size_t i = 0; i < end.count; i++) {
        api_out_key(&o, NULL);
        api_out_begin(&o, '{');
        api_out_str(&o, "address", uses[i].peer);
        api_out_date(&o, "firstUsedAt", uses[i].first_us);
        api_out_date(&o, "lastUsedAt", uses[i].last_us);
        api_out_end(&o, '}');
    }
    api_list_reply(c, &o, &end, STR_NONE, STR_NONE);
}

/* --- one's own --------------------------------------------------------------------------------------- */

static void list_tokens(struct api_ctx *c)
{
    api_token_list(c, c->who->org);
}

static void create_token(struct api_ctx *c)
{
    api_token_create(c, c->who->org);
}

static void revoke_token(struct api_ctx *c)
{
    api_token_revoke(c, c->who->org);
}

#define OWNER (API_ORG | API_OWNS)
#define CHANGES (OWNER | API_WRITE | API_PROVED)
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/token", OWNER, "v1.token.list", "List API tokens, newest first"),
      .run = list_tokens, .check = api_token_uses_written, .steps = API_READS,
      .out = &api_schema_TokenOut, .status = 200, .is_list = true, .query = API_PAGE_ORDER },
    { API_ROUTE(HTTP_POST, "/api/v1/token", CHANGES, "v1.token.create",
                "Make an API token of the organisation; it is shown once"),
      .run = create_token, .steps = API_WRITES, .in = &api_schema_TokenIn,
      .out = &api_schema_TokenMadeOut, .status = 201 },
    { API_ROUTE(HTTP_DELETE, "/api/v1/token/{token_id}", CHANGES, "v1.token.revoke",
                "Revoke an API token, and end the sessions that were opened with it"),
      .run = revoke_token, .steps = API_WRITES, .status = 204 },
    { API_ROUTE(HTTP_POST, "/api/v1/token/{token_id}/rotate", CHANGES, "v1.token.rotate",
                "Replace an API token: a new one with the same rights, and the old one ends later"),
      .run = rotate_token, .steps = API_WRITES | API_BODY_MAYBE, .in = &api_schema_TokenRotateIn,
      .out = &api_schema_TokenMadeOut, .status = 201 },
    { API_ROUTE(HTTP_GET, "/api/v1/token/{token_id}/use", OWNER, "v1.token.uses",
                "From where an API token is used, to the hour"),
      .run = list_uses, .check = api_token_uses_written, .steps = API_READS,
      .out = &api_schema_TokenUseOut, .status = 200, .is_list = true },
};
API_ROUTES(token, routes);
