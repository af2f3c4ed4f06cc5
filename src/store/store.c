/* SPDX-License-Identifier: Apache-2.0
 *
 * The facade: what is true of every store, and the way to the backend that keeps the messages.
 */
#include "store/held_priv.h"
#include "store/store_priv.h"

#include <stdlib.h>

int64_t store_kept_us(const struct store *s)
{
    int64_t retention_us = atomic_load(&s->retention_us);
    int64_t idempotency_us = atomic_load(&s->idempotency_us);
    return retention_us > idempotency_us ? retention_us : idempotency_us;
}

void store_init(struct store *s, const struct store_backend *backend, const struct store_options *o)
{
    s->backend = backend;
    s->o = *o;
    s->o.dir = xstrdup(o->dir);
    if (s->o.group_max == 0)
        s->o.group_max = 1;
    atomic_init(&s->retention_us, o->retention_us);
    atomic_init(&s->idempotency_us, o->idempotency_us);
    atomic_init(&s->audit_us, o->audit_us);
}

static void warn_of_retention(const struct store *s)
{
    int64_t retention_us = atomic_load(&s->retention_us);
    int64_t kept_us = store_kept_us(s);
    if (retention_us < kept_us)
        LOG(STORE_RETENTION_RAISED, F_INT("retention_s", retention_us / 1000000),
            F_INT("kept_s", kept_us / 1000000));
}

enum rc store_open(const struct store_options *o, struct store **out, struct buf *why)
{
    enum rc rc = o->backend->open(o, out, why);
    if (rc != RC_OK)
        return rc;
    warn_of_retention(*out);
    rc = store_held_open(*out);
    if (rc != RC_OK) {
        buf_say(why, "cannot read which organisations are held: %s", rc_name(rc));
        store_close(*out);
        *out = NULL;
    }
    return rc;
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    struct store_held *held = s->held;
    s->backend->close(s); /* its writers ask who is held until the end */
    store_held_free(held);
}

/* --- time --------------------------------------------------------------------------------------------- */

static const char time_name[] = "store time";

enum rc store_time_load(struct store *s)
{
    struct str kept = STR_NONE;
    struct store_tx *tx;
    struct arena scratch;
    arena_init(&scratch);
    enum rc rc = store_read_config(&s->config, &tx);
    if (rc == RC_OK) {
        rc = store_setting_get(tx, time_name, &scratch, &kept);
        store_end(tx);
    }
    if (rc == RC_NOT_FOUND)
        rc = RC_OK;
    if (rc == RC_OK) {
        store_time_init(&s->time, s->o.clock, kept);
        s->o.clock = &s->time.clock;
        s->config.time = &s->time;
        s->is_time_kept = true;
    }
    arena_fini(&scratch);
    return rc;
}

/* What cannot be written now is written later; until then a restart after another boot only finds a
 * time further back. */
void store_time_keep(struct store *s)
{
    char text[STORE_TIME_TEXT];
    struct store_tx *tx;
    if (!s->is_time_kept || store_write_config(&s->config, &tx) != RC_OK)
        return;
    enum rc rc = store_setting_set(tx, time_name, store_time_write(&s->time, text));
    rc = store_finish(tx, rc);
    (void)rc;
}

/* --- what all have -------------------------------------------------------------------------------------- */

struct id_source *store_ids(struct store *s)
{
    return s->ids;
}

const struct clock *store_clock(struct store *s)
{
    return &s->time.clock;
}

const struct clock *store_clock_later(struct store *s)
{
    return &s->time.later;
}

int64_t store_shown_us(struct store *s, int64_t own_us)
{
    return own_us == 0 ? 0 : own_us + store_time_ahead_us(&s->time);
}

int64_t store_own_us(struct store *s, int64_t wall_us)
{
    return wall_us == 0 ? 0 : wall_us - store_time_ahead_us(&s->time);
}

void store_stamp(struct store *s, struct store_message *m, int64_t keep_us)
{
    int64_t wall_us = clock_wall_us(s->time.source);
    m->id = id_new(s->ids);
    m->created_us = wall_us;
    int64_t now_us = id_time_us(&m->id);
    int64_t wait_us = m->deliver_at_us > wall_us ? m->deliver_at_us - wall_us : 0;
    m->due_us = now_us + wait_us;
    m->payload_expires_us = m->due_us + keep_us;
}

enum rc store_read(struct store *s, struct store_tx **out)
{
    return store_read_config(&s->config, out);
}

enum rc store_write(struct store *s, struct store_tx **out)
{
    return store_write_config(&s->config, out);
}

void store_on_commit(struct store *s, store_commit_fn fn, void *ctx)
{
    struct store_config *c = &s->config;
    MUST(c->listener_count < COMMIT_LISTENERS_MAX);
    c->listeners[c->listener_count++] = (struct store_listener){ fn, ctx };
}

void store_off_commit(struct store *s, store_commit_fn fn, void *ctx)
{
    struct store_config *c = &s->config;
    size_t kept = 0;
    for (size_t i = 0; i < c->listener_count; i++)
        if (c->listeners[i].fn != fn || c->listeners[i].ctx != ctx)
            c->listeners[kept++] = c->listeners[i];
    c->listener_count = kept;
}

void store_watch(struct store *s, const struct store_watcher *w)
{
    atomic_store(&s->watcher, w);
}

int64_t store_idempotency_us(const struct store *s)
{
    return atomic_load(&s->idempotency_us);
}

void store_set_retention(struct store *s, int64_t retention_us, int64_t idempotency_us)
{
    atomic_store(&s->retention_us, retention_us);
    atomic_store(&s->idempotency_us, idempotency_us);
    atomic_store(&s->config.idempotency_us, idempotency_us);
    warn_of_retention(s);
    s->backend->retention_changed(s);
}

/* --- writing --------------------------------------------------------------------------------------------- */

enum rc store_submit_publish(struct store *s, struct store_publish *p)
{
    return s->backend->submit(s, STORE_JOB_PUBLISH, &p->job);
}

enum rc store_submit_publishes(struct store *s, struct store_publish **list, size_t count)
{
    if (count == 0)
        return RC_OK;
    for (size_t i = 0; i < count; i++)
        MUST(list[i]->endpoint_count <= STORE_DESTINATIONS_MAX);
    return s->backend->submit_publishes(s, list, count);
}

void store_submit_outcome(struct store *s, struct store_outcome *o)
{
    enum rc rc = s->backend->submit(s, STORE_JOB_OUTCOME, &o->job);
    MUST(rc == RC_OK);
}

enum rc store_submit_requeue(struct store *s, struct store_requeue *r)
{
    r->message_out = NULL;
    return s->backend->submit(s, STORE_JOB_REQUEUE, &r->job);
}

enum rc store_submit_expunge(struct store *s, struct store_expunge *e)
{
    return s->backend->submit(s, STORE_JOB_EXPUNGE, &e->job);
}

enum rc store_submit_record(struct store *s, struct store_record *r)
{
    return s->backend->submit(s, STORE_JOB_RECORD, &r->job);
}

enum rc store_submit_filter_run(struct store *s, struct store_filter_run_job *j)
{
    return s->backend->submit(s, STORE_JOB_FILTER_RUN, &j->job);
}

/* --- reading --------------------------------------------------------------------------------------------- */

static int by_first_due(const void *left, const void *right)
{
    const struct store_due_endpoint *a = left, *b = right;
    if (a->first_due_us != b->first_due_us)
        return a->first_due_us < b->first_due_us ? -1 : 1;
    return (a->endpoint > b->endpoint) - (a->endpoint < b->endpoint);
}

enum rc store_due_endpoints(struct store *s, struct arena *a, struct store_due_endpoint **out,
                            size_t *count)
{
    enum rc rc = s->backend->due_endpoints(s, a, out, count);
    if (rc == RC_OK && *count > 1)
        qsort(*out, *count, sizeof(**out), by_first_due);
    return rc;
}

enum rc store_due_count(struct store *s, int64_t endpoint, size_t max, size_t *count,
                        int64_t *oldest_us)
{
    return s->backend->due_count(s, endpoint, max, count, oldest_us);
}

enum rc store_due_list(struct store *s, int64_t endpoint, int64_t after_due_us,
                       const struct id *after_message, size_t max, struct store_due *out,
                       size_t *count)
{
    return s->backend->due_list(s, endpoint, after_due_us, after_message, max, out, count);
}

/* Whoever writes what is submitted has to come to its end. */
static enum rc health_of_writers(struct buf *why)
{
    struct activity_work work;
    int64_t now_us = clock_mono_us(clock_system());
    for (unsigned slot = 0; slot < THREAD_SLOTS; slot++) {
        if (!activity_work(slot, &work) || work.kind != THREAD_STORE ||
            now_us - work.since_us <= ACTIVITY_STUCK_US)
            continue;
        if (why != NULL)
            buf_say(why, "the store's writer has waited for %lld s, at \"%s\"",
                    (long long)(now_us - work.since_us) / 1000000, work.what);
        return RC_BUSY;
    }
    return RC_OK;
}

enum rc store_health(struct store *s, struct buf *why)
{
    enum rc rc = s->backend->health(s, why);
    return rc == RC_OK ? health_of_writers(why) : rc;
}

bool store_may_deliver(struct store *s)
{
    return s->backend->may_deliver == NULL || s->backend->may_deliver(s);
}

bool store_is_in_database(const struct store *s)
{
    return s->o.url != NULL;
}

size_t store_nodes(struct store *s, struct store_node *out, size_t max)
{
    return s->backend->nodes == NULL ? 0 : s->backend->nodes(s, out, max);
}

struct store_lookout *store_lookout_new(const struct store_options *o)
{
    return o->backend->lookout_new == NULL ? NULL : o->backend->lookout_new(o);
}

enum rc store_lookout_look(struct store_lookout *l, struct buf *at_work, struct buf *why)
{
    return l->backend->lookout_look(l, at_work, why);
}

void store_lookout_free(struct store_lookout *l)
{
    if (l != NULL)
        l->backend->lookout_free(l);
}

void store_announce(struct store *s, const char *address)
{
    if (s->backend->announce != NULL)
        s->backend->announce(s, address);
}

void store_stats(struct store *s, struct store_stats *out)
{
    s->backend->stats(s, out);
}

size_t store_pieces(struct store *s, struct store_piece *out, size_t max)
{
    return s->backend->pieces(s, out, max);
}

enum rc store_filter_run_get(struct store *s, int64_t app, const struct id *id, struct arena *a,
                             struct store_filter_run *out)
{
    return s->backend->filter_run_get(s, app, id, a, out);
}

enum rc store_filter_run_list(struct store *s, const struct store_filter_run_filter *f,
                              const struct store_page *page, struct arena *a,
                              struct store_filter_run *out, struct store_page_end *end)
{
    return s->backend->filter_run_list(s, f, page, a, out, end);
}

enum rc store_attempt_get(struct store *s, int64_t app, const struct id *message,
                          const struct id *attempt, struct arena *a, struct store_attempt_row *out)
{
    return s->backend->attempt_get(s, app, message, attempt, a, out);
}

enum rc store_attempt_list(struct store *s, const struct store_attempt_filter *f,
                           const struct store_page *page, struct arena *a,
                           struct store_attempt_row *out, struct store_page_end *end)
{
    return s->backend->attempt_list(s, f, page, a, out, end);
}

enum rc store_delivery_by_endpoint(struct store *s, const struct store_message_filter *f,
                                   int64_t endpoint, unsigned states, const struct store_page *page,
                                   struct arena *a, struct store_delivery_row *out,
                                   struct store_page_end *end)
{
    return s->backend->delivery_by_endpoint(s, f, endpoint, states, page, a, out, end);
}

enum rc store_message_list(struct store *s, const struct store_message_filter *f,
                           const struct store_page *page, struct arena *a,
                           struct store_message_row *out, struct store_page_end *end)
{
    return s->backend->message_list(s, f, page, a, out, end);
}

enum rc store_delivery_by_message(struct store *s, int64_t app, const struct id *message,
                                  struct arena *a, struct store_delivery_row **out, size_t *count)
{
    return s->backend->delivery_by_message(s, app, message, a, out, count);
}

enum rc store_delivery_counts(struct store *s, int64_t app, int64_t endpoint, int64_t since_us,
                              int64_t until_us, struct store_counts *out)
{
    return s->backend->delivery_counts(s, app, endpoint, since_us, until_us, out);
}

enum rc store_message_by_event_id(struct store *s, int64_t app, struct str event_id,
                                  struct arena *a, struct store_message_row *out)
{
    return s->backend->message_by_event_id(s, app, event_id, a, out);
}

enum rc store_message_get(struct store *s, int64_t app, const struct id *id, struct arena *a,
                          struct store_message_row *out)
{
    return s->backend->message_get(s, app, id, a, out);
}

enum rc store_message_load(struct store *s, const struct id *id, struct store_message **out)
{
    return s->backend->message_load(s, id, out);
}

enum rc store_delivery_search(struct store *s, const struct store_delivery_search *f,
                              struct arena *a, struct store_delivery_found *out, size_t max,
                              struct store_delivery_search_end *end)
{
    return s->backend->delivery_search(s, f, a, out, max, end);
}

enum rc store_request_refused(struct store *s, int64_t source, int64_t since_us, struct arena *a,
                              struct store_refused *out)
{
    return s->backend->request_refused(s, source, since_us, a, out);
}

enum rc store_find_flowing(struct store *s, enum store_flowing kind, const struct id *id,
                           struct arena *a, struct store_flowing_row *out, bool *is_complete)
{
    return s->backend->find_flowing(s, kind, id, a, out, is_complete);
}

enum rc store_find_messages(struct store *s, const struct store_find_keys *f, struct arena *a,
                            struct store_flowing_row *out, size_t max, size_t *count,
                            bool *is_complete)
{
    return s->backend->find_messages(s, f, a, out, max, count, is_complete);
}

enum rc store_request_get(struct store *s, int64_t source, const struct id *id, struct arena *a,
                          struct store_request *out)
{
    return s->backend->request_get(s, source, id, a, out);
}

enum rc store_request_list(struct store *s, const struct store_request_filter *f,
                           const struct store_page *page, struct arena *a,
                           struct store_request *out, struct store_page_end *end)
{
    return s->backend->request_list(s, f, page, a, out, end);
}
