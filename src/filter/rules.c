/* SPDX-License-Identifier: Apache-2.0
 *
 * See filter/rules.h.
 */
#include "filter/rules.h"

#include "http/wire.h"

const char *filter_effect_name(enum filter_effect e)
{
    static const char *const names[] = { "none", "applied", "skipped", "halted" };
    return names[e];
}

void filter_verdict_init(struct filter_verdict *v)
{
    *v = (struct filter_verdict){ .data = json_object(), .exception = json_object() };
}

void filter_verdict_fini(struct filter_verdict *v)
{
    json_decref(v->data);
    json_decref(v->exception);
    *v = (struct filter_verdict){ 0 };
}

static enum filter_effect halt(struct filter_verdict *v, struct str reason, struct str redirect,
                               int status)
{
    json_object_clear(v->data);
    json_object_clear(v->exception);
    v->halted = true;
    v->reason = reason;
    v->redirect = redirect;
    v->status = status;
    return FILTER_EFFECT_HALTED;
}

/* --- answers that stop by their being what they are ------------------------------------------------ */

static enum filter_effect judge_failure(const struct filter_rules *r,
                                        const struct filter_answer *answer, struct arena *a,
                                        struct filter_verdict *v)
{
    if (!r->halt_on_request_exception && !r->fail_closed)
        return FILTER_EFFECT_SKIPPED;
    struct str reason = arena_fmt(a, "Request to %.*s after webhook event %.*s failed: %.*s",
                                  STR_ARGS(r->url), STR_ARGS(r->event), STR_ARGS(answer->failure));
    return halt(v, reason, arena_str(a, r->redirect_on_request_exception), 0);
}

static bool halts_on_status(const struct filter_rules *r, int status, struct str *redirect)
{
    if (status >= 400 && status <= 499 && (r->halt_on_4xx || r->fail_closed)) {
        *redirect = r->redirect_on_4xx;
        return true;
    }
    if (status >= 500 && status <= 599 && (r->halt_on_5xx || r->fail_closed)) {
        *redirect = r->redirect_on_5xx;
        return true;
    }
    return false;
}

static enum filter_effect judge_status(const struct filter_rules *r,
                                       const struct filter_answer *answer, struct arena *a,
                                       struct filter_verdict *v)
{
    struct str redirect;
    if (!halts_on_status(r, answer->status, &redirect))
        return FILTER_EFFECT_NONE;
    struct str reason = arena_fmt(
        a, "Request to %.*s after webhook event %.*s returned status code %d (%s)",
        STR_ARGS(r->url), STR_ARGS(r->event), answer->status, http_reason(answer->status));
    return halt(v, reason, arena_str(a, redirect), answer->status);
}

/* --- bodies ----------------------------------------------------------------------------------------- */

static bool merge(json_t *into, const json_t *from)
{
    const char *key;
    json_t *value;
    if (!json_is_object(from) || json_object_size(from) == 0)
        return false;
    json_object_foreach((json_t *)(uintptr_t)from, key, value)
    {
        json_object_set(into, key, value);
    }
    return true;
}

static enum filter_effect judge_body(const struct filter_rules *r,
                                     const struct filter_answer *answer, struct arena *a,
                                     struct filter_verdict *v)
{
    json_t *body = NULL;
    bool changed = false;
    bool is_object = json_parse(answer->body, &body, NULL) == RC_OK && json_is_object(body);
    if (!is_object && r->fail_closed) {
        json_decref(body);
        struct str reason =
            arena_fmt(a, "Request to %.*s after webhook event %.*s returned no JSON object",
                      STR_ARGS(r->url), STR_ARGS(r->event));
        return halt(v, reason, arena_str(a, r->redirect_on_request_exception), answer->status);
    }
    if (is_object && !r->disable_filtering)
        changed |= merge(v->data, json_object_get(body, "data"));
    if (is_object && !r->disable_halt)
        changed |= merge(v->exception, json_object_get(body, "exception"));
    json_decref(body);
    return changed ? FILTER_EFFECT_APPLIED : FILTER_EFFECT_NONE;
}

enum filter_effect filter_rules_apply(const struct filter_rules *rules,
                                      const struct filter_answer *answer, struct arena *a,
                                      struct filter_verdict *verdict)
{
    MUST(!verdict->halted);
    if (!answer->came)
        return judge_failure(rules, answer, a, verdict);
    if (judge_status(rules, answer, a, verdict) == FILTER_EFFECT_HALTED)
        return FILTER_EFFECT_HALTED;
    return judge_body(rules, answer, a, verdict);
}

/* --- the end ---------------------------------------------------------------------------------------- */

static struct str text_of(const json_t *v)
{
    return json_is_string(v) ? str_of(json_string_value(v), json_string_length(v)) : STR("");
}

struct filter_halt filter_verdict_halt(const struct filter_verdict *v)
{
    const char *name;
    json_t *value;
    if (v->halted)
        return (struct filter_halt){ true, v->reason, v->redirect, v->status };
    json_object_foreach(v->exception, name, value)
    {
        const json_t *status = json_object_get(value, "status_code");
        struct str message =
            json_is_object(value) ? text_of(json_object_get(value, "message")) : text_of(value);
        return (struct filter_halt){
            .halt = true,
            .reason = message.len > 0 ? message : str_from(name),
            .redirect = text_of(json_object_get(value, "redirect_to")),
            .status = json_is_integer(status) && json_integer_value(status) >= 100 &&
                              json_integer_value(status) <= 999
                          ? (int)json_integer_value(status)
                          : 0,
        };
    }
    return (struct filter_halt){ 0 };
}

json_t *filter_rules_overlay(const json_t *original, const json_t *changes)
{
    json_t *copy = json_object();
    (void)merge(copy, original);
    (void)merge(copy, changes);
    return copy;
}
