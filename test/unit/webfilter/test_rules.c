/* SPDX-License-Identifier: Apache-2.0
 *
 * The merge and halt rules: every sentence of the contract is a row of the table.
 */
#include "http/wire.h"
#include "webfilter/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ANSWERS_MAX = 3 };

#define RULES .event = { "StudentLoginRequested", 21 }, .url = { "https://p.example/check", 23 }

struct reply {
    int status;       /* 0: none came */
    const char *text; /* the body, or the failure */
    struct webfilter_rules rules;
    enum webfilter_effect effect;
};

static const struct row {
    const char *says;
    struct reply replies[ANSWERS_MAX];
    const char *data, *exception;
    bool halt;
    const char *reason, *redirect;
    int status;
} rows[] = {
    { "no answer without halt_on_request_exception skips this filter",
      { { 0, "connect", { RULES }, WEBFILTER_EFFECT_SKIPPED },
        { 200, "{\"data\":{\"a\":1}}", { RULES }, WEBFILTER_EFFECT_APPLIED } },
      "{\"a\":1}",
      "{}",
      false,
      "",
      "",
      0 },
    { "no answer with halt_on_request_exception stops with message and redirect",
      { { 0,
          "timeout",
          { RULES, .halt_on_request_exception = true,
            .redirect_on_request_exception = { "https://r.example/x", 19 } },
          WEBFILTER_EFFECT_HALTED } },
      "{}",
      "{}",
      true,
      "Request to https://p.example/check after webhook event StudentLoginRequested failed: timeout",
      "https://r.example/x",
      0 },
    { "a status of 400 to 499 with halt_on_4xx stops with message, redirect and status",
      { { 403,
          "{\"data\":{\"a\":1}}",
          { RULES, .halt_on_4xx = true, .redirect_on_4xx = { "https://r.example/4", 19 } },
          WEBFILTER_EFFECT_HALTED } },
      "{}",
      "{}",
      true,
      "Request to https://p.example/check after webhook event StudentLoginRequested returned status code 403 (Forbidden)",
      "https://r.example/4",
      403 },
    { "400 is within 4xx",
      { { 400, "", { RULES, .halt_on_4xx = true }, WEBFILTER_EFFECT_HALTED } },
      "{}",
      "{}",
      true,
      "Request to https://p.example/check after webhook event StudentLoginRequested returned status code 400 (Bad Request)",
      "",
      400 },
    { "499 is within 4xx",
      { { 499, "", { RULES, .halt_on_4xx = true }, WEBFILTER_EFFECT_HALTED } },
      "{}",
      "{}",
      true,
      NULL,
      "",
      499 },
    { "399 is not",
      { { 399, "", { RULES, .halt_on_4xx = true, .halt_on_5xx = true }, WEBFILTER_EFFECT_NONE } },
      "{}",
      "{}",
      false,
      "",
      "",
      0 },
    { "a status of 500 to 599 with halt_on_5xx stops with message, redirect and status",
      { { 503,
          "",
          { RULES, .halt_on_5xx = true, .redirect_on_5xx = { "https://r.example/5", 19 } },
          WEBFILTER_EFFECT_HALTED } },
      "{}",
      "{}",
      true,
      "Request to https://p.example/check after webhook event StudentLoginRequested returned status code 503 (Service Unavailable)",
      "https://r.example/5",
      503 },
    { "599 is within 5xx",
      { { 599, "", { RULES, .halt_on_5xx = true }, WEBFILTER_EFFECT_HALTED } },
      "{}",
      "{}",
      true,
      NULL,
      "",
      599 },
    { "600 is not",
      { { 600, "", { RULES, .halt_on_4xx = true, .halt_on_5xx = true }, WEBFILTER_EFFECT_NONE } },
      "{}",
      "{}",
      false,
      "",
      "",
      0 },
    { "halt_on_4xx does not stop on 5xx",
      { { 500, "", { RULES, .halt_on_4xx = true }, WEBFILTER_EFFECT_NONE } },
      "{}",
      "{}",
      false,
      "",
      "",
      0 },
    { "halt_on_5xx does not stop on 4xx",
      { { 404, "", { RULES, .halt_on_5xx = true }, WEBFILTER_EFFECT_NONE } },
      "{}",
      "{}",
      false,
      "",
      "",
      0 },
    { "a 4xx that does not stop is read like any other answer",
      { { 404,
          "{\"data\":{\"a\":1},\"exception\":{\"PreventLogin\":\"no\"}}",
          { RULES },
          WEBFILTER_EFFECT_APPLIED } },
      "{\"a\":1}",
      "{\"PreventLogin\":\"no\"}",
      true,
      "no",
      "",
      0 },
    { "a body that is not JSON counts as {}",
      { { 200, "<html>", { RULES }, WEBFILTER_EFFECT_NONE } },
      "{}",
      "{}",
      false,
      "",
      "",
      0 },
    { "an empty body counts as {}",
      { { 204, "", { RULES }, WEBFILTER_EFFECT_NONE } },
      "{}",
      "{}",
      false,
      "",
      "",
      0 },
    { "JSON that is not an object counts as {}",
      { { 200, "[{\"data\":{\"a\":1}}]", { RULES }, WEBFILTER_EFFECT_NONE } },
      "{}",
      "{}",
      false,
      "",
      "",
      0 },
    { "data that is not an object is not merged",
      { { 200, "{\"data\":[1,2]}", { RULES }, WEBFILTER_EFFECT_NONE } },
      "{}",
      "{}",
      false,
      "",
      "",
      0 },
    { "data that is null is not merged",
      { { 200, "{\"data\":null}", { RULES }, WEBFILTER_EFFECT_NONE } },
      "{}",
      "{}",
      false,
      "",
      "",
      0 },
    { "an exception that is not an object is not merged",
      { { 200, "{\"exception\":\"stop\"}", { RULES }, WEBFILTER_EFFECT_NONE } },
      "{}",
      "{}",
      false,
      "",
      "",
      0 },
    { "data is merged into the result",
      { { 200, "{\"data\":{\"a\":1}}", { RULES }, WEBFILTER_EFFECT_APPLIED },
        { 200, "{\"data\":{\"b\":2}}", { RULES }, WEBFILTER_EFFECT_APPLIED } },
      "{\"a\":1,\"b\":2}",
      "{}",
      false,
      "",
      "",
      0 },
    { "top-level keys are replaced whole by the last filter that names them",
      { { 200,
          "{\"data\":{\"user\":{\"name\":\"x\",\"mail\":\"y\"}}}",
          { RULES },
          WEBFILTER_EFFECT_APPLIED },
        { 200, "{\"data\":{\"user\":{\"name\":\"z\"}}}", { RULES }, WEBFILTER_EFFECT_APPLIED } },
      "{\"user\":{\"name\":\"z\"}}",
      "{}",
      false,
      "",
      "",
      0 },
    { "disable_filtering leaves the data out and keeps the exception",
      { { 200,
          "{\"data\":{\"a\":1},\"exception\":{\"PreventLogin\":\"no\"}}",
          { RULES, .disable_filtering = true },
          WEBFILTER_EFFECT_APPLIED } },
      "{}",
      "{\"PreventLogin\":\"no\"}",
      true,
      "no",
      "",
      0 },
    { "disable_halt leaves the exception out and keeps the data",
      { { 200,
          "{\"data\":{\"a\":1},\"exception\":{\"PreventLogin\":\"no\"}}",
          { RULES, .disable_halt = true },
          WEBFILTER_EFFECT_APPLIED } },
      "{\"a\":1}",
      "{}",
      false,
      "",
      "",
      0 },
    { "both disabled leave nothing",
      { { 200,
          "{\"data\":{\"a\":1},\"exception\":{\"PreventLogin\":\"no\"}}",
          { RULES, .disable_filtering = true, .disable_halt = true },
          WEBFILTER_EFFECT_NONE } },
      "{}",
      "{}",
      false,
      "",
      "",
      0 },
    { "disable_halt does not reach halts by status",
      { { 404,
          "",
          { RULES, .disable_halt = true, .halt_on_4xx = true },
          WEBFILTER_EFFECT_HALTED } },
      "{}",
      "{}",
      true,
      NULL,
      "",
      404 },
    { "an exception with message and redirect says both",
      { { 200,
          "{\"exception\":{\"PreventLogin\":{\"message\":\"come back\",\"redirect_to\":\"https://r.example/\",\"status_code\":451}}}",
          { RULES },
          WEBFILTER_EFFECT_APPLIED } },
      "{}",
      "{\"PreventLogin\":{\"message\":\"come back\",\"redirect_to\":\"https://r.example/\",\"status_code\":451}}",
      true,
      "come back",
      "https://r.example/",
      451 },
    { "an exception without words is named",
      { { 200, "{\"exception\":{\"RedirectToPage\":{}}}", { RULES }, WEBFILTER_EFFECT_APPLIED } },
      "{}",
      "{\"RedirectToPage\":{}}",
      true,
      "RedirectToPage",
      "",
      0 },
    { "exceptions of several filters are merged, the last of a name wins",
      { { 200, "{\"exception\":{\"A\":\"1\",\"B\":\"1\"}}", { RULES }, WEBFILTER_EFFECT_APPLIED },
        { 200, "{\"exception\":{\"A\":\"2\"}}", { RULES }, WEBFILTER_EFFECT_APPLIED } },
      "{}",
      "{\"A\":\"2\",\"B\":\"1\"}",
      true,
      "2",
      "",
      0 },
    { "a halt drops what was merged before it",
      { { 200,
          "{\"data\":{\"a\":1},\"exception\":{\"A\":\"1\"}}",
          { RULES },
          WEBFILTER_EFFECT_APPLIED },
        { 500, "", { RULES, .halt_on_5xx = true }, WEBFILTER_EFFECT_HALTED } },
      "{}",
      "{}",
      true,
      NULL,
      "",
      500 },
    { "a filter that fails closed halts without an answer",
      { { 0, "dns", { RULES, .fail_closed = true }, WEBFILTER_EFFECT_HALTED } },
      "{}",
      "{}",
      true,
      NULL,
      "",
      0 },
    { "... on 4xx",
      { { 410, "", { RULES, .fail_closed = true }, WEBFILTER_EFFECT_HALTED } },
      "{}",
      "{}",
      true,
      NULL,
      "",
      410 },
    { "... on 5xx",
      { { 502, "", { RULES, .fail_closed = true }, WEBFILTER_EFFECT_HALTED } },
      "{}",
      "{}",
      true,
      NULL,
      "",
      502 },
    { "... and on what is not a JSON object",
      { { 200, "fine", { RULES, .fail_closed = true }, WEBFILTER_EFFECT_HALTED } },
      "{}",
      "{}",
      true,
      "Request to https://p.example/check after webhook event StudentLoginRequested returned no JSON object",
      "",
      200 },
    { "... but not on an object that asks for nothing",
      { { 200, "{}", { RULES, .fail_closed = true }, WEBFILTER_EFFECT_NONE } },
      "{}",
      "{}",
      false,
      "",
      "",
      0 },
};

static void assert_json(const json_t *value, const char *expected, const char *says)
{
    char *text = json_dumps(value, JSON_COMPACT);
    if (strcmp(text, expected) != 0)
        fail_msg("%s: %s, not %s", says, text, expected);
    free(text);
}

static void assert_text(struct str text, const char *expected, const char *says)
{
    if (expected != NULL && !str_eq(text, str_from(expected)))
        fail_msg("%s: \"%.*s\", not \"%s\"", says, STR_ARGS(text), expected);
}

static void run_row(const struct row *row)
{
    struct arena arena;
    struct webfilter_verdict v;
    arena_init(&arena);
    webfilter_verdict_init(&v);
    for (size_t i = 0; i < ANSWERS_MAX && row->replies[i].text != NULL; i++) {
        const struct reply *r = &row->replies[i];
        struct webfilter_answer answer =
            r->status == 0 ? webfilter_answer_failed("connect", str_from(r->text))
                           : webfilter_answer_read(r->status, str_from(http_reason(r->status)),
                                                   str_from(r->text), &arena);
        enum webfilter_effect effect = webfilter_rules_apply(&r->rules, &answer, &arena, &v);
        webfilter_answer_fini(&answer);
        if (effect != r->effect)
            fail_msg("%s: answer %zu is %s", row->says, i, webfilter_effect_name(effect));
    }
    struct webfilter_halt h = webfilter_verdict_halt(&v);
    assert_json(v.data, row->data, row->says);
    assert_json(v.exception, row->exception, row->says);
    if (h.halt != row->halt || h.status != row->status)
        fail_msg("%s: halt %d with status %d", row->says, h.halt, h.status);
    assert_text(h.reason, row->reason, row->says);
    assert_text(h.redirect, row->redirect, row->says);
    webfilter_verdict_fini(&v);
    arena_fini(&arena);
}

static void every_sentence_of_the_contract_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        run_row(&rows[i]);
}

static void an_overlay_replaces_top_level_keys_and_leaves_the_original(void **state)
{
    (void)state;
    json_t *original = json_loads("{\"user\":{\"a\":1,\"b\":2},\"n\":1}", 0, NULL);
    json_t *changes = json_loads("{\"user\":{\"a\":3}}", 0, NULL);
    json_t *both = webfilter_rules_overlay(original, changes);
    assert_json(both, "{\"user\":{\"a\":3},\"n\":1}", "overlay");
    assert_json(original, "{\"user\":{\"a\":1,\"b\":2},\"n\":1}", "original");
    json_decref(both);
    json_decref(changes);
    json_decref(original);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sentence_of_the_contract_holds),
        cmocka_unit_test(an_overlay_replaces_top_level_keys_and_leaves_the_original),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
