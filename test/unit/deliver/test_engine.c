/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine over the real store, directory, workers and two loops; only the receivers are played.
 */
#include "deliver/deliver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "store/application.h"
#include "store/endpoint.h"

enum { LOOPS = 2, ENDPOINTS = 4, WAIT_MS = 20000 };

static struct world {
    char dir[64];
    struct store *store;
    struct sign_vault *vault;
    struct core_directory *directory;
    struct work_pool *pool;
    struct loop *loops[LOOPS];
    struct dest_clients clients[LOOPS];
    struct thread *threads[LOOPS];
    struct deliver *deliver;
    int64_t app, endpoints[ENDPOINTS];
    atomic_int answered, refused, stopped, published, disabled_notices;
} w;

/* --- receivers: 410 at gone.test, nothing ever at mute.test, 200 elsewhere -------------------- */

struct receiver {
    struct fetch fetch;
    struct loop *loop;
};

struct answer {
    struct loop_timer timer;
    struct fetch_call *call;
    struct loop *loop;
};

static void finish(void *arg)
{
    struct answer *a = arg;
    struct fetch_call *c = a->call;
    loop_timer_stop(a->loop, &a->timer);
    c->_state = NULL;
    xfree(a);
    c->done(c);
}

static void start_call(struct fetch *f, struct fetch_call *c)
{
    struct receiver *r = CONTAINER_OF(f, struct receiver, fetch);
    struct answer *a = XNEW(struct answer);
    a->call = c;
    a->loop = r->loop;
    a->timer = (struct loop_timer){ .fn = finish, .arg = a };
    c->_state = a;
    c->error = FETCH_OK;
    c->status = str_eq(c->url->host, STR("gone.test")) ? 410 : 200;
    c->response = STR("thank you");
    c->response_headers = STR_NONE;
    if (str_eq(c->url->host, STR("mute.test")))
        return;
    atomic_fetch_add(c->status == 200 ? &w.answered : &w.refused, 1);
    loop_timer_set(r->loop, &a->timer, loop_now_us(r->loop) + 1000);
}

static void cancel_call(struct fetch *f, struct fetch_call *c)
{
    (void)f;
    c->error = FETCH_CANCELED;
    finish(c->_state);
}

static void free_receiver(struct fetch *f)
{
    xfree(CONTAINER_OF(f, struct receiver, fetch));
}

static struct fetch *receiver_new(struct loop *loop)
{
    static const struct fetch_ops ops = { start_call, cancel_call, free_receiver };
    struct receiver *r = XNEW(struct receiver);
    r->fetch.ops = &ops;
    r->loop = loop;
    return &r->fetch;
}

/* --- the world -------------------------------------------------------------------------------- */

static void wait_for(const atomic_int *counter, int at_least)
{
    for (int i = 0; i < WAIT_MS; i++) {
        if (atomic_load(counter) >= at_least)
            return;
        (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    fail_msg("%d of %d", atomic_load(counter), at_least);
}

static struct store_tx *write_tx(void)
{
    struct store_tx *tx = NULL;
    assert_int_equal(store_write(w.store, &tx), RC_OK);
    return tx;
}

static void add_endpoint(struct store_tx *tx, size_t i)
{
    char id[32], url[48];
    struct sign_key key;
    struct buf sealed;
    (void)snprintf(id, sizeof(id), "ep_%zu", i);
    (void)snprintf(url, sizeof(url), "http://receiver%zu.test/hook", i);
    sign_key_generate(SIGN_HMAC256, rng_system(), &key);
    buf_init(&sealed, 4096);
    assert_int_equal(core_seal_key(w.vault, str_from(id), &key, &sealed), RC_OK);
    struct store_endpoint ep = { .app = w.app,
                                 .id = str_from(id),
                                 .kind = STR("http"),
                                 .url = str_from(url),
                                 .description = STR(""),
                                 .metadata = STR("{}"),
                                 .disabled_reason = STR(""),
                                 .version = 1,
                                 .created_us = 1,
                                 .updated_us = 1,
                                 .key_count = 1 };
    ep.keys[0].sealed = buf_str(&sealed);
    assert_int_equal(store_endpoint_insert(tx, &ep), RC_OK);
    w.endpoints[i] = ep.num;
    buf_fini(&sealed);
}

static void configure(void)
{
    struct store_tx *tx = write_tx();
    struct store_org org = { .id = STR("org_1"), .name = STR("one"), .created_us = 1 };
    assert_int_equal(store_org_insert(tx, &org), RC_OK);
    struct store_application app = { .org = org.num,
                                     .id = STR("app_1"),
                                     .name = STR("one"),
                                     .metadata = STR("{}"),
                                     .created_us = 1,
                                     .updated_us = 1 };
    assert_int_equal(store_application_insert(tx, &app), RC_OK);
    w.app = app.num;
    for (size_t i = 0; i < ENDPOINTS; i++)
        add_endpoint(tx, i);
    assert_int_equal(store_commit(tx), RC_OK);
}

static void open_store(void)
{
    struct store_options o;
    struct buf why;
    buf_init(&why, 1000);
    store_options_defaults(&o);
    o.dir = w.dir;
    o.clock = clock_system();
    o.rng = rng_system();
    o.no_sync = true;
    if (store_open(&o, &w.store, &why) != RC_OK)
        fail_msg("%.*s", STR_ARGS(buf_str(&why)));
    buf_fini(&why);
}

static void on_notice(void *ctx, const char *what, const struct store_outcome *o)
{
    (void)ctx;
    (void)o;
    if (strcmp(what, "endpoint.disabled") == 0)
        atomic_fetch_add(&w.disabled_notices, 1);
}

static void run_loop(void *arg)
{
    loop_run(arg);
}

static void start_engine(void)
{
    static const int64_t delays[] = { 10000, 20000 };
    w.directory =
        core_directory_new(&(struct core_directory_options){ .store = w.store,
                                                             .vault = w.vault,
                                                             .clock = clock_system(),
                                                             .apps_max = 10,
                                                             .targets = dest_targets(NULL) });
    w.pool = work_pool_new(2, 4); /* so short a queue that jobs are refused */
    for (size_t i = 0; i < LOOPS; i++) {
        w.loops[i] = loop_new("test", clock_system());
        w.clients[i].of[DEST_HTTP] = receiver_new(w.loops[i]);
    }
    struct deliver_options o = {
        .store = w.store,
        .directory = w.directory,
        .pool = w.pool,
        .clock = clock_system(),
        .rng = rng_system(),
        .loops = w.loops,
        .clients = w.clients,
        .loop_count = LOOPS,
        .limits = { .attempt_us = 1000000,
                    .connect_us = 1000000,
                    .response_keep = 100,
                    .response_read = 1000,
                    .window_start = 4,
                    .window_max = 16,
                    .in_flight_max = 64,
                    .items_max = 200,
                    .payload_max = 100000,
                    .retry = { .delays_us = delays,
                               .count = COUNT_OF(delays),
                               .jitter_percent = 10,
                               .retry_after_max_us = 1000000 },
                    .breaker_failures = 50,
                    .breaker_us = 10000,
                    .breaker_max_us = 100000 },
        .user_agent = "test",
        .notice = on_notice,
    };
    w.deliver = deliver_new(&o);
    assert_int_equal(deliver_start(w.deliver), RC_OK);
    for (size_t i = 0; i < LOOPS; i++)
        w.threads[i] = thread_start("test-loop", THREAD_LOOP, run_loop, w.loops[i]);
}

static void on_stopped(void *arg)
{
    (void)arg;
    atomic_store(&w.stopped, 1);
}

static void stop_engine(int64_t patience_us)
{
    atomic_store(&w.stopped, 0);
    deliver_stop(w.deliver, w.loops[0], clock_mono_us(clock_system()) + patience_us, on_stopped,
                 NULL);
    wait_for(&w.stopped, 1);
    for (size_t i = 0; i < LOOPS; i++) {
        loop_stop(w.loops[i]);
        thread_join(w.threads[i]);
    }
    work_pool_free(w.pool);
    deliver_free(w.deliver);
    core_directory_free(w.directory);
    store_close(w.store); /* its thread may still be in loop_post() */
    for (size_t i = 0; i < LOOPS; i++) {
        fetch_free(w.clients[i].of[DEST_HTTP]);
        loop_free(w.loops[i]);
    }
    open_store();
}

static int set_up(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    (void)snprintf(w.dir, sizeof(w.dir), "/tmp/grapnel-deliver-XXXXXX");
    if (mkdtemp(w.dir) == NULL)
        return -1;
    assert_int_equal(sign_vault_new(STR("a main secret of some length"), &w.vault), RC_OK);
    thread_set_kind(THREAD_WORKER);
    open_store();
    configure();
    return 0;
}

static int tear_down(void **state)
{
    char command[100];
    (void)state;
    store_close(w.store);
    sign_vault_free(w.vault);
    (void)snprintf(command, sizeof(command), "rm -r '%s'", w.dir);
    return system(command);
}

/* --- publishing ------------------------------------------------------------------------------- */

struct publishing {
    struct store_publish p;
    bool is_handed;
};

static void on_published(struct store_job *job)
{
    struct publishing *p = CONTAINER_OF(job, struct publishing, p.job);
    MUST(job->rc == RC_OK && p->p.result == STORE_CREATED);
    if (p->is_handed)
        deliver_hand_over(w.deliver, p->p.message, p->p.endpoints, p->p.endpoint_count);
    store_message_unref(p->p.message);
    xfree(p);
    atomic_fetch_add(&w.published, 1);
}

static struct id publish(const int64_t *endpoints, size_t count, bool is_handed)
{
    struct publishing *p = XNEW(struct publishing);
    struct store_message m = { .id = id_new(store_ids(w.store)),
                               .org = 1,
                               .app = w.app,
                               .created_us = clock_wall_us(clock_system()),
                               .due_us = clock_wall_us(store_clock(w.store)),
                               .payload_expires_us = INT64_MAX,
                               .event_type = STR("test"),
                               .payload = STR("{\"a\":1}") };
    p->is_handed = is_handed;
    p->p = (struct store_publish){ .job = { .done = on_published,
                                            .loop = is_handed ? w.loops[0] : NULL },
                                   .message = store_message_new(&m),
                                   .endpoints = endpoints,
                                   .endpoint_count = count };
    assert_int_equal(store_submit_publish(w.store, &p->p), RC_OK);
    return m.id;
}

static void expect_states(const struct id *message, enum store_state wanted, int attempts)
{
    struct arena a;
    struct store_delivery_row *rows = NULL;
    size_t count = 0;
    arena_init(&a);
    assert_int_equal(store_delivery_by_message(w.store, w.app, message, &a, &rows, &count), RC_OK);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].state, wanted);
        assert_int_equal(rows[i].attempt_count, attempts);
    }
    arena_fini(&a);
}

static void what_is_published_is_delivered_and_recorded(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    static struct id ids[COUNT];
    start_engine();
    for (int i = 0; i < COUNT; i++)
        ids[i] = publish(w.endpoints, ENDPOINTS, true);
    wait_for(&w.answered, COUNT * ENDPOINTS);
    stop_engine(5000000);
    assert_int_equal(atomic_load(&w.answered), COUNT * ENDPOINTS);
    for (int i = 0; i < COUNT; i++)
        expect_states(&ids[i], STORE_SUCCESS, 1);
}

static void what_was_pending_when_the_process_died_is_delivered_after_the_start(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    static struct id ids[COUNT];
    for (int i = 0; i < COUNT; i++)
        ids[i] = publish(w.endpoints, ENDPOINTS, false);
    wait_for(&w.published, COUNT);
    store_close(w.store);
    open_store();
    start_engine();
    wait_for(&w.answered, COUNT * ENDPOINTS);
    stop_engine(5000000);
    for (int i = 0; i < COUNT; i++)
        expect_states(&ids[i], STORE_SUCCESS, 1);
}

static void write_url(int64_t num, const char *url)
{
    struct arena a;
    struct store_endpoint ep;
    struct store_tx *tx = write_tx();
    arena_init(&a);
    assert_int_equal(store_endpoint_by_num(tx, num, &a, &ep), RC_OK);
    ep.url = str_from(url);
    assert_int_equal(store_endpoint_update(tx, &ep), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    arena_fini(&a);
}

static void an_endpoint_that_is_gone_is_disabled_for_everyone(void **state)
{
    (void)state;
    start_engine();
    struct id first = publish(w.endpoints, ENDPOINTS, true);
    wait_for(&w.answered, ENDPOINTS);
    write_url(w.endpoints[1], "http://gone.test/");
    struct id second = publish(&w.endpoints[1], 1, true);
    wait_for(&w.refused, 1);
    wait_for(&w.disabled_notices, 1);
    stop_engine(5000000);
    expect_states(&first, STORE_SUCCESS, 1);
    expect_states(&second, STORE_FAILED, 1);
    struct arena a;
    struct store_endpoint ep;
    struct store_tx *tx = write_tx();
    arena_init(&a);
    assert_int_equal(store_endpoint_by_num(tx, w.endpoints[1], &a, &ep), RC_OK);
    assert_true(ep.disabled);
    assert_true(str_eq(ep.disabled_reason, STR("gone")));
    store_end(tx);
    arena_fini(&a);
}

static void stopping_cuts_what_hangs_and_leaves_it_pending(void **state)
{
    (void)state;
    start_engine();
    write_url(w.endpoints[0], "http://mute.test/");
    struct id id = publish(w.endpoints, 1, true);
    wait_for(&w.published, 1);
    stop_engine(50000);
    expect_states(&id, STORE_PENDING, 0);
    write_url(w.endpoints[0], "http://well.test/");
    start_engine();
    wait_for(&w.answered, 1);
    stop_engine(5000000);
    expect_states(&id, STORE_SUCCESS, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_published_is_delivered_and_recorded),
        TEST(what_was_pending_when_the_process_died_is_delivered_after_the_start),
        TEST(an_endpoint_that_is_gone_is_disabled_for_everyone),
        TEST(stopping_cuts_what_hangs_and_leaves_it_pending),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
