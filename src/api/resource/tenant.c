/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenants, for owners of the organisation that runs the server: what `grapnel tenant` can do. A tenant is an organisation
 * with its own applications, users and tokens; it sees nothing of the others, nor that there are any.
 */
#include "access/people.h"
#include "api/resource/token_priv.h"
#include "api/schemas/schemas.h"

static bool is_operator(struct api_ctx *c)
{
    if (c->who->org == c->api->o.operator_org)
        return true;
    http_error(c->req, 403, API_INSUFFICIENT,
               "This token is of one of several organisations; tenants are its operator's.");
    return false;
}

static bool tenant_check(struct api_ctx *c)
{
    return is_operator(c);
}

static bool tenant_check_uses(struct api_ctx *c)
{
    return is_operator(c) && api_token_uses_written(c);
}

static void tenant_write(struct api_ctx *c, struct api_out *o, const struct store_org *org)
{
    const char *cell = c->api->o.cell;
    api_out_begin(o, '{');
    api_out_str(o, "id", org->id);
    api_out_str(o, "name", org->name);
    api_out_date(o, "createdAt", org->created_us);
    api_out_opt(o, "cell", cell == NULL ? STR_NONE : str_from(cell));
    api_out_end(o, '}');
}

static void tenant_write_row(struct api_ctx *c, struct api_out *o, const void *row, const void *arg)
{
    (void)arg;
    tenant_write(c, o, row);
}

static void list_tenants(struct api_ctx *c)
{
    struct store_page page;
    struct store_page_end end = { 0 };
    if (!api_page(c, "", false, &page))
        return;
    struct store_org *list = api_page_room(c, &page, sizeof(*list));
    enum rc rc = store_org_page(c->tx, &page, c->arena, list, &end);
    api_reply_page(c, rc, &page, &end, API_ROWS(list, id, NULL, tenant_write_row, NULL));
}

static void create_tenant(struct api_ctx *c)
{
    struct store_org org;
    struct api_out o;
    enum rc rc = access_people_tenant(c->tx, store_ids(c->api->o.store), api_get_str(c, "name"),
                                      c->now_us, c->arena, &org);
    if (rc == RC_INVALID) {
        http_invalid(c->req, "body.name", "value_error",
                     "A tenant's name has " ACCESS_PEOPLE_NAME_RULE
                     ", and does not begin with org_.");
        return;
    }
    if (rc == RC_CONFLICT) {
        http_error(c->req, 409, "conflict", "There is a tenant of this name already.");
        return;
    }
    if (!api_ok(c, rc))
        return;
    api_out_open(c, &o);
    tenant_write(c, &o, &org);
    api_reply(c, 201, &o);
}

/* The tenant in the path; c->tx is open. False: answered. */
static bool find_tenant(struct api_ctx *c, int64_t *num)
{
    struct store_org org;
    enum rc rc = store_org_find(c->tx, api_param(c, "tenant_id"), c->arena, &org);
    *num = rc == RC_OK ? org.num : 0;
    return api_ok(c, rc);
}

static void list_tenant_tokens(struct api_ctx *c)
{
    int64_t org;
    if (find_tenant(c, &org))
        api_token_list(c, org);
}

static void create_tenant_token(struct api_ctx *c)
{
    int64_t org;
    if (find_tenant(c, &org))
        api_token_create(c, org);
}

static void revoke_tenant_token(struct api_ctx *c)
{
    int64_t org;
    if (find_tenant(c, &org))
        api_token_revoke(c, org);
}

#define OWNER (API_ORG | API_OWNS)
#define CHANGES (OWNER | API_WRITE | API_PROVED)
#define TOKENS "/api/v1/tenant/{tenant_id}/token"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/tenant", OWNER, "v1.tenant.list",
                "List the tenants of this server"),
      .run = list_tenants, .check = tenant_check, .steps = API_READS, .out = &api_schema_TenantOut,
      .status = 200, .is_list = true, .query = API_PAGE_ORDER },
    { API_ROUTE(HTTP_POST, "/api/v1/tenant", CHANGES, "v1.tenant.create", "Make a tenant"),
      .run = create_tenant, .check = tenant_check, .steps = API_WRITES, .in = &api_schema_TenantIn,
      .out = &api_schema_TenantOut, .status = 201 },
    { API_ROUTE(HTTP_GET, TOKENS, OWNER, "v1.tenant.token.list",
                "List a tenant's API tokens, newest first"),
      .run = list_tenant_tokens, .check = tenant_check_uses, .steps = API_READS,
      .out = &api_schema_TokenOut, .status = 200, .is_list = true, .query = API_PAGE_ORDER },
    { API_ROUTE(HTTP_POST, TOKENS, CHANGES, "v1.tenant.token.create",
                "Make an API token of a tenant; it is shown once"),
      .run = create_tenant_token, .check = tenant_check, .steps = API_WRITES,
      .in = &api_schema_TokenIn, .out = &api_schema_TokenMadeOut, .status = 201 },
    { API_ROUTE(HTTP_DELETE, TOKENS "/{token_id}", CHANGES, "v1.tenant.token.revoke",
                "Revoke an API token of a tenant"),
      .run = revoke_tenant_token, .check = tenant_check, .steps = API_WRITES, .status = 204 },
};
API_ROUTES(tenant, routes);
