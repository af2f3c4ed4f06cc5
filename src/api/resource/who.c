/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks: the first call of every page.
 */
#include "api/resource/who_priv.h"

#include "api/schemas/schemas.h"
#include "store/find.h"

struct found {
    struct str name, source;
};

static enum rc who_look(struct api_ctx *c, const struct access_identity *who, struct found *out)
{
    struct store_tx *tx = NULL;
    struct store_token row;
    struct store_source source;
    enum rc rc = store_read(c->api->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    if (who->token != 0)
        rc = store_token_by_num(tx, who->token, c->arena, &row);
    if (rc == RC_OK && who->token != 0)
        out->name = row.name;
    if (rc == RC_OK && who->app != 0) {
        rc = store_source_by_app(tx, who->app, c->arena, &source);
        if (rc == RC_OK)
            out->source = source.id;
        else if (rc == RC_NOT_FOUND)
            rc = RC_OK;
    }
    store_end(tx);
    return rc;
}

static const char *kind_of(const struct access_identity *who)
{
    if (who->token == 0)
        return "jwt";
    return who->kind == STORE_TOKEN_SESSION  ? "session"
           : who->kind == STORE_TOKEN_PORTAL ? "portal"
                                             : "token";
}

static void write_capabilities(struct api_out *o, const struct access_identity *who)
{
    unsigned left = who->capabilities;
    api_out_key(o, "capabilities");
    api_out_begin(o, '[');
    for (unsigned bit = 1; bit <= ACCESS_MAY_ALL; bit <<= 1)
        if ((left & bit) != 0)
            api_out_str(o, NULL, str_from(access_capability_name(bit)));
    api_out_end(o, ']');
}

bool api_who_write(struct api_ctx *c, struct api_out *o, const char *name,
                   const struct access_identity *who)
{
    struct found found = { STR(""), STR_NONE };
    if (!api_ok(c, who_look(c, who, &found)))
        return false;
    if (name != NULL)
        api_out_key(o, name);
    api_out_begin(o, '{');
    api_out_str(o, "kind", str_from(kind_of(who)));
    api_out_str(o, "name", found.name);
    api_out_str(o, "organisationId", who->org_id);
    api_out_opt(o, "applicationId", who->app != 0 ? who->app_id : STR_NONE);
    api_out_opt(o, "sourceId", found.source);
    api_out_opt(o, "role", who->app != 0 ? STR_NONE : str_from(access_role_name(who->role)));
    write_capabilities(o, who);
    api_out_raw(o, "featureFlags", who->feature_flags);
    api_out_bool(o, "readOnly", who->read_only);
    api_out_opt_date(o, "expiresAt", who->expires_us);
    api_out_str(o, "version", STR(GRAPNEL_VERSION));
    api_out_date(o, "serverTime", c->now_us);
    api_out_end(o, '}');
    return true;
}

static void who_whoami(struct api_ctx *c)
{
    struct api_out o;
    api_out_open(c, &o);
    if (api_who_write(c, &o, NULL, c->who))
        api_reply(c, 200, &o);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/auth/whoami", API_ANY, "v1.authentication.whoami",
                "Whose token this is, and what it may do"),
      .run = who_whoami, .out = &api_schema_WhoOut, .status = 200 },
};
API_ROUTES(who, routes);
