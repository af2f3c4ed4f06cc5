/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules for alerts: which issues are told, as operational webhooks, once they have lasted for some time. The watch
 * (issue_watch.c) applies them.
 */
#include "api/resource/issue_priv.h"

#include "api/schemas/schemas.h"

#include <stdlib.h>

/* --- writing ---------------------------------------------------------------------------------------------- */

struct watched {
    struct store_alert_sighting *rows;
    size_t count;
};

static void write_rule(struct api_out *o, const struct store_alert_rule *r, const struct watched *w)
{
    int64_t watched = 0, told = 0, last_us = 0;
    for (size_t i = 0; i < w->count; i++) {
        if (w->rows[i].rule != r->num)
            continue;
        watched++;
        told += w->rows[i].told_us != 0 ? 1 : 0;
        last_us = w->rows[i].told_us > last_us ? w->rows[i].told_us : last_us;
    }
    api_out_begin(o, '{');
    api_out_str(o, "id", r->id);
    api_out_str(o, "name", r->name);
    api_out_raw(o, "kinds", r->kinds);
    api_out_int(o, "afterSeconds", r->after_us / 1000000);
    api_out_bool(o, "enabled", r->enabled);
    api_out_int(o, "watchedCount", watched);
    api_out_int(o, "toldCount", told);
    api_out_opt_date(o, "lastToldAt", last_us);
    api_out_date(o, "createdAt", r->created_us);
    api_out_date(o, "updatedAt", r->updated_us);
    api_out_end(o, '}');
}

static void reply_rule(struct api_ctx *c, int status, const struct store_alert_rule *r)
{
    struct watched w = { 0 };
    struct api_out o;
    if (!api_ok(c, store_alert_sighting_all(c->tx, c->who->org, c->arena, &w.rows, &w.count)))
        return;
    api_out_open(c, &o);
    write_rule(&o, r, &w);
    api_reply(c, status, &o);
}

/* --- reading ---------------------------------------------------------------------------------------------- */

static bool check_kinds(struct api_ctx *c)
{
    size_t i;
    const json_t *kind;
    json_array_foreach(api_get(c, "kinds"), i, kind)
    {
        if (api_issue_kind_is_known(json_str_of(kind)))
            continue;
        http_invalid(c->req, "body.kinds", "value_error",
                     "There are no issues of the kind '%.*s': expected endpoint_disabled, "
                     "filter_breaker, endpoint_failing, filter_halting, source_refusing or "
                     "endpoint_ageing.",
                     STR_ARGS(json_str_of(kind)));
        return false;
    }
    return true;
}

static void fill_rule(struct api_ctx *c, struct store_alert_rule *r)
{
    r->name = api_get_str(c, "name");
    r->kinds = api_get_json(c, "kinds");
    r->after_us = api_get_int(c, "afterSeconds", 0) * 1000000;
    r->enabled = api_get_bool(c, "enabled", true);
    r->updated_us = c->now_us;
}

static bool find_rule(struct api_ctx *c, struct store_alert_rule *r)
{
    return api_ok(c,
                  store_alert_rule_find(c->tx, c->who->org, api_param(c, "rule_id"), c->arena, r));
}

/* --- operations ------------------------------------------------------------------------------------------- */

static void list_rules(struct api_ctx *c)
{
    struct store_alert_rule *rules = NULL;
    struct watched w = { 0 };
    struct api_out o;
    size_t count = 0;
    enum rc rc = store_alert_rule_all(c->tx, c->who->org, c->arena, &rules, &count);
    if (rc == RC_OK)
        rc = store_alert_sighting_all(c->tx, c->who->org, c->arena, &w.rows, &w.count);
    if (!api_ok(c, rc))
        return;
    api_list_open(c, &o);
    for (size_t i = 0; i < count; i++) {
        api_out_key(&o, NULL);
        write_rule(&o, &rules[i], &w);
    }
    api_out_end(&o, ']');
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static void create_rule(struct api_ctx *c)
{
    struct store_alert_rule r = { .org = c->who->org,
                                  .id = api_new_id_text(c, "alert_"),
                                  .created_us = c->now_us };
    fill_rule(c, &r);
    enum rc rc = store_alert_rule_insert(c->tx, &r);
    if (rc == RC_LIMIT)
        http_error(c->req, 409, "too_many",
                   "There are %d rules, which is the most an organisation may have: delete one "
                   "first.",
                   STORE_ALERT_RULES_MAX);
    else if (api_ok(c, rc))
        reply_rule(c, 201, &r);
}

static void get_rule(struct api_ctx *c)
{
    struct store_alert_rule r;
    if (find_rule(c, &r))
        reply_rule(c, 200, &r);
}

static void replace_rule(struct api_ctx *c)
{
    struct store_alert_rule r;
    if (!find_rule(c, &r))
        return;
    fill_rule(c, &r);
    if (api_ok(c, store_alert_rule_update(c->tx, &r)))
        reply_rule(c, 200, &r);
}

static void delete_rule(struct api_ctx *c)
{
    struct store_alert_rule r;
    if (find_rule(c, &r) && api_ok(c, store_alert_rule_remove(c->tx, r.num)))
        api_reply_empty(c, 204);
}

#define RULES "/api/v1/alert-rule"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, RULES, API_ORG, "v1.alert-rule.list", "List the rules for alerts"),
      .run = list_rules, .steps = API_READS, .out = &api_schema_AlertRuleListOut, .status = 200 },
    { API_ROUTE(HTTP_POST, RULES, API_ORG | API_WRITE, "v1.alert-rule.create",
                "Make a rule for alerts"),
      .run = create_rule, .check = check_kinds, .steps = API_WRITES, .in = &api_schema_AlertRuleIn,
      .out = &api_schema_AlertRuleOut, .status = 201 },
    { API_ROUTE(HTTP_GET, RULES "/{rule_id}", API_ORG, "v1.alert-rule.get",
                "Get a rule for alerts"),
      .run = get_rule, .steps = API_READS, .out = &api_schema_AlertRuleOut, .status = 200 },
    { API_ROUTE(HTTP_PUT, RULES "/{rule_id}", API_ORG | API_WRITE, "v1.alert-rule.replace",
                "Replace a rule for alerts"),
      .run = replace_rule, .check = check_kinds, .steps = API_WRITES, .in = &api_schema_AlertRuleIn,
      .out = &api_schema_AlertRuleOut, .status = 200 },
    { API_ROUTE(HTTP_DELETE, RULES "/{rule_id}", API_ORG | API_WRITE, "v1.alert-rule.delete",
                "Delete a rule for alerts"),
      .run = delete_rule, .steps = API_WRITES, .status = 204 },
};
API_ROUTES(alert, routes);
