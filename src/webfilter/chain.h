/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a chain: the filters of one event are asked over HTTP, in order, and their answers merged
 * by webfilter/rules.h. Everything happens on one loop, with its client; no thread waits. A run belongs
 * to its loop's thread from start to its end.
 *
 * A run answers within its deadline whatever the processors do: each request's own deadline is the
 * filter's timeout or what is left of the chain's, whichever is shorter, and filters that it leaves no
 * time for count as not answering. Breakers and cached answers are shared by the loops.
 *
 * What the caller hands in is copied or referenced. answered() comes once, when the verdict is known
 * (maybe before webfilter_run_start() returns); then the run goes on by itself: shadow filters finish,
 * and the run is recorded on a worker. Requests are signed as deliveries are (webhook-id is the run's
 * id).
 */
#pragma once

#include "base/base.h"
#include "fetch/fetch.h"
#include "webfilter/set.h"
#include "store/filter_run.h"
#include "webfilter/rules.h"
#include "work/work.h"

struct webfilter_engine;

enum {
    WEBFILTER_ANSWER_MAX =
        1024 * 1024,                /* bytes of a processor's answer; a longer one counts as none */
    WEBFILTER_RUNS_MAX = 4096,         /* under way, per loop */
    WEBFILTER_CACHED_MAX = 2048,       /* answers kept */
    WEBFILTER_CACHED_BYTES = 64 * 1024 /* of one kept answer */
};

struct webfilter_engine_options {
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
struct webfilter_engine *webfilter_engine_new(const struct webfilter_engine_options *o);
/* Any thread, while the loops run: cancels what is under way and records nothing from now on;
 * done(arg) on each loop's thread, loop_count times. */
void webfilter_engine_stop(struct webfilter_engine *e, loop_fn done, void *arg);
void webfilter_engine_free(struct webfilter_engine *e); /* nothing under way; NULL is fine */

enum webfilter_part_state { WEBFILTER_PART_IDLE, WEBFILTER_PART_ASKED, WEBFILTER_PART_DONE };

/* One filter's part in a run. */
struct webfilter_part {
    const struct webfilter_spec *spec;
    struct webfilter_run *run;
    enum webfilter_part_state state;
    enum webfilter_effect effect; /* once judged; NONE for those that were not reached, and shadows */
    bool is_judged;
    bool was_sent;    /* a request went out */
    bool was_cached;  /* the answer came from memory */
    bool is_canceled; /* another filter halted first */
    /* Its error is "", or a word: webfilter/rules.h's, a fetch error's name, "cut", "deadline", "breaker",
     * "key", "url", "too_large", or what kept the whole run from asking. */
    struct webfilter_answer answer;
    int64_t started_us; /* since the run's start */
    int64_t took_us;
    json_t *input;   /* the data it was asked about */
    struct str sent; /* the body that went out; ptr NULL: none */
    uint8_t cache_key[32];
    bool was_probe;
    void (*done)(struct webfilter_part *part); /* the engine's */
    struct buf head, body;
    struct fetch_call call;
};

/* What keeps a run from asking anybody: each filter counts as not answering, and fails as it is set to. */
struct webfilter_refusal {
    const char *error; /* a word for each part; NULL: nothing does */
    struct str words;
};

struct webfilter_run {
    struct webfilter_engine *engine;
    struct webfilter_set *set;
    struct webfilter_chain_spec chain;
    struct id id;
    char id_text[ID_TEXT_MAX + 1];
    json_t *data, *metadata;
    int64_t began_us;   /* monotonic */
    int64_t started_us; /* wall clock */
    int64_t took_us;    /* until the verdict */
    struct webfilter_refusal refusal;
    struct webfilter_verdict verdict;
    struct webfilter_part *parts;
    size_t part_count;
    bool is_decided;
    bool keeps_record, is_trial;
    void *arg; /* the caller's */
    struct arena arena;
    /* the engine's */
    void (*answered)(struct webfilter_run *run);
    struct webfilter_runner *_runner;
    struct webfilter_run *_before, *_after;
    size_t _at, _asked;
    bool _is_settling;
    struct loop_task _task;
    struct work_job _job;
};

struct webfilter_run_input {
    struct webfilter_set *set;         /* a reference is taken */
    struct webfilter_chain_spec chain; /* of that set, or of its lifetime */
    const json_t *data;             /* object; copied. May be a tree of json/any.h, as may metadata */
    const json_t *metadata;         /* sent as event_metadata; NULL: made here */
    struct webfilter_refusal refusal;  /* copied */
    bool keeps_record;
    bool is_trial;                            /* no breaker, no cached answers */
    void (*answered)(struct webfilter_run *run); /* borrowed for the call */
    void *arg;
};
/* The loop's thread. RC_BUSY: too many under way, or stopping; nothing was started. Never with a refusal:
 * such a run waits for nothing. */
MUST_USE enum rc webfilter_run_start(struct webfilter_engine *e, struct loop *loop,
                                  const struct webfilter_run_input *in);
/* Worker: the same on one of the loops, waiting for the verdict; answered() is called on that loop,
 * and must copy what of the run's JSON the worker is to have. */
MUST_USE enum rc webfilter_run_wait(struct webfilter_engine *e, const struct webfilter_run_input *in);

/* A filter whose breaker is open. */
struct webfilter_open {
    int64_t filter;     /* number */
    int64_t updated_us; /* of the filter as it was asked: another one means that it was changed since */
    int64_t left_us;    /* until it is asked again; 0: with the next run */
    int failures;       /* in a row */
};
/* Those of all applications, at most `max`; returns how many. Any thread. */
size_t webfilter_open_breakers(struct webfilter_engine *e, struct webfilter_open *out, size_t max);

/* --- record.c --------------------------------------------------------------------------------------- */
/* The run as it is kept: `summary` and `detail` as JSON objects (new references), by what the chain
 * keeps. Any thread, once nothing of the run is under way. */
void webfilter_record_make(const struct webfilter_run *run, json_t **summary, json_t **detail);
/* {"id","mode","effect",...}: one filter's part, without data. A new reference. */
json_t *webfilter_record_part(const struct webfilter_part *part);
/* The parts with data, whatever the chain keeps, but for what it redacts: [{"id","mode","effect",...,"request","response",
 * "changes"}]. The run's loop, when the verdict is known: a shadow that has not answered yet has no response. */
json_t *webfilter_record_steps(const struct webfilter_run *run);
/* What `to` has other than `from`: [{"op","path","from","to"}], values only if `with_values`. */
json_t *webfilter_record_diff(const json_t *from, const json_t *to, bool with_values);
/* A copy with what the pointers name replaced by "[redacted]". */
json_t *webfilter_record_redact(const json_t *value, const struct str *pointers, size_t count);
/* Whether `now` is what was kept as `kept`; what was replaced there may be anything. */
bool webfilter_record_fits(const json_t *kept, const json_t *now);
