/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions by PCRE2, so that no pattern on no text can hold a thread: PCRE2's own match
 * limit counts anew at each start position, so a callout before every item counts all of a match's
 * work instead (and the distance moved, which a possessive run covers without one). What cannot be
 * decided within the steps is not decided: neither a match nor the lack of one.
 */
#include "filter/regex_priv.h"

#include "metrics/metrics.h"

enum {
    NESTING_MAX = 32,
    BACKTRACKS_MAX = 100000,
    DEPTH_MAX = 2000,
    HEAP_MAX_KIB = 2048,
    BYTES_A_STEP = 32,
    CODE_MAX = 262144 /* bytes of a compiled pattern */
};

static void *take_memory(size_t size, void *ctx)
{
    (void)ctx;
    return xmalloc(size);
}

static void give_memory(void *ptr, void *ctx)
{
    (void)ctx;
    xfree(ptr);
}

static void free_code(void *code)
{
    pcre2_code_free(code);
}

/* --- compiling ---------------------------------------------------------------------------------------- */

enum rc filter_regex_compile(struct filter_compiling *c, struct str pattern, pcre2_code **out)
{
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
    int error = 0;
    size_t offset = 0;
    if (pattern.len > FILTER_PATTERN_MAX)
        return filter_fail(c, RC_LIMIT, "a regular expression is longer than 1024 bytes");
    pcre2_general_context *memory = pcre2_general_context_create(take_memory, give_memory, NULL);
    pcre2_compile_context *limits = pcre2_compile_context_create(memory);
    pcre2_set_parens_nest_limit(limits, NESTING_MAX);
    *out = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, options, &error, &offset, limits);
    pcre2_compile_context_free(limits);
    pcre2_general_context_free(memory);
    if (*out == NULL) {
        PCRE2_UCHAR words[160];
        (void)pcre2_get_error_message(error, words, sizeof(words));
        struct str reason =
            arena_fmt(c->arena, "the regular expression does not compile: %s at byte %zu",
                      (const char *)words, offset);
        return filter_fail(c, RC_INVALID, reason.ptr);
    }
    size_t size = 0;
    arena_defer(c->arena, free_code, *out);
    if (pcre2_pattern_info(*out, PCRE2_INFO_SIZE, &size) == 0 && size > CODE_MAX)
        return filter_fail(
            c, RC_LIMIT,
            "the regular expression is too large once its repetitions are written out");
    return RC_OK;
}

/* --- matching ----------------------------------------------------------------------------------------- */

struct progress {
    struct filter_work *work;
    size_t position;
};

static int on_item(pcre2_callout_block *block, void *ctx)
{
    struct progress *p = ctx;
    size_t moved = block->current_position > p->position ? block->current_position - p->position
                                                         : p->position - block->current_position;
    p->position = block->current_position;
    return filter_spend(p->work, 1 + moved / BYTES_A_STEP) ? 0 : PCRE2_ERROR_MATCHLIMIT;
}

static void make_ready(struct filter_work *w)
{
    if (w->regex_context != NULL)
        return;
    pcre2_general_context *memory = pcre2_general_context_create(take_memory, give_memory, NULL);
    w->regex_context = pcre2_match_context_create(memory);
    w->regex_data = pcre2_match_data_create(1, memory); /* whether is asked, not where */
    pcre2_general_context_free(memory);
    (void)pcre2_set_match_limit(w->regex_context, BACKTRACKS_MAX);
    (void)pcre2_set_depth_limit(w->regex_context, DEPTH_MAX);
    (void)pcre2_set_heap_limit(w->regex_context, HEAP_MAX_KIB);
}

enum filter_truth filter_regex_match(const pcre2_code *regex, struct str subject,
                                     struct filter_work *w)
{
    struct progress progress = { w, 0 };
    if (subject.len > FILTER_SUBJECT_MAX)
        return FILTER_UNKNOWN;
    make_ready(w);
    (void)pcre2_set_callout(w->regex_context, on_item, &progress);
    int found = pcre2_match(regex, (PCRE2_SPTR)(subject.ptr == NULL ? "" : subject.ptr),
                            subject.len, 0, 0, w->regex_data, w->regex_context);
    if (found == PCRE2_ERROR_NOMATCH)
        return FILTER_FALSE;
    bool is_text = found > PCRE2_ERROR_UTF8_ERR1 || found < PCRE2_ERROR_UTF8_ERR21;
    if (found < 0 && is_text &&
        w->steps_left > 0) /* a limit of PCRE2's; who runs out of steps counts that himself */
        metrics_add(METRIC_FILTER_EXHAUSTED, 1);
    return found >= 0 ? FILTER_TRUE : FILTER_UNKNOWN;
}

void filter_regex_work_fini(struct filter_work *w)
{
    pcre2_match_context_free(w->regex_context);
    pcre2_match_data_free(w->regex_data);
}
