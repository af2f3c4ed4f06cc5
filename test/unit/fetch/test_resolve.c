/* SPDX-License-Identifier: Apache-2.0
 *
 * The resolver against a small name server of the test's own, on a clock that stands still.
 */
#include <stddef.h>
#include <stdint.h>

#include "fetch/resolve_priv.h"
#include "name_server.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

enum { SECOND_US = 1000000 };

/* --- the resolver on it -------------------------------------------------------------------- */

struct ask {
    struct fetch_lookup lookup;
    int done_count;
    bool ok;
    struct fetch_addresses found;
    char why[128];
    struct fetch_resolver *resolver;
};

struct fixture {
    struct name_server server;
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

static int set_up_on(const struct clock *clock, struct fixture *f, void **state)
{
    name_server_start(&f->server);
    f->loop = loop_new("test", clock);
    f->resolver =
        fetch_resolver_new(f->loop, "fixed.test=10.0.0.1,fixed.test=::2", f->server.address);
    *state = f;
    return 0;
}

static int set_up(void **state)
{
    struct fixture *f = XNEW(struct fixture);

    clock_fake_init(&f->clock, 1000LL * SECOND_US);
    return set_up_on(&f->clock.clock, f, state);
}

/* For what depends on c-ares's own timeouts. */
static int set_up_in_real_time(void **state)
{
    return set_up_on(clock_system(), XNEW(struct fixture), state);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    fetch_resolver_free(f->resolver);
    loop_turn(f->loop, 0);
    loop_free(f->loop);
    name_server_stop(&f->server);
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

struct answer_row {
    const char *name;
    const char *addresses; /* NULL: it fails */
    const char *why;       /* in the words of the failure */
    bool is_quick;         /* nobody waits for the silent family */
};

static const struct answer_row ANSWER_ROWS[] = {
    { "ok-ok.test", "::1 127.0.0.1 127.0.0.2", NULL, true },
    { "ok-silent.test", "127.0.0.1 127.0.0.2", NULL, true },
    { "silent-ok.test", "::1", NULL, true },
    { "ok-none.test", "127.0.0.1 127.0.0.2", NULL, true },
    { "none-ok.test", "::1", NULL, true },
    { "ok-nodata.test", "127.0.0.1 127.0.0.2", NULL, true },
    { "nodata-ok.test", "::1", NULL, true },
    { "ok-fail.test", "127.0.0.1 127.0.0.2", NULL, true },
    { "fail-ok.test", "::1", NULL, true },
    { "ok-refused.test", "127.0.0.1 127.0.0.2", NULL, true },
    { "refused-ok.test", "::1", NULL, true },
    { "ok-loop.test", "127.0.0.1 127.0.0.2", NULL, true },
    { "loop-ok.test", "::1", NULL, true },
    { "ok-garbage.test", "127.0.0.1 127.0.0.2", NULL, true },
    { "garbage-ok.test", "::1", NULL, true },
    { "private-ok.test", "::1 10.0.0.1", NULL, true },
    { "ok-private.test", "fd00::1 127.0.0.1 127.0.0.2", NULL, true },
    { "none-none.test", NULL, "not found", false },
    { "nodata-nodata.test", NULL, "the name has no address", false },
    { "loop-loop.test", NULL, "the name has no address", false },
    { "fail-fail.test", NULL, "failed, refused", false },
    { "refused-refused.test", NULL, "failed, refused", false },
    { "garbage-garbage.test", NULL, "isformatted", false },
    { "nodata-fail.test", NULL, "failed, refused", false },
    { "fail-nodata.test", NULL, "failed, refused", false },
    { "none-fail.test", NULL, "failed, refused", false },
    { "silent-silent.test", NULL, "did not answer", false },
    { "nodata-silent.test", NULL, "did not answer", false },
    { "silent-none.test", NULL, "did not answer", false },
};

static bool row_holds(const struct answer_row *row, const struct ask *ask, int64_t took_us)
{
    char text[256] = "";
    char one[64];

    for (size_t i = 0; ask->ok && i < ask->found.count; i++) {
        fetch_address_text(&ask->found.items[i], one, sizeof(one));
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i == 0 ? "" : " ",
                       one);
    }
    bool holds =
        ask->done_count == 1 && ask->ok == (row->addresses != NULL) &&
        (ask->ok ? strcmp(text, row->addresses) == 0 : strstr(ask->why, row->why) != NULL) &&
        (!row->is_quick || took_us < 3 * (int64_t)SECOND_US);
    if (!holds)
        print_error("%s: done %d, addresses \"%s\", why \"%s\", %lld us\n", row->name,
                    ask->done_count, text, ask->why, (long long)took_us);
    return holds;
}

static void no_answer_in_one_family_spoils_the_other(void **state)
{
    struct fixture *f = *state;
    struct ask asks[COUNT_OF(ANSWER_ROWS)];
    int64_t took_us[COUNT_OF(ANSWER_ROWS)] = { 0 };
    int64_t start_us = clock_mono_us(clock_system());
    size_t left = COUNT_OF(ANSWER_ROWS);
    int wrong = 0;

    for (size_t i = 0; i < COUNT_OF(asks); i++)
        start(f, &asks[i], ANSWER_ROWS[i].name);
    while (left > 0 && clock_mono_us(clock_system()) - start_us < 60 * (int64_t)SECOND_US) {
        loop_turn(f->loop, 10 * 1000);
        left = 0;
        for (size_t i = 0; i < COUNT_OF(asks); i++) {
            left += asks[i].done_count == 0 ? 1 : 0;
            if (asks[i].done_count > 0 && took_us[i] == 0)
                took_us[i] = clock_mono_us(clock_system()) - start_us;
        }
    }
    for (size_t i = 0; i < COUNT_OF(asks); i++)
        wrong += !row_holds(&ANSWER_ROWS[i], &asks[i], took_us[i]);
    assert_int_equal(wrong, 0);
}

static void a_name_whose_answers_are_too_long_for_a_packet_fails_alone(void **state)
{
    struct fixture *f = *state;
    struct ask ask;

    look_up(f, &ask, "ok-cut.test");
    assert_addresses(&ask, "127.0.0.1 127.0.0.2");
    look_up(f, &ask, "cut-ok.test");
    assert_addresses(&ask, "::1");
    look_up(f, &ask, "cut-cut.test");
    assert_false(ask.ok);
    look_up(f, &ask, "ok.test");
    assert_addresses(&ask, "::1 127.0.0.1 127.0.0.2");
}

static void a_late_family_is_there_for_the_next_lookup(void **state)
{
    struct fixture *f = *state;
    struct ask ask;

    look_up(f, &ask, "ok-late.test");
    assert_addresses(&ask, "127.0.0.1 127.0.0.2");
    for (int i = 0; i < 1000 && ask.found.count < 3; i++) {
        loop_turn(f->loop, 10 * 1000);
        look_up(f, &ask, "ok-late.test");
    }
    assert_addresses(&ask, "::1 127.0.0.1 127.0.0.2");
    assert_int_equal(atomic_load(&f->server.queries), 2);
}

/* As in every pod of Kubernetes; c-ares takes both from the environment as from resolv.conf. */
static void names_are_looked_up_as_they_are_written(void **state)
{
    static const char *const names[] = { "hooks.customer.test", "none.customer.test", "single" };
    struct fixture *f = *state;

    (void)setenv("LOCALDOMAIN", "operator.test", 1);
    (void)setenv("RES_OPTIONS", "ndots:5", 1);
    fetch_resolver_free(f->resolver);
    f->resolver = fetch_resolver_new(f->loop, NULL, f->server.address);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct ask ask;
        look_up(f, &ask, names[i]);
        mutex_lock(&f->server.lock);
        assert_string_equal(f->server.last_asked, names[i]);
        mutex_unlock(&f->server.lock);
        assert_int_equal(atomic_load(&f->server.queries), 2 * (i + 1));
    }
    (void)unsetenv("LOCALDOMAIN");
    (void)unsetenv("RES_OPTIONS");
}

/* The callback of a failed lookup may ask again at once. */
static void on_done_ask_again(void *arg, const struct fetch_addresses *found, const char *why)
{
    struct ask *ask = arg;

    (void)found;
    (void)why;
    if (++ask->done_count > 3)
        return;
    ask->lookup = (struct fetch_lookup){ .done = on_done_ask_again, .arg = ask };
    fetch_resolve(ask->resolver, STR("none.test"), &ask->lookup);
}

static void a_failed_lookup_may_be_started_again_by_who_hears_of_it(void **state)
{
    struct fixture *f = *state;
    struct ask ask = { .resolver = f->resolver };

    ask.lookup = (struct fetch_lookup){ .done = on_done_ask_again, .arg = &ask };
    fetch_resolve(f->resolver, STR("none.test"), &ask.lookup);
    for (int i = 0; i < 1000 && ask.done_count < 4; i++)
        loop_turn(f->loop, 10 * 1000);
    assert_int_equal(ask.done_count, 4);
    assert_int_equal(atomic_load(&f->server.queries), 8);
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
        CASE(names_are_looked_up_as_they_are_written),
        CASE(a_failed_lookup_may_be_started_again_by_who_hears_of_it),
        cmocka_unit_test_setup_teardown(no_answer_in_one_family_spoils_the_other,
                                        set_up_in_real_time, tear_down),
        cmocka_unit_test_setup_teardown(a_name_whose_answers_are_too_long_for_a_packet_fails_alone,
                                        set_up_in_real_time, tear_down),
        cmocka_unit_test_setup_teardown(a_late_family_is_there_for_the_next_lookup,
                                        set_up_in_real_time, tear_down),
        CASE(the_oldest_names_are_forgotten_past_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
