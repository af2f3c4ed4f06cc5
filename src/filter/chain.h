/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a chain: the filters of one event are asked over HTTP, in order, and their answers merged
 * by filter/rules.h. Everything happens on one loop, with its client; no thread waits. A run belongs
 * to its loop's thread from start to its end.
 *
 * A run answers within its deadline whatever the processors do: each request's own deadline is the
 * filter's timeout or what is left of the chain's, whichever is shorter, and filters that it leaves no
 * time for count as not answering. Breakers and cached answers are shared by the loops.
 *
 * What the caller hands in is copied or referenced. answered() comes once, when the verdict is known
 * (maybe before filter_run_start() returns); then the run goes on by itself: shadow filters finish,
 * and the run is recorded on a worker. Requests are signed as deliveries are (webhook-id is the run's
 * id).
 */
#pragma once

#include "base/base.h"
#include "fetch/fetch.h"
#include "filter/rules.h"
#include "filter/set.h"
#include "store/filter_run.h"
#include "work/work.h"

struct filter_engine;

enum {
    FILTER_ANSWER_MAX =
        1024 * 1024,                /* bytes of a processor's answer; a longer one counts as none */
    FILTER_RUNS_MAX = 4096,         /* under way, per loop */
    FILTER_CACHED_MAX = 2048,       /* answers kept */
    FILTER_CACHED_BYTES = 64 * 1024 /* of one kept answer */
};

struct filter_engine_options {
    struct store *store; /* NULL: runs are not recorded (tests) */
    struct id_source *ids;
    const struct clock *clock;
    struct work_pool *pool; /* for recording; NULL: runs are not recorded */
    struct loop **loops;
    struct fetch **fetches; /* one per loop */
    size_t loop_count;
    const char *user_agent;
    int64_t connect_us;
};
struct filter_engine *filter_engine_new(const struct filter_engine_options *o);
/* Any thread, while the loops run: cancels what is under way and records nothing from now on;
 * done(arg) on each loop's thread, loop_count times. */
void filter_engine_stop(struct filter_engine *e, loop_fn done, void *arg);
void filter_engine_free(struct filter_engine *e); /* nothing under way; NULL is fine */

enum filter_part_state { FILTER_PART_IDLE, FILTER_PART_ASKED, FILTER_PART_DONE };

/* One filter's part in a run. */
struct filter_part {
    const struct filter_spec *spec;
    struct filter_run *run;
    enum filter_part_state state;
    enum filter_effect effect; /* once judged; NONE for those that were not reached, and shadows */
    bool is_judged;
    bool was_sent;    /* a request went out */
    bool was_cached;  /* the answer came from memory */
    bool is_canceled; /* another filter halted first */
    const char *
        error; /* "", or a word: a fetch error's name, "deadline", "breaker", "key", "url", "too_large" */
    struct filter_answer answer;
    int64_t started_us; /* since the run's start */
    int64_t took_us;
    json_t *input;   /* the data it was asked about */
    struct str sent; /* the body that went out; ptr NULL: none */
    uint8_t cache_key[32];
    bool was_probe;
    void (*done)(struct filter_part *part); /* the engine's */
    struct buf head, body;
    struct fetch_call call;
};

struct filter_run {
    struct filter_engine *engine;
    struct filter_set *set;
    struct filter_chain_spec chain;
    struct id id;
    char id_text[ID_TEXT_MAX + 1];
    json_t *data, *metadata;
    int64_t began_us;   /* monotonic */
    int64_t started_us; /* wall clock */
    int64_t took_us;    /* until the verdict */
    struct filter_verdict verdict;
    struct filter_part *parts;
    size_t part_count;
    bool is_decided;
    bool keeps_record, is_trial;
    void *arg; /* the caller's */
    struct arena arena;
    /* the engine's */
    void (*answered)(struct filter_run *run);
    struct filter_runner *_runner;
    struct filter_run *_before, *_after;
    size_t _at, _asked;
    bool _is_settling;
    struct loop_task _task;
    struct work_job _job;
};

struct filter_run_input {
    struct filter_set *set;         /* a reference is taken */
    struct filter_chain_spec chain; /* of that set, or of its lifetime */
    const json_t *data;             /* object; copied */
    const json_t *metadata;         /* sent as event_metadata; NULL: made here */
    bool keeps_record;
    bool is_trial;                            /* no breaker, no cached answers */
    void (*answered)(struct filter_run *run); /* borrowed for the call */
    void *arg;
};
/* The loop's thread. RC_BUSY: too many under way, or stopping; nothing was started. */
MUST_USE enum rc filter_run_start(struct filter_engine *e, struct loop *loop,
                                  const struct filter_run_input *in);
/* Worker: the same on one of the loops, waiting for the verdict; answered() is called on that loop,
 * and must copy what of the run's JSON the worker is to have. */
MUST_USE enum rc filter_run_wait(struct filter_engine *e, const struct filter_run_input *in);

/* --- chain_record.c --------------------------------------------------------------------------------------- */
/* The run as it is kept: `summary` and `detail` as JSON objects (new references), by what the chain
 * keeps. Any thread, once nothing of the run is under way. */
void filter_record_make(const struct filter_run *run, json_t **summary, json_t **detail);
/* {"id","mode","effect",...}: one filter's part, without data. A new reference. */
json_t *filter_record_part(const struct filter_part *part);
/* What `to` has other than `from`: [{"op","path","from","to"}], values only if `with_values`. */
json_t *filter_record_diff(const json_t *from, const json_t *to, bool with_values);
/* A copy with what the pointers name replaced by "[redacted]". */
json_t *filter_record_redact(const json_t *value, const struct str *pointers, size_t count);
/* Whether `now` is what was kept as `kept`; what was replaced there may be anything. */
bool filter_record_fits(const json_t *kept, const json_t *now);
