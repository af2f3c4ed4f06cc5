/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the chain engine share: a loop's runner, and asking one filter.
 */
#pragma once

#include "webfilter/chain.h"

/* What is remembered between runs: how each filter has been doing, and answers that are good for a while. The
 * loops share it, so that a breaker counts every failure and an answer is kept once; it locks, for a look-up. */
struct webfilter_memory;

struct webfilter_runner {
    struct webfilter_engine *engine;
    struct loop *loop;
    struct fetch *fetch;
    struct webfilter_run *first;
    size_t running;
    bool is_stopping;
    struct loop_task stop_task;
    loop_fn stopped;
    void *stopped_arg;
};

struct webfilter_engine {
    struct webfilter_engine_options o;
    struct webfilter_runner *runners;
    struct webfilter_memory *memory;
    atomic_size_t turn;
};

/* --- ask.c: one filter -------------------------------------------------------------------------------- */
/* Asks, or finishes the part without asking. The part may be done when it returns; when it is done later,
 * `done` is called. */
void webfilter_part_ask(struct webfilter_part *part, void (*done)(struct webfilter_part *part));
void webfilter_part_init(struct webfilter_part *part, struct webfilter_run *run,
                      const struct webfilter_spec *spec);
void webfilter_part_fini(struct webfilter_part *part);

/* --- memory.c: any thread ---------------------------------------------------------------------------- */
struct webfilter_memory *webfilter_memory_new(void);
void webfilter_memory_free(struct webfilter_memory *m);
/* May the filter be asked now? *is_probe: this is the one request that finds out. */
bool webfilter_health_allows(struct webfilter_memory *m, const struct webfilter_spec *spec, int64_t now_us,
                          bool *is_probe);
void webfilter_health_note(struct webfilter_memory *m, const struct webfilter_spec *spec, bool failed,
                        int64_t now_us);
/* The probe found out nothing: the next request is one. */
void webfilter_health_forget_probe(struct webfilter_memory *m, const struct webfilter_spec *spec,
                                int64_t now_us);
void webfilter_cache_key(const struct webfilter_spec *spec, const json_t *data, uint8_t key[static 32]);
/* True: *status and *body (in the arena) are the kept answer. */
bool webfilter_cache_find(struct webfilter_memory *m, const uint8_t key[static 32], int64_t now_us,
                       struct arena *a, int *status, struct str *body);
void webfilter_cache_put(struct webfilter_memory *m, const uint8_t key[static 32], int status,
                      struct str body, int64_t until_us);

/* --- record.c -------------------------------------------------------------------------------------------- */
/* Worker: builds the record and submits it. */
void webfilter_record_keep(struct webfilter_run *run);
