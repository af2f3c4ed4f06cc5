/* SPDX-License-Identifier: Apache-2.0
 *
 * The receiver over real connections, and its spool and memory of replays by themselves.
 */
#include "../../../lib/receiver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"

enum { ANSWER_MAX = 4096, PATIENCE_S = 20 };

struct place {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int begun, done;
    bool may_go;
    struct grapnel_scheme *scheme;
    struct grapnel_receiver *receiver;
    struct grapnel_bytes secret;
    char folder[64];
};

static bool work(void *ctx, const struct grapnel_event *event)
{
    struct place *p = ctx;
    pthread_mutex_lock(&p->mutex);
    p->begun++;
    while (!p->may_go) {
        pthread_cond_wait(&p->changed, &p->mutex);
    }
    p->done++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    return !gn_eq(event->body, GN_TEXT("fail"));
}

static void let_go(struct place *p)
{
    pthread_mutex_lock(&p->mutex);
    p->may_go = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

static void wait_done(struct place *p, int count)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&p->mutex);
    int failed = 0;
    while (p->done < count && failed == 0) {
        failed = pthread_cond_timedwait(&p->changed, &p->mutex, &until);
    }
    pthread_mutex_unlock(&p->mutex);
    assert_int_equal(failed, 0);
}

static void place_init(struct place *p)
{
    *p = (struct place){ .may_go = true, .secret = GRAPNEL_TEXT("secret") };
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->changed, NULL);
    assert_int_equal(grapnel_scheme_preset("github", &p->scheme), GRAPNEL_VERIFIED);
    (void)snprintf(p->folder, sizeof(p->folder), "/tmp/grapnel-receiver-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
}

static struct grapnel_receiver_config config_of(struct place *p)
{
    return (struct grapnel_receiver_config){ .listen = "127.0.0.1:0",
                                             .scheme = p->scheme,
                                             .secrets = &p->secret,
                                             .secret_count = 1,
                                             .on_event = work,
                                             .ctx = p };
}

static void start(struct place *p, const struct grapnel_receiver_config *config)
{
    char why[256] = "";
    p->receiver = grapnel_receiver_start(config, why, sizeof(why));
    if (p->receiver == NULL) {
        fail_msg("%s", why);
    }
}

static void place_fini(struct place *p)
{
    char command[128];
    let_go(p);
    grapnel_receiver_stop(p->receiver, true);
    grapnel_scheme_free(p->scheme);
    (void)snprintf(command, sizeof(command), "rm -r %s", p->folder);
    assert_int_equal(system(command), 0);
}

/* Sends bytes on a new connection; the status of the answer, whose text is in `answer`. */
static int exchange(const struct place *p, const char *text, char answer[static ANSWER_MAX])
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)grapnel_receiver_port(p->receiver)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t len = 0;
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    for (ssize_t n; len < ANSWER_MAX - 1; len += (size_t)n) {
        n = recv(fd, answer + len, ANSWER_MAX - 1 - len, 0);
        if (n <= 0) {
            break;
        }
    }
    answer[len] = '\0';
    close(fd);
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static int post(const struct place *p, const char *secret, const char *id, const char *body)
{
    struct grapnel_bytes key = { secret, strlen(secret) };
    struct grapnel_config config = { .secrets = &key, .secret_count = 1, .now_us = gn_wall_us() };
    struct grapnel_header headers[] = { { GN_TEXT("x-github-delivery"), { id, strlen(id) } },
                                        { GN_TEXT("x-github-event"), GN_TEXT("push") } };
    struct grapnel_request request = { .method = GN_TEXT("POST"),
                                       .headers = headers,
                                       .header_count = 2,
                                       .body = { body, strlen(body) } };
    struct grapnel_signature signature;
    char text[2048], answer[ANSWER_MAX];
    assert_int_equal(grapnel_sign(p->scheme, &config, &request, &signature), GRAPNEL_VERIFIED);
    (void)snprintf(text, sizeof(text),
                   "POST /in HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-github-delivery: %s\r\n"
                   "x-github-event: push\r\n%.*s: %.*s\r\ncontent-length: %zu\r\n\r\n%s",
                   id, (int)signature.headers[0].name.len, signature.headers[0].name.ptr,
                   (int)signature.headers[0].value.len, signature.headers[0].value.ptr,
                   strlen(body), body);
    return exchange(p, text, answer);
}

static void the_answer_comes_before_the_work_runs(void **state)
{
    (void)state;
    struct place p;
    place_init(&p);
    p.may_go = false;
    struct grapnel_receiver_config config = config_of(&p);
    start(&p, &config);
    assert_int_equal(post(&p, "secret", "1", "{\"n\":1}") / 100, 2);
    assert_int_equal(p.done, 0);
    let_go(&p);
    wait_done(&p, 1);
    place_fini(&p);
}

static void a_wrong_secret_is_401_and_runs_nothing(void **state)
{
    (void)state;
    struct place p;
    char answer[ANSWER_MAX];
    place_init(&p);
    struct grapnel_receiver_config config = config_of(&p);
    start(&p, &config);
    assert_int_equal(post(&p, "other", "1", "{}"), 401);
    assert_int_equal(
        exchange(&p, "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", answer), 401);
    assert_int_equal(grapnel_receiver_waiting(p.receiver), 0);
    place_fini(&p);
    assert_int_equal(p.begun, 0);
}

static void a_replay_is_answered_and_not_run_again(void **state)
{
    (void)state;
    struct place p;
    place_init(&p);
    struct grapnel_receiver_config config = config_of(&p);
    start(&p, &config);
    assert_int_equal(post(&p, "secret", "1", "{\"n\":1}") / 100, 2);
    assert_int_equal(post(&p, "secret", "1", "{\"n\":1}") / 100, 2);
    assert_int_equal(post(&p, "secret", "1", "{\"n\":3}") / 100, 2);
    assert_int_equal(post(&p, "secret", "2", "{\"n\":1}") / 100, 2); /* alike, but another event */
    place_fini(&p);
    assert_int_equal(p.done, 2);
}

static void a_full_queue_is_503_and_the_sender_may_try_again(void **state)
{
    (void)state;
    struct place p;
    place_init(&p);
    p.may_go = false;
    struct grapnel_receiver_config config = config_of(&p);
    config.queue_max = 1;
    start(&p, &config);
    assert_int_equal(post(&p, "secret", "1", "{\"n\":1}") / 100, 2);
    assert_int_equal(post(&p, "secret", "2", "{\"n\":2}"), 503);
    let_go(&p);
    wait_done(&p, 1);
    int status = 503;
    for (int i = 0; i < 10000 && status == 503; i++) { /* the worker is about to count it as done */
        status = post(&p, "secret", "2", "{\"n\":2}");
    }
    assert_int_equal(status / 100, 2);
    place_fini(&p);
    assert_int_equal(p.done, 2);
}

static void reply(void *ctx, const struct grapnel_event *event, struct grapnel_answer *answer)
{
    (void)ctx;
    answer->status = 422;
    answer->content_type = GN_TEXT("text/plain");
    answer->owned = malloc(event->body.len);
    memcpy(answer->owned, event->body.ptr, event->body.len);
    answer->body = gn_bytes(answer->owned, event->body.len);
}

static void a_processor_makes_the_answer(void **state)
{
    (void)state;
    struct place p;
    char answer[ANSWER_MAX];
    place_init(&p);
    grapnel_scheme_free(p.scheme);
    assert_int_equal(grapnel_scheme_parse(GN_TEXT("auth none\n"), &p.scheme, NULL),
                     GRAPNEL_VERIFIED);
    struct grapnel_receiver_config config = config_of(&p);
    config.secret_count = 0;
    config.on_event = NULL;
    config.on_reply = reply;
    start(&p, &config);
    assert_int_equal(exchange(&p,
                              "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
                              "connection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                              answer),
                     422);
    assert_non_null(strstr(answer, "content-type: text/plain\r\n"));
    assert_non_null(strstr(answer, "\r\n\r\nabc"));
    place_fini(&p);
}

/* Those that ask for it are answered later. */
static bool judge(void *ctx, const struct grapnel_event *event, struct grapnel_answer *answer)
{
    (void)ctx;
    answer->status = 200;
    answer->is_deferred = gn_eq(event->path, GN_TEXT("/later"));
    return false;
}

static void one_at_a_time(void *ctx, const struct grapnel_event *event, struct grapnel_lane *lane)
{
    (void)ctx;
    (void)event;
    *lane = (struct grapnel_lane){ .id = 1, .running_max = 1, .queue_max = 1 };
}

static void answer_later(void *ctx, const struct grapnel_event *event,
                         struct grapnel_answer *answer)
{
    (void)work(ctx, event);
    answer->status = 201;
}

struct asking {
    pthread_t thread;
    struct place *place;
    int status;
};

static void *ask_later(void *arg)
{
    struct asking *a = arg;
    char answer[ANSWER_MAX];
    a->status =
        exchange(a->place, "GET /later HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", answer);
    return NULL;
}

static void answers_that_are_put_off_hold_up_nobody_and_keep_to_their_lane(void **state)
{
    (void)state;
    struct place p;
    char answer[ANSWER_MAX];
    struct asking asking[3];
    place_init(&p);
    p.may_go = false;
    struct grapnel_receiver_config config = config_of(&p);
    config.scheme = NULL;
    config.secret_count = 0;
    config.on_judge = judge;
    config.on_reply = answer_later;
    config.on_lane = one_at_a_time;
    config.handlers = 1;
    start(&p, &config);
    for (size_t i = 0; i < GN_COUNT(asking); i++) {
        asking[i] = (struct asking){ .place = &p };
        assert_int_equal(pthread_create(&asking[i].thread, NULL, ask_later, &asking[i]), 0);
        while (grapnel_receiver_waiting(p.receiver) < (i < 2 ? i + 1 : 2)) {
            (void)sched_yield();
        }
        pthread_mutex_lock(&p.mutex);
        while (p.begun == 0) { /* else the second would find no room to wait */
            pthread_mutex_unlock(&p.mutex);
            (void)sched_yield();
            pthread_mutex_lock(&p.mutex);
        }
        pthread_mutex_unlock(&p.mutex);
    }
    assert_int_equal(pthread_join(asking[2].thread, NULL), 0); /* one runs, one waits: no room */
    assert_int_equal(asking[2].status, 503);
    assert_int_equal(exchange(&p, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", answer),
                     200);
    assert_int_equal(p.begun, 1);
    let_go(&p);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(asking[i].thread, NULL), 0);
        assert_int_equal(asking[i].status, 201);
    }
    place_fini(&p);
}

static void requests_in_a_row_are_answered_in_order(void **state)
{
    (void)state;
    struct place p;
    char answer[ANSWER_MAX];
    place_init(&p);
    struct grapnel_receiver_config config = config_of(&p);
    start(&p, &config);
    (void)exchange(&p,
                   "GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\n\r\n"
                   "nonsense\r\n\r\n",
                   answer);
    const char *second = strstr(answer + 1, "HTTP/1.1 401");
    assert_non_null(second);
    assert_non_null(strstr(second, "HTTP/1.1 400"));
    place_fini(&p);
}

/* A connection that is kept, after one request; its own end and the receiver's, which is in this process. */
static int keep_connection(const struct place *p, int *accepted)
{
    static const char text[] = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)grapnel_receiver_port(p->receiver)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in own, peer;
    socklen_t len = sizeof(own);
    char answer[ANSWER_MAX];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL), sizeof(text) - 1);
    assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
    *accepted = -1;
    for (int other = 0; other < FD_SETSIZE && *accepted < 0; other++) {
        len = sizeof(peer);
        if (other != fd && getpeername(other, (struct sockaddr *)&peer, &len) == 0 &&
            peer.sin_family == AF_INET && peer.sin_port == own.sin_port) {
            *accepted = other;
        }
    }
    assert_true(*accepted >= 0);
    return fd;
}

/* Programs are started all the time, and between fork and exec they hold every descriptor: closing one does
 * not take it off epoll then, which would go on telling of a connection that was freed. */
static void a_connection_that_a_child_still_holds_is_forgotten_when_it_is_closed(void **state)
{
    (void)state;
    struct place p;
    int accepted;
    place_init(&p);
    struct grapnel_receiver_config config = config_of(&p);
    start(&p, &config);
    for (int i = 0; i < 20; i++) {
        int fd = keep_connection(&p, &accepted);
        /* As a fork does it: the thread sanitizer takes dup() for a use of the receiver's own. */
        int held = (int)syscall(SYS_dup, accepted);
        assert_true(held >= 0);
        close(fd); /* the receiver reads the end, and closes */
        assert_int_equal(post(&p, "secret", "one", "{}"), 200);
        assert_int_equal(post(&p, "wrong", "two", "{}"), 401);
        close(held);
    }
    place_fini(&p);
}

static void what_was_in_the_spool_runs_at_the_next_start(void **state)
{
    (void)state;
    struct place p;
    struct gn_spool spool = { .fd = -1, .failed = -1 };
    struct gn_replay_keys keys = { .count = 0 };
    struct grapnel_event event = { .body = GN_TEXT("fail"), .path = GN_TEXT("/in") };
    char why[256];
    uint64_t number;
    place_init(&p);
    assert_true(gn_spool_open(&spool, p.folder, why, sizeof(why)));
    for (int i = 0; i < 3; i++) {
        event.body = i == 1 ? GN_TEXT("fail") : GN_TEXT("fine");
        struct gn_stored *stored = gn_stored_make(&event, &keys);
        assert_true(gn_spool_write(&spool, stored, &number));
        gn_stored_free(stored);
    }
    gn_spool_close(&spool);
    struct grapnel_receiver_config config = config_of(&p);
    config.spool = p.folder;
    start(&p, &config);
    assert_null(grapnel_receiver_start(&config, why, sizeof(why)));
    assert_non_null(strstr(why, "in use"));
    wait_done(&p, 3);
    grapnel_receiver_stop(p.receiver, true);
    p.receiver = NULL;
    uint64_t *numbers;
    size_t count;
    assert_true(gn_spool_open(&spool, p.folder, why, sizeof(why)));
    assert_true(gn_spool_list(&spool, &numbers, &count));
    assert_int_equal(count, 0);
    free(numbers);
    (void)close(spool.fd);
    spool.fd = spool.failed;
    spool.failed = -1;
    assert_true(gn_spool_list(&spool, &numbers, &count));
    assert_int_equal(count, 1); /* the one that failed */
    free(numbers);
    gn_spool_close(&spool);
    place_fini(&p);
}

static void stored_events_that_were_cut_or_changed_are_refused(void **state)
{
    (void)state;
    struct grapnel_header headers[] = { { GN_TEXT("name"), GN_TEXT("value") } };
    struct grapnel_event event = { .id = GN_TEXT("id"),
                                   .body = GN_TEXT("body"),
                                   .headers = headers,
                                   .header_count = 1,
                                   .received_us = 7 };
    struct gn_replay_keys keys = { .count = 0 };
    struct gn_stored *whole = gn_stored_make(&event, &keys);
    assert_true(gn_eq(whole->event.headers[0].value, GN_TEXT("value")));
    assert_true(gn_eq(whole->event.body, GN_TEXT("body")));
    assert_int_equal(whole->event.received_us, 7);
    for (size_t size = 0; size < whole->size; size++) {
        char *cut = malloc(size + 1);
        memcpy(cut, whole->bytes, size);
        assert_null(gn_stored_read(cut, size));
    }
    gn_stored_free(whole);
}

static void keys_are_known_until_they_are_old_or_pushed_out_and_across_restarts(void **state)
{
    (void)state;
    struct place p;
    struct gn_replay_keys one = { .count = 1, .key = { { 1 } } };
    struct gn_replay_keys more = { .count = 1 };
    place_init(&p);
    int folder = open(p.folder, O_RDONLY | O_DIRECTORY);
    struct gn_replay *r = gn_replay_new(4, 1000, folder, 0);
    assert_int_equal(gn_replay_claim(r, &one, 0), GN_REPLAY_NEW);
    assert_int_equal(gn_replay_claim(r, &one, 0), GN_REPLAY_BUSY);
    gn_replay_settle(r, &one, false, 0);
    assert_int_equal(gn_replay_claim(r, &one, 0), GN_REPLAY_NEW);
    gn_replay_settle(r, &one, true, 0);
    assert_int_equal(gn_replay_claim(r, &one, 1000), GN_REPLAY_KNOWN);
    gn_replay_keep(r, &one, 0);
    gn_replay_free(r);
    r = gn_replay_new(4, 1000, folder, 10);
    assert_int_equal(gn_replay_claim(r, &one, 1001), GN_REPLAY_NEW);
    gn_replay_free(r);
    r = gn_replay_new(4, 1000, folder, 10);
    assert_int_equal(gn_replay_claim(r, &one, 10), GN_REPLAY_KNOWN);
    for (unsigned char i = 2; i < 40; i++) {
        more.key[0][0] = i;
        assert_int_equal(gn_replay_claim(r, &more, 10), GN_REPLAY_NEW);
        gn_replay_settle(r, &more, true, 10);
        gn_replay_keep(r, &more, 10);
    }
    assert_int_equal(gn_replay_claim(r, &more, 10), GN_REPLAY_KNOWN);
    assert_int_equal(gn_replay_claim(r, &one, 10), GN_REPLAY_NEW);
    assert_true(lseek(openat(folder, "seen", O_RDONLY), 0, SEEK_END) <= (4 * 4 + 1) * 40);
    gn_replay_free(r);
    close(folder);
    place_fini(&p);
}

static void a_wrong_configuration_says_what_is_wrong(void **state)
{
    (void)state;
    struct place p;
    char why[256];
    place_init(&p);
    struct grapnel_receiver_config config = config_of(&p);
    config.listen = "nonsense";
    assert_null(grapnel_receiver_start(&config, why, sizeof(why)));
    assert_string_equal(why, "\"nonsense\" is not HOST:PORT");
    config = config_of(&p);
    config.scheme = NULL;
    assert_null(grapnel_receiver_start(&config, why, sizeof(why)));
    assert_string_equal(why, "either a scheme or on_judge is needed");
    config = config_of(&p);
    config.spool = "/dev/null";
    assert_null(grapnel_receiver_start(&config, why, sizeof(why)));
    assert_string_equal(why, "spool /dev/null: Not a directory");
    place_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_comes_before_the_work_runs),
        cmocka_unit_test(a_wrong_secret_is_401_and_runs_nothing),
        cmocka_unit_test(a_replay_is_answered_and_not_run_again),
        cmocka_unit_test(a_full_queue_is_503_and_the_sender_may_try_again),
        cmocka_unit_test(a_processor_makes_the_answer),
        cmocka_unit_test(answers_that_are_put_off_hold_up_nobody_and_keep_to_their_lane),
        cmocka_unit_test(requests_in_a_row_are_answered_in_order),
        cmocka_unit_test(a_connection_that_a_child_still_holds_is_forgotten_when_it_is_closed),
        cmocka_unit_test(what_was_in_the_spool_runs_at_the_next_start),
        cmocka_unit_test(stored_events_that_were_cut_or_changed_are_refused),
        cmocka_unit_test(keys_are_known_until_they_are_old_or_pushed_out_and_across_restarts),
        cmocka_unit_test(a_wrong_configuration_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
