/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: shards on loops. What blocks is a job on a worker that is answered on the shard's loop.
 */
#pragma once

#include "deliver/shard.h"

struct deliver_engine_job;

struct deliver_engine_shard {
    struct deliver *d;
    struct deliver_shard *shard;
    struct loop *loop;
    struct loop_task run_task;
    bool is_run_posted;
    struct loop_timer timer;      /* when the shard wants to be run */
    size_t jobs_out;              /* on a worker, refused by a full queue, or held */
    struct deliver_engine_job *refused;
    struct loop_timer refused_timer;
    struct deliver_engine_job *held; /* until its timer: what a worker could not do and must */
    struct loop_timer held_timer;
    int64_t age_told_s, age_told_at_us;
    struct deliver_watch *watches; /* list; see watch.c */
    struct deliver_stopping *stopping;
    struct loop_task stop_task, stopped_task;
    struct loop_timer stop_timer;
};

struct deliver {
    struct deliver_options o;
    struct deliver_engine_shard *shards; /* o.loop_count */
    bool is_freeing;
};

/* watch.c */
void deliver_engine_settled(void *ctx, const struct store_outcome *o);
void deliver_engine_watches_end(struct deliver_engine_shard *es);

/* engine_jobs.c: the part of the backend that goes to workers */
void deliver_engine_refill(void *ctx, struct deliver_shard *shard, int64_t endpoint, int64_t after_due_us, struct id after_message, size_t max);
void deliver_engine_load(void *ctx, struct deliver_shard *shard, struct id message);
void deliver_engine_want_app(void *ctx, struct deliver_shard *shard, int64_t app);
void deliver_engine_health(void *ctx, struct deliver_shard *shard, int64_t app, int64_t endpoint, const struct deliver_health *health);
void deliver_engine_transform(void *ctx, struct deliver_shard *shard, struct deliver_transform *t);
void deliver_engine_jobs_init(struct deliver_engine_shard *es);
void deliver_engine_jobs_fini(struct deliver_engine_shard *es); /* what is held is dropped */
