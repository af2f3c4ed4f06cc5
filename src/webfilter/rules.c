/* SPDX-License-Identifier: Apache-2.0
 *
 * See webfilter/rules.h.
 */
#include "webfilter/rules.h"

const char *webfilter_effect_name(enum webfilter_effect e)
{
    static const char *const names[] = { "none", "applied", "skipped", "halted" };
    return names[e];
}

void webfilter_verdict_init(struct webfilter_verdict *v)
{
    *v = (struct webfilter_verdict){ .data = json_object(), .exception = json_object() };
}

void webfilter_verdict_fini(struct webfilter_verdict *v)
{
    json_decref(v->data);
    json_decref(v->exception);
    *v = (struct webfilter_verdict){ 0 };
}

static enum webfilter_effect rules_halt(struct webfilter_verdict *v, struct str reason,
                                        struct str redirect, int status)
{
    json_object_clear(v->data);
    json_object_clear(v->exception);
    v->halted = true;
    v->reason = reason;
    v->redirect = redirect;
    v->status = status;
    return WEBFILTER_EFFECT_HALTED;
}

/* --- reading answers ------------------------------------------------------------------------------ */

/* Those that a client follows. */
static bool is_redirect(int status)
{
    return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

/* Latin-1 at worst: what is not ASCII does not matter here. */
static struct str clean_phrase(struct str phrase, struct arena *a)
{
    struct str copy = arena_str(a, phrase);
    for (size_t i = 0; !str_is_utf8(phrase) && i < copy.len; i++)
        if ((unsigned char)copy.ptr[i] >= 0x80)
            ((char *)(uintptr_t)copy.ptr)[i] = '?';
    return copy;
}

static void read_body(struct webfilter_answer *answer, struct arena *a)
{
    struct json_error why = { 0, "" };
    if (json_parse_any(answer->body, &answer->json, &why) == RC_OK && json_is_object(answer->json))
        return;
    bool is_json = answer->json != NULL;
    json_decref(answer->json);
    answer->json = NULL;
    if (answer->status >= 400 && answer->status <= 599) /* the status says it */
        return;
    answer->error = answer->body.len == 0 ? "empty" : "answer";
    if (answer->body.len == 0)
        answer->failure = STR("the answer is empty, where a JSON object was expected");
    else if (is_json)
        answer->failure = STR("the answer is JSON, but no object");
    else
        answer->failure =
            arena_fmt(a, "the answer is no JSON: %s at byte %zu", why.reason, why.offset);
}

struct webfilter_answer webfilter_answer_read(int status, struct str phrase, struct str body,
                                              struct arena *a)
{
    struct webfilter_answer answer = { .came = true,
                                       .status = status,
                                       .phrase = clean_phrase(phrase, a),
                                       .body = body,
                                       .error = "",
                                       .failure = STR("") };
    if (!is_redirect(status)) {
        read_body(&answer, a);
        return answer;
    }
    answer.error = "redirect";
    answer.failure = arena_fmt(a, "it redirects (status %d), which is not followed", status);
    return answer;
}

struct webfilter_answer webfilter_answer_failed(const char *error, struct str words)
{
    return (struct webfilter_answer){ .error = error, .failure = words };
}

void webfilter_answer_fini(struct webfilter_answer *answer)
{
    json_decref(answer->json);
    answer->json = NULL;
}

/* --- answers that stop by their being what they are ------------------------------------------------ */

static enum webfilter_effect judge_failure(const struct webfilter_rules *r,
                                           const struct webfilter_answer *answer, struct arena *a,
                                           struct webfilter_verdict *v)
{
    if (!r->halt_on_request_exception && !r->fail_closed)
        return WEBFILTER_EFFECT_SKIPPED;
    struct str reason = arena_fmt(a, "Request to %.*s after webhook event %.*s failed: %.*s",
                                  STR_ARGS(r->url), STR_ARGS(r->event), STR_ARGS(answer->failure));
    return rules_halt(v, reason, arena_str(a, r->redirect_on_request_exception), answer->status);
}

static bool halts_on_status(const struct webfilter_rules *r, int status, struct str *redirect)
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

static enum webfilter_effect judge_status(const struct webfilter_rules *r,
                                          const struct webfilter_answer *answer, struct arena *a,
                                          struct webfilter_verdict *v)
{
    struct str redirect;
    if (!halts_on_status(r, answer->status, &redirect))
        return WEBFILTER_EFFECT_NONE;
    struct str reason =
        arena_fmt(a, "Request to %.*s after webhook event %.*s returned status code %d (%.*s)",
                  STR_ARGS(r->url), STR_ARGS(r->event), answer->status, STR_ARGS(answer->phrase));
    return rules_halt(v, reason, arena_str(a, redirect), answer->status);
}

/* --- bodies ----------------------------------------------------------------------------------------- */

static bool rules_merge(json_t *into, const json_t *from)
{
    const char *key;
    json_t *value;
    if (!json_is_object(from) || json_object_size(from) == 0)
        return false;
    json_object_foreach((json_t *)(uintptr_t)from, key, value)
    {
        (void)json_object_set_nocheck(into, key, value);
    }
    return true;
}

static enum webfilter_effect judge_body(const struct webfilter_rules *r,
                                        const struct webfilter_answer *answer, struct arena *a,
                                        struct webfilter_verdict *v)
{
    const json_t *body = answer->json;
    bool changed = false;
    if (body == NULL && r->fail_closed) {
        struct str reason =
            arena_fmt(a, "Request to %.*s after webhook event %.*s returned no JSON object",
                      STR_ARGS(r->url), STR_ARGS(r->event));
        return rules_halt(v, reason, arena_str(a, r->redirect_on_request_exception),
                          answer->status);
    }
    if (body != NULL && !r->disable_filtering)
        changed |= rules_merge(v->data, json_object_get(body, "data"));
    if (body != NULL && !r->disable_halt)
        changed |= rules_merge(v->exception, json_object_get(body, "exception"));
    return changed ? WEBFILTER_EFFECT_APPLIED : WEBFILTER_EFFECT_NONE;
}

enum webfilter_effect webfilter_rules_apply(const struct webfilter_rules *rules,
                                            const struct webfilter_answer *answer, struct arena *a,
                                            struct webfilter_verdict *verdict)
{
    MUST(!verdict->halted);
    if (!answer->came || strcmp(answer->error, "redirect") == 0)
        return judge_failure(rules, answer, a, verdict);
    if (judge_status(rules, answer, a, verdict) == WEBFILTER_EFFECT_HALTED)
        return WEBFILTER_EFFECT_HALTED;
    return judge_body(rules, answer, a, verdict);
}

/* --- the end ---------------------------------------------------------------------------------------- */

static struct str rules_text_of(const json_t *v)
{
    return json_is_string(v) && !json_any_is_number(v) ? json_str_of(v) : STR("");
}

struct webfilter_halt webfilter_verdict_halt(const struct webfilter_verdict *v)
{
    const char *name;
    json_t *value;
    if (v->halted)
        return (struct webfilter_halt){ true, v->reason, v->redirect, v->status };
    json_object_foreach(v->exception, name, value)
    {
        const json_t *status = json_object_get(value, "status_code");
        struct str message = json_is_object(value)
                                 ? rules_text_of(json_object_get(value, "message"))
                                 : rules_text_of(value);
        return (struct webfilter_halt){
            .halt = true,
            .reason = message.len > 0 ? message : str_from(name),
            .redirect = rules_text_of(json_object_get(value, "redirect_to")),
            .status = json_is_integer(status) && json_integer_value(status) >= 100 &&
                              json_integer_value(status) <= 999
                          ? (int)json_integer_value(status)
                          : 0,
        };
    }
    return (struct webfilter_halt){ 0 };
}

json_t *webfilter_rules_overlay(const json_t *original, const json_t *changes)
{
    json_t *copy = json_object();
    (void)rules_merge(copy, original);
    (void)rules_merge(copy, changes);
    return copy;
}
