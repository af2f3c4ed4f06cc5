/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain, tried on given data, step by step: what each filter was asked, what it answered, what that changes, and what
 * would stop the process. Processors are really asked; nothing is applied and no run is kept.
 */
#include "api/resource/webfilter_priv.h"
#include "api/schemas/schemas.h"

/* On the run's loop. The worker gets a copy, as the verdict shares values with the run. */
static void try_take(struct webfilter_run *run)
{
    json_t *verdict = api_webfilter_verdict(run);
    json_object_set_new(verdict, "steps", webfilter_record_steps(run));
    *(json_t **)run->arg = json_deep_copy(verdict);
    json_decref(verdict);
}

/* Takes the filter that is named out of the trial. */
static bool try_leave_out(struct api_ctx *c, struct store_filter *rows, size_t count,
                          struct str event, struct str id)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(rows[i].id, id) && str_eq(rows[i].event, event)) {
            rows[i].enabled = false;
            return true;
        }
    }
    http_invalid(c->req, "body.without", "value_error",
                 "\"%.*s\" is not the id of a filter of this chain.",
                 STR_ARGS(str_cut_utf8(id, 64)));
    return false;
}

/* The saved chain without what is left out. NULL: answered. */
static struct webfilter_set *try_set(struct api_ctx *c, struct str event)
{
    struct store_filter *rows = NULL;
    struct store_filter_chain chain;
    const json_t *without = api_get(c, "without");
    size_t count = 0;
    if (!api_tx_read(c))
        return NULL;
    enum rc rc = store_filter_all(c->tx, c->app.num, c->arena, &rows, &count);
    enum rc chain_rc = rc;
    if (rc == RC_OK)
        chain_rc = store_filter_chain_get(c->tx, c->app.num, event, c->arena, &chain);
    api_tx_end(c);
    if (!api_ok(c, rc) || (chain_rc != RC_NOT_FOUND && !api_ok(c, chain_rc)))
        return NULL;
    for (size_t i = 0; i < json_array_size(without); i++)
        if (!try_leave_out(c, rows, count, event, json_str_of(json_array_get(without, i))))
            return NULL;
    return webfilter_set_build(c->api->o.vault, c->app.num, rows, count, &chain,
                               chain_rc == RC_OK ? 1 : 0);
}

static void try_steps(struct api_ctx *c)
{
    json_t *verdict = NULL;
    struct str event = api_param(c, "event");
    struct webfilter_set *set = try_set(c, event);
    if (set == NULL)
        return;
    struct webfilter_run_input in = { .set = set,
                                      .chain = webfilter_set_chain(set, event),
                                      .data = json_object_get(c->body, "data"),
                                      .metadata = api_get(c, "eventMetadata"),
                                      .is_trial = true,
                                      .answered = try_take,
                                      .arg = &verdict };
    enum rc rc = webfilter_run_wait(c->api->o.webfilter_engine, &in);
    webfilter_set_unref(set);
    if (rc == RC_OK)
        api_webfilter_reply(c, 200, verdict);
    else
        api_fail(c, rc);
    json_decref(verdict);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, "/api/v1/app/{app_id}/filter-chain/{event}/try",
                API_APP | API_WRITE | API_CAN(ACCESS_MAY_MANAGE_ENDPOINT), "v1.filter-chain.try",
                "Try the chain on given data, step by step"),
      .run = try_steps, .steps = API_BODY_ANY | API_FINDS_APP, .in = &api_schema_FilterTryIn,
      .out = &api_schema_FilterTryOut, .status = 200 },
};
API_ROUTES(webfilter_try, routes);
