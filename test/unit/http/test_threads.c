/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers on loops of their own threads, with blocking clients in others.
 */
#include "threaded.h"

#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 4, CONNECTIONS = 128, ROUNDS = 20 };

static void hammer(void *arg)
{
    const struct threaded *s = arg;
    int fds[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = threaded_dial(s);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CONNECTIONS; i++) {
            assert_int_equal(send(fds[i], REQUEST, sizeof(REQUEST) - 1, MSG_NOSIGNAL),
                             sizeof(REQUEST) - 1);
        }
        for (int i = 0; i < CONNECTIONS; i++) {
            threaded_expect_answer(fds[i]);
        }
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        (void)close(fds[i]);
    }
}

static void answers_512_connections_from_other_threads(void **state)
{
    (void)state;
    struct threaded s;
    struct thread *clients[CLIENTS];
    threaded_start(&s, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = thread_start("client", THREAD_OTHER, hammer, &s);
    }
    for (int i = 0; i < CLIENTS; i++) {
        thread_join(clients[i]);
    }
    threaded_stop(&s);
}

static void stops_while_busy_and_answers_what_it_took(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct threaded s;
        int fds[50];
        threaded_start(&s, NULL);
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
            fds[i] = threaded_dial(&s);
            assert_int_equal(send(fds[i], REQUEST, sizeof(REQUEST) - 1, MSG_NOSIGNAL),
                             sizeof(REQUEST) - 1);
        }
        threaded_begin_stop(&s);
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
            threaded_expect_answer(fds[i]);
            (void)close(fds[i]);
        }
        threaded_join(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_512_connections_from_other_threads),
        cmocka_unit_test(stops_while_busy_and_answers_what_it_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
