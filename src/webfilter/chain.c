/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs. A run is settled from the front: the part at `_at` is asked (with its parallel neighbours)
 * or judged, and the next one looked at, until a rule halts or there are no more. Answers that come
 * early, from parallel filters further on, wait for their turn, so the verdict does not depend on
 * who is quick.
 */
#include "webfilter/chain_priv.h"

#include <stdio.h>
#include <time.h>

#include "metrics/metrics.h"
#include "work/wait.h"

enum { US_PER_S = 1000000, LOCAL_TIME_MAX = 40 };

/* --- the end of a run ------------------------------------------------------------------------------------ */

static void free_run(struct webfilter_run *run)
{
    for (size_t i = 0; i < run->part_count; i++)
        webfilter_part_fini(&run->parts[i]);
    webfilter_verdict_fini(&run->verdict);
    json_decref(run->data);
    json_decref(run->metadata);
    webfilter_set_unref(run->set);
    arena_fini(&run->arena);
    xfree(run);
}

static void chain_record(void *arg)
{
    struct webfilter_run *run = arg;
    webfilter_record_keep(run);
    free_run(run);
}

/* At the end of the turn, when no callback stands on the run any more. */
static void chain_leave(void *arg)
{
    struct webfilter_run *run = arg;
    struct webfilter_runner *r = run->_runner;
    bool is_kept = run->keeps_record && !r->is_stopping && r->engine->o.pool != NULL;
    *(run->_before != NULL ? &run->_before->_after : &r->first) = run->_after;
    if (run->_after != NULL)
        run->_after->_before = run->_before;
    r->running--;
    metrics_add(METRIC_FILTER_IN_FLIGHT, -1);
    run->_job = (struct work_job){ .fn = chain_record, .arg = run };
    if (is_kept && work_submit(r->engine->o.pool, &run->_job) == RC_OK)
        return;
    if (is_kept) {
        metrics_add(METRIC_FILTER_RUNS_LOST, 1);
        LOG(FILTER_RUN_LOST, F_TEXT("run", run->id_text), F_TEXT("why", "workers"));
    }
    free_run(run);
}

static void leave_if_over(struct webfilter_run *run)
{
    if (!run->is_decided || run->_asked > 0 || run->_task.fn != NULL)
        return;
    run->_task = (struct loop_task){ .fn = chain_leave, .arg = run };
    loop_defer(run->_runner->loop, &run->_task);
}

static void chain_decide(struct webfilter_run *run)
{
    run->is_decided = true;
    run->took_us = clock_mono_us(run->engine->o.clock) - run->began_us;
    metrics_add(METRIC_FILTER_RUNS, 1);
    if (webfilter_verdict_halt(&run->verdict).halt)
        metrics_add(METRIC_FILTER_HALTS, 1);
    metrics_observe(METRIC_FILTER_TIME, run->took_us);
    for (size_t i = run->_at; i < run->part_count; i++) {
        struct webfilter_part *part = &run->parts[i];
        if (part->spec->mode == WEBFILTER_SHADOW || part->state != WEBFILTER_PART_ASKED)
            continue;
        part->is_canceled = true;
        fetch_cancel(run->_runner->fetch, &part->call);
    }
    run->answered(run);
}

/* --- going on -------------------------------------------------------------------------------------------- */

static void chain_settle(struct webfilter_run *run);

static void part_done(struct webfilter_part *part)
{
    struct webfilter_run *run = part->run;
    run->_asked--;
    chain_settle(run);
    leave_if_over(run);
}

static void chain_ask(struct webfilter_run *run, struct webfilter_part *part)
{
    bool sees_changes = part->spec->mode == WEBFILTER_CHAINED;
    part->input = sees_changes ? webfilter_rules_overlay(run->data, run->verdict.data)
                               : json_incref(run->data);
    run->_asked++;
    webfilter_part_ask(part, part_done);
    if (!part->was_sent)
        run->_asked--;
}

/* The part, and when it is parallel those after it up to the next that is not. */
static void ask_group(struct webfilter_run *run, size_t first)
{
    enum webfilter_mode mode = run->parts[first].spec->mode;
    chain_ask(run, &run->parts[first]);
    for (size_t i = first + 1; mode == WEBFILTER_PARALLEL && i < run->part_count; i++) {
        enum webfilter_mode next = run->parts[i].spec->mode;
        if (next == WEBFILTER_PARALLEL)
            chain_ask(run, &run->parts[i]);
        else if (next != WEBFILTER_SHADOW)
            return;
    }
}

static void chain_judge(struct webfilter_run *run, struct webfilter_part *part)
{
    part->effect =
        webfilter_rules_apply(&part->spec->rules, &part->answer, &run->arena, &run->verdict);
    part->is_judged = true;
}

static void chain_settle(struct webfilter_run *run)
{
    if (run->_is_settling || run->is_decided)
        return;
    run->_is_settling = true;
    while (run->_at < run->part_count && !run->verdict.halted) {
        struct webfilter_part *part = &run->parts[run->_at];
        if (part->spec->mode != WEBFILTER_SHADOW) {
            if (part->state == WEBFILTER_PART_IDLE)
                ask_group(run, run->_at);
            if (part->state == WEBFILTER_PART_ASKED)
                break;
            chain_judge(run, part);
        }
        run->_at++;
    }
    run->_is_settling = false;
    if (run->_at == run->part_count || run->verdict.halted)
        chain_decide(run);
}

/* --- the start of a run ----------------------------------------------------------------------------------- */

/* {"event_type": ..., "time": "2026-01-02 03:04:05.678901"}, in local time. */
static json_t *make_metadata(const struct webfilter_run *run)
{
    char text[LOCAL_TIME_MAX];
    time_t seconds = (time_t)(run->started_us / US_PER_S);
    struct tm local;
    (void)localtime_r(&seconds, &local);
    (void)snprintf(text, sizeof(text), "%04d-%02d-%02d %02d:%02d:%02d.%06d", local.tm_year + 1900,
                   local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
                   (int)(run->started_us % US_PER_S));
    json_t *metadata = json_object();
    json_object_set_new(metadata, "event_type",
                        json_stringn(run->chain.event.ptr, run->chain.event.len));
    json_object_set_new(metadata, "time", json_string(text));
    return metadata;
}

static struct webfilter_run *make_run(struct webfilter_runner *r,
                                      const struct webfilter_run_input *in)
{
    struct webfilter_engine *e = r->engine;
    struct webfilter_run *run = XNEW(struct webfilter_run);
    arena_init(&run->arena);
    run->engine = e;
    run->_runner = r;
    run->set = webfilter_set_ref(in->set);
    run->chain = in->chain;
    run->chain.event = arena_str(&run->arena, in->chain.event);
    run->id = id_new(e->o.ids);
    (void)id_format(STR("frun_"), &run->id, run->id_text);
    /* A copy: the run may end on a worker, and reference counts must not be shared between threads. */
    run->data = json_deep_copy(in->data);
    run->began_us = loop_now_us(r->loop);
    run->started_us = clock_wall_us(e->o.clock);
    run->metadata = in->metadata == NULL ? make_metadata(run) : json_deep_copy(in->metadata);
    run->refusal = in->refusal;
    run->refusal.words = arena_str(&run->arena, in->refusal.words);
    run->keeps_record = in->keeps_record && run->chain.keep != WEBFILTER_KEEP_NONE;
    run->is_trial = in->is_trial;
    run->answered = in->answered;
    run->arg = in->arg;
    webfilter_verdict_init(&run->verdict);
    const struct webfilter_spec *specs =
        webfilter_set_event(run->set, run->chain.event, &run->part_count);
    run->parts = arena_array(&run->arena, run->part_count + 1, sizeof(*run->parts));
    for (size_t i = 0; i < run->part_count; i++)
        webfilter_part_init(&run->parts[i], run, &specs[i]);
    return run;
}

static struct webfilter_runner *runner_of(struct webfilter_engine *e, const struct loop *loop)
{
    size_t i = 0;
    while (e->runners[i].loop != loop) {
        i++;
        MUST(i < e->o.loop_count);
    }
    return &e->runners[i];
}

enum rc webfilter_run_start(struct webfilter_engine *e, struct loop *loop,
                            const struct webfilter_run_input *in)
{
    struct webfilter_runner *r = runner_of(e, loop);
    bool waits = in->refusal.error == NULL;
    if (waits && (r->is_stopping || r->running >= WEBFILTER_RUNS_MAX))
        return RC_BUSY;
    struct webfilter_run *run = make_run(r, in);
    run->_after = r->first;
    if (r->first != NULL)
        r->first->_before = run;
    r->first = run;
    r->running++;
    metrics_add(METRIC_FILTER_IN_FLIGHT, 1);
    run->_is_settling =
        true; /* an answer that comes at once must not end the run before all are asked */
    for (size_t i = 0; i < run->part_count; i++)
        if (run->parts[i].spec->mode == WEBFILTER_SHADOW)
            chain_ask(run, &run->parts[i]);
    run->_is_settling = false;
    chain_settle(run);
    leave_if_over(run);
    return RC_OK;
}

/* --- from a worker ------------------------------------------------------------------------------------------ */

struct visit {
    struct webfilter_engine *engine;
    struct loop *loop;
    struct webfilter_run_input in;
    void (*answered)(struct webfilter_run *run);
    enum rc rc;
    struct loop_task task;
    struct work_wait wait;
};

static void visit_answered(struct webfilter_run *run)
{
    struct visit *v = run->arg;
    run->arg = v->in.arg;
    v->answered(run);
    run->arg = NULL; /* the worker and what it holds go on from here */
    work_wait_over(&v->wait);
}

static void visit_start(void *arg)
{
    struct visit *v = arg;
    struct webfilter_run_input in = v->in;
    in.answered = visit_answered;
    in.arg = v;
    enum rc rc = webfilter_run_start(v->engine, v->loop, &in);
    if (rc == RC_OK)
        return;
    v->rc = rc;
    work_wait_over(&v->wait);
}

enum rc webfilter_run_wait(struct webfilter_engine *e, const struct webfilter_run_input *in)
{
    size_t turn = atomic_fetch_add_explicit(&e->turn, 1, memory_order_relaxed);
    struct visit v = {
        .engine = e, .loop = e->o.loops[turn % e->o.loop_count], .in = *in, .answered = in->answered
    };
    thread_must_be(THREAD_WORKER);
    work_wait_init(&v.wait);
    v.task = (struct loop_task){ .fn = visit_start, .arg = &v };
    loop_post(v.loop, &v.task);
    work_wait(&v.wait);
    return v.rc;
}

/* --- the engine ---------------------------------------------------------------------------------------------- */

struct webfilter_engine *webfilter_engine_new(const struct webfilter_engine_options *o)
{
    struct webfilter_engine *e = XNEW(struct webfilter_engine);
    e->o = *o;
    e->o.loops = xmemdup(o->loops, o->loop_count * sizeof(*o->loops));
    e->runners = xcalloc(o->loop_count, sizeof(*e->runners));
    e->memory = webfilter_memory_new();
    for (size_t i = 0; i < o->loop_count; i++) {
        struct webfilter_runner *r = &e->runners[i];
        r->engine = e;
        r->loop = o->loops[i];
        r->fetch = o->fetches[i];
    }
    return e;
}

static void cancel_asked(struct webfilter_run *run)
{
    for (size_t i = 0; i < run->part_count; i++)
        if (run->parts[i].state == WEBFILTER_PART_ASKED)
            fetch_cancel(run->_runner->fetch, &run->parts[i].call);
}

/* Runs leave the list at the end of the turn, so it can be walked. */
static void stop_runner(void *arg)
{
    struct webfilter_runner *r = arg;
    r->is_stopping = true;
    for (struct webfilter_run *run = r->first; run != NULL; run = run->_after)
        cancel_asked(run);
    r->stopped(r->stopped_arg);
}

void webfilter_engine_stop(struct webfilter_engine *e, loop_fn done, void *arg)
{
    for (size_t i = 0; i < e->o.loop_count; i++) {
        struct webfilter_runner *r = &e->runners[i];
        r->stopped = done;
        r->stopped_arg = arg;
        r->stop_task = (struct loop_task){ .fn = stop_runner, .arg = r };
        loop_post(r->loop, &r->stop_task);
    }
}

void webfilter_engine_free(struct webfilter_engine *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->o.loop_count; i++)
        MUST(e->runners[i].running == 0);
    webfilter_memory_free(e->memory);
    xfree(e->runners);
    xfree(e->o.loops);
    xfree(e);
}
