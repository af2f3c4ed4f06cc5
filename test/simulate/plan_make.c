/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan from a seed, as swarms are made: each seed draws which operations and which faults there are at all, and
 * values of options that bring borders near. A run with everything at once would hide what needs one thing without
 * another. Rates are drawn on a logarithmic scale: a fault that is shown when 2 % of the calls fail may be hidden when
 * a third of them do.
 */
#include "plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct maker {
    FILE *out;
    uint64_t seed, state;
    int64_t tenants, clients, endpoints, lives;
    double safety_s;
    int64_t published; /* the number of the last publishing line */
};

/* --- chance ------------------------------------------------------------------------------------------- */

/* splitmix64 */
static uint64_t maker_next(struct maker *m)
{
    uint64_t z = m->state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static double maker_real(struct maker *m)
{
    return (double)(maker_next(m) >> 11) * 0x1p-53;
}

static int64_t maker_between(struct maker *m, int64_t low, int64_t high)
{
    return low + (int64_t)(maker_next(m) % (uint64_t)(high - low + 1));
}

static bool maker_chance(struct maker *m, double p)
{
    return maker_real(m) < p;
}

/* Each order of magnitude is as probable as the others. */
static double maker_log(struct maker *m, double low, double high)
{
    return low * pow(high / low, maker_real(m));
}

static void put_whole(struct maker *m, const char *name, int64_t value)
{
    (void)fprintf(m->out, " %s=%" PRId64, name, value);
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

static void make_endpoints(struct maker *m)
{
    bool has_ordered = maker_chance(m, 0.5), has_throttle = maker_chance(m, 0.3);
    for (int64_t n = 1; n <= m->endpoints; n++) {
        (void)fputs("endpoint", m->out);
        put_whole(m, "n", n);
        put_whole(m, "tenant", (n - 1) % m->tenants + 1);
        if (has_ordered && maker_chance(m, 0.5))
            (void)fputs(" ordered=1", m->out);
        if (has_throttle && maker_chance(m, 0.5))
            put_whole(m, "throttle", (int64_t)maker_log(m, 1, 50));
        (void)fputc('\n', m->out);
    }
}

/* --- what clients do ------------------------------------------------------------------------------------ */

/* How often beside each other; a seed leaves out a third of them, but always publishes. */
static const struct {
    enum plan_word word;
    int weight;
    const char *
        fields; /* n: a number of its own, t: a tenant, e: an endpoint, o: an earlier publishing line, b: bytes,
                           k: a key, c: a count, l: a limit, s: since, d: a description */
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
        case 'n': put_whole(m, "n", ++m->published); break;
        case 't': put_whole(m, "tenant", maker_between(m, 1, m->tenants)); break;
        case 'e': put_whole(m, "endpoint", maker_between(m, 1, m->endpoints)); break;
        case 'o': put_whole(m, "op", earlier); break;
        case 'b': put_whole(m, "bytes", (int64_t)maker_log(m, 1, 20000)); break;
        case 'c': put_whole(m, "count", maker_between(m, 1, 20)); break;
        case 'l': put_whole(m, "limit", maker_between(m, 1, 50)); break;
        case 's': (void)fputs(" since=60s", m->out); break;
        case 'd': (void)fprintf(m->out, " text=d%" PRId64, maker_between(m, 0, 99999)); break;
        default:
            if (maker_chance(m, 0.7))
                put_whole(m, "key", m->published);
            break;
        }
    }
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
        (void)fprintf(m->out, "at=%.3fs %s", at_s, plan_word_name(ops[op].word));
        put_whole(m, "client", maker_between(m, 1, m->clients));
        make_op_fields(m, ops[op].fields);
        (void)fputc('\n', m->out);
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
static const int statuses[] = { 500, 503, 503, 404, 429, 301, 400, 410 };

static void make_fault_fields(struct maker *m, size_t kind)
{
    for (const char *field = faults[kind].fields; *field != 0; field++)
        switch (*field) {
        case 'e': put_whole(m, "endpoint", maker_between(m, 1, m->endpoints)); break;
        case 's': put_whole(m, "status", statuses[maker_next(m) % 8]); break;
        case 'a':
            if (maker_chance(m, 0.3))
                (void)fprintf(m->out, " retry_after=%" PRId64 "s", maker_between(m, 1, 5));
            break;
        case 'p': (void)fputs(paths[maker_next(m) % 4], m->out); break;
        case 'r': (void)fprintf(m->out, " rate=%.4f", maker_log(m, 0.002, 1)); break;
        case 'f': (void)fprintf(m->out, " for=%.3fs", maker_log(m, 0.1, m->safety_s / 3)); break;
        default:
            (void)fprintf(m->out, " by=%s%.4fs", *field == 'c' && maker_chance(m, 0.5) ? "-" : "",
                          maker_log(m, faults[kind].by_min, faults[kind].by_max));
            break;
        }
}

static void make_faults(struct maker *m)
{
    for (size_t kind = 0; kind < sizeof faults / sizeof *faults; kind++) {
        bool is_on = maker_chance(m, 0.25);
        for (int64_t left = is_on ? maker_between(m, 1, 4) : 0; left > 0; left--) {
            (void)fprintf(m->out, "at=%.3fs %s", maker_real(m) * m->safety_s * 0.8,
                          plan_word_name(faults[kind].word));
            make_fault_fields(m, kind);
            (void)fputc('\n', m->out);
        }
    }
}

static void make_lives(struct maker *m)
{
    static const enum plan_word ends[] = { PLAN_LIFE_KILL, PLAN_LIFE_KILL, PLAN_LIFE_CUT,
                                           PLAN_LIFE_STOP };
    for (int64_t left = m->lives - 1; left > 0; left--)
        (void)fprintf(m->out, "at=%.3fs %s\n", 1 + maker_real(m) * (m->safety_s - 2),
                      plan_word_name(ends[maker_next(m) % 4]));
    if (maker_chance(m, 0.2))
        (void)fprintf(m->out, "at=%.3fs life.reload\n", 1 + maker_real(m) * (m->safety_s - 2));
}

/* --- brokers ------------------------------------------------------------------------------------------ */

/* Lines that are drawn from a stream of their own: the rest of a seed's plan is the same with and without them. */
static struct maker maker_apart(const struct maker *m, uint64_t stream)
{
    struct maker apart = *m;
    apart.state = m->seed ^ stream * 0xd1342543de82ef95U;
    return apart;
}

static const struct peer_fault {
    enum plan_word word;
    const char *fields; /* r: a rate, f: for, b: by, s: a status */
    double by_max;
} broker_faults[] = {
    { PLAN_BROKER_SLOW, "brf", 10 },     { PLAN_BROKER_NACK, "rf", 0 },
    { PLAN_BROKER_UNROUTABLE, "rf", 0 }, { PLAN_BROKER_LIE, "rf", 0 },
    { PLAN_BROKER_SILENT, "rf", 0 },     { PLAN_BROKER_DEAF, "f", 0 },
    { PLAN_BROKER_REFUSE, "rf", 0 },     { PLAN_BROKER_CUT, "rf", 0 },
    { PLAN_BROKER_BABBLE, "rf", 0 },     { PLAN_BROKER_BLOCK, "f", 0 },
    { PLAN_BROKER_RESTART, "f", 0 },
};

static void make_peer_faults(struct maker *m, const struct peer_fault *kinds, size_t count,
                             const char *peer, int64_t peers)
{
    for (const struct peer_fault *k = kinds; k < kinds + count; k++) {
        bool is_on = maker_chance(m, 0.35);
        for (int64_t left = is_on ? maker_between(m, 1, 3) : 0; left > 0; left--) {
            (void)fprintf(m->out, "at=%.3fs %s", maker_real(m) * m->safety_s * 0.8,
                          plan_word_name(k->word));
            put_whole(m, peer, maker_between(m, 1, peers));
            if (strchr(k->fields, 'b') != NULL)
                (void)fprintf(m->out, " by=%.4fs", maker_log(m, 0.01, k->by_max));
            if (strchr(k->fields, 's') != NULL)
                put_whole(m, "status", statuses[maker_next(m) % 8]);
            if (strchr(k->fields, 'r') != NULL)
                (void)fprintf(m->out, " rate=%.4f", maker_log(m, 0.03, 1));
            (void)fprintf(m->out, " for=%.3fs\n", maker_log(m, 1, m->safety_s / 2));
        }
    }
}

static void make_broker_endpoint(struct maker *m, int64_t n, int64_t brokers)
{
    (void)fputs("endpoint", m->out);
    put_whole(m, "n", n);
    put_whole(m, "tenant", maker_between(m, 1, m->tenants));
    put_whole(m, "broker", maker_between(m, 1, brokers));
    put_whole(m, "exchange", maker_between(m, 0, 2));
    if (maker_chance(m, 0.3))
        (void)fputs(" ordered=1", m->out);
    if (maker_chance(m, 0.5))
        (void)fputs(" mandatory=1", m->out);
    if (maker_chance(m, 0.5))
        (void)fputs(" declare=1", m->out);
    if (maker_chance(m, 0.2))
        put_whole(m, "throttle", (int64_t)maker_log(m, 1, 50));
    (void)fputc('\n', m->out);
}

/* What is done to their endpoints, while the other clients publish. */
static void make_broker_ops(struct maker *m, int64_t first, int64_t last)
{
    static const enum plan_word words[] = { PLAN_OP_RESEND, PLAN_OP_RESEND, PLAN_OP_RECOVER,
                                            PLAN_OP_READ,   PLAN_OP_READ,   PLAN_OP_DISABLE,
                                            PLAN_OP_ENABLE, PLAN_OP_DELETE };
    for (int64_t left = maker_between(m, 0, 12); left > 0; left--) {
        enum plan_word word = words[maker_next(m) % (sizeof words / sizeof *words)];
        (void)fprintf(m->out, "at=%.3fs %s", 0.5 + maker_real(m) * (m->safety_s - 1),
                      plan_word_name(word));
        put_whole(m, "client", maker_between(m, 1, m->clients));
        put_whole(m, "endpoint", maker_between(m, first, last));
        if (word == PLAN_OP_RESEND)
            put_whole(m, "op", maker_between(m, 1, m->published));
        (void)fputs(word == PLAN_OP_RECOVER ? " since=60s\n" : "\n", m->out);
    }
}

static void make_brokers(const struct maker *all)
{
    static const char *const links[] = { "1", "2", "64", "64" };
    static const char *const idle[] = { "1s", "3s", "10s", "60s" };
    static const char *const connect[] = { "500ms", "1s", "5s", "5s" };
    struct maker m = maker_apart(all, 1);
    if (!maker_chance(&m, 0.3))
        return;
    int64_t brokers = maker_between(&m, 1, 3), endpoints = maker_between(&m, 1, 6);
    (void)fprintf(m.out, "option amqp.connections_max=%s\n", links[maker_next(&m) % 4]);
    (void)fprintf(m.out, "option amqp.idle_timeout=%s\n", idle[maker_next(&m) % 4]);
    (void)fprintf(m.out, "option deliver.connect_timeout=%s\n", connect[maker_next(&m) % 4]);
    for (int64_t i = 1; i <= endpoints; i++)
        make_broker_endpoint(&m, m.endpoints + i, brokers);
    make_broker_ops(&m, m.endpoints + 1, m.endpoints + endpoints);
    make_peer_faults(&m, broker_faults, sizeof broker_faults / sizeof *broker_faults, "broker",
                     brokers);
}

/* --- webfilters --------------------------------------------------------------------------------------- */

static const struct peer_fault processor_faults[] = {
    { PLAN_PROCESSOR_SLOW, "brf", 5 },   { PLAN_PROCESSOR_SILENT, "rf", 0 },
    { PLAN_PROCESSOR_STATUS, "srf", 0 }, { PLAN_PROCESSOR_STOP, "rf", 0 },
    { PLAN_PROCESSOR_GARBAGE, "rf", 0 }, { PLAN_PROCESSOR_LIE, "rf", 0 },
    { PLAN_PROCESSOR_CUT, "rf", 0 },
};

static void make_filter(struct maker *m, int64_t n)
{
    static const char *const modes[] = { "original", "chained",  "chained",
                                         "parallel", "parallel", "shadow" };
    static const char *const timeouts[] = { "300ms", "800ms", "2s", "5s" };
    (void)fputs("filter", m->out);
    put_whole(m, "n", n);
    put_whole(m, "tenant", maker_between(m, 1, m->tenants));
    (void)fprintf(m->out, " mode=%s timeout=%s", modes[maker_next(m) % 6],
                  timeouts[maker_next(m) % 4]);
    if (maker_chance(m, 0.2))
        (void)fputs(" closed=1", m->out);
    put_whole(m, "halt", maker_chance(m, 0.5) ? maker_between(m, 1, 7) : 0);
    put_whole(m, "breaker", maker_chance(m, 0.5) ? maker_between(m, 1, 5) : 0);
    (void)fputc('\n', m->out);
}

static void make_chains(const struct maker *all)
{
    static const char *const deadlines[] = { "500ms", "1s", "2s", "4s" }, *const keeps[] = {
        "none", "headers", "all"
    };
    struct maker m = maker_apart(all, 2);
    if (!maker_chance(&m, 0.3))
        return;
    int64_t filters = maker_between(&m, 1, 8);
    for (int64_t n = 1; n <= filters; n++)
        make_filter(&m, n);
    for (int64_t tenant = 1; tenant <= m.tenants; tenant++)
        (void)fprintf(m.out, "chain tenant=%" PRId64 " deadline=%s keep=%s\n", tenant,
                      deadlines[maker_next(&m) % 4], keeps[maker_next(&m) % 3]);
    int64_t count = (int64_t)maker_log(&m, 5, 100);
    for (int64_t n = 1; n <= count; n++) {
        (void)fprintf(m.out, "at=%.3fs op.ask", 0.5 + maker_real(&m) * (m.safety_s - 1));
        put_whole(&m, "n", n);
        put_whole(&m, "client", maker_between(&m, 1, m.clients));
        put_whole(&m, "tenant", maker_between(&m, 1, m.tenants));
        (void)fputc('\n', m.out);
    }
    make_peer_faults(&m, processor_faults, sizeof processor_faults / sizeof *processor_faults,
                     "filter", filters);
}

/* --- sites ------------------------------------------------------------------------------------------- */

static const struct peer_fault site_faults[] = {
    { PLAN_SITE_SLOW, "brf", 8 },   { PLAN_SITE_SILENT, "rf", 0 }, { PLAN_SITE_STATUS, "srf", 0 },
    { PLAN_SITE_GARBAGE, "rf", 0 }, { PLAN_SITE_LIE, "rf", 0 },    { PLAN_SITE_CUT, "rf", 0 },
};

static void make_sites(const struct maker *all)
{
    enum { SITES = 2, USERS = 6 };
    static const char *const keeps[] = { "0s", "1s", "5s", "60s" }, *const timeouts[] = {
        "300ms", "1s", "2s", "5s"
    };
    struct maker m = maker_apart(all, 3);
    if (!maker_chance(&m, 0.2))
        return;
    for (int64_t n = 1; n <= SITES; n++)
        (void)fprintf(m.out, "site n=%" PRId64 " keep=%s timeout=%s\n", n,
                      keeps[maker_next(&m) % 4], timeouts[maker_next(&m) % 4]);
    for (int64_t left = (int64_t)maker_log(&m, 5, 80); left > 0; left--) {
        (void)fprintf(m.out, "at=%.3fs op.enter", 0.5 + maker_real(&m) * (m.safety_s - 1));
        put_whole(&m, "client", maker_between(&m, 1, m.clients));
        put_whole(&m, "site", maker_between(&m, 1, SITES));
        put_whole(&m, "user", maker_between(&m, 1, USERS));
        (void)fputs(maker_chance(&m, 0.3) ? " make=1\n" : "\n", m.out);
    }
    make_peer_faults(&m, site_faults, sizeof site_faults / sizeof *site_faults, "site", SITES);
}

/* The last that is drawn: the rest of a run is the same with and without it. */
static void make_steady(struct maker *m)
{
    if (!maker_chance(m, 0.25))
        return;
    (void)fputs("steady messages=150", m->out);
    put_whole(m, "tenant", maker_between(m, 1, m->tenants));
    (void)fputc('\n', m->out);
}

char *plan_make(uint64_t seed)
{
    char *text = NULL;
    size_t len = 0;
    struct maker m = { .seed = seed, .state = seed, .out = open_memstream(&text, &len) };
    if (m.out == NULL)
        return NULL;
    m.tenants = maker_between(&m, 1, 3);
    m.clients = maker_between(&m, 2, 6);
    m.endpoints = (int64_t)maker_log(&m, 1, 40);
    m.lives = maker_between(&m, 1, 4);
    m.safety_s = floor(maker_log(&m, 10, 120));
    (void)fputs("run", m.out);
    put_whole(&m, "seed", (int64_t)(seed & INT64_MAX));
    put_whole(&m, "tenants", m.tenants);
    put_whole(&m, "clients", m.clients);
    put_whole(&m, "lives", m.lives);
    (void)fprintf(m.out, " safety=%.0fs\n", m.safety_s);
    make_options(&m);
    make_endpoints(&m);
    make_ops(&m);
    make_faults(&m);
    make_lives(&m);
    make_steady(&m);
    make_brokers(&m);
    make_chains(&m);
    make_sites(&m);
    if (fclose(m.out) == 0)
        return text;
    free(text);
    return NULL;
}
