/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers, a configuration writer and the store thread at once, over segments that come and go.
 * Run it under ThreadSanitizer.
 */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MESSAGES = 300, PER_SEGMENT = 40, READERS = 3 };

static atomic_bool is_over;

static void read_once(struct fixture *f, struct arena *a)
{
    struct store_message_filter filter = { .app = TEST_APP };
    struct store_attempt_filter attempts = {
        .app = TEST_APP, .endpoint = 1, .status = -1, .status_class = -1
    };
    struct store_page page = { .limit = 20, .descending = true };
    struct store_message_row messages[20];
    struct store_attempt_row rows[20];
    struct store_page_end end;
    struct store_due due[10];
    struct store_counts counts;
    struct store_stats stats;
    size_t count;
    enum rc rc = store_message_list(f->store, &filter, &page, a, messages, &end);
    MUST(rc == RC_OK);
    for (size_t i = 1; i < end.count; i++)
        MUST(id_key(&messages[i - 1].message.id) > id_key(&messages[i].message.id));
    MUST(store_attempt_list(f->store, &attempts, &page, a, rows, &end) == RC_OK);
    MUST(store_due_list(f->store, 1, 0, NULL, 10, due, &count) == RC_OK);
    MUST(store_delivery_counts(f->store, TEST_APP, 1, 1, INT64_MAX / 4, &counts) == RC_OK);
    (void)store_health(f->store, NULL);
    store_stats(f->store, &stats);
}

static void *read_until_over(void *arg)
{
    struct arena a;
    arena_init(&a);
    while (!atomic_load(&is_over)) {
        read_once(arg, &a);
        arena_reset(&a);
    }
    arena_fini(&a);
    return NULL;
}

static void *configure_until_over(void *arg)
{
    struct fixture *f = arg;
    struct store_tx *tx;
    while (!atomic_load(&is_over)) {
        enum rc rc = store_write(f->store, &tx);
        MUST(rc == RC_OK);
        rc = store_setting_set(tx, "turn", STR("x"));
        MUST(rc == RC_OK);
        rc = store_commit(tx);
        MUST(rc == RC_OK);
    }
    return NULL;
}

static void everyone_works_at_once(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[READERS + 1];
    struct store_counts counts;
    f->options.segment_messages = PER_SEGMENT;
    f->options.readers = 2; /* fewer than threads, so that they wait for one another */
    fixture_reopen(f);
    atomic_store(&is_over, false);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_until_over, f), 0);
    assert_int_equal(pthread_create(&threads[READERS], NULL, configure_until_over, f), 0);
    for (int i = 0; i < MESSAGES; i++) {
        struct published p = publish(f, (struct publish_spec){ 0 });
        assert_int_equal(p.rc, RC_OK);
        assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
        test_advance_us(SECOND);
        if (i % 50 == 0) /* a whole round of the keeper: seals what is old */
            store_set_retention(f->store, f->options.retention_us, f->options.idempotency_us);
    }
    store_set_retention(f->store, 100 * SECOND, f->options.idempotency_us);
    test_advance_us(200 * SECOND);
    (void)publish(f, (struct publish_spec){ 0 });
    atomic_store(&is_over, true);
    for (int i = 0; i <= READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    store_set_retention(f->store, f->options.retention_us, f->options.idempotency_us);
    assert_int_equal(
        store_delivery_counts(f->store, TEST_APP, 1, 1, test_now_us() + SECOND, &counts), RC_OK);
    assert_true(counts.by_state[STORE_SUCCESS] <= MESSAGES);
    assert_int_equal(counts.by_state[STORE_PENDING], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everyone_works_at_once, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
