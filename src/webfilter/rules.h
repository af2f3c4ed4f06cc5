/* SPDX-License-Identifier: Apache-2.0
 *
 * What a filter's answer means: the merge and halt rules of webfilters, as pure functions. No
 * settings are read and nothing is sent here; webfilter/chain.h does that and asks here.
 *
 * The rules, in the order they are looked at:
 *  1. No answer (connection error, timeout, a redirect, which is not followed): halts if the filter halts on
 *     request exceptions, else the filter is skipped.
 *  2. Status 400-499 halts if the filter halts on 4xx, 500-599 if it halts on 5xx.
 *  3. A body that is not JSON counts as {}; so does JSON that is not an object. Either is an error.
 *  4. Unless filtering is disabled, an object in `data` is merged: top-level keys are replaced whole.
 *  5. Unless halting is disabled, an object in `exception` is merged likewise.
 * A filter that fails closed halts in 1 and 2 whatever it says there, and in 3.
 * A halt drops what was merged before it: a process that stops applies nothing.
 */
#pragma once

#include "base/base.h"
#include "json/any.h"

struct webfilter_rules {
    struct str event;
    struct str url; /* as it may be shown: without credentials */
    bool disable_filtering, disable_halt, fail_closed;
    bool halt_on_4xx, halt_on_5xx, halt_on_request_exception;
    struct str redirect_on_4xx, redirect_on_5xx, redirect_on_request_exception; /* empty: none */
};

/* What a processor answered. */
struct webfilter_answer {
    bool came;          /* false: no whole answer */
    int status;         /* when it came */
    struct str phrase;  /* of the status line */
    struct str body;    /* when it came */
    json_t *json;       /* the body's object; owned; NULL: it is none, or did not come */
    const char *error;  /* "", or a word: "redirect", "empty", "answer" (no JSON object), or the caller's */
    struct str failure; /* words, when there is an error */
};
/* Of what came: reads the body, and says what is wrong with it. The words live in the arena. */
struct webfilter_answer webfilter_answer_read(int status, struct str phrase, struct str body,
                                        struct arena *a);
/* Of what did not: `error` is a literal. */
struct webfilter_answer webfilter_answer_failed(const char *error, struct str words);
void webfilter_answer_fini(struct webfilter_answer *answer); /* fine on a zeroed one */

enum webfilter_effect {
    WEBFILTER_EFFECT_NONE,    /* it answered, and changed nothing */
    WEBFILTER_EFFECT_APPLIED, /* data or an exception of it was merged */
    WEBFILTER_EFFECT_SKIPPED, /* no answer, and the filter does not mind */
    WEBFILTER_EFFECT_HALTED   /* a rule stopped the chain */
};
/* "none", "applied", ... */
const char *webfilter_effect_name(enum webfilter_effect e);

/* What a chain has come to. Texts live in the arena given to webfilter_rules_apply(). */
struct webfilter_verdict {
    json_t *data;      /* object; owned */
    json_t *exception; /* object: {"<name>": "message"} or {"<name>": {"message", ...}}; owned */
    bool halted;       /* by a rule, not by an exception */
    struct str reason; /* when halted */
    struct str redirect;
    int status; /* of the processor that halted; 0: it did not answer */
};
void webfilter_verdict_init(struct webfilter_verdict *v);
void webfilter_verdict_fini(struct webfilter_verdict *v); /* fine on a zeroed one */

/* Applies one answer. Not after a halt. */
enum webfilter_effect webfilter_rules_apply(const struct webfilter_rules *rules,
                                      const struct webfilter_answer *answer, struct arena *a,
                                      struct webfilter_verdict *verdict);

/* Whether, why and whereto the process stops: by a rule, or by the first merged exception. Texts
 * are borrowed from the verdict. */
struct webfilter_halt {
    bool halt;
    struct str reason, redirect;
    int status; /* 0: none */
};
struct webfilter_halt webfilter_verdict_halt(const struct webfilter_verdict *v);

/* The data as the filters so far have changed it: `original` with the top-level keys of `changes`
 * replaced. A new reference; values are shared, never written. */
json_t *webfilter_rules_overlay(const json_t *original, const json_t *changes);
