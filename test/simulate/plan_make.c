/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan from a seed, as swarms are made: each seed draws which operations and which faults there are at all, and
 * values of options that bring borders near. A run with everything at once would hide what needs one thing without
 * another. Rates are drawn on a logarithmic scale: a fault that is shown when 2 % of the calls fail may be hidden when
 * a third of them do.
 */
#include "plan_make_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* --- chance ------------------------------------------------------------------------------------------- */

/* splitmix64 */
uint64_t maker_next(struct maker *m)
{
    uint64_t z = m->state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

double maker_real(struct maker *m)
{
    return (double)(maker_next(m) >> 11) * 0x1p-53;
}

int64_t maker_between(struct maker *m, int64_t low, int64_t high)
{
    return low + (int64_t)(maker_next(m) % (uint64_t)(high - low + 1));
}

bool maker_chance(struct maker *m, double p)
{
    return maker_real(m) < p;
}

double maker_log(struct maker *m, double low, double high)
{
    return low * pow(high / low, maker_real(m));
}

void maker_put(struct maker *m, const char *name, int64_t value)
{
    (void)fprintf(m->out, " %s=%" PRId64, name, value);
}

void maker_turn_to(struct maker *m, uint64_t dice)
{
    m->state = m->seed ^ dice * 0xd1342543de82ef95U;
}

/* --- options ------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    const char *values[4];
} options[] = {
    { "store.segment_messages", { "5", "20", "100", "500" } },
    { "store.readers", { "1", "2", "4", "8" } },
    { "server.loops", { "1", "2", "3", "2" } },
    { "server.workers", { "1", "2", "3", "4" } },
    { "deliver.window_start", { "1", "2", "8", "16" } },
    { "deliver.window_max", { "16", "20", "32", "64" } },
    { "deliver.items_max", { "100", "120", "200", "1000" } },
    { "deliver.jitter", { "0", "10", "50", "5" } },
    { "deliver.timeout", { "500ms", "1s", "3s", "5s" } },
    { "deliver.breaker_failures", { "2", "5", "10", "1000" } },
    { "deliver.breaker_time", { "100ms", "500ms", "1s", "5s" } },
    { "deliver.breaker_time_max", { "5s", "6s", "10s", "30s" } },
    { "deliver.in_flight_max", { "2", "8", "64", "4096" } },
    { "fetch.idle_max", { "0", "1", "2", "64" } },
    { "fetch.connection_age", { "1s", "2s", "15s", "60s" } },
    { "core.apps_max", { "16", "16", "32", "100" } },
};

/* Short, so that the quiet phase is: it takes twice the sum. */
static const char *const schedules[] = { "100ms,200ms,400ms,1s,2s", "500ms,500ms", "1s,2s,4s,8s",
                                         "50ms,50ms,50ms,50ms,50ms,50ms,50ms,10s" };

static void make_options(struct maker *m)
{
    (void)fprintf(m->out, "option deliver.retry=%s\n", schedules[maker_next(m) % 4]);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const char *value = options[i].values[maker_next(m) % 4];
        if (maker_chance(m, 0.5))
            (void)fprintf(m->out, "option %s=%s\n", options[i].name, value);
    }
}

void maker_put_endpoints(struct maker *m)
{
    bool has_ordered = maker_chance(m, 0.5), has_throttle = maker_chance(m, 0.3);
    for (int64_t n = 1; n <= m->endpoints; n++) {
        (void)fputs("endpoint", m->out);
        maker_put(m, "n", n);
        maker_put(m, "tenant", (n - 1) % m->tenants + 1);
        if (has_ordered && maker_chance(m, 0.5))
            (void)fputs(" ordered=1", m->out);
        if (has_throttle && maker_chance(m, 0.5))
            maker_put(m, "throttle", (int64_t)maker_log(m, 1, 50));
        (void)fputc('\n', m->out);
    }
}

/* --- what clients do ------------------------------------------------------------------------------------ */

/* How often beside each other; a seed leaves out a third of them, but always publishes. */
static const struct {
    enum plan_word word;
    int weight;
    const char *fields; /* plan_make_priv.h */
} ops[] = {
    { PLAN_OP_PUBLISH, 60, "ntbk" }, { PLAN_OP_BATCH, 6, "ntcb" }, { PLAN_OP_REPEAT, 8, "o" },
    { PLAN_OP_OTHER_BODY, 2, "o" },  { PLAN_OP_RESEND, 4, "oe" },  { PLAN_OP_RECOVER, 2, "es" },
    { PLAN_OP_LIST, 3, "tl" },       { PLAN_OP_GET, 5, "o" },      { PLAN_OP_FOREIGN, 3, "to" },
    { PLAN_OP_DESCRIBE, 8, "ed" },   { PLAN_OP_READ, 6, "e" },     { PLAN_OP_DISABLE, 2, "e" },
    { PLAN_OP_ENABLE, 3, "e" },      { PLAN_OP_DELETE, 1, "e" },
};
enum { OP_COUNT = sizeof ops / sizeof *ops };

static void make_op_fields(struct maker *m, const char *fields)
{
    for (const char *field = fields; *field != 0; field++) {
        int64_t earlier = m->published == 0 ? 0 : maker_between(m, 1, m->published);
        switch (*field) {
        case 'n': maker_put(m, "n", ++m->published); break;
        case 't': maker_put(m, "tenant", maker_between(m, 1, m->tenants)); break;
        case 'e': maker_put(m, "endpoint", maker_between(m, 1, m->endpoints)); break;
        case 'o': maker_put(m, "op", earlier); break;
        case 'b': maker_put(m, "bytes", (int64_t)maker_log(m, 1, 20000)); break;
        case 'c': maker_put(m, "count", maker_between(m, 1, 20)); break;
        case 'l': maker_put(m, "limit", maker_between(m, 1, 50)); break;
        case 's': (void)fprintf(m->out, " since=%.0fs", fmax(60, m->safety_s / 2)); break;
        case 'B': maker_put(m, "bytes", (int64_t)maker_log(m, 20000, 400000)); break;
        case 'd': (void)fprintf(m->out, " text=d%" PRId64, maker_between(m, 0, 99999)); break;
        default:
            if (maker_chance(m, 0.7))
                maker_put(m, "key", m->published);
            break;
        }
    }
}

void maker_put_op(struct maker *m, enum plan_word word, double at_s, const char *fields)
{
    (void)fprintf(m->out, "at=%.3fs %s", at_s, plan_word_name(word));
    maker_put(m, "client", maker_between(m, 1, m->clients));
    make_op_fields(m, fields);
    (void)fputc('\n', m->out);
}

static size_t make_choose_op(struct maker *m, const bool is_on[OP_COUNT])
{
    int all = 0;
    for (size_t i = 0; i < OP_COUNT; i++)
        all += is_on[i] ? ops[i].weight : 0;
    int64_t at = maker_between(m, 0, all - 1);
    for (size_t i = 0; i < OP_COUNT; i++) {
        if (is_on[i] && at < ops[i].weight)
            return i;
        at -= is_on[i] ? ops[i].weight : 0;
    }
    return 0;
}

/* In bursts: most time of a run is quiet, and what comes then comes together. */
static void make_ops(struct maker *m)
{
    bool is_on[OP_COUNT];
    for (size_t i = 0; i < OP_COUNT; i++)
        is_on[i] = maker_chance(m, 0.67) || ops[i].word == PLAN_OP_PUBLISH;
    int64_t count = (int64_t)maker_log(m, 30, 600);
    double at_s = 0.5, gap_s = (m->safety_s - 1) / (double)count;
    for (int64_t i = 0; i < count; i++) {
        size_t op = make_choose_op(m, is_on);
        maker_put_op(m, ops[op].word, at_s, ops[op].fields);
        if (maker_chance(m, 0.2))
            at_s = fmin(at_s + 5 * gap_s * 2 * maker_real(m), m->safety_s - 0.5);
    }
}

/* --- faults ------------------------------------------------------------------------------------------- */

static const struct {
    enum plan_word word;
    const char *fields;    /* e: an endpoint, p: a path, b: by, r: a rate, f: for */
    double by_min, by_max; /* seconds */
} faults[] = {
    { PLAN_DISK_FULL, "prf", 0, 0 },
    { PLAN_DISK_ERROR, "prf", 0, 0 },
    { PLAN_DISK_SYNC, "prf", 0, 0 },
    { PLAN_DISK_SLOW, "pbrf", 0.01, 3 },
    { PLAN_DISK_OPEN, "prf", 0, 0 },
    { PLAN_NET_REFUSE, "rf", 0, 0 },
    { PLAN_NET_SILENT, "ef", 0, 0 },
    { PLAN_NET_RESET, "rf", 0, 0 },
    { PLAN_NET_SLOW, "bf", 0.001, 2 },
    { PLAN_NET_CHOP, "f", 0, 0 },
    { PLAN_FD_OUT, "rf", 0, 0 },
    { PLAN_THREAD_OUT, "rf", 0, 0 },
    { PLAN_MEMORY_OUT, "rf", 0, 0 },
    { PLAN_CLOCK_STEP, "c", 1, 400000 }, /* a clock that is wrong is so by seconds or by days */
    { PLAN_CLOCK_DRIFT, "cf", 0.0001, 0.1 },
    { PLAN_THREADS_RACE, "rf", 0, 0 },
    { PLAN_RECEIVER_SLOW, "ebrf", 0.01, 10 },
    { PLAN_RECEIVER_HANG, "erf", 0, 0 },
    { PLAN_RECEIVER_RESET, "erf", 0, 0 },
    { PLAN_RECEIVER_STATUS, "esarf", 0, 0 },
};

static const char *const paths[] = { " path=segments/", " path=config.db", " path=.db-wal", "" };

void maker_put_status(struct maker *m)
{
    static const int statuses[] = { 500, 503, 503, 404, 429, 301, 400, 410 };
    maker_put(m, "status", statuses[maker_next(m) % 8]);
}

/* The end of a line of trouble that maker_put_trouble() began. */
void maker_put_for(struct maker *m)
{
    double for_s = maker_log(m, 0.1, m->fault_most_s);
    (void)fprintf(m->out, " for=%.3fs", for_s);
    if (m->trouble_count > 0)
        m->troubles[m->trouble_count - 1].for_s = for_s;
}

void maker_put_trouble(struct maker *m, enum plan_word word)
{
    double at_s = maker_real(m) * m->safety_s * 0.8;
    (void)fprintf(m->out, "at=%.3fs %s", at_s, plan_word_name(word));
    if (m->trouble_count < MAKER_TROUBLES)
        m->troubles[m->trouble_count++] = (struct maker_trouble){ .at_s = at_s };
}

static void make_fault_fields(struct maker *m, size_t kind)
{
    for (const char *field = faults[kind].fields; *field != 0; field++)
        switch (*field) {
        case 'e': maker_put(m, "endpoint", maker_between(m, 1, m->endpoints)); break;
        case 's': maker_put_status(m); break;
        case 'a':
            if (maker_chance(m, 0.3))
                (void)fprintf(m->out, " retry_after=%" PRId64 "s", maker_between(m, 1, 5));
            break;
        case 'p': (void)fputs(paths[maker_next(m) % 4], m->out); break;
        case 'r': (void)fprintf(m->out, " rate=%.4f", maker_log(m, 0.002, 1)); break;
        case 'f': maker_put_for(m); break;
        default:
            (void)fprintf(m->out, " by=%s%.4fs", *field == 'c' && maker_chance(m, 0.5) ? "-" : "",
                          maker_log(m, faults[kind].by_min, faults[kind].by_max));
            break;
        }
}

void maker_put_faults(struct maker *m, double chance)
{
    for (size_t kind = 0; kind < sizeof faults / sizeof *faults; kind++) {
        bool is_on = maker_chance(m, chance);
        for (int64_t left = is_on ? maker_between(m, 1, 4) : 0; left > 0; left--) {
            maker_put_trouble(m, faults[kind].word);
            make_fault_fields(m, kind);
            (void)fputc('\n', m->out);
        }
    }
}

void maker_put_lives(struct maker *m)
{
    static const enum plan_word ends[] = { PLAN_LIFE_KILL, PLAN_LIFE_KILL, PLAN_LIFE_CUT,
                                           PLAN_LIFE_STOP };
    for (int64_t left = m->lives - 1; left > 0; left--)
        (void)fprintf(m->out, "at=%.3fs %s\n", 1 + maker_real(m) * (m->safety_s - 2),
                      plan_word_name(ends[maker_next(m) % 4]));
    if (maker_chance(m, 0.2))
        (void)fprintf(m->out, "at=%.3fs life.reload\n", 1 + maker_real(m) * (m->safety_s - 2));
}

/* The last that is drawn from these dice: the rest of a run is the same with and without it. */
static void make_steady(struct maker *m)
{
    if (!maker_chance(m, 0.25))
        return;
    (void)fputs("steady messages=150", m->out);
    maker_put(m, "tenant", maker_between(m, 1, m->tenants));
    (void)fputc('\n', m->out);
}

void maker_put_run(struct maker *m, uint64_t seed)
{
    (void)fputs("run", m->out);
    maker_put(m, "seed", (int64_t)(seed & INT64_MAX));
    maker_put(m, "tenants", m->tenants);
    maker_put(m, "clients", m->clients);
    maker_put(m, "lives", m->lives);
    (void)fprintf(m->out, " safety=%.0fs\n", m->safety_s);
}

char *maker_text(uint64_t seed, void (*fill)(struct maker *m, uint64_t seed))
{
    char *text = NULL;
    size_t len = 0;
    struct maker m = { .seed = seed, .state = seed, .out = open_memstream(&text, &len) };
    if (m.out == NULL)
        return NULL;
    fill(&m, seed);
    if (fclose(m.out) == 0)
        return text;
    free(text);
    return NULL;
}

static void make_dense(struct maker *m, uint64_t seed)
{
    m->tenants = maker_between(m, 1, 3);
    m->clients = maker_between(m, 2, 6);
    m->endpoints = (int64_t)maker_log(m, 1, 40);
    m->lives = maker_between(m, 1, 4);
    m->safety_s = floor(maker_log(m, 10, 120));
    m->fault_most_s = m->safety_s / 3;
    maker_put_run(m, seed);
    make_options(m);
    maker_put_endpoints(m);
    make_ops(m);
    maker_put_faults(m, 0.25);
    maker_put_lives(m);
    make_steady(m);
    plan_peers(m);
    plan_more(m);
}

char *plan_make(uint64_t seed)
{
    return maker_text(seed, make_dense);
}
