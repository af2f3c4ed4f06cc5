/* SPDX-License-Identifier: Apache-2.0
 *
 * What is true of the server as a whole: tenants kept apart (6), lists (7), configuration (8), answers in time (9),
 * descriptors (10), the log (11) and lives (12).
 */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "linear.h"

static const int64_t second_us = 1000000;

/* With no fault near. */
enum { ANSWER_MAX_S = 5, PER_SECOND_MAX = 10 };
/* Readers and writers of databases that are kept open, and the keys of a segment. */
enum { FDS_SLACK = 48, FDS_PER_SEGMENT = 1 };
/* What is known of a segment, with the statements of a connection to it, and what else may come and go: a block for each
 * message would be more where segments are few. */
enum { BLOCKS_SLACK = 60, BLOCKS_PER_SEGMENT = 24 };
/* The server with its libraries, and the payloads that it may hold: as they came, and as they are sent. */
enum { BYTES_MOST = 64 * 1024 * 1024, COPIES_MOST = 2 };

bool check_break(struct check_broken *out, int invariant, const char *fmt, ...)
{
    va_list args;
    out->invariant = invariant;
    va_start(args, fmt);
    (void)vsnprintf(out->words, sizeof out->words, fmt, args);
    va_end(args);
    return false;
}

/* --- 6: tenants ----------------------------------------------------------------------------------------- */

bool check_leak(const struct model *m, int tenant, const void *bytes, size_t len, const char *where,
                struct check_broken *out)
{
    char canary[MODEL_CANARY_BYTES];
    for (int other = 1; other <= m->tenants; other++)
        if (other != tenant && memmem(bytes, len, model_canary(other, canary),
                                      strlen(model_canary(other, canary))) != NULL)
            return check_break(out, 6, "%s for tenant %d has what belongs to tenant %d", where,
                               tenant, other);
    return true;
}

/* --- 7: lists ------------------------------------------------------------------------------------------- */

static size_t list_count(const char (*ids)[MODEL_ID_BYTES], size_t count, const char *id)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += strcmp(ids[i], id) == 0;
    return found;
}

bool check_list(const struct model *m, int tenant, int64_t begin_us, int64_t end_us,
                const char (*ids)[MODEL_ID_BYTES], size_t count, struct check_broken *out)
{
    for (const struct model_publish *p = m->publishes; p < m->publishes + m->publish_count; p++) {
        if (p->answer != MODEL_DONE)
            continue;
        size_t found = list_count(ids, count, p->id);
        bool may_be_missing = found == 0 && model_may_be_gone(m, p, end_us);
        if (p->tenant == tenant && p->end_us < begin_us && found != 1 && !may_be_missing)
            return check_break(out, 7, "%s of tenant %d stands %zu times in its list", p->id,
                               tenant, found);
        if (p->tenant == tenant && p->begin_us > end_us && found != 0)
            return check_break(out, 7, "%s stands in a list from before it was published", p->id);
        if (p->tenant != tenant && found != 0)
            return check_break(out, 6, "%s of tenant %d stands in the list of tenant %d", p->id,
                               p->tenant, tenant);
    }
    for (size_t i = 0; i < count; i++)
        if (list_count(ids, count, ids[i]) != 1)
            return check_break(out, 7, "%s stands twice in the list of tenant %d", ids[i], tenant);
    return true;
}

/* --- 8: configuration ------------------------------------------------------------------------------------ */

/* The calls in words, as far as there is room: what somebody has to look at who wants to see why. */
static void describe_calls(const struct model *m, int endpoint, char *out, size_t size)
{
    static const char *const acts[] = { "read", "describe", "disable", "enable", "delete" };
    static const char *const answers[] = { "?", "done", "conflict", "missing", "refused" };
    size_t used = 0;
    for (const struct model_call *c = m->calls; c < m->calls + m->call_count && used < size; c++) {
        if (c->endpoint != endpoint)
            continue;
        bool has_text = c->act == MODEL_READ || c->act == MODEL_DESCRIBE;
        int len = snprintf(out + used, size - used, "; %.6f-%.6f %s", (double)c->begin_us / 1e6,
                           c->end_us == MODEL_NEVER ? -1 : (double)c->end_us / 1e6, acts[c->act]);
        used += (size_t)len;
        if (used < size && has_text)
            used += (size_t)snprintf(out + used, size - used, " d%d%s", c->text,
                                     c->is_disabled ? " off" : "");
        if (used < size)
            used += (size_t)snprintf(out + used, size - used, " %s", answers[c->answer]);
    }
}

bool check_endpoints(const struct model *m, struct check_broken *out)
{
    char calls[700] = "";
    for (int n = 1; n <= MODEL_ENDPOINTS; n++) {
        if (m->endpoints[n].tenant == 0 || linear_endpoint(m, n) != LINEAR_NO)
            continue;
        describe_calls(m, n, calls, sizeof calls);
        return check_break(
            out, 8, "no order of the calls to endpoint %d explains what they were answered%s", n,
            calls);
    }
    return true;
}

/* --- 9: answers in time ----------------------------------------------------------------------------------- */

bool check_answer_time(const struct model *m, const char *what, int64_t begin_us, int64_t end_us,
                       struct check_broken *out)
{
    int64_t near_us = ANSWER_MAX_S * second_us;
    if (end_us - begin_us <= near_us + m->limits.answer_lag_us ||
        model_had_fault(m, "*", begin_us - near_us, end_us))
        return true;
    return check_break(out, 9,
                       "%s, asked at %.6f s, was answered after %.6f s, with no fault in reach",
                       what, (double)begin_us / 1e6, (double)(end_us - begin_us) / 1e6);
}

/* --- 11: the log ------------------------------------------------------------------------------------------ */

static const struct {
    const char *event, *faults;
    enum { FOR_ALL, PER_ENDPOINT, PER_MESSAGE } share;
} allowed[] = {
#define EVENT_ALLOWED(event, faults) { event, faults, FOR_ALL },
#define EVENT_ALWAYS_ALLOWED(event) { event, NULL, FOR_ALL },
#define EVENT_PER_ENDPOINT(event, faults) { event, faults, PER_ENDPOINT },
#define EVENT_PER_MESSAGE(event, faults) { event, faults, PER_MESSAGE },
#include "events_allowed.def"
#undef EVENT_ALLOWED
#undef EVENT_ALWAYS_ALLOWED
#undef EVENT_PER_ENDPOINT
#undef EVENT_PER_MESSAGE
};

static unsigned endpoint_count(const struct model *m)
{
    unsigned count = 0;
    for (int n = 1; n <= MODEL_ENDPOINTS; n++)
        count += m->endpoints[n].tenant != 0;
    return count;
}

/* How many lines of the event a second may have. */
static unsigned event_most(const struct model *m, int share)
{
    if (share == PER_MESSAGE)
        return PER_SECOND_MAX + (unsigned)m->publish_count;
    return share == PER_ENDPOINT ? PER_SECOND_MAX * (endpoint_count(m) + 1) : PER_SECOND_MAX;
}

bool check_events(const struct model *m, struct check_broken *out)
{
    for (const struct model_event *e = m->events; e < m->events + m->event_count; e++) {
        bool is_trouble = strcmp(e->level, "error") == 0 || strcmp(e->level, "warn") == 0;
        bool is_explained = !is_trouble;
        unsigned most = PER_SECOND_MAX;
        for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
            if (strcmp(allowed[i].event, e->name) == 0) {
                is_explained |= allowed[i].faults == NULL ||
                                model_had_fault(m, allowed[i].faults, 0, MODEL_NEVER);
                most = event_most(m, allowed[i].share);
            }
        if (!is_explained)
            return check_break(out, 11, "the log says at %.6f s, which nothing explains: %s",
                               (double)e->first_us / 1e6, e->first);
        if (e->most_in_second > most)
            return check_break(out, 11, "the log has %s %u times within a second, as in: %s",
                               e->name, e->most_in_second, e->first);
    }
    return true;
}

/* --- 10 and 12: lives -------------------------------------------------------------------------------------- */

bool check_lives(const struct model *m, int64_t now_us, struct check_broken *out)
{
    for (const struct model_life *l = m->lives; l < m->lives + m->life_count; l++) {
        int64_t until_us = l->end_us < now_us ? l->end_us : now_us;
        int64_t latest_us = l->begin_us + MODEL_START_US;
        if (l->started_us == 0 && until_us > latest_us &&
            !model_had_fault(m, "*", l->begin_us, latest_us))
            return check_break(out, 12,
                               "the life that began at %.6f s accepts no requests %.0f s later",
                               (double)l->begin_us / 1e6, (double)MODEL_START_US / 1e6);
        if (l->fds_started > 0 &&
            l->fds_quiet > l->fds_started + FDS_SLACK + FDS_PER_SEGMENT * model_segments(m))
            return check_break(
                out, 10,
                "the life that began at %.6f s has %zu descriptors in the quiet phase, and had %zu at its start",
                (double)l->begin_us / 1e6, l->fds_quiet, l->fds_started);
    }
    return true;
}

bool check_memory(const struct model *m, struct check_broken *out)
{
    const struct model_rest *before = &m->rest, *after = &m->rest_later;
    size_t segments = after->segments - before->segments;
    size_t most = BYTES_MOST + COPIES_MOST * m->published_bytes;
    if (before->most_bytes > most || after->most_bytes > most)
        return check_break(out, 10, "the server has held %zu bytes of memory",
                           before->most_bytes > most ? before->most_bytes : after->most_bytes);
    if (check_brokers_are_crowded(m))
        return true; /* what waits for a connection has taken places that are kept for the next ones */
    if (after->blocks > before->blocks + BLOCKS_SLACK + BLOCKS_PER_SEGMENT * segments)
        return check_break(
            out, 10,
            "%zu messages and %zu segments later the server holds %zu blocks of memory instead of %zu",
            m->steady, segments, after->blocks, before->blocks);
    return true;
}

/* --- all ---------------------------------------------------------------------------------------------------- */

bool check_all(const struct model *m, int64_t now_us, struct check_broken *out)
{
    return check_events(m, out) && check_lives(m, now_us, out) && check_memory(m, out) &&
           check_attempts(m, out) && check_keys(m, out) && check_order(m, out) &&
           check_filters(m, out) && check_entries(m, out) && check_pace(m, out) &&
           check_endpoints(m, out) &&
           (m->settled_us == 0 || (check_settled(m, out) && check_recoveries(m, out)));
}
