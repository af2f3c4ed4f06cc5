/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding what the path names.
 */
#include "api/kit/find.h"

#include "api/kit/act.h"
#include "api/kit/context.h"
#include "api/kit/input.h"

bool api_find_source(struct api_ctx *c, struct store_tx *tx, struct store_source *out)
{
    enum rc rc = store_source_find(tx, c->who->org, api_param(c, "source_id"), c->arena, out);
    bool is_theirs = c->who->app == 0 || (rc == RC_OK && c->who->app == out->app);
    if ((rc == RC_OK || rc == RC_NOT_FOUND) && !is_theirs) { /* and not, whether there is one */
        http_error(
            c->req, 403, API_INSUFFICIENT,
            "This token is not of this source. Use the organisation's token, or one made for the source.");
        return false;
    }
    if (rc == RC_OK)
        api_act_found("source", out->id, out->name, out->app);
    return api_ok(c, rc);
}

bool api_upsert_uid(struct api_ctx *c, const char *param, const char *id_prefix, struct str now,
                    bool is_found, struct str *uid)
{
    struct str name = api_param(c, param);
    *uid = api_get_str(c, "uid");
    if (uid->ptr != NULL)
        return true;
    if (is_found) {
        if (str_eq(name, now))
            *uid = now;
        return true;
    }
    if (str_starts(name, str_from(id_prefix))) {
        api_fail(c, RC_NOT_FOUND);
        return false;
    }
    if (!api_chars_ok(name, API_CHARS_NAME)) {
        http_invalid(c->req, arena_fmt(c->arena, "path.%s", param).ptr, "value_error",
                     "A uid must match %s and have 1 to %zu characters.",
                     api_chars_pattern(API_CHARS_NAME), api_chars_max(API_CHARS_NAME));
        return false;
    }
    *uid = name;
    return true;
}

static bool operational_app(struct api_ctx *c, struct store_tx *tx, struct store_application *out)
{
    int64_t num = 0;
    /* false: a handler that needs it has had it made beforehand, outside of its transaction */
    enum rc rc = core_events_app(c->api->o.events, c->who->org, false, &num);
    if (rc == RC_OK)
        rc = store_application_by_num(tx, num, c->arena, out);
    return api_ok(c, rc);
}

static bool source_app(struct api_ctx *c, struct store_tx *tx, struct store_application *out)
{
    struct store_source source;
    if (!api_find_source(c, tx, &source))
        return false;
    enum rc rc = store_application_by_num(tx, source.app, c->arena, out);
    return api_ok(c, rc);
}

bool api_make_hidden_app(struct api_ctx *c)
{
    if (!api_of_events(c))
        return true;
    int64_t num = 0;
    enum rc rc = core_events_app(c->api->o.events, c->who->org, true, &num);
    return api_ok(c, rc);
}

bool api_find_app(struct api_ctx *c, struct store_tx *tx, struct store_application *out)
{
    if (api_of_events(c))
        return operational_app(c, tx, out);
    if (api_of_source(c))
        return source_app(c, tx, out);
    struct str name = api_param(c, "app_id");
    enum rc rc = store_application_find(tx, c->who->org, name, c->arena, out);
    if (rc == RC_OK && c->who->app != 0 && c->who->app != out->num)
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        api_act_found("application", out->id, out->name, out->num);
    return api_ok(c, rc);
}

bool api_find_endpoint(struct api_ctx *c, struct store_tx *tx, int64_t app,
                       struct store_endpoint *out)
{
    struct str name = api_param(c, "endpoint_id");
    enum rc rc = store_endpoint_find(tx, app, name, c->arena, out);
    if (rc == RC_OK)
        api_act_found("endpoint", out->id, out->description.len > 0 ? out->description : out->url,
                      app);
    return api_ok(c, rc);
}
