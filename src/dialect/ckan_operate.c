/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operator sees of the CKAN site itself: how it is set, whether it answers with our token, and who a user is.
 */
#include "dialect/ckan_site_priv.h"
#include "dialect/lists_priv.h"

/* NULL: it is off, or the site is another organisation's. */
static struct dialect_ckan *ckan_operate_of(struct api_ctx *c)
{
    const struct dialect_set *set = dialect_set_of(c->req);
    return set != NULL && set->o.org == c->who->org ? set->ckan : NULL;
}

static struct dialect_ckan *ckan_operate_need(struct api_ctx *c)
{
    struct dialect_ckan *ckan = ckan_operate_of(c);
    if (ckan == NULL)
        http_error(c->req, 404, "not_found",
                   "The CKAN dialect is switched off. Set ckan.enabled=true to use it.");
    return ckan;
}

static void get_site(struct api_ctx *c)
{
    static const char *const minimum[] = { "none", "editor", "admin", "sysadmin", "unknown" };
    const struct dialect_ckan *ckan = ckan_operate_of(c);
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_bool(&o, "enabled", ckan != NULL);
    api_out_opt(&o, "siteUrl", ckan != NULL ? str_from(ckan->conf->ckan_site_url) : STR_NONE);
    api_out_opt(&o, "minimumAuth", ckan != NULL ? str_from(minimum[ckan->minimum]) : STR_NONE);
    api_out_bool(&o, "hasToken", ckan != NULL && ckan->conf->ckan_token != NULL);
    api_out_opt_int(&o, "staleDeleteSeconds",
                    ckan != NULL ? ckan->conf->ckan_stale_delete / 1000000 : 0);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static void test_site(struct api_ctx *c)
{
    struct dialect_ckan *ckan = ckan_operate_need(c);
    struct ckan_probe probe = { 0 };
    struct api_out o;
    if (ckan == NULL)
        return;
    enum rc rc = ckan_site_probe(ckan, c->arena, &probe);
    if (rc == RC_BUSY) {
        http_error(c->req, 503, "busy", "Too many calls wait for the CKAN site now. Try again.");
        return;
    }
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_bool(&o, "reached", probe.status != 0);
    api_out_bool(&o, "accepted", rc == RC_OK);
    api_out_opt_int(&o, "status", probe.status);
    api_out_opt(&o, "user", probe.user);
    api_out_bool(&o, "sysadmin", probe.is_sysadmin);
    api_out_opt(&o, "detail", probe.detail);
    api_out_int(&o, "tookMs", probe.took_us / 1000);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static void get_user(struct api_ctx *c)
{
    struct dialect_ckan *ckan = ckan_operate_need(c);
    struct str name = STR_NONE;
    struct api_out o;
    if (ckan == NULL)
        return;
    enum rc rc = ckan_site_name(ckan, api_param(c, "user_id"), c->arena, &name);
    if (rc == RC_IO || rc == RC_BUSY) {
        http_error(c->req, 503, "unavailable", "The CKAN site does not answer now.");
        return;
    }
    if (!api_ok(c, rc == RC_DENIED ? RC_NOT_FOUND : rc))
        return;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "id", api_param(c, "user_id"));
    api_out_str(&o, "name", name);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/ckan/site", API_ORG, "v1.ckan.site.get",
                "Get how the CKAN site is set"),
      .run = get_site, .out = &dialect_schema_CkanSiteOut, .status = 200 },
    { API_ROUTE(HTTP_POST, "/api/v1/ckan/site/test", API_ORG | API_WRITE, "v1.ckan.site.test",
                "Ask the CKAN site who our token belongs to"),
      .run = test_site, .out = &dialect_schema_CkanSiteTestOut, .status = 200 },
    { API_ROUTE(HTTP_GET, "/api/v1/ckan/user/{user_id}", API_ORG, "v1.ckan.user.get",
                "Ask the CKAN site what a user is called"),
      .run = get_user, .out = &dialect_schema_CkanUserOut, .status = 200 },
};
const struct api_route_table dialect_ckan_operate = { routes, COUNT_OF(routes) };
