/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans of long quiet lives: days in which little happens, and most of what does is done by timers. Retries go to the
 * end of their schedule, segments are closed by age and removed, keys are forgotten, connections and tokens run out, a
 * fault may last half a day. Time in which nothing happens is skipped, so that a day of this costs seconds.
 */
#include "plan_make_priv.h"

#include <inttypes.h>
#include <math.h>

static const double minute_s = 60, hour_s = 3600;

/* "": the server's own */
static const struct {
    const char *name;
    const char *values[4];
} options[] = {
    { "deliver.retry", { "", "5s,5m,30m,2h", "1m,1h,12h", "10m,10m,10m,10m,10m,10m" } },
    { "deliver.disable_after", { "", "", "12h", "48h" } },
    { "deliver.breaker_time_max", { "", "1m", "1h", "" } },
    { "store.segment_age", { "12m", "1h", "6h", "" } },
    { "store.segment_messages", { "5", "20", "100", "" } },
    { "store.retention", { "1h", "24h", "72h", "" } },
    { "store.idempotency", { "10m", "2h", "24h", "" } },
    { "server.loops", { "1", "2", "", "" } },
    { "amqp.idle_timeout", { "", "10s", "1h", "" } },
};

static void quiet_options(struct maker *m)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const char *value = options[i].values[maker_next(m) % 4];
        if (*value != 0)
            (void)fprintf(m->out, "option %s=%s\n", options[i].name, value);
    }
}

/* What is asked comes in some bursts, hours from each other. */
static void quiet_ops(struct maker *m)
{
    static const struct {
        enum plan_word word;
        const char *fields;
    } ops[] = {
        { PLAN_OP_PUBLISH, "ntbk" }, { PLAN_OP_PUBLISH, "ntbk" }, { PLAN_OP_PUBLISH, "ntbk" },
        { PLAN_OP_BATCH, "ntcb" },   { PLAN_OP_REPEAT, "o" },     { PLAN_OP_REPEAT, "o" },
        { PLAN_OP_GET, "o" },        { PLAN_OP_LIST, "tl" },      { PLAN_OP_EXPUNGE, "o" },
        { PLAN_OP_RECOVER, "es" },   { PLAN_OP_READ, "e" },       { PLAN_OP_FOREIGN, "to" },
        { PLAN_OP_ENABLE, "e" },     { PLAN_OP_DESCRIBE, "ed" },
    };
    int64_t bursts = (int64_t)maker_log(m, 3, 40);
    for (; bursts > 0; bursts--) {
        double at_s = minute_s + maker_real(m) * (m->safety_s - 2 * minute_s);
        double span_s = maker_log(m, 0.1, minute_s);
        for (int64_t left = (int64_t)maker_log(m, 1, 30); left > 0; left--) {
            size_t op = maker_next(m) % (sizeof ops / sizeof *ops);
            maker_put_op(m, ops[op].word, at_s + maker_real(m) * span_s, ops[op].fields);
        }
    }
}

static void make_quiet(struct maker *m, uint64_t seed)
{
    m->state ^= UINT64_C(0x9FB21C651E98DF25);
    m->tenants = maker_between(m, 1, 2);
    m->clients = maker_between(m, 1, 3);
    m->endpoints = (int64_t)maker_log(m, 1, 8);
    m->lives = maker_between(m, 1, 5);
    m->safety_s = floor(maker_log(m, 6 * hour_s, 240 * hour_s));
    m->fault_most_s = 12 * hour_s;
    maker_put_run(m, seed);
    quiet_options(m);
    maker_put_endpoints(m);
    quiet_ops(m);
    maker_put_faults(m, 0.15);
    maker_put_lives(m);
}

char *plan_make_quiet(uint64_t seed)
{
    return maker_text(seed, make_quiet);
}
