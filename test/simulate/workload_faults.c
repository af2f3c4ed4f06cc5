/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan's faults, as those of sim.h, and the ends of lives.
 */
#include "workload.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct sim_link well = { .latency_us = 200, .segment_max = 1460 };

/* --- faults ------------------------------------------------------------------------------------------------- */

static const struct {
    enum plan_word word;
    enum sim_fault_kind kind;
    unsigned calls;
    int error;
} faults[] = {
    { PLAN_DISK_FULL, SIM_DISK_FAILS, SIM_WRITES | SIM_TRUNCATES, ENOSPC },
    { PLAN_DISK_ERROR, SIM_DISK_FAILS, SIM_READS | SIM_WRITES, EIO },
    { PLAN_DISK_SYNC, SIM_DISK_FAILS, SIM_SYNCS, EIO },
    { PLAN_DISK_SLOW, SIM_DISK_SLOW, SIM_SYNCS, 0 },
    { PLAN_DISK_OPEN, SIM_DISK_FAILS, SIM_OPENS, EMFILE },
    { PLAN_NET_REFUSE, SIM_CONNECT_FAILS, 0, 0 },
    { PLAN_NET_RESET, SIM_RESETS, 0, 0 },
    { PLAN_FD_OUT, SIM_NO_FDS, 0, 0 },
    { PLAN_THREAD_OUT, SIM_NO_THREADS, 0, 0 },
    { PLAN_MEMORY_OUT, SIM_NO_MEMORY, 0, 0 },
    { PLAN_CLOCK_STEP, SIM_CLOCK_STEPS, 0, 0 },
    { PLAN_CLOCK_DRIFT, SIM_CLOCK_DRIFTS, 0, 0 },
    { PLAN_THREADS_RACE, SIM_PREEMPTS, 0, 0 },
};

/* A rate becomes "one call in so many"; it lasts what is left of its time. */
static bool fault_begin(const struct plan_line *l)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (faults[i].word != l->word)
            continue;
        double rate = plan_real(l, "rate", 1);
        struct sim_fault f = { .kind = faults[i].kind,
                               .for_us = plan_us(l, "for", 0),
                               .once_in = rate > 0 ? (uint64_t)llround(1 / rate) : 1,
                               .calls = faults[i].calls,
                               .error = faults[i].error,
                               .amount = plan_us(l, "by", 0) };
        (void)snprintf(f.path, sizeof f.path, "%s", plan_text(l, "path", ""));
        sim_fault(&f);
        return true;
    }
    return false;
}

/* How many lines of that word hold now: the network's weather has no end of its own in sim.h. */
static bool word_holds(enum plan_word word, int64_t *by_us)
{
    bool holds = false;
    for (size_t i = 0; i < workload_plan.count; i++) {
        const struct plan_line *l = &workload_plan.lines[i];
        if (l->word != word || l->at_us > sim_now_us() ||
            l->at_us + plan_us(l, "for", 0) <= sim_now_us())
            continue;
        holds = true;
        *by_us += plan_us(l, "by", 0);
    }
    return holds;
}

static void set_link(void)
{
    struct sim_link link = well;
    int64_t by_us = 0;
    if (word_holds(PLAN_NET_SLOW, &by_us))
        link.latency_us += by_us;
    if (word_holds(PLAN_NET_CHOP, &by_us))
        link.segment_max = 7;
    sim_link_default(&link);
}

static void end_silence(void *arg)
{
    const struct plan_line *l = arg;
    char address[32];
    sim_sleep(l->at_us + plan_us(l, "for", 0) - sim_now_us());
    set_link();
    if (l->word == PLAN_NET_SILENT)
        sim_reach(workload_address((int)plan_int(l, "endpoint", 1), address), SIM_REACHED);
}

static void network_begin(struct plan_line *l)
{
    char address[32];
    set_link();
    if (l->word == PLAN_NET_SILENT)
        sim_reach(workload_address((int)plan_int(l, "endpoint", 1), address), SIM_SILENT);
    sim_spawn("weather", end_silence, l);
}

/* --- ends of lives -------------------------------------------------------------------------------------------- */

static void life_end(const struct plan_line *l)
{
    if (l->word == PLAN_LIFE_KILL)
        sim_end_life(SIM_KILL, SIM_SECOND);
    if (l->word == PLAN_LIFE_CUT)
        sim_end_life(SIM_POWER_CUT, 5 * SIM_SECOND);
    if (l->word == PLAN_LIFE_RELOAD) {
        sim_signal(SIGHUP);
        return;
    }
    sim_stop(SIM_SECOND);
    sim_sleep(SIM_HOUR); /* the life ends before that */
}

/* --- the plan ------------------------------------------------------------------------------------------------- */

static bool line_is_trouble(const struct plan_line *l)
{
    return plan_is_fault(l->word) || l->word == PLAN_LIFE_STOP || l->word == PLAN_LIFE_RELOAD ||
           (l->word >= PLAN_RECEIVER_STATUS && l->word <= PLAN_SITE_CUT);
}

static void note_trouble(const struct plan_line *l)
{
    struct model_fault f = { .begin_us = sim_now_us(),
                             .end_us = sim_now_us() + plan_us(l, "for", 0) };
    if (l->word == PLAN_CLOCK_STEP) /* it stays as it is */
        f.end_us = MODEL_NEVER;
    (void)snprintf(f.word, sizeof f.word, "%s", plan_word_name(l->word));
    (void)model_fault(&workload->model, &f);
}

static bool is_broker_weather(const struct plan_line *l)
{
    return l->word == PLAN_BROKER_BLOCK || l->word == PLAN_BROKER_RESTART;
}

/* What a new life finds begun: the network's weather, which is the world's own. */
static void resume_weather(void)
{
    for (size_t i = 0; i < workload->fault_at; i++) {
        struct plan_line *l = &workload_plan.lines[i];
        bool lasts = l->at_us + plan_us(l, "for", 0) > sim_now_us();
        if (lasts &&
            (l->word == PLAN_NET_SILENT || l->word == PLAN_NET_SLOW || l->word == PLAN_NET_CHOP))
            network_begin(l);
        if (lasts && is_broker_weather(l))
            workload_broker_weather(l);
    }
}

void workload_play_faults(void)
{
    size_t *at = &workload->fault_at;
    resume_weather();
    while (*at < workload_plan.count) {
        struct plan_line *l = &workload_plan.lines[(*at)++];
        if (!line_is_trouble(l))
            continue;
        if (l->at_us > sim_now_us())
            sim_sleep(l->at_us - sim_now_us());
        note_trouble(l);
        if (l->word >= PLAN_LIFE_KILL)
            life_end(l);
        else if (is_broker_weather(l))
            workload_broker_weather(l);
        else if (!fault_begin(l) && (l->word == PLAN_NET_SILENT || l->word == PLAN_NET_SLOW ||
                                     l->word == PLAN_NET_CHOP))
            network_begin(l);
    }
    if (sim_now_us() < workload->safety_us)
        sim_sleep(workload->safety_us - sim_now_us());
}

void workload_heal(void)
{
    char address[32];
    sim_heal();
    sim_link_default(&well);
    for (int n = 1; n <= MODEL_ENDPOINTS; n++)
        sim_reach(workload_address(n, address), SIM_REACHED);
    workload->model.quiet_us = sim_now_us();
    workload_heal_brokers();
    for (size_t i = 0; i < workload->model.fault_count; i++) {
        struct model_fault *f = &workload->model.faults[i];
        if (f->end_us != MODEL_NEVER && f->end_us > sim_now_us())
            f->end_us = sim_now_us();
    }
}
