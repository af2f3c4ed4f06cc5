/* SPDX-License-Identifier: Apache-2.0
 *
 * What lookers see of what is shown: everything is counted, a bounded sample is kept, once for all who want the same.
 */
#include "things.h"

#define SECOND INT64_C(1000000)

enum { ROOM = 2 * STATS_RING };

struct glance {
    size_t count;
    struct stats_event events[ROOM];
    struct stats_seen seen;
    uint64_t lost;
};

static struct glance glance_at(struct stats_looker *l, int64_t now_us)
{
    struct glance g = { .count = 0 };
    g.count = stats_live_take(l, now_us, g.events, ROOM, &g.seen, &g.lost);
    return g;
}

static void show_tasks(struct fixture *f, int64_t org, int count)
{
    for (int i = 0; i < count; i++)
        stats_live_show(f->stats,
                        &(struct stats_event){ .kind = STATS_EVENT_TASK, .org = org, .object = i });
}

static const struct stats_want tasks_of_org = { .org = ORG, .kinds = 1u << STATS_EVENT_TASK };

static void everything_is_counted_and_a_sample_is_shown(void **state)
{
    struct fixture *f = *state;
    struct stats_looker l;
    assert_int_equal(stats_live_add(f->stats, &tasks_of_org, &l), RC_OK);
    show_tasks(f, ORG, 1000);
    struct glance g = glance_at(&l, SECOND);
    assert_int_equal(g.count, STATS_SAMPLE_BURST);
    assert_int_equal(g.seen.kinds[STATS_EVENT_TASK], 1000);
    assert_int_equal(g.seen.left_out, 1000 - STATS_SAMPLE_BURST);
    assert_int_equal(g.events[7].object, 7);
    assert_int_equal(g.lost, 0);
    (void)glance_at(&l, SECOND + SECOND / 10); /* brings a tenth of a second's share */
    show_tasks(f, ORG, 1000);
    g = glance_at(&l, SECOND + SECOND / 5);
    assert_int_equal(g.count, STATS_SAMPLE / 10);
    assert_int_equal(g.seen.kinds[STATS_EVENT_TASK], 1000);
    stats_live_remove(f->stats, &l);
    assert_true(stats_live_is_watched(f->stats)); /* its looker may come back */
    move(f, STATS_LINGER_US);
    accept_messages(f, 1);
    assert_false(stats_live_is_watched(f->stats));
}

static void those_who_want_the_same_share_a_sample_and_others_have_their_own(void **state)
{
    struct fixture *f = *state;
    struct stats_want other = tasks_of_org;
    struct stats_looker one, two, stranger;
    other.org = ORG + 1;
    assert_int_equal(stats_live_add(f->stats, &tasks_of_org, &one), RC_OK);
    assert_int_equal(stats_live_add(f->stats, &other, &stranger), RC_OK);
    show_tasks(f, ORG, 10);
    assert_int_equal(stats_live_add(f->stats, &tasks_of_org, &two),
                     RC_OK); /* sees nothing of before */
    show_tasks(f, ORG, 5);
    show_tasks(f, ORG + 1, 3);
    struct glance a = glance_at(&one, SECOND), b = glance_at(&two, SECOND),
                  c = glance_at(&stranger, SECOND);
    assert_int_equal(a.count, 15);
    assert_int_equal(b.count, 5);
    assert_int_equal(b.seen.kinds[STATS_EVENT_TASK], 5);
    assert_int_equal(c.count, 3);
    assert_int_equal(c.events[0].org, ORG + 1);
    stats_live_remove(f->stats, &one);
    show_tasks(f, ORG, 2);
    assert_int_equal(glance_at(&two, SECOND).count, 2);
    stats_live_remove(f->stats, &two);
    stats_live_remove(f->stats, &stranger);
}

static void who_comes_too_late_is_told_how_many_are_lost(void **state)
{
    struct fixture *f = *state;
    struct stats_looker quick, slow;
    size_t seen = 0;
    assert_int_equal(stats_live_add(f->stats, &tasks_of_org, &quick), RC_OK);
    assert_int_equal(stats_live_add(f->stats, &tasks_of_org, &slow), RC_OK);
    enum { ROUNDS = 2 * STATS_RING / STATS_SAMPLE_BURST };
    for (int i = 1; i <= ROUNDS; i++) {
        show_tasks(f, ORG, STATS_SAMPLE_BURST);
        seen += glance_at(&quick, i * SECOND).count;
    }
    struct glance g = glance_at(&slow, (ROUNDS + 1) * SECOND);
    assert_int_equal(g.count, STATS_RING);
    assert_int_equal(g.lost, seen - STATS_RING);
    assert_int_equal(g.seen.kinds[STATS_EVENT_TASK], ROUNDS * STATS_SAMPLE_BURST);
    stats_live_remove(f->stats, &quick);
    stats_live_remove(f->stats, &slow);
}

static struct stats_resumed come_back(struct fixture *f, struct stats_place from,
                                      struct stats_looker *l)
{
    struct stats_resumed r;
    assert_int_equal(stats_live_resume(f->stats, &tasks_of_org, &from, l, &r), RC_OK);
    return r;
}

static struct stats_place begin_at(struct fixture *f, struct stats_looker *l)
{
    struct stats_resumed r;
    assert_int_equal(stats_live_resume(f->stats, &tasks_of_org, NULL, l, &r), RC_OK);
    assert_int_equal(r.hole, STATS_HOLE_NONE);
    return r.at;
}

static void who_was_cut_off_gets_what_came_since(void **state)
{
    struct fixture *f = *state;
    struct stats_looker l;
    struct stats_place at = begin_at(f, &l);
    show_tasks(f, ORG, 5);
    struct glance g = glance_at(&l, SECOND);
    at.event = g.events[2].place; /* the last two did not get through */
    stats_live_remove(f->stats, &l);
    show_tasks(f, ORG, 7);
    move(f, STATS_LINGER_US - SECOND);
    struct stats_resumed r = come_back(f, at, &l);
    assert_int_equal(r.hole, STATS_HOLE_NONE);
    assert_int_equal(r.told, 9);
    assert_int_equal(r.at.event, at.event);
    g = glance_at(&l, SECOND);
    assert_int_equal(g.count, 9);
    assert_int_equal(g.events[0].place, at.event + 1);
    assert_int_equal(g.events[2].object, 0);             /* of the seven */
    assert_int_equal(g.seen.kinds[STATS_EVENT_TASK], 0); /* counted before it came back */
    stats_live_remove(f->stats, &l);
}

static void what_is_not_kept_for_who_was_cut_off_is_counted(void **state)
{
    struct fixture *f = *state;
    struct stats_looker l;
    struct stats_place at = begin_at(f, &l);
    stats_live_remove(f->stats, &l);
    show_tasks(f, ORG, STATS_LINGER_KEPT + 30);
    struct stats_resumed r = come_back(f, at, &l);
    assert_int_equal(r.hole, STATS_HOLE_TOO_MANY);
    assert_int_equal(r.told, STATS_LINGER_KEPT);
    assert_int_equal(r.missed, 30);
    assert_int_equal(glance_at(&l, SECOND).count, STATS_LINGER_KEPT);
    stats_live_remove(f->stats, &l);
}

static void a_ring_that_went_on_without_a_reader_has_a_hole_of_known_size(void **state)
{
    struct fixture *f = *state;
    struct stats_looker stays, l;
    struct stats_place at = begin_at(f, &stays);
    for (int i = 1; i <= 2 * STATS_RING / STATS_SAMPLE_BURST; i++) {
        show_tasks(f, ORG, STATS_SAMPLE_BURST);
        (void)glance_at(&stays, i * SECOND);
    }
    struct stats_resumed r = come_back(f, at, &l);
    assert_int_equal(r.hole, STATS_HOLE_TOO_MANY);
    assert_int_equal(r.told, STATS_RING);
    assert_int_equal(r.missed + r.told, 2 * STATS_RING / STATS_SAMPLE_BURST * STATS_SAMPLE_BURST);
    assert_int_equal(r.at.event, r.missed);
    stats_live_remove(f->stats, &stays);
    stats_live_remove(f->stats, &l);
}

static void a_place_that_nobody_knows_any_more_is_a_hole(void **state)
{
    struct fixture *f = *state;
    struct stats_looker l;
    struct stats_place at = begin_at(f, &l), wrong = at;
    stats_live_remove(f->stats, &l);
    wrong.event = 1; /* there was none yet */
    assert_int_equal(come_back(f, wrong, &l).hole, STATS_HOLE_FORGOTTEN);
    stats_live_remove(f->stats, &l);
    wrong = at;
    wrong.run++;
    assert_int_equal(come_back(f, wrong, &l).hole, STATS_HOLE_RESTART);
    stats_live_remove(f->stats, &l);
    move(f, STATS_LINGER_US);
    assert_int_equal(come_back(f, at, &l).hole, STATS_HOLE_FORGOTTEN);
    stats_live_remove(f->stats, &l);
}

static void the_audience_that_was_left_longest_ago_makes_room(void **state)
{
    struct fixture *f = *state;
    struct stats_looker l;
    struct stats_want want = tasks_of_org;
    struct stats_place first = begin_at(f, &l);
    stats_live_remove(f->stats, &l);
    for (int i = 1; i <= STATS_LINGERING_MAX; i++) {
        move(f, SECOND / 10);
        want.app = i;
        assert_int_equal(stats_live_add(f->stats, &want, &l), RC_OK);
        stats_live_remove(f->stats, &l);
    }
    struct stats_place last;
    struct stats_resumed r = come_back(f, first, &l);
    assert_int_equal(r.hole, STATS_HOLE_FORGOTTEN);
    last = r.at;
    stats_live_remove(f->stats, &l);
    assert_int_equal(come_back(f, last, &l).hole, STATS_HOLE_NONE);
    stats_live_remove(f->stats, &l);
}

static void as_many_audiences_as_there_are_places(void **state)
{
    struct fixture *f = *state;
    static struct stats_looker lookers[STATS_AUDIENCES_MAX], more;
    struct stats_want want = tasks_of_org;
    for (size_t i = 0; i < STATS_AUDIENCES_MAX; i++) {
        want.app = (int64_t)i + 1;
        assert_int_equal(stats_live_add(f->stats, &want, &lookers[i]), RC_OK);
    }
    assert_int_equal(stats_live_add(f->stats, &tasks_of_org, &more), RC_LIMIT);
    stats_live_remove(f->stats, &lookers[5]);
    assert_int_equal(stats_live_add(f->stats, &tasks_of_org, &lookers[5]), RC_OK);
    for (size_t i = 0; i < STATS_AUDIENCES_MAX; i++)
        stats_live_remove(f->stats, &lookers[i]);
}

static void a_committed_job_is_seen_with_its_type(void **state)
{
    struct fixture *f = *state;
    struct stats_looker l;
    const struct stats_want want = { .org = ORG, .app = APP, .kinds = 1u << STATS_EVENT_MESSAGE };
    assert_int_equal(stats_live_add(f->stats, &want, &l), RC_OK);
    accept_messages(f, 2);
    struct glance g = glance_at(&l, SECOND);
    assert_int_equal(g.count, 2);
    assert_true(str_eq(str_of(g.events[1].type, g.events[1].type_len), STR("user.created")));
    assert_int_equal(g.events[1].number, 1);
    stats_live_remove(f->stats, &l);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(everything_is_counted_and_a_sample_is_shown),
        CASE(those_who_want_the_same_share_a_sample_and_others_have_their_own),
        CASE(who_comes_too_late_is_told_how_many_are_lost),
        CASE(who_was_cut_off_gets_what_came_since),
        CASE(what_is_not_kept_for_who_was_cut_off_is_counted),
        CASE(a_ring_that_went_on_without_a_reader_has_a_hole_of_known_size),
        CASE(a_place_that_nobody_knows_any_more_is_a_hole),
        CASE(the_audience_that_was_left_longest_ago_makes_room),
        CASE(as_many_audiences_as_there_are_places),
        CASE(a_committed_job_is_seen_with_its_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
