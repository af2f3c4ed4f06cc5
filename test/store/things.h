/* SPDX-License-Identifier: Apache-2.0
 *
 * One row of everything that is configured.
 */
#pragma once

#include "support.h"

#include "store/filter.h"
#include "store/issue.h"
#include "store/saved_view.h"
#include "store/source.h"
#include "store/task.h"
#include "store/user.h"

struct things {
    struct store_application app;
    struct store_endpoint ep;
    struct store_source source;
    struct store_filter filter;
    struct store_filter_chain chain;
    struct store_token token;
    struct store_event_type type;
    struct store_task task;
    struct store_user user;
    struct store_org org;
    struct store_issue_mark mark;
    struct store_alert_rule rule;
    struct store_alert_sighting sighting; /* of the rule */
    struct store_saved_view view;
    struct store_token session; /* made with the token, by the user */
};

static struct str new_id(struct fixture *f, const char *prefix)
{
    return str_from(id_text(f, prefix, id_new(store_ids(f->store))));
}

/* Rows as they would be inserted; `app` is set by whoever does. */
static struct things plan(struct fixture *f)
{
    struct str own = new_id(f, "x_");
    struct things t = {
        .app = { .org = TEST_ORG,
                 .id = new_id(f, "app_"),
                 .name = STR("a"),
                 .metadata = STR("{}") },
        .ep = { .id = new_id(f, "ep_"),
                .kind = STR("http"),
                .url = STR("https://a.example/"),
                .description = STR(""),
                .metadata = STR("{}"),
                .disabled_reason = STR(""),
                .keys = { { STR("key"), 0 } },
                .key_count = 1 },
        .source = { .org = TEST_ORG,
                    .id = new_id(f, "src_"),
                    .name = STR("s"),
                    .metadata = STR("{}"),
                    .kind = STR("generic"),
                    .config = STR("{}"),
                    .tokens = { { .sealed = STR("sealed") } },
                    .token_count = 1 },
        .filter = { .id = new_id(f, "flt_"),
                    .event = STR("e"),
                    .url = STR("https://a.example/"),
                    .description = STR(""),
                    .settings = STR("{}"),
                    .secret = STR("sealed") },
        .chain = { .event = STR("e"), .keep = STR("none"), .redact = STR("[]") },
        .token = { .org = TEST_ORG, .name = STR("t"), .expires_us = 0 },
        .session = { .org = TEST_ORG, .name = STR("s"), .kind = STORE_TOKEN_SESSION },
        .type = { .org = TEST_ORG,
                  .id = new_id(f, "evtype_"),
                  .name = own,
                  .description = STR("") },
        .task = { .org = TEST_ORG,
                  .id = new_id(f, "qtask_"),
                  .kind = STR("k"),
                  .status = STR("running"),
                  .input = STR("{}"),
                  .cursor = STR(""),
                  .data = STR("{}") },
        .user = { .org = TEST_ORG, .name = own, .roles = STR("[]"), .password = STR("") },
        .org = { .id = new_id(f, "org_"), .name = STR("o") },
        .mark = { .key = own, .note = STR(""), .by = STR("{}") },
        .rule = { .id = new_id(f, "alert_"), .name = STR("r"), .after_us = 1 },
        .sighting = { .key = own, .first_us = 1 },
        .view = { .id = new_id(f, "view_"),
                  .owner = STR("token:1"),
                  .name = STR("v"),
                  .page = STR("/apps"),
                  .query = STR("") },
    };
    memcpy(t.source.tokens[0].hash, own.ptr + own.len - 20, 20);
    memcpy(t.token.hash, own.ptr + own.len - 20, 20);
    memcpy(t.session.hash + 1, own.ptr + own.len - 20, 20);
    return t;
}

static void make_all(struct store_tx *tx, struct things *t)
{
    assert_int_equal(store_org_insert(tx, &t->org), RC_OK);
    assert_int_equal(store_application_insert(tx, &t->app), RC_OK);
    t->ep.app = t->source.app = t->filter.app = t->chain.app = t->token.app = t->app.num;
    assert_int_equal(store_endpoint_insert(tx, &t->ep), RC_OK);
    assert_int_equal(store_endpoint_set_health(tx, t->ep.num, 1, 2, false, STR(""), 3), RC_OK);
    assert_int_equal(store_source_insert(tx, &t->source), RC_OK);
    assert_int_equal(store_filter_insert(tx, &t->filter), RC_OK);
    assert_int_equal(store_filter_chain_put(tx, &t->chain), RC_OK);
    assert_int_equal(store_token_insert(tx, &t->token), RC_OK);
    assert_int_equal(store_event_type_insert(tx, &t->type), RC_OK);
    assert_int_equal(store_task_insert(tx, &t->task), RC_OK);
    assert_int_equal(store_user_insert(tx, &t->user), RC_OK);
    t->mark.org = t->rule.org = t->view.org = t->org.num; /* an organisation has limits of each */
    assert_int_equal(store_issue_mark_set(tx, &t->mark), RC_OK);
    assert_int_equal(store_alert_rule_insert(tx, &t->rule), RC_OK);
    t->sighting.rule = t->rule.num;
    assert_int_equal(store_alert_sighting_set(tx, &t->sighting), RC_OK);
    assert_int_equal(store_saved_view_insert(tx, &t->view), RC_OK);
    t->session.parent = t->token.num;
    t->session.user = t->user.num;
    t->session.expires_us = INT64_MAX - t->token.num; /* of two, the later one's is the earlier */
    assert_int_equal(store_token_insert(tx, &t->session), RC_OK);
}
