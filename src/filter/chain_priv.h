/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the chain engine share: a loop's runner, and asking one filter.
 */
#pragma once

#include "filter/chain.h"

/* What a loop remembers of a filter. */
struct filter_health {
    int failures;          /* in a row */
    int64_t open_until_us; /* monotonic; 0: closed */
};

struct filter_cached {
    uint8_t key[32];
    int64_t until_us; /* monotonic */
    int status;
    char *body;
    size_t len;
};

struct filter_runner {
    struct filter_engine *engine;
    struct loop *loop;
    struct fetch *fetch;
    struct map64 *health;                          /* by filter number */
    struct map *cached;                            /* by key */
    struct filter_cached *ring[FILTER_CACHED_MAX]; /* by age, for making room */
    size_t ring_at;
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
    atomic_size_t turn;
};

/* --- chain_ask.c: one filter -------------------------------------------------------------------------------- */
/* Asks, or finishes the part without asking. The part may be done when it returns; when it is done later,
 * `done` is called. */
void filter_part_ask(struct filter_part *part, void (*done)(struct filter_part *part));
void filter_part_init(struct filter_part *part, struct filter_run *run,
                      const struct filter_spec *spec);
void filter_part_fini(struct filter_part *part);

/* --- chain_memory.c: breakers and cached answers ------------------------------------------------------------- */
/* May the filter be asked now? *is_probe: this is the one request that finds out. */
bool filter_health_allows(struct filter_runner *r, const struct filter_spec *spec, int64_t now_us,
                          bool *is_probe);
void filter_health_note(struct filter_runner *r, const struct filter_spec *spec, bool failed,
                        int64_t now_us);
/* The probe ended without saying anything of the filter. */
void filter_health_forget_probe(struct filter_runner *r, const struct filter_spec *spec,
                                int64_t now_us);
void filter_cache_key(const struct filter_spec *spec, const json_t *data, uint8_t key[static 32]);
const struct filter_cached *filter_cache_find(struct filter_runner *r, const uint8_t key[static 32],
                                              int64_t now_us);
void filter_cache_put(struct filter_runner *r, const uint8_t key[static 32], int status,
                      struct str body, int64_t until_us);
void filter_memory_init(struct filter_runner *r);
void filter_memory_fini(struct filter_runner *r);

/* --- chain_record.c -------------------------------------------------------------------------------------------- */
/* Worker: builds the record and submits it. */
void filter_record_keep(struct filter_run *run);
