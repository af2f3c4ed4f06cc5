/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the chain engine share: a loop's runner, and asking one filter.
 */
#pragma once

#include "filter/chain.h"

/* What is remembered between runs: how each filter has been doing, and answers that are good for a while. The
 * loops share it, so that a breaker counts every failure and an answer is kept once; it locks, for a look-up. */
struct filter_memory;

struct filter_runner {
    struct filter_engine *engine;
    struct loop *loop;
    struct fetch *fetch;
    struct filter_run *first;
    size_t running;
    bool is_stopping;
    struct loop_task stop_task;
    loop_fn stopped;
    void *stopped_arg;
};

struct filter_engine {
    struct filter_engine_options o;
    struct filter_runner *runners;
    struct filter_memory *memory;
    atomic_size_t turn;
};

/* --- chain_ask.c: one filter -------------------------------------------------------------------------------- */
/* Asks, or finishes the part without asking. The part may be done when it returns; when it is done later,
 * `done` is called. */
void filter_part_ask(struct filter_part *part, void (*done)(struct filter_part *part));
void filter_part_init(struct filter_part *part, struct filter_run *run,
                      const struct filter_spec *spec);
void filter_part_fini(struct filter_part *part);

/* --- chain_memory.c: any thread ---------------------------------------------------------------------------- */
struct filter_memory *filter_memory_new(void);
void filter_memory_free(struct filter_memory *m);
/* May the filter be asked now? *is_probe: this is the one request that finds out. */
bool filter_health_allows(struct filter_memory *m, const struct filter_spec *spec, int64_t now_us,
                          bool *is_probe);
void filter_health_note(struct filter_memory *m, const struct filter_spec *spec, bool failed,
                        int64_t now_us);
/* The probe found out nothing: the next request is one. */
void filter_health_forget_probe(struct filter_memory *m, const struct filter_spec *spec,
                                int64_t now_us);
void filter_cache_key(const struct filter_spec *spec, const json_t *data, uint8_t key[static 32]);
/* True: *status and *body (in the arena) are the kept answer. */
bool filter_cache_find(struct filter_memory *m, const uint8_t key[static 32], int64_t now_us,
                       struct arena *a, int *status, struct str *body);
void filter_cache_put(struct filter_memory *m, const uint8_t key[static 32], int status,
                      struct str body, int64_t until_us);

/* --- chain_record.c -------------------------------------------------------------------------------------------- */
/* Worker: builds the record and submits it. */
void filter_record_keep(struct filter_run *run);
