/* SPDX-License-Identifier: Apache-2.0
 *
 * A processor's answer to a webfilter: a byte of what the filter is set to, two of the status, then the
 * body. Whatever it answers, a chain comes to an object of data and at most one reason to halt, and
 * halts for nothing it was told not to.
 */
#include "../fuzz.h"

#include "filter/rules.h"

enum { HEAD_BYTES = 3 };

static struct filter_rules rules_of(uint8_t bits)
{
    return (struct filter_rules){ .event = STR("org.made"),
                                  .url = STR("https://example.com/hook"),
                                  .disable_filtering = bits & 1,
                                  .disable_halt = bits & 2,
                                  .fail_closed = bits & 4,
                                  .halt_on_4xx = bits & 8,
                                  .halt_on_5xx = bits & 16,
                                  .redirect_on_4xx =
                                      bits & 32 ? STR("https://example.com/no") : STR_NONE };
}

static void check_verdict(const struct filter_rules *rules, const struct filter_answer *answer,
                          enum filter_effect effect, const struct filter_verdict *v)
{
    struct filter_halt halt = filter_verdict_halt(v);
    MUST(json_is_object(v->data) && json_is_object(v->exception));
    MUST(v->halted == (effect == FILTER_EFFECT_HALTED));
    MUST(effect != FILTER_EFFECT_SKIPPED && filter_effect_name(effect)[0] != '\0');
    MUST(!rules->disable_filtering || json_object_size(v->data) == 0);
    MUST(!rules->disable_halt || json_object_size(v->exception) == 0);
    MUST(!v->halted || (halt.halt && json_object_size(v->data) == 0));
    MUST(!v->halted || rules->fail_closed || (answer->status >= 400 && answer->status <= 599));
    MUST(halt.halt || (halt.redirect.len == 0 && halt.status == 0));
    if (halt.halt)
        MUST(str_is_utf8(halt.reason) && str_is_utf8(halt.redirect));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct filter_verdict verdict;
    struct arena a;
    uint16_t status;
    if (size < HEAD_BYTES)
        return 0;
    memcpy(&status, data + 1, sizeof(status));
    struct filter_rules rules = rules_of(data[0]);
    struct filter_answer answer = { .came = true,
                                    .status = status % 1000,
                                    .body = str_of((const char *)data + HEAD_BYTES,
                                                   size - HEAD_BYTES) };
    arena_init(&a);
    filter_verdict_init(&verdict);
    enum filter_effect effect = filter_rules_apply(&rules, &answer, &a, &verdict);
    check_verdict(&rules, &answer, effect, &verdict);
    json_t *original = json_pack("{s:i}", "before", 1);
    json_t *changed = filter_rules_overlay(original, verdict.data);
    MUST(json_object_size(changed) >= 1);
    json_decref(changed);
    json_decref(original);
    filter_verdict_fini(&verdict);
    arena_fini(&a);
    return 0;
}
