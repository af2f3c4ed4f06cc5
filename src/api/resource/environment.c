/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking event types from one environment to another: export and import.
 */
#include "api/kit/json_schema.h"
#include "api/resource/event_type_priv.h"
#include "api/schemas/schemas.h"

#include <stdio.h>

enum { EXPORT_PAGE = 250 };

/* --- export ----------------------------------------------------------------------------------- */

static enum rc write_types(struct api_ctx *c, struct store_tx *tx, struct api_out *o)
{
    struct store_page page = { .limit = EXPORT_PAGE };
    struct store_page_end end = { 0 };
    struct store_event_type *types = arena_array(c->arena, EXPORT_PAGE, sizeof(*types));
    do {
        enum rc rc =
            store_event_type_list(tx, c->who->org, false, STR_NONE, &page, c->arena, types, &end);
        if (rc != RC_OK)
            return rc;
        for (size_t i = 0; i < end.count; i++) {
            api_out_key(o, NULL);
            api_event_type_write(c, o, &types[i], true);
            page.after = types[i].name;
        }
    } while (!end.done && end.count > 0);
    return RC_OK;
}

static void export_environment(struct api_ctx *c)
{
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_int(&o, "version", 1);
    api_out_date(&o, "createdAt", c->now_us);
    api_out_key(&o, "eventTypes");
    api_out_begin(&o, '[');
    enum rc rc = write_types(c, c->tx, &o);
    api_out_end(&o, ']');
    api_out_null(&o, "settings");
    api_out_raw(&o, "connectors", STR("[]"));
    api_out_end(&o, '}');
    if (api_ok(c, rc))
        api_reply(c, 200, &o);
}

/* Are the schemas schemas? False: answered. */
static bool schemas_hold(struct api_ctx *c)
{
    const json_t *types = api_get(c, "eventTypes");
    for (size_t i = 0; i < json_array_size(types); i++) {
        struct api_fault fault;
        char where[64];
        (void)snprintf(where, sizeof(where), "body.eventTypes.%zu.schemas", i);
        const json_t *schemas = json_object_get(json_array_get(types, i), "schemas");
        if (api_json_schemas_check(schemas, where, &fault) != RC_OK) {
            http_invalid(c->req, fault.where, fault.type, "%s", fault.words);
            return false;
        }
    }
    return true;
}

static void import_environment(struct api_ctx *c)
{
    const json_t *types = api_get(c, "eventTypes");
    for (size_t i = 0; i < json_array_size(types); i++) {
        const json_t *in = json_array_get(types, i);
        struct store_event_type et;
        bool made;
        enum rc rc = api_event_type_put(c, c->tx, json_str_member(in, "name"), in, &et, &made);
        if (!api_ok(c, rc))
            return;
    }
    api_reply_empty(c, 204);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, "/api/v1/environment/export", API_ORG, "v1.environment.export",
                "Export event types"),
      .run = export_environment, .steps = API_READS, .out = &api_schema_EnvironmentOut,
      .status = 200 },
    { API_ROUTE(HTTP_POST, "/api/v1/environment/import", API_ORG | API_WRITE,
                "v1.environment.import", "Import event types"),
      .run = import_environment, .check = schemas_hold, .steps = API_WRITES,
      .in = &api_schema_EnvironmentIn, .status = 204 },
};
API_ROUTES(environment, routes);
