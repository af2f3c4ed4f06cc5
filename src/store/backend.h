/* SPDX-License-Identifier: Apache-2.0
 *
 * What a place to keep messages has to do: a backend. The facade (store.h, flow.h, request.h, filter_run.h) holds what is
 * true of all of them - the jobs, what reads mean, times, ids, configuration - and test/store is their contract: it runs
 * once for each of them. Each function does what the public one of its name says, with the same threads,
 * errors and ownership.
 *
 * A job brings a room of its own for its backend: the members of struct store_job are the submitter's.
 */
#pragma once

#include "store/filter_run.h"
#include "store/find.h"
#include "store/trouble.h"
#include "store/request.h"

enum store_job_kind {
    STORE_JOB_PUBLISH = 1, /* struct store_publish */
    STORE_JOB_OUTCOME,     /* struct store_outcome */
    STORE_JOB_REQUEUE,     /* struct store_requeue */
    STORE_JOB_EXPUNGE,     /* struct store_expunge */
    STORE_JOB_RECORD,      /* struct store_record */
    STORE_JOB_FILTER_RUN,  /* struct store_filter_run_job */
    STORE_JOB_KINDS
};

struct store_backend {
    const char *name;
    /* As store_open(): makes a struct store of its own around `struct store`. *out is set when it returns RC_OK. */
    enum rc (*open)(const struct store_options *o, struct store **out, struct buf *why);
    /* NULL is not passed. */
    void (*close)(struct store *s);
    /* One job. Outcomes are never refused. */
    enum rc (*submit)(struct store *s, enum store_job_kind kind, struct store_job *job);
    /* Several, in order: all are taken or none. `count` is not 0. */
    enum rc (*submit_publishes)(struct store *s, struct store_publish **list, size_t count);
    /* retention_us or idempotency_us of the store was changed. */
    void (*retention_changed)(struct store *s);
    enum rc (*due_endpoints)(struct store *s, struct arena *a, struct store_due_endpoint **out, size_t *count);
    enum rc (*due_count)(struct store *s, int64_t endpoint, size_t max, size_t *count, int64_t *oldest_us);
    enum rc (*due_list)(struct store *s, int64_t endpoint, int64_t after_due_us, const struct id *after_message, size_t max, struct store_due *out, size_t *count);
    enum rc (*health)(struct store *s, struct buf *why);
    bool (*may_deliver)(struct store *s); /* NULL: always */
    bool (*is_settled)(struct store *s, int64_t since_us); /* NULL: always */
    size_t (*nodes)(struct store *s, struct store_node *out, size_t max); /* NULL: there are none */
    void (*announce)(struct store *s, const char *address);               /* NULL: to nobody */
    struct store_lookout *(*lookout_new)(const struct store_options *o);  /* these three: NULL: nobody stands by */
    enum rc (*lookout_look)(struct store_lookout *l, struct buf *at_work, struct buf *why);
    void (*lookout_free)(struct store_lookout *l);
    void (*stats)(struct store *s, struct store_stats *out);
    size_t (*pieces)(struct store *s, struct store_piece *out, size_t max);
    enum rc (*filter_run_get)(struct store *s, int64_t app, const struct id *id, struct arena *a, struct store_filter_run *out);
    enum rc (*filter_run_list)(struct store *s, const struct store_filter_run_filter *f, const struct store_page *page, struct arena *a, struct store_filter_run *out, struct store_page_end *end);
    enum rc (*attempt_get)(struct store *s, int64_t app, const struct id *message, const struct id *attempt, struct arena *a, struct store_attempt_row *out);
    enum rc (*attempt_list)(struct store *s, const struct store_attempt_filter *f, const struct store_page *page, struct arena *a, struct store_attempt_row *out, struct store_page_end *end);
    enum rc (*delivery_by_endpoint)(struct store *s, const struct store_message_filter *f, int64_t endpoint, unsigned states, const struct store_page *page, struct arena *a, struct store_delivery_row *out, struct store_page_end *end);
    enum rc (*message_list)(struct store *s, const struct store_message_filter *f, const struct store_page *page, struct arena *a, struct store_message_row *out, struct store_page_end *end);
    enum rc (*delivery_by_message)(struct store *s, int64_t app, const struct id *message, struct arena *a, struct store_delivery_row **out, size_t *count);
    enum rc (*delivery_counts)(struct store *s, int64_t app, int64_t endpoint, int64_t since_us, int64_t until_us, struct store_counts *out);
    enum rc (*message_by_event_id)(struct store *s, int64_t app, struct str event_id, struct arena *a, struct store_message_row *out);
    enum rc (*message_get)(struct store *s, int64_t app, const struct id *id, struct arena *a, struct store_message_row *out);
    enum rc (*message_load)(struct store *s, const struct id *id, struct store_message **out);
    enum rc (*delivery_search)(struct store *s, const struct store_delivery_search *f, struct arena *a, struct store_delivery_found *out, size_t max, struct store_delivery_search_end *end);
    enum rc (*request_refused)(struct store *s, int64_t source, int64_t since_us, struct arena *a, struct store_refused *out);
    enum rc (*find_flowing)(struct store *s, enum store_flowing kind, const struct id *id, struct arena *a, struct store_flowing_row *out, bool *is_complete);
    enum rc (*find_messages)(struct store *s, const struct store_find_keys *f, struct arena *a, struct store_flowing_row *out, size_t max, size_t *count, bool *is_complete);
    enum rc (*request_get)(struct store *s, int64_t source, const struct id *id, struct arena *a, struct store_request *out);
    enum rc (*request_list)(struct store *s, const struct store_request_filter *f, const struct store_page *page, struct arena *a, struct store_request *out, struct store_page_end *end);
};

/* Files in a folder: segments of SQLite (store/files/). */
extern const struct store_backend store_files_backend;
/* One PostgreSQL database, `url` of the options, for this node and those that take over from it (store/postgres/). Its folder
 * holds what is one machine's own. */
extern const struct store_backend store_postgres_backend;
