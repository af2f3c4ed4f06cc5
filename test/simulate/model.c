/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing down what was seen: see model.h.
 */
#include "model.h"

#include <stdio.h>
#include <string.h>

/* --- what happened ------------------------------------------------------------------------------------ */

/* The next place of an array, or one beside it that takes what does not fit. */
#define MODEL_APPEND(m, array, count, max, value) \
    do { \
        static __typeof__(*(m)->array) spare; \
        if ((m)->count == (max)) { \
            (m)->lost++; \
            spare = *(value); \
            return &spare; \
        } \
        (m)->array[(m)->count] = *(value); \
        return &(m)->array[(m)->count++]; \
    } while (0)

struct model_publish *model_publish(struct model *m, const struct model_publish *p)
{
    MODEL_APPEND(m, publishes, publish_count, MODEL_PUBLISHES, p);
}

struct model_attempt *model_attempt(struct model *m, const struct model_attempt *a)
{
    MODEL_APPEND(m, attempts, attempt_count, MODEL_ATTEMPTS, a);
}

struct model_state *model_state(struct model *m, const struct model_state *s)
{
    MODEL_APPEND(m, states, state_count, MODEL_STATES, s);
}

struct model_call *model_call(struct model *m, const struct model_call *c)
{
    MODEL_APPEND(m, calls, call_count, MODEL_CALLS, c);
}

struct model_question *model_question(struct model *m, const struct model_question *q)
{
    MODEL_APPEND(m, questions, question_count, MODEL_QUESTIONS, q);
}

struct model_reply *model_reply(struct model *m, const struct model_reply *r)
{
    MODEL_APPEND(m, replies, reply_count, MODEL_REPLIES, r);
}

struct model_entry *model_entry(struct model *m, const struct model_entry *e)
{
    MODEL_APPEND(m, entries, entry_count, MODEL_ENTRIES, e);
}

struct model_vouch *model_vouch(struct model *m, const struct model_vouch *v)
{
    MODEL_APPEND(m, vouches, vouch_count, MODEL_VOUCHES, v);
}

struct model_fault *model_fault(struct model *m, const struct model_fault *f)
{
    MODEL_APPEND(m, faults, fault_count, MODEL_FAULTS, f);
}

struct model_life *model_life(struct model *m, int64_t now_us)
{
    struct model_life life = { .tried_us = now_us, .begin_us = now_us, .end_us = MODEL_NEVER };
    struct model_life *before = m->life_count == 0 ? NULL : model_life_now(m);
    if (before != NULL && before->end_us == MODEL_NEVER)
        before->end_us = now_us;
    if (before != NULL && before->started_us == 0) {
        life.tried_us = before->tried_us;
        if (before->end_us - before->begin_us <= MODEL_START_US)
            m->life_count--;
    }
    MODEL_APPEND(m, lives, life_count, MODEL_LIVES, &life);
}

struct model_life *model_life_now(struct model *m)
{
    return &m->lives[m->life_count - 1];
}

struct model_erasure *model_erasure(struct model *m, const struct model_erasure *e)
{
    MODEL_APPEND(m, erasures, erasure_count, MODEL_ERASURES, e);
}

struct model_recovery *model_recovery(struct model *m, const struct model_recovery *r)
{
    MODEL_APPEND(m, recoveries, recovery_count, MODEL_RECOVERIES, r);
}

struct model_switch *model_switch(struct model *m, int endpoint, const struct model_switch *s)
{
    struct model_endpoint *e = &m->endpoints[endpoint];
    static struct model_switch spare;
    if (e->switch_count == MODEL_SWITCHES) {
        m->lost++;
        spare = *s;
        return &spare;
    }
    e->switches[e->switch_count] = *s;
    return &e->switches[e->switch_count++];
}

static int64_t *model_followed(struct model *m, const int64_t *now_us)
{
    MODEL_APPEND(m, followed_us, followed_count, MODEL_FOLLOWED, now_us);
}

/* --- the server's log --------------------------------------------------------------------------------- */

/* The value of a field of a logfmt line; false: it has none. */
static bool line_field(const char *line, size_t len, const char *name, char *out, size_t size)
{
    size_t name_len = strlen(name);
    for (size_t at = 0; at + name_len < len; at++)
        if ((at == 0 || line[at - 1] == ' ') && memcmp(line + at, name, name_len) == 0 &&
            line[at + name_len] == '=') {
            size_t from = at + name_len + 1, end = from;
            while (end < len && line[end] != ' ')
                end++;
            (void)snprintf(out, size, "%.*s", (int)(end - from), line + from);
            return true;
        }
    return false;
}

static struct model_event *event_named(struct model *m, const char *name)
{
    for (size_t i = 0; i < m->event_count; i++)
        if (strcmp(m->events[i].name, name) == 0)
            return &m->events[i];
    if (m->event_count == MODEL_EVENTS) {
        m->lost++;
        return NULL;
    }
    struct model_event *e = &m->events[m->event_count++];
    *e = (struct model_event){ .second = -1 };
    (void)snprintf(e->name, sizeof e->name, "%s", name);
    return e;
}

/* By the server itself, as it did nothing but fail. */
static void note_disabled(struct model *m, int64_t now_us, const char *id)
{
    for (int n = 1; n <= MODEL_ENDPOINTS; n++) {
        if (strcmp(m->endpoints[n].id, id) != 0)
            continue;
        (void)model_switch(m, n,
                           &(struct model_switch){ .begin_us = now_us, .end_us = MODEL_NEVER });
        (void)model_call(m, &(struct model_call){ .endpoint = n,
                                                  .act = MODEL_DISABLE,
                                                  .begin_us = now_us,
                                                  .end_us = MODEL_NEVER });
    }
}

void model_log_line(struct model *m, int64_t now_us, const char *line, size_t len)
{
    char name[sizeof m->events->name] = "?", level[sizeof m->events->level] = "error";
    if (line_field(line, len, "event", name, sizeof name))
        (void)line_field(line, len, "level", level, sizeof level);
    struct model_event *e = event_named(m, name);
    if (strcmp(name, "store.clock_followed") == 0)
        (void)model_followed(m, &now_us);
    if (e == NULL)
        return;
    if (e->count++ == 0) {
        e->first_us = now_us;
        memcpy(e->level, level, sizeof level);
        (void)snprintf(e->first, sizeof e->first, "%.*s", (int)len, line);
    }
    char id[MODEL_ID_BYTES];
    if (strcmp(name, "deliver.endpoint_disabled") == 0 &&
        line_field(line, len, "endpoint", id, sizeof id))
        note_disabled(m, now_us, id);
    if (now_us / 1000000 != e->second) {
        e->second = now_us / 1000000;
        e->in_second = 0;
    }
    if (++e->in_second > e->most_in_second)
        e->most_in_second = e->in_second;
}

/* --- asking ------------------------------------------------------------------------------------------- */

const char *model_canary(int tenant, char out[static MODEL_CANARY_BYTES])
{
    (void)snprintf(out, MODEL_CANARY_BYTES, "canary-of-tenant-%d-", tenant);
    return out;
}

uint64_t model_hash(const void *bytes, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3U;
    return hash;
}

/* True when the endpoint is as `is_on` says from `begin_us` to `end_us`, whatever order overlapping calls took effect
 * in: a switch to it was over before, and none to the other may have taken effect after that one and before the end. */
static bool endpoint_stays(const struct model *m, int endpoint, bool is_on, int64_t begin_us,
                           int64_t end_us)
{
    const struct model_endpoint *e = &m->endpoints[endpoint];
    for (size_t i = 0; i < e->switch_count; i++) {
        const struct model_switch *to = &e->switches[i];
        bool stays = to->is_on == is_on && to->end_us < begin_us;
        for (size_t j = 0; stays && j < e->switch_count; j++) {
            const struct model_switch *from = &e->switches[j];
            bool was_before = from->end_us<to->begin_us, comes_later = from->begin_us> end_us;
            stays = from->is_on == is_on || was_before || comes_later;
        }
        if (stays)
            return true;
    }
    return false;
}

bool model_is_surely_on(const struct model *m, int endpoint, int64_t begin_us, int64_t end_us)
{
    return endpoint_stays(m, endpoint, true, begin_us, end_us);
}

bool model_is_surely_off(const struct model *m, int endpoint, int64_t begin_us, int64_t end_us)
{
    return endpoint_stays(m, endpoint, false, begin_us, end_us);
}

bool model_had_fault(const struct model *m, const char *words, int64_t begin_us, int64_t end_us)
{
    for (const struct model_fault *f = m->faults; f < m->faults + m->fault_count; f++) {
        if (f->begin_us > end_us || f->end_us < begin_us)
            continue;
        const char *at = strstr(words, f->word);
        size_t len = strlen(f->word);
        if (strcmp(words, "*") == 0 ||
            (at != NULL && (at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == 0)))
            return true;
    }
    return false;
}

bool model_followed_clock(const struct model *m, int64_t begin_us, int64_t end_us)
{
    for (size_t i = 0; i < m->followed_count; i++)
        if (m->followed_us[i] >= begin_us && m->followed_us[i] <= end_us)
            return true;
    return false;
}

/* --- time --------------------------------------------------------------------------------------------- */

/* Of one that was not answered well there is no id: then it is its own begin. */
int64_t model_made_us(const struct model *m, const struct model_publish *p)
{
    int64_t made_us = MODEL_NEVER;
    for (const struct model_publish *q = m->publishes; q < m->publishes + m->publish_count; q++) {
        if (q->tenant != p->tenant || q->op != p->op || q->item != p->item)
            continue;
        bool is_made = q->answer == MODEL_DONE, is_same = strcmp(q->id, p->id) == 0;
        if (made_us == MODEL_NEVER && (!is_made || is_same))
            made_us = q->begin_us;
        if (is_made && is_same)
            return made_us;
        if (is_made)
            made_us = MODEL_NEVER;
    }
    return p->begin_us;
}

bool model_may_be_over(const struct model *m, int64_t window_us, int64_t from_us, int64_t to_us)
{
    static const int64_t slack_us = 2000000, minute_us = 60000000;
    if (window_us == 0)
        return false;
    bool is_short = window_us<12 * 60 * minute_us, is_endless = window_us> 20 * 24 * 60 * minute_us;
    bool is_clock_wrong = !is_endless && (is_short || to_us - from_us > 5 * minute_us) &&
                          model_had_fault(m, "clock.step clock.drift", 0, to_us);
    return is_clock_wrong || to_us - from_us > window_us - slack_us;
}

bool model_may_be_gone(const struct model *m, const struct model_publish *p, int64_t at_us)
{
    return m->limits.kept_us != 0 &&
           model_may_be_over(m, m->limits.kept_us, model_made_us(m, p), at_us);
}

const struct model_erasure *model_erasure_of(const struct model *m, const char *id)
{
    const struct model_erasure *found = NULL;
    for (const struct model_erasure *e = m->erasures; e < m->erasures + m->erasure_count; e++)
        if (strcmp(e->id, id) == 0 && (found == NULL || found->end_us > e->end_us))
            found = e;
    return found;
}

int64_t model_erased_us(const struct model *m, const char *id)
{
    int64_t first_us = MODEL_NEVER;
    for (const struct model_erasure *e = m->erasures; e < m->erasures + m->erasure_count; e++)
        if (strcmp(e->id, id) == 0 && e->begin_us < first_us)
            first_us = e->begin_us;
    return first_us;
}

size_t model_segments(const struct model *m)
{
    for (const struct model_event *e = m->events; e < m->events + m->event_count; e++)
        if (strcmp(e->name, "store.segment_started") == 0)
            return e->count;
    return 0;
}
