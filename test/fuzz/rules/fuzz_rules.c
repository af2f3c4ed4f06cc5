/* SPDX-License-Identifier: Apache-2.0
 *
 * A processor's answer to a webfilter: a byte of what the filter is set to, two of the status, then the
 * body. Whatever it answers, a chain comes to an object of data and at most one reason to halt, and
 * halts for nothing it was told not to.
 */
#include "../fuzz.h"

#include "webfilter/rules.h"

enum { HEAD_BYTES = 3 };

static struct webfilter_rules rules_of(uint8_t bits)
{
    return (struct webfilter_rules){ .event = STR("org.made"),
                                     .url = STR("https://example.com/hook"),
                                     .disable_filtering = bits & 1,
                                     .disable_halt = bits & 2,
                                     .fail_closed = bits & 4,
                                     .halt_on_4xx = bits & 8,
                                     .halt_on_5xx = bits & 16,
                                     .redirect_on_4xx =
                                         bits & 32 ? STR("https://example.com/no") : STR_NONE };
}

/* It can go into an answer. */
static void check_text(struct str s)
{
    json_t *text = json_any_string(s);
    MUST(text != NULL);
    json_decref(text);
}

static void check_verdict(const struct webfilter_rules *rules,
                          const struct webfilter_answer *answer, enum webfilter_effect effect,
                          const struct webfilter_verdict *v)
{
    struct webfilter_halt halt = webfilter_verdict_halt(v);
    MUST(json_is_object(v->data) && json_is_object(v->exception));
    MUST(v->halted == (effect == WEBFILTER_EFFECT_HALTED));
    bool is_redirect = str_eq(str_from(answer->error), STR("redirect"));
    MUST((effect != WEBFILTER_EFFECT_SKIPPED || is_redirect) &&
         webfilter_effect_name(effect)[0] != '\0');
    MUST(!rules->disable_filtering || json_object_size(v->data) == 0);
    MUST(!rules->disable_halt || json_object_size(v->exception) == 0);
    MUST(!v->halted || (halt.halt && json_object_size(v->data) == 0));
    MUST(!v->halted || rules->fail_closed || (answer->status >= 400 && answer->status <= 599));
    MUST(halt.halt || (halt.redirect.len == 0 && halt.status == 0));
    if (halt.halt)
        check_text(halt.reason), check_text(halt.redirect);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct webfilter_verdict verdict;
    struct arena a;
    uint16_t status;
    if (size < HEAD_BYTES)
        return 0;
    memcpy(&status, data + 1, sizeof(status));
    struct webfilter_rules rules = rules_of(data[0]);
    arena_init(&a);
    struct webfilter_answer answer = webfilter_answer_read(
        status % 1000, STR("Made"), str_of((const char *)data + HEAD_BYTES, size - HEAD_BYTES), &a);
    webfilter_verdict_init(&verdict);
    enum webfilter_effect effect = webfilter_rules_apply(&rules, &answer, &a, &verdict);
    check_verdict(&rules, &answer, effect, &verdict);
    json_t *original = json_pack("{s:i}", "before", 1);
    json_t *changed = webfilter_rules_overlay(original, verdict.data);
    MUST(json_object_size(changed) >= 1);
    json_decref(changed);
    json_decref(original);
    webfilter_verdict_fini(&verdict);
    webfilter_answer_fini(&answer);
    arena_fini(&a);
    return 0;
}
