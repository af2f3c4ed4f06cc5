/* SPDX-License-Identifier: Apache-2.0
 *
 * Wing and Gong's search over the calls to one endpoint: see linear.h.
 */
#include "linear.h"

#include <string.h>

enum { MEMORY_SLOTS = 1 << 18, STEPS_MAX = 1 << 17 /* half of the slots: the table never fills */ };

struct endpoint_state {
    int text;
    bool is_disabled, is_deleted;
};

struct linear_search {
    const struct model_call *calls[LINEAR_CALLS_MAX];
    size_t count;
    bool is_taken[LINEAR_CALLS_MAX];
    size_t answered_left;
    unsigned steps;
    uint64_t set; /* of those taken: the sum of their hashes */
    uint64_t *memory;
};

/* --- the object ------------------------------------------------------------------------------------------ */

/* Whether the call can have had its answer in that state; if so `s` becomes the state behind it. */
static bool state_apply(struct endpoint_state *s, const struct model_call *c)
{
    if (c->answer == MODEL_REFUSED || c->answer == MODEL_CONFLICT)
        return true; /* it says that it did nothing */
    if (s->is_deleted || c->answer == MODEL_MISSING)
        return s->is_deleted && (c->answer == MODEL_MISSING || c->answer == MODEL_UNANSWERED);
    switch (c->act) {
    case MODEL_READ: return c->text == s->text && c->is_disabled == s->is_disabled;
    case MODEL_DESCRIBE: s->text = c->text; return true;
    case MODEL_DISABLE: s->is_disabled = true; return true;
    case MODEL_ENABLE: s->is_disabled = false; return true;
    case MODEL_DELETE: s->is_deleted = true; return true;
    }
    return false;
}

/* --- the search ------------------------------------------------------------------------------------------- */

static uint64_t search_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/* Keeps the hashes of states and those of calls apart. */
static const uint64_t state_kind = UINT64_C(0xa0761d6478bd642f);

/* True when the search was here before; if not it will have been. */
static bool search_was_here(struct linear_search *q, const struct endpoint_state *s)
{
    uint64_t state = (uint64_t)s->text * 4 + s->is_disabled * 2U + s->is_deleted;
    uint64_t mark = search_mix(q->set ^ search_mix(state ^ state_kind)) | 1;
    size_t at = mark >> 20 & (MEMORY_SLOTS - 1);
    while (q->memory[at] != 0 && q->memory[at] != mark)
        at = (at + 1) & (MEMORY_SLOTS - 1);
    bool was_here = q->memory[at] == mark;
    q->memory[at] = mark;
    return was_here;
}

static void search_take(struct linear_search *q, size_t i, bool is_taken)
{
    uint64_t hash = search_mix(i + 1);
    q->is_taken[i] = is_taken;
    q->set += is_taken ? hash : -hash;
    if (q->calls[i]->answer != MODEL_UNANSWERED)
        q->answered_left += is_taken ? -(size_t)1 : 1;
}

/* Calls stand in the order of their begins. One may be next when none that is left was over before it began. */
static enum linear_verdict search_go(struct linear_search *q, struct endpoint_state s)
{
    if (q->answered_left == 0)
        return LINEAR_YES;
    if (++q->steps > STEPS_MAX)
        return LINEAR_UNDECIDED;
    if (search_was_here(q, &s))
        return LINEAR_NO;
    int64_t first_end_us = MODEL_NEVER;
    for (size_t i = 0; i < q->count; i++)
        if (!q->is_taken[i] && q->calls[i]->end_us < first_end_us)
            first_end_us = q->calls[i]->end_us;
    for (size_t i = 0; i < q->count && q->calls[i]->begin_us <= first_end_us; i++) {
        struct endpoint_state then = s;
        if (q->is_taken[i] || !state_apply(&then, q->calls[i]))
            continue;
        search_take(q, i, true);
        enum linear_verdict verdict = search_go(q, then);
        if (verdict != LINEAR_NO)
            return verdict;
        search_take(q, i, false);
    }
    return LINEAR_NO;
}

/* Reads without an answer say nothing. False: there are too many. */
static bool search_collect(struct linear_search *q, const struct model *m, int endpoint)
{
    for (const struct model_call *c = m->calls; c < m->calls + m->call_count; c++) {
        if (c->endpoint != endpoint || (c->act == MODEL_READ && c->answer == MODEL_UNANSWERED))
            continue;
        if (q->count == LINEAR_CALLS_MAX)
            return false;
        size_t at = q->count++;
        for (; at > 0 && q->calls[at - 1]->begin_us > c->begin_us; at--)
            q->calls[at] = q->calls[at - 1];
        q->calls[at] = c;
        q->answered_left += c->answer != MODEL_UNANSWERED;
    }
    return true;
}

enum linear_verdict linear_endpoint(const struct model *m, int endpoint)
{
    static uint64_t memory[MEMORY_SLOTS];
    struct linear_search q = { .memory = memory };
    memset(memory, 0, sizeof memory);
    if (!search_collect(&q, m, endpoint))
        return LINEAR_UNDECIDED;
    return search_go(&q, (struct endpoint_state){ 0 });
}
