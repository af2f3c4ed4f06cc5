/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of a simulated run. A seed makes a plan (plan_make.c); the run takes the plan, not the seed, so that lines
 * can be left out until only those remain that a violation needs (tools/shrink). A line is a word and fields, all
 * separated by blanks; what happens at a time of the run begins with it:
 *
 *     run seed=42 tenants=2 clients=3 lives=2 safety=60s
 *     option store.segment_messages=20
 *     endpoint n=1 tenant=1 ordered=1
 *     at=0.5s op.publish n=1 client=1 tenant=1 key=1 bytes=200
 *     at=12.5s disk.full path=segments/ for=8s rate=0.02
 *     at=20s life.kill
 *
 * plan_words.def lists the words. What it does not list is refused, since a word that was misspelt would test nothing.
 * Pure: libc's memory and strings only, so that it can be linked anywhere. No locks; a plan does not change.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plan_word {
#define PLAN_WORD(id, word, fields, meaning) PLAN_##id,
#include "plan_words.def"
#undef PLAN_WORD
    PLAN_WORDS
};

enum { PLAN_FIELDS_MAX = 8, PLAN_LINES_MAX = 20000, PLAN_WHY_BYTES = 160 };
#define PLAN_NO_TIME INT64_C(-1)

struct plan_field {
    const char *name, *value; /* the plan's text */
};

struct plan_line {
    int64_t at_us; /* since the beginning of the run; PLAN_NO_TIME: holds throughout */
    enum plan_word word;
    size_t field_count;
    struct plan_field fields[PLAN_FIELDS_MAX];
};

/* Lines without a time stand first, the others in the order of their times. */
struct plan {
    struct plan_line *lines;
    size_t count;
    char *text; /* what the fields point into */
};

/* False: `why` names the line and what is wrong with it, and there is nothing to free. */
bool plan_parse(const char *text, struct plan *out, char why[static PLAN_WHY_BYTES]);
void plan_free(struct plan *p);
/* The plan as text, which plan_parse() reads as the same plan; free() it. NULL: no memory. */
char *plan_print(const struct plan *p);

/* The text of the plan of a seed; free() it. NULL: no memory. Of seconds or minutes in which much happens, and of days in
 * which little does: retries to the end of their schedule, retention, keys that are forgotten, segments by age. */
char *plan_make(uint64_t seed);
char *plan_make_quiet(uint64_t seed);

const char *plan_word_name(enum plan_word word);
/* Faults that were begun end after for=; those of a moment have none. */
bool plan_is_fault(enum plan_word word);
bool plan_is_op(enum plan_word word);

/* A field's value, or `otherwise` when the line has none. plan_parse() has looked at the numbers: they are valid. */
const char *plan_text(const struct plan_line *l, const char *field, const char *otherwise);
int64_t plan_int(const struct plan_line *l, const char *field, int64_t otherwise);
double plan_real(const struct plan_line *l, const char *field, double otherwise);
int64_t plan_us(const struct plan_line *l, const char *field, int64_t otherwise);
/* The first line of that word, or NULL. */
const struct plan_line *plan_find(const struct plan *p, enum plan_word word);
/* The line of that word whose n= is `number`, or NULL. */
const struct plan_line *plan_numbered(const struct plan *p, enum plan_word word, int64_t number);
