/* SPDX-License-Identifier: Apache-2.0
 *
 * Events, time, and the backend of the shard under test.
 */
#include "sim.h"

#include "core/app_priv.h"
#include "core/endpoint_priv.h"

/* --- events ----------------------------------------------------------------------------------- */

static bool is_sooner(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void put(struct sim *sim, size_t at, struct sim_event *e)
{
    sim->events[at] = e;
    e->place = at;
}

static void settle(struct sim *sim, size_t at, struct sim_event *e)
{
    for (; at > 1 && is_sooner(e, sim->events[at / 2]); at /= 2)
        put(sim, at, sim->events[at / 2]);
    for (size_t child = at * 2; child <= sim->event_count; child = at * 2) {
        if (child < sim->event_count && is_sooner(sim->events[child + 1], sim->events[child]))
            child++;
        if (!is_sooner(sim->events[child], e))
            break;
        put(sim, at, sim->events[child]);
        at = child;
    }
    put(sim, at, e);
}

struct sim_event *sim_event(struct sim *sim, enum sim_event_kind kind, int64_t after_us)
{
    struct sim_event *e = XNEW(struct sim_event);
    e->kind = kind;
    e->at_us = sim->clock.now_us + after_us;
    e->order = sim->event_order++;
    if (sim->event_count + 2 > sim->event_cap) {
        sim->event_cap = sim->event_cap == 0 ? 64 : sim->event_cap * 2;
        sim->events = xrealloc(sim->events, sim->event_cap * sizeof(*sim->events));
    }
    sim->event_count++;
    settle(sim, sim->event_count, e);
    return e;
}

static struct sim_event *take_event(struct sim *sim, size_t at)
{
    struct sim_event *e = sim->events[at];
    struct sim_event *last = sim->events[sim->event_count--];
    if (last != e)
        settle(sim, at, last);
    return e;
}

static void free_event(struct sim_event *e)
{
    core_app_unref(e->view);
    store_message_unref(e->loaded);
    xfree(e->rows);
    xfree(e);
}

void sim_event_drop(struct sim *sim, struct fetch_call *c)
{
    for (size_t i = 1; i <= sim->event_count; i++)
        if (sim->events[i]->kind == SIM_EVENT_ANSWER && sim->events[i]->call == c) {
            free_event(take_event(sim, i));
            return;
        }
    SIM_CHECK(sim, false, "cancel of a call that does not run");
}

/* --- views ------------------------------------------------------------------------------------ */

static struct core_endpoint *make_endpoint(struct sim *sim, int64_t num)
{
    const struct sim_endpoint *from = &sim->endpoints[num];
    const struct core_targets targets = dest_targets(NULL);
    struct core_endpoint *ep = core_endpoint_new();
    ep->num = num;
    ep->app = SIM_APP;
    ep->url = arena_str(&ep->_arena, str_from(from->url));
    ep->keyring = sim->keyring;
    ep->throttle = from->throttle;
    ep->ordered = from->is_ordered;
    ep->disabled = from->is_disabled;
    core_endpoint_fares(ep, from->failing_since_us, from->last_failure_us);
    targets.compile(targets.ctx, &ep->_arena, STR("http"), NULL, NULL, ep);
    return ep;
}

static struct core_app *make_view(struct sim *sim)
{
    struct core_app *app = core_app_new();
    core_app_describe(app, &(struct core_app){ .num = SIM_APP, .throttle = sim->app_throttle });
    for (int64_t num = 1; num <= sim->endpoint_count; num++) {
        if (sim->endpoints[num].is_deleted)
            continue;
        struct core_endpoint *ep = make_endpoint(sim, num);
        core_app_put(app, ep);
        core_endpoint_unref(ep);
    }
    return app;
}

static void changed(struct sim *sim, int64_t what)
{
    core_app_unref(sim->view);
    sim->view = make_view(sim);
    sim_event(sim, SIM_EVENT_CHANGED, sim_dice(sim, 0, SIM_MS))->endpoint = what;
}

void sim_changed(struct sim *sim)
{
    changed(sim, CORE_CHANGED_ALL);
}

/* --- the backend ------------------------------------------------------------------------------ */

static void record(void *ctx, struct deliver_shard *shard, struct store_outcome *o)
{
    (void)shard;
    struct sim *sim = ctx;
    int64_t most_us = sim->o.commit_max_us == 0 ? 5 * SIM_MS : sim->o.commit_max_us;
    sim_event(sim, SIM_EVENT_RECORD, sim_dice(sim, SIM_MS, most_us))->outcome = o;
}

/* The store is read now, and the answer comes later: refills must bear what happens in between. */
static void refill(void *ctx, struct deliver_shard *shard, int64_t endpoint, int64_t after_due_us,
                   struct id after, size_t max)
{
    struct sim *sim = ctx;
    (void)shard;
    struct sim_event *e = sim_event(sim, SIM_EVENT_REFILL, sim_dice(sim, 0, 20 * SIM_MS));
    e->endpoint = endpoint;
    e->max = max;
    e->rows = xcalloc(max, sizeof(*e->rows));
    e->count = sim_store_due(sim, endpoint, after_due_us, &after, e->rows, max);
}

static void load(void *ctx, struct deliver_shard *shard, struct id message)
{
    (void)shard;
    struct sim *sim = ctx;
    int64_t delay_us = sim_dice(sim, 0, 3 * SIM_MS);
    int64_t held_us = sim->loads_held_until_us - sim->clock.now_us;
    struct sim_event *e = sim_event(sim, SIM_EVENT_LOAD, held_us > delay_us ? held_us : delay_us);
    e->message = message;
    e->loaded = sim_store_message(ctx, &message); /* as it is now */
}

static struct core_app *app(void *ctx, int64_t num)
{
    struct sim *sim = ctx;
    SIM_CHECK(sim, num == SIM_APP, "application %lld", (long long)num);
    if (sim->is_app_deleted)
        return NULL;
    return sim->o.views_vanish && sim_dice(sim, 0, 1) == 0 ? NULL : core_app_ref(sim->view);
}

static void want_app(void *ctx, struct deliver_shard *shard, int64_t num)
{
    struct sim *sim = ctx;
    (void)shard;
    (void)num;
    struct sim_event *e = sim_event(sim, SIM_EVENT_APP, sim_dice(sim, 0, 5 * SIM_MS));
    e->view = sim->is_app_deleted ? NULL : core_app_ref(sim->view);
}

static void health(void *ctx, struct deliver_shard *shard, int64_t num, int64_t endpoint,
                   const struct deliver_health *h)
{
    struct sim *sim = ctx;
    struct sim_endpoint *ep = &sim->endpoints[endpoint];
    (void)shard;
    (void)num;
    SIM_CHECK(sim, h->disable == (h->reason[0] != '\0'), "reason '%s'", h->reason);
    ep->failing_since_us = h->failing_since_us;
    ep->last_failure_us = h->last_failure_us;
    const struct core_endpoint *seen = core_app_endpoint(sim->view, endpoint);
    if (seen != NULL)
        core_endpoint_fares(seen, h->failing_since_us, h->last_failure_us);
    if (h->disable && !ep->is_disabled) {
        ep->is_disabled = true;
        changed(sim, endpoint);
    }
}

static void notice(void *ctx, const char *what, const struct store_outcome *o)
{
    struct sim *sim = ctx;
    (void)what;
    SIM_CHECK(sim, o->attempt_count >= 1, "notice of no attempt");
    sim->notices++;
}

static void wake(void *ctx)
{
    ((struct sim *)ctx)->is_woken = true;
}

static void boot(struct sim *sim)
{
    sim->shard = deliver_shard_new(
        &(struct deliver_shard_options){ .clock = &sim->clock.clock,
                                         .rng = &sim->rng.rng,
                                         .ids = sim->ids,
                                         .clients = { .of = { [DEST_HTTP] = &sim->fetch } },
                                         .backend = { .ctx = sim,
                                                      .record = record,
                                                      .refill = refill,
                                                      .load = load,
                                                      .app = app,
                                                      .want_app = want_app,
                                                      .health = health,
                                                      .notice = notice },
                                         .limits = sim->o.limits,
                                         .user_agent = "sim",
                                         .wake = wake,
                                         .wake_ctx = sim });
    for (int64_t num = 1; num <= sim->endpoint_count; num++) {
        struct store_due first;
        struct id none = { { 0 } };
        if (sim_store_due(sim, num, INT64_MIN, &none, &first, 1) == 1)
            deliver_shard_backlog(sim->shard, SIM_APP, num, first.due_us);
    }
    sim->is_woken = true;
}

/* --- life ------------------------------------------------------------------------------------- */

struct sim_options sim_defaults(uint64_t seed)
{
    static const int64_t delays[] = { 5 * SIM_SECOND, 5 * SIM_MINUTE, 30 * SIM_MINUTE, 2 * SIM_HOUR,
                                      5 * SIM_HOUR,   10 * SIM_HOUR,  10 * SIM_HOUR };
    return (struct sim_options){
        .seed = seed,
        .limits = { .attempt_us = 15 * SIM_SECOND,
                    .connect_us = 5 * SIM_SECOND,
                    .response_keep = 1024,
                    .response_read = 4096,
                    .window_start = 8,
                    .window_max = 64,
                    .in_flight_max = 256,
                    .items_max = 4096,
                    .payload_max = 1 << 20,
                    .retry = { .delays_us = delays,
                               .count = COUNT_OF(delays),
                               .jitter_percent = 20,
                               .retry_after_max_us = SIM_HOUR },
                    .disable_after_us = 5 * SIM_DAY,
                    .breaker_failures = 10,
                    .breaker_us = 5 * SIM_SECOND,
                    .breaker_max_us = 10 * SIM_MINUTE },
        .messages_max = 20000,
        .deliveries_max = 200000,
    };
}

static int64_t mono_us(void *ctx)
{
    const struct sim *sim = CONTAINER_OF((struct clock_fake *)ctx, struct sim, clock);
    return sim->clock.now_us - sim->stepped_us;
}

/* What is to happen happens after the same time as before. */
void sim_step_clock(struct sim *sim, int64_t by_us)
{
    sim->clock.now_us += by_us;
    sim->stepped_us += by_us;
    sim->next_run_us += by_us;
    for (size_t i = 1; i <= sim->event_count; i++)
        sim->events[i]->at_us += by_us;
}

struct sim *sim_new(const struct sim_options *o)
{
    struct sim *sim = XNEW(struct sim);
    struct sign_key key;
    sim->o = *o;
    clock_fake_init(&sim->clock, 1800000000 * SIM_SECOND);
    sim->clock.clock.mono_us = mono_us;
    sim->started_us = sim->clock.now_us;
    rng_seeded_init(&sim->rng, o->seed);
    sim->ids = id_source_new(&sim->clock.clock, &sim->rng.rng);
    sim->messages = xcalloc(o->messages_max, sizeof(*sim->messages));
    sim->deliveries = xcalloc(o->deliveries_max, sizeof(*sim->deliveries));
    sim->by_key = map64_new();
    sim_receivers_init(sim);
    sign_key_generate(SIGN_HMAC256, &sim->rng.rng, &key);
    assert_int_equal(sign_keyring_new(&key, 1, &sim->keyring), RC_OK);
    sim->view = make_view(sim);
    return sim;
}

int64_t sim_add(struct sim *sim, enum sim_kind kind, int64_t throttle)
{
    int64_t num = ++sim->endpoint_count;
    struct sim_endpoint *ep = &sim->endpoints[num];
    ep->kind = kind;
    ep->throttle = throttle;
    (void)snprintf(ep->url, sizeof(ep->url), "http://receiver.test/%d", (int)num);
    core_app_unref(sim->view);
    sim->view = make_view(sim);
    return num;
}

int64_t sim_add_ordered(struct sim *sim, enum sim_kind kind)
{
    sim->endpoints[sim->endpoint_count + 1].is_ordered = true;
    return sim_add(sim, kind, 0);
}

/* What is under way ends here: an outcome on its way to the store gets there or not. */
static void kill_shard(struct sim *sim)
{
    deliver_shard_stop(sim->shard);
    deliver_shard_cut(sim->shard);
    while (sim->event_count > 0) {
        struct sim_event *e = take_event(sim, 1);
        if (e->kind == SIM_EVENT_RECORD) {
            bool is_lost = sim_dice(sim, 0, 1) == 0;
            if (is_lost)
                sim_store_find(sim, &e->outcome->message, e->outcome->endpoint)->may_repeat = true;
            e->outcome->job.rc = is_lost ? RC_OK : sim_store_apply(sim, e->outcome);
            e->outcome->job.done(&e->outcome->job);
        } else if (e->kind == SIM_EVENT_TOLD) {
            e->outcome->job.done(&e->outcome->job);
        } else if (e->kind == SIM_EVENT_LOAD) {
            deliver_shard_loaded(sim->shard, &e->message, RC_IO, NULL);
        }
        free_event(e);
    }
    deliver_shard_cut(sim->shard); /* outcomes that the store refused */
    for (size_t i = 0; i < sim->delivery_count; i++) {
        struct sim_delivery *d = &sim->deliveries[i];
        d->may_repeat = d->may_repeat || d->sent != d->attempt_count;
    }
}

static void shut_down(struct sim *sim)
{
    if (sim->shard == NULL)
        return;
    kill_shard(sim);
    deliver_shard_free(sim->shard);
    sim->shard = NULL;
    while (sim->event_count > 0)
        free_event(take_event(sim, 1));
}

void sim_crash(struct sim *sim)
{
    shut_down(sim);
    boot(sim);
}

void sim_free(struct sim *sim)
{
    shut_down(sim);
    core_app_unref(sim->view);
    sign_keyring_free(sim->keyring);
    id_source_free(sim->ids);
    map64_free(sim->by_key);
    xfree(sim->messages);
    xfree(sim->deliveries);
    xfree(sim->events);
    xfree(sim);
}

/* --- publishing ------------------------------------------------------------------------------- */

static struct sim_message *accept(struct sim *sim, const int64_t *endpoints, size_t count,
                                  int64_t deliver_at_us)
{
    MUST(sim->message_count < sim->o.messages_max &&
         sim->delivery_count + count <= sim->o.deliveries_max);
    size_t index = sim->message_count++;
    struct sim_message *m = &sim->messages[index];
    *m = (struct sim_message){ .id = id_new(sim->ids),
                               .created_us = sim->clock.now_us,
                               .deliver_at_us = deliver_at_us,
                               .first = sim->delivery_count };
    (void)map64_set(sim->by_key, (uint64_t)id_key(&m->id), m);
    for (size_t i = 0; i < count; i++) {
        struct sim_delivery *d = &sim->deliveries[sim->delivery_count++];
        *d = (struct sim_delivery){ .message = index,
                                    .endpoint = endpoints[i],
                                    .state = STORE_PENDING,
                                    .due_us = deliver_at_us != 0 ? deliver_at_us : m->created_us };
        m->count++;
        sim_store_insert(sim, d);
    }
    return m;
}

/* What is accepted one after the other is handed over in that order, as one loop's tasks are. */
static int64_t hand_over_delay(struct sim *sim, const struct sim_delivery *d)
{
    struct sim_endpoint *ep = &sim->endpoints[d->endpoint];
    int64_t at_us = sim->clock.now_us + sim_dice(sim, 0, 4 * SIM_MS);
    if (ep->is_ordered && at_us < ep->handed_us)
        at_us = ep->handed_us;
    ep->handed_us = at_us;
    return at_us - sim->clock.now_us;
}

void sim_publish(struct sim *sim, const int64_t *endpoints, size_t count, int64_t deliver_at_us)
{
    struct sim_message *m = accept(sim, endpoints, count, deliver_at_us);
    for (size_t i = 0; i < m->count; i++) {
        struct sim_delivery *d = &sim->deliveries[m->first + i];
        sim_event(sim, SIM_EVENT_HAND_OVER, hand_over_delay(sim, d))->delivery = d;
    }
}

void sim_publish_all(struct sim *sim)
{
    int64_t endpoints[COUNT_OF(sim->endpoints)];
    for (int64_t i = 0; i < sim->endpoint_count; i++)
        endpoints[i] = i + 1;
    sim_publish(sim, endpoints, (size_t)sim->endpoint_count, 0);
}

void sim_store_only(struct sim *sim, int64_t endpoint, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)accept(sim, &endpoint, 1, 0);
}

static bool waits(const struct sim_delivery *d)
{
    return d->state == STORE_PENDING || d->state == STORE_SENDING;
}

void sim_resend(struct sim *sim, struct sim_delivery *d)
{
    int64_t now_us = sim->clock.now_us;
    if (waits(d)) {
        sim_store_remove(sim, d);
        if (d->trigger == STORE_SCHEDULED && d->retry_at_us == 0)
            d->retry_at_us = d->due_us;
        d->due_us = d->due_us < now_us ? d->due_us : now_us;
    } else {
        d->state = STORE_PENDING;
        d->due_us = now_us;
        d->retry_at_us = 0;
        d->ahead_count = 0;
    }
    d->asked_us = now_us > d->asked_us ? now_us : d->asked_us + 1;
    d->trigger = STORE_MANUAL;
    sim_store_insert(sim, d);
    struct sim_event *e = sim_event(sim, SIM_EVENT_ASK, 0);
    e->delivery = d;
    e->rows = xcalloc(1, sizeof(*e->rows));
    e->rows[0] = sim_store_row(sim, d);
}

/* The note comes after everything that was handed over before the commit. */
void sim_erase(struct sim *sim, size_t message)
{
    struct sim_message *m = &sim->messages[message];
    m->is_expired = true;
    for (size_t i = m->first; i < m->first + m->count; i++) {
        struct sim_delivery *d = &sim->deliveries[i];
        if (!waits(d))
            continue;
        sim_store_remove(sim, d);
        d->state = STORE_CANCELED;
        d->reason = STORE_REASON_PAYLOAD_GONE;
        d->asked_us = d->retry_at_us = 0;
        sim_event(sim, SIM_EVENT_ERASE, 5 * SIM_MS)->delivery = d;
    }
}

/* As it was published: what happened to the message since then is another event. */
static void hand_over(struct sim *sim, const struct sim_delivery *d)
{
    struct sim_message *of = &sim->messages[d->message];
    bool is_expired = of->is_expired;
    of->is_expired = false;
    struct store_message *m = sim_store_message(sim, &of->id);
    of->is_expired = is_expired;
    deliver_shard_add(sim->shard, m, d->endpoint,
                      of->deliver_at_us != 0 ? of->deliver_at_us : of->created_us, 0,
                      STORE_SCHEDULED);
    store_message_unref(m);
}

static void ask(struct sim *sim, const struct sim_delivery *d, const struct store_due *row)
{
    struct store_message *m = sim_store_message(sim, &sim->messages[d->message].id);
    deliver_shard_ask(sim->shard, m, row);
    store_message_unref(m);
}

/* --- time ------------------------------------------------------------------------------------- */

static void finish_record(struct sim *sim, struct store_outcome *o)
{
    bool is_refused = sim->o.store_fails && sim_dice(sim, 1, 50) == 1;
    o->job.rc = is_refused ? RC_IO : sim_store_apply(sim, o);
    if (!sim->o.tells_late) {
        o->job.done(&o->job);
        return;
    }
    struct sim_delivery *d = sim_store_find(sim, &o->message, o->endpoint);
    if (sim->o.resends > 0 && (d->state == STORE_SUCCESS || d->state == STORE_FAILED)) {
        sim->o.resends--;
        sim_resend(sim, d);
    }
    sim_event(sim, SIM_EVENT_TOLD, sim_dice(sim, 0, 60 * SIM_MS))->outcome = o;
}

static void happen(struct sim *sim, struct sim_event *e)
{
    switch (e->kind) {
    case SIM_EVENT_ANSWER: sim_receivers_answer(sim, e->call); break;
    case SIM_EVENT_RECORD: finish_record(sim, e->outcome); break;
    case SIM_EVENT_TOLD: e->outcome->job.done(&e->outcome->job); break;
    case SIM_EVENT_REFILL:
        deliver_shard_refilled(sim->shard, e->endpoint, RC_OK, e->rows, e->count, e->max);
        break;
    case SIM_EVENT_LOAD: deliver_shard_loaded(sim->shard, &e->message, RC_OK, e->loaded); break;
    case SIM_EVENT_APP:
        deliver_shard_app_loaded(sim->shard, SIM_APP, e->view == NULL ? RC_NOT_FOUND : RC_OK,
                                 e->view);
        break;
    case SIM_EVENT_CHANGED: deliver_shard_app_changed(sim->shard, SIM_APP, e->endpoint); break;
    case SIM_EVENT_HAND_OVER: hand_over(sim, e->delivery); break;
    case SIM_EVENT_ASK: ask(sim, e->delivery, e->rows); break;
    case SIM_EVENT_ERASE:
        sim->messages[e->delivery->message].is_erased = true;
        deliver_shard_erase(sim->shard, &sim->messages[e->delivery->message].id,
                            e->delivery->endpoint, false);
        break;
    }
}

static void check_bounds(struct sim *sim)
{
    struct deliver_shard_stats stats;
    deliver_shard_stats(sim->shard, &stats);
    if (stats.items > sim->most_items)
        sim->most_items = stats.items;
    SIM_CHECK(sim, stats.items <= sim->o.limits.items_max, "%zu items", stats.items);
    SIM_CHECK(sim, stats.in_flight <= sim->o.limits.in_flight_max, "%d in flight", stats.in_flight);
    SIM_CHECK(sim, stats.payload_bytes <= sim->o.limits.payload_max + 4096, "%zu bytes",
              stats.payload_bytes);
}

void sim_run(struct sim *sim, int64_t for_us)
{
    int64_t until_us = sim->clock.now_us + for_us;
    if (sim->shard == NULL)
        boot(sim);
    for (;;) {
        if (sim->is_woken || sim->next_run_us <= sim->clock.now_us) {
            sim->is_woken = false;
            sim->next_run_us = deliver_shard_run(sim->shard) + sim->stepped_us;
            check_bounds(sim);
        }
        int64_t next_us = sim->is_woken ? sim->clock.now_us : sim->next_run_us;
        if (sim->event_count > 0 && sim->events[1]->at_us < next_us)
            next_us = sim->events[1]->at_us;
        if (next_us > until_us)
            break;
        if (next_us > sim->clock.now_us)
            sim->clock.now_us = next_us;
        while (sim->event_count > 0 && sim->events[1]->at_us <= sim->clock.now_us) {
            struct sim_event *e = take_event(sim, 1);
            happen(sim, e);
            free_event(e);
        }
    }
    sim->clock.now_us = until_us;
}
