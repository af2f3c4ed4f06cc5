/* SPDX-License-Identifier: Apache-2.0
 *
 * The resolver against a small name server of the test's own, on a clock that stands still.
 */
#include <stddef.h>
#include <stdint.h>

#include "fetch/resolve_priv.h"
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PACKET_MAX = 1024, HEADER = 12, TYPE_A = 1, TYPE_AAAA = 28, SECOND_US = 1000000 };

/* --- a name server ------------------------------------------------------------------------- */

/* Names: none.* do not exist, silent.* are not answered, short.* live for 2 s, others for 300 s; all
 * have 127.0.0.1, 127.0.0.2 and ::1. */
struct server {
    int fd;
    char address[32];
    struct thread *thread;
    atomic_int queries;
};

static size_t add_record(uint8_t *at, int type, uint32_t ttl, const void *data, size_t len)
{
    const uint8_t head[] = { 0xc0, HEADER,      0, (uint8_t)type,       0,
                             1,    0,           0, (uint8_t)(ttl >> 8), (uint8_t)ttl,
                             0,    (uint8_t)len };
    memcpy(at, head, sizeof(head));
    memcpy(at + sizeof(head), data, len);
    return sizeof(head) + len;
}

/* Turns the query in `p` into its answer; returns the length, 0: none. */
static size_t make_answer(uint8_t *p, size_t len)
{
    size_t label = p[HEADER];
    size_t end = HEADER;
    struct str first = str_of((const char *)p + HEADER + 1, label);

    while (p[end] != 0)
        end += (size_t)p[end] + 1;
    int type = p[end + 2];
    size_t at = end + 5;
    MUST(at <= len);
    p[2] = 0x84;
    p[3] = 0;
    p[7] = p[9] = p[11] = 0;
    if (str_eq(first, STR("silent")))
        return 0;
    if (str_eq(first, STR("none"))) {
        p[3] = 3;
        return at;
    }
    uint32_t ttl = str_eq(first, STR("short")) ? 2 : 300;
    if (type == TYPE_AAAA) {
        at += add_record(p + at, type, ttl, &in6addr_loopback, 16);
        p[7] = 1;
    } else if (type == TYPE_A) {
        at += add_record(p + at, type, ttl, "\x7f\0\0\1", 4);
        at += add_record(p + at, type, ttl, "\x7f\0\0\2", 4);
        p[7] = 2;
    }
    return at;
}

static void serve(void *arg)
{
    struct server *s = arg;
    uint8_t packet[PACKET_MAX];
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    ssize_t n;

    while ((n = recvfrom(s->fd, packet, sizeof(packet) / 2, 0, (struct sockaddr *)&from,
                         &from_len)) > HEADER) {
        atomic_fetch_add(&s->queries, 1);
        size_t len = make_answer(packet, (size_t)n);
        if (len > 0)
            (void)sendto(s->fd, packet, len, 0, (struct sockaddr *)&from, from_len);
    }
}

static void server_start(struct server *s)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);

    atomic_init(&s->queries, 0);
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    MUST(bind(s->fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
         getsockname(s->fd, (struct sockaddr *)&at, &len) == 0);
    (void)snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", ntohs(at.sin_port));
    s->thread = thread_start("names", THREAD_OTHER, serve, s);
}

static void server_stop(struct server *s)
{
    struct sockaddr_in at;
    socklen_t len = sizeof(at);

    /* An empty packet ends it. */
    MUST(getsockname(s->fd, (struct sockaddr *)&at, &len) == 0);
    MUST(sendto(s->fd, "", 0, 0, (struct sockaddr *)&at, len) == 0);
    thread_join(s->thread);
    (void)close(s->fd);
}

/* --- the resolver on it -------------------------------------------------------------------- */

struct ask {
    struct fetch_lookup lookup;
    int done_count;
    bool ok;
    struct fetch_addresses found;
    char why[128];
};

struct fixture {
    struct server server;
    struct clock_fake clock;
    struct loop *loop;
    struct fetch_resolver *resolver;
};

static void on_done(void *arg, const struct fetch_addresses *found, const char *why)
{
    struct ask *ask = arg;

    ask->done_count++;
    ask->ok = found != NULL;
    if (found != NULL)
        ask->found = *found;
    else
        (void)snprintf(ask->why, sizeof(ask->why), "%s", why);
}

static void start(struct fixture *f, struct ask *ask, const char *name)
{
    memset(ask, 0, sizeof(*ask));
    ask->lookup = (struct fetch_lookup){ .done = on_done, .arg = ask };
    fetch_resolve(f->resolver, str_from(name), &ask->lookup);
}

static void finish(struct fixture *f, struct ask *ask)
{
    for (int i = 0; i < 1000 && ask->done_count == 0; i++)
        loop_turn(f->loop, 10 * 1000);
    assert_int_equal(ask->done_count, 1);
}

static void look_up(struct fixture *f, struct ask *ask, const char *name)
{
    start(f, ask, name);
    finish(f, ask);
}

static int set_up(void **state)
{
    struct fixture *f = XNEW(struct fixture);

    server_start(&f->server);
    clock_fake_init(&f->clock, 1000LL * SECOND_US);
    f->loop = loop_new("test", &f->clock.clock);
    f->resolver =
        fetch_resolver_new(f->loop, "fixed.test=10.0.0.1,fixed.test=::2", f->server.address);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    fetch_resolver_free(f->resolver);
    loop_turn(f->loop, 0);
    loop_free(f->loop);
    server_stop(&f->server);
    xfree(f);
    return 0;
}

static void assert_addresses(const struct ask *ask, const char *expected)
{
    char text[512] = "";
    char one[64];

    assert_true(ask->ok);
    for (size_t i = 0; i < ask->found.count; i++) {
        fetch_address_text(&ask->found.items[i], one, sizeof(one));
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i == 0 ? "" : " ",
                       one);
    }
    assert_string_equal(text, expected);
}

static void both_families_are_found_and_alternate(void **state)
{
    struct fixture *f = *state;
    struct ask ask;

    look_up(f, &ask, "Hook.Test");
    assert_addresses(&ask, "::1 127.0.0.1 127.0.0.2");
    assert_int_equal(atomic_load(&f->server.queries), 2);
}

static void literals_localhost_and_fixed_names_need_no_dns(void **state)
{
    static const char *const rows[][2] = {
        { "192.0.2.7", "192.0.2.7" },          { "2001:db8::7", "2001:db8::7" },
        { "localhost", "127.0.0.1 ::1" },      { "LocalHost.", "127.0.0.1 ::1" },
        { "deep.localhost", "127.0.0.1 ::1" }, { "FIXED.test", "10.0.0.1 ::2" }
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct ask ask;
        start(f, &ask, rows[i][0]);
        assert_int_equal(ask.done_count, 1); /* at once */
        assert_addresses(&ask, rows[i][1]);
    }
    assert_int_equal(atomic_load(&f->server.queries), 0);
}

static void answers_are_kept_for_their_ttl_and_a_minute_at_most(void **state)
{
    struct fixture *f = *state;
    struct ask ask;

    look_up(f, &ask, "hook.test");
    look_up(f, &ask, "short.test");
    assert_int_equal(atomic_load(&f->server.queries), 4);
    f->clock.now_us += 1 * SECOND_US;
    loop_turn(f->loop, 0);
    look_up(f, &ask, "short.test");
    assert_int_equal(atomic_load(&f->server.queries), 4);
    f->clock.now_us += 2 * SECOND_US;
    loop_turn(f->loop, 0);
    look_up(f, &ask, "short.test");
    assert_int_equal(atomic_load(&f->server.queries), 6);
    f->clock.now_us += 56 * SECOND_US;
    loop_turn(f->loop, 0);
    look_up(f, &ask, "HOOK.test");
    assert_int_equal(atomic_load(&f->server.queries), 6);
    f->clock.now_us += 2 * SECOND_US;
    loop_turn(f->loop, 0);
    look_up(f, &ask, "hook.test");
    assert_int_equal(atomic_load(&f->server.queries), 8);
    assert_addresses(&ask, "::1 127.0.0.1 127.0.0.2");
}

static void lookups_of_one_name_at_one_time_are_one_query(void **state)
{
    struct fixture *f = *state;
    struct ask asks[3];

    for (size_t i = 0; i < COUNT_OF(asks); i++)
        start(f, &asks[i], "hook.test");
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        finish(f, &asks[i]);
        assert_true(asks[i].ok);
    }
    assert_int_equal(atomic_load(&f->server.queries), 2);
}

static void a_failure_says_why_and_is_not_kept(void **state)
{
    struct fixture *f = *state;
    struct ask ask;

    look_up(f, &ask, "none.test");
    assert_false(ask.ok);
    assert_true(ask.why[0] != '\0');
    int queries = atomic_load(&f->server.queries);
    look_up(f, &ask, "none.test");
    assert_false(ask.ok);
    assert_true(atomic_load(&f->server.queries) > queries);
}

static void what_cannot_be_a_name_is_not_asked_for(void **state)
{
    struct fixture *f = *state;
    char name[300];
    struct ask ask;

    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    look_up(f, &ask, name);
    assert_false(ask.ok);
    look_up(f, &ask, "");
    assert_false(ask.ok);
    assert_int_equal(atomic_load(&f->server.queries), 0);
}

static void a_canceled_lookup_is_silent_and_others_go_on(void **state)
{
    struct fixture *f = *state;
    struct ask gone;
    struct ask stays;

    start(f, &gone, "hook.test");
    start(f, &stays, "hook.test");
    fetch_resolve_cancel(&gone.lookup);
    fetch_resolve_cancel(&gone.lookup); /* again: nothing happens */
    finish(f, &stays);
    assert_int_equal(gone.done_count, 0);
}

static void freeing_ends_lookups_silently(void **state)
{
    struct fixture *f = *state;
    struct ask ask;

    start(f, &ask, "silent.test");
    loop_turn(f->loop, 0);
    fetch_resolver_free(f->resolver);
    f->resolver = NULL;
    assert_int_equal(ask.done_count, 0);
}

static void the_oldest_names_are_forgotten_past_the_limit(void **state)
{
    enum { LIMIT = 4096 };
    struct fixture *f = *state;
    char name[32];
    struct ask ask;

    for (int i = 0; i <= LIMIT; i++) {
        (void)snprintf(name, sizeof(name), "n%d.test", i);
        look_up(f, &ask, name);
        assert_true(ask.ok);
    }
    int queries = atomic_load(&f->server.queries);
    look_up(f, &ask, "n2.test");
    assert_int_equal(atomic_load(&f->server.queries), queries);
    look_up(f, &ask, "n0.test");
    assert_int_equal(atomic_load(&f->server.queries), queries + 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(both_families_are_found_and_alternate),
        CASE(literals_localhost_and_fixed_names_need_no_dns),
        CASE(answers_are_kept_for_their_ttl_and_a_minute_at_most),
        CASE(lookups_of_one_name_at_one_time_are_one_query),
        CASE(a_failure_says_why_and_is_not_kept),
        CASE(what_cannot_be_a_name_is_not_asked_for),
        CASE(a_canceled_lookup_is_silent_and_others_go_on),
        CASE(freeing_ends_lookups_silently),
        CASE(the_oldest_names_are_forgotten_past_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
