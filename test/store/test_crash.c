/* SPDX-License-Identifier: Apache-2.0
 *
 * A child publishes and finishes deliveries until it is killed at a random moment; what it was told
 * to be durable has to be there when the store opens again.
 */
#include "support.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 24, MOST_MS = 60, PATIENCE_MS = 60000, PER_SEGMENT = 200 };

/* What the child acknowledges through the pipe: whole records, written at once. */
struct ack {
    struct id id;
    int64_t number;
    bool finished;
};

static void tell(int fd, const struct ack *ack)
{
    if (write(fd, ack, sizeof *ack) != sizeof *ack)
        _exit(3);
}

_Noreturn static void live(const char *dir, int fd, int round)
{
    struct fixture f = { 0 };
    struct store_options o;
    (void)snprintf(f.dir, sizeof f.dir, "%s", dir);
    store_options_defaults(&o);
    f.options = o;
    f.options.dir = f.dir;
    f.options.free_min_bytes = 0;
    f.options.segment_messages = PER_SEGMENT;
    if (store_open(&f.options, &f.store, NULL) != RC_OK)
        _exit(2);
    for (int64_t n = 0;; n++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%d/%lld", round, (long long)n);
        struct published p = publish(&f, (struct publish_spec){ .key = key });
        if (p.rc != RC_OK || p.result != STORE_CREATED)
            _exit(4);
        tell(fd, &(struct ack){ .id = p.id, .number = n });
        if (n % 3 != 0)
            continue;
        if (finish(&f, p.id, 1, STORE_PENDING, STORE_SUCCESS) != RC_OK)
            _exit(5);
        tell(fd, &(struct ack){ .id = p.id, .number = n, .finished = true });
    }
}

static void check_one(struct fixture *f, const struct ack *ack, int round)
{
    struct store_message_row row;
    char key[16];
    (void)snprintf(key, sizeof key, "%d/%lld", round, (long long)ack->number);
    assert_int_equal(store_message_get(f->store, TEST_APP, &ack->id, &f->arena, &row), RC_OK);
    assert_true(str_eq(row.message.payload, STR("{\"a\":1}")));
    if (ack->finished)
        assert_int_equal(state_of(f, ack->id, 1), STORE_SUCCESS);
    else
        assert_true(state_of(f, ack->id, 1) != 0);
    struct published again = publish(f, (struct publish_spec){ .key = key });
    assert_int_equal(again.result, STORE_REPLAYED);
    assert_memory_equal(again.first.bytes, ack->id.bytes, ID_BYTES);
}

static size_t check_all(struct fixture *f, int fd, int round)
{
    struct ack ack;
    size_t count = 0;
    while (read(fd, &ack, sizeof ack) == sizeof ack) {
        check_one(f, &ack, round);
        arena_reset(&f->arena);
        count++;
    }
    return count;
}

static void what_was_acknowledged_survives_kill_9(void **state)
{
    struct fixture *f = *state;
    size_t checked = 0;
    f->options.clock = clock_system();
    f->options.segment_messages = PER_SEGMENT;
    for (int round = 0; round < ROUNDS; round++) {
        int pipes[2];
        store_close(f->store); /* the child has the folder */
        f->store = NULL;
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            live(f->dir, pipes[1], round);
        (void)close(pipes[1]);
        /* Most are killed some time after their first acknowledgement, some while they still open the store. */
        struct pollfd acknowledged = { .fd = pipes[0], .events = POLLIN };
        if (round % 4 != 0)
            assert_int_equal(poll(&acknowledged, 1, PATIENCE_MS), 1);
        struct timespec pause = { .tv_nsec =
                                      (long)(5 + rng_below(rng_system(), MOST_MS)) * 1000000 };
        (void)nanosleep(&pause, NULL);
        int status;
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* it did not end by itself: nothing failed there */
        fixture_reopen(f);
        checked += check_all(f, pipes[0], round);
        (void)close(pipes[0]);
    }
    assert_true(checked > ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_acknowledged_survives_kill_9, fixture_open,
                                        fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
