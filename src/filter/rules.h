/* SPDX-License-Identifier: Apache-2.0
 *
 * What a filter's answer means: the merge and halt rules of webfilters, as pure functions. No
 * settings are read and nothing is sent here; filter/chain.h does that and asks here.
 *
 * The rules, in the order they are looked at:
 *  1. No answer (connection error, timeout): halts if the filter halts on request exceptions, else
 *     the filter is skipped.
 *  2. Status 400-499 halts if the filter halts on 4xx, 500-599 if it halts on 5xx.
 *  3. A body that is not JSON counts as {}; so does JSON that is not an object.
 *  4. Unless filtering is disabled, an object in `data` is merged: top-level keys are replaced whole.
 *  5. Unless halting is disabled, an object in `exception` is merged likewise.
 * A filter that fails closed halts in 1 and 2 whatever it says there, and in 3.
 * A halt drops what was merged before it: a process that stops applies nothing.
 */
#pragma once

#include "base/base.h"
#include "json/json.h"

struct filter_rules {
    struct str event;
    struct str url; /* as it may be shown: without credentials */
    bool disable_filtering, disable_halt, fail_closed;
    bool halt_on_4xx, halt_on_5xx, halt_on_request_exception;
    struct str redirect_on_4xx, redirect_on_5xx, redirect_on_request_exception; /* empty: none */
};

/* What a processor answered. */
struct filter_answer {
    bool came;          /* false: no whole answer */
    int status;         /* when it came */
    struct str body;    /* when it came */
    struct str failure; /* words, when it did not */
};

enum filter_effect {
    FILTER_EFFECT_NONE,    /* it answered, and changed nothing */
    FILTER_EFFECT_APPLIED, /* data or an exception of it was merged */
    FILTER_EFFECT_SKIPPED, /* no answer, and the filter does not mind */
    FILTER_EFFECT_HALTED   /* a rule stopped the chain */
};
/* "none", "applied", ... */
const char *filter_effect_name(enum filter_effect e);

/* What a chain has come to. Texts live in the arena given to filter_rules_apply(). */
struct filter_verdict {
    json_t *data;      /* object; owned */
    json_t *exception; /* object: {"<name>": "message"} or {"<name>": {"message", ...}}; owned */
    bool halted;       /* by a rule, not by an exception */
    struct str reason; /* when halted */
    struct str redirect;
    int status; /* of the processor that halted; 0: it did not answer */
};
void filter_verdict_init(struct filter_verdict *v);
void filter_verdict_fini(struct filter_verdict *v); /* fine on a zeroed one */

/* Applies one answer. Not after a halt. */
enum filter_effect filter_rules_apply(const struct filter_rules *rules,
                                      const struct filter_answer *answer, struct arena *a,
                                      struct filter_verdict *verdict);

/* Whether, why and whereto the process stops: by a rule, or by the first merged exception. Texts
 * are borrowed from the verdict. */
struct filter_halt {
    bool halt;
    struct str reason, redirect;
    int status; /* 0: none */
};
struct filter_halt filter_verdict_halt(const struct filter_verdict *v);

/* The data as the filters so far have changed it: `original` with the top-level keys of `changes`
 * replaced. A new reference; values are shared, never written. */
json_t *filter_rules_overlay(const json_t *original, const json_t *changes);
