/* SPDX-License-Identifier: Apache-2.0
 *
 * What configuration costs in an application of 10 endpoints and in one of 2,000: steps of SQLite's
 * machine, which are the same on every machine. A row that is looked at costs some; how deep an index
 * is costs none. For the SQLite backend only.
 */
#include "support.h"

#include <sqlite3.h>
#include <stdio.h>

enum { FEW = 10, MANY = 2000 };

static _Thread_local int64_t steps; /* of this thread: the store has others */

static int count_steps(unsigned what, void *ctx, void *stmt, void *took)
{
    (void)what;
    (void)ctx;
    (void)took;
    steps += sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 1);
    return 0;
}

static int watch(sqlite3 *db, char **why, const void *unused)
{
    (void)why;
    (void)unused;
    return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, count_steps, NULL);
}

static struct store_application new_app(struct fixture *f, const char *uid)
{
    return (
        struct store_application){ .org = TEST_ORG,
                                   .id = str_from(id_text(f, "app_", id_new(store_ids(f->store)))),
                                   .uid = str_from(uid),
                                   .name = STR("name"),
                                   .metadata = STR("{}"),
                                   .created_us = 1,
                                   .updated_us = 1 };
}

static struct store_endpoint new_endpoint(struct fixture *f, int64_t app, int n)
{
    return (struct store_endpoint){ .app = app,
                                    .id = str_from(id_text(f, "ep_", id_new(store_ids(f->store)))),
                                    .uid = arena_fmt(&f->arena, "uid-%d", n),
                                    .kind = STR("http"),
                                    .url = STR("https://a.example/"),
                                    .description = STR(""),
                                    .metadata = STR("{}"),
                                    .disabled_reason = STR(""),
                                    .version = 1,
                                    .keys = { { STR("key"), 0 } },
                                    .key_count = 1 };
}

/* An application with so many endpoints, and the fifth of them. */
struct place {
    int64_t app;
    struct str id;
    struct store_endpoint ep;
};

static struct place make(struct fixture *f, struct store_tx *tx, const char *uid, int count)
{
    struct place p = { 0 };
    struct store_application app = new_app(f, uid);
    assert_int_equal(store_application_insert(tx, &app), RC_OK);
    for (int i = 0; i < count; i++) {
        struct store_endpoint ep = new_endpoint(f, app.num, i);
        assert_int_equal(store_endpoint_insert(tx, &ep), RC_OK);
        if (i == 4)
            p.ep = ep;
    }
    p.app = app.num;
    p.id = app.id;
    return p;
}

typedef void (*act_fn)(struct fixture *f, struct store_tx *tx, const struct place *p);

static void find_by_id(struct fixture *f, struct store_tx *tx, const struct place *p)
{
    struct store_endpoint out;
    assert_int_equal(store_endpoint_find(tx, p->app, p->ep.id, &f->arena, &out), RC_OK);
    assert_int_equal(out.num, p->ep.num);
}

static void find_by_uid(struct fixture *f, struct store_tx *tx, const struct place *p)
{
    struct store_endpoint out;
    assert_int_equal(store_endpoint_find(tx, p->app, STR("uid-4"), &f->arena, &out), RC_OK);
    assert_int_equal(out.num, p->ep.num);
}

static void find_none(struct fixture *f, struct store_tx *tx, const struct place *p)
{
    struct store_endpoint out;
    assert_int_equal(store_endpoint_find(tx, p->app, STR("nobody"), &f->arena, &out), RC_NOT_FOUND);
}

static void find_app(struct fixture *f, struct store_tx *tx, const struct place *p)
{
    struct store_application out;
    assert_int_equal(store_application_find(tx, TEST_ORG, p->id, &f->arena, &out), RC_OK);
    assert_int_equal(out.num, p->app);
}

static void count(struct fixture *f, struct store_tx *tx, const struct place *p)
{
    int64_t n = 0;
    (void)f;
    assert_int_equal(store_endpoint_count(tx, p->app, &n), RC_OK);
    assert_true(n == FEW || n == MANY);
}

static void change(struct fixture *f, struct store_tx *tx, const struct place *p)
{
    (void)f;
    assert_int_equal(store_endpoint_update(tx, &p->ep), RC_OK);
}

static void write_health(struct fixture *f, struct store_tx *tx, const struct place *p)
{
    (void)f;
    assert_int_equal(store_endpoint_set_health(tx, p->ep.num, 1, 2, false, STR(""), 3), RC_OK);
}

static void add_and_delete(struct fixture *f, struct store_tx *tx, const struct place *p)
{
    struct store_endpoint ep = new_endpoint(f, p->app, MANY);
    assert_int_equal(store_endpoint_insert(tx, &ep), RC_OK);
    assert_int_equal(store_endpoint_delete(tx, ep.num, 9), RC_OK);
}

static const struct {
    const char *name;
    act_fn act;
} acts[] = { { "find by id", find_by_id },
             { "find by uid", find_by_uid },
             { "find none", find_none },
             { "find the application", find_app },
             { "count", count },
             { "change", change },
             { "write health", write_health },
             { "add and delete", add_and_delete } };

static int64_t cost(struct fixture *f, struct store_tx *tx, const struct place *p, act_fn act)
{
    int64_t before = steps;
    act(f, tx, p);
    return steps - before;
}

static void one_endpoint_costs_the_same_whatever_the_number_of_endpoints_is(void **state)
{
    struct fixture *f = *state;
    struct store_tx *tx;
    assert_int_equal(store_write(f->store, &tx), RC_OK);
    struct place few = make(f, tx, "few", FEW);
    struct place many = make(f, tx, "many", MANY);
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        act_fn act = acts[i].act;
        (void)cost(f, tx, &few, act); /* the first time it is prepared, too */
        (void)cost(f, tx, &many, act);
        int64_t of_few = cost(f, tx, &few, act);
        int64_t of_many = cost(f, tx, &many, act);
        print_message("# %s: %d steps of %d, %d of %d\n", acts[i].name, (int)of_few, FEW,
                      (int)of_many, MANY);
        assert_true(of_few > 0);
        assert_int_equal(of_few, of_many);
    }
    store_end(tx);
}

static void an_application_costs_the_same_whatever_the_number_of_applications_is(void **state)
{
    struct fixture *f = *state;
    struct store_tx *tx;
    assert_int_equal(store_write(f->store, &tx), RC_OK);
    struct place p = make(f, tx, "few", 0);
    (void)cost(f, tx, &p, find_app);
    int64_t among_few = cost(f, tx, &p, find_app);
    for (int i = 0; i < MANY; i++) {
        struct store_application app =
            new_app(f, arena_cstr(&f->arena, arena_fmt(&f->arena, "u-%d", i)));
        assert_int_equal(store_application_insert(tx, &app), RC_OK);
    }
    assert_int_equal(cost(f, tx, &p, find_app), among_few);
    store_end(tx);
}

static void the_count_follows_every_way_in_which_endpoints_come_and_go(void **state)
{
    struct fixture *f = *state;
    struct store_tx *tx;
    int64_t n = -1;
    assert_int_equal(store_write(f->store, &tx), RC_OK);
    struct place p = make(f, tx, "few", FEW);
    assert_int_equal(store_endpoint_count(tx, p.app + 1, &n), RC_OK);
    assert_int_equal(n, 0);
    assert_int_equal(store_endpoint_delete(tx, p.ep.num, 9), RC_OK);
    assert_int_equal(store_endpoint_delete(tx, p.ep.num, 9), RC_NOT_FOUND);
    assert_int_equal(store_endpoint_count(tx, p.app, &n), RC_OK);
    assert_int_equal(n, FEW - 1);
    assert_int_equal(store_application_delete(tx, p.app, 9), RC_OK);
    assert_int_equal(store_endpoint_count(tx, p.app, &n), RC_OK);
    assert_int_equal(n, 0);
    store_end(tx);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_endpoint_costs_the_same_whatever_the_number_of_endpoints_is),
        TEST(an_application_costs_the_same_whatever_the_number_of_applications_is),
        TEST(the_count_follows_every_way_in_which_endpoints_come_and_go),
    };
    MUST(sqlite3_auto_extension((void (*)(void))watch) == SQLITE_OK);
    return cmocka_run_group_tests_name("cost", tests, NULL, NULL);
}
