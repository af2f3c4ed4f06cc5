/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <stdio.h>

#include "store/sealed.h"
#include "things.h"

static struct store_tx *begin(struct fixture *f)
{
    struct store_tx *tx;
    assert_int_equal(store_write(f->store, &tx), RC_OK);
    return tx;
}

static struct store_application new_app(struct fixture *f, const char *uid, const char *name)
{
    struct id id = id_new(store_ids(f->store));
    return (struct store_application){ .org = TEST_ORG,
                                       .id = str_from(id_text(f, "app_", id)),
                                       .uid = uid == NULL ? STR_NONE : str_from(uid),
                                       .name = str_from(name),
                                       .metadata = STR("{}"),
                                       .created_us = 1,
                                       .updated_us = 1 };
}

static struct store_endpoint new_endpoint(struct fixture *f, int64_t app, const char *uid)
{
    struct id id = id_new(store_ids(f->store));
    return (struct store_endpoint){ .app = app,
                                    .id = str_from(id_text(f, "ep_", id)),
                                    .uid = uid == NULL ? STR_NONE : str_from(uid),
                                    .kind = STR("http"),
                                    .url = STR("https://a.example/"),
                                    .description = STR(""),
                                    .metadata = STR("{}"),
                                    .disabled_reason = STR(""),
                                    .headers = str_of("\0sealed", 7),
                                    .version = 1,
                                    .keys = { { STR("new"), 0 }, { STR("old"), 99 } },
                                    .key_count = 2 };
}

/* --- transactions ------------------------------------------------------------------------------------------- */

static void what_was_not_committed_is_not_there(void **state)
{
    struct fixture *f = *state;
    struct str value;
    struct store_tx *tx = begin(f);
    assert_int_equal(store_setting_set(tx, "a", STR("1")), RC_OK);
    store_end(tx);
    assert_int_equal(store_read(f->store, &tx), RC_OK);
    assert_int_equal(store_setting_get(tx, "a", &f->arena, &value), RC_NOT_FOUND);
    store_end(tx);
}

static void settings_survive_a_restart_and_are_replaced(void **state)
{
    struct fixture *f = *state;
    struct str value;
    struct store_tx *tx = begin(f);
    assert_int_equal(store_setting_set(tx, "a", STR("1")), RC_OK);
    assert_int_equal(store_setting_set(tx, "a", str_of("2\0x", 3)), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    fixture_reopen(f);
    assert_int_equal(store_read(f->store, &tx), RC_OK);
    assert_int_equal(store_setting_get(tx, "a", &f->arena, &value), RC_OK);
    assert_true(str_eq(value, str_of("2\0x", 3)));
    store_end(tx);
}

static void a_reader_sees_one_moment(void **state)
{
    struct fixture *f = *state;
    struct store_tx *reader, *writer;
    struct str value;
    assert_int_equal(store_read(f->store, &reader), RC_OK);
    assert_int_equal(store_setting_get(reader, "a", &f->arena, &value), RC_NOT_FOUND);
    writer = begin(f);
    assert_int_equal(store_setting_set(writer, "a", STR("1")), RC_OK);
    assert_int_equal(store_commit(writer), RC_OK);
    assert_int_equal(store_setting_get(reader, "a", &f->arena, &value), RC_NOT_FOUND);
    store_end(reader);
}

static void answers_are_found_within_their_window(void **state)
{
    struct fixture *f = *state;
    const uint8_t key[16] = { 1 }, other[16] = { 2 };
    struct store_answer out, answer = { .status = 201, .body = STR("{}"), .body_hash = { 7 } };
    struct store_tx *tx = begin(f);
    assert_int_equal(store_answer_put(tx, key, test_now_us(), &answer), RC_OK);
    assert_int_equal(store_answer_find(tx, key, test_now_us() - 1, &f->arena, &out), RC_OK);
    assert_int_equal(out.status, 201);
    assert_int_equal(out.body_hash[0], 7);
    assert_int_equal(store_answer_find(tx, key, test_now_us() + 1, &f->arena, &out), RC_NOT_FOUND);
    /* one that comes a window later sweeps it away */
    assert_int_equal(
        store_answer_put(tx, other, test_now_us() + f->options.idempotency_us + 1, &answer), RC_OK);
    assert_int_equal(store_answer_find(tx, key, 0, &f->arena, &out), RC_NOT_FOUND);
    assert_int_equal(store_commit(tx), RC_OK);
}

/* --- organisations, applications -------------------------------------------------------------------------------- */

static void organisations_are_found_by_id_and_number(void **state)
{
    struct fixture *f = *state;
    struct store_org out, org = { .id = STR("org_1"), .name = STR("One"), .created_us = 5 };
    struct store_tx *tx = begin(f);
    assert_int_equal(store_org_insert(tx, &org), RC_OK);
    assert_int_equal(store_org_find(tx, STR("org_1"), &f->arena, &out), RC_OK);
    assert_int_equal(out.num, org.num);
    assert_int_equal(store_org_by_num(tx, org.num, &f->arena, &out), RC_OK);
    assert_true(str_eq(out.name, STR("One")));
    assert_int_equal(store_org_insert(tx, &org), RC_CONFLICT);
    assert_int_equal(store_org_find(tx, STR("org_2"), &f->arena, &out), RC_NOT_FOUND);
    assert_int_equal(store_commit(tx), RC_OK);
}

static void an_organisation_knows_where_it_moves_to(void **state)
{
    struct fixture *f = *state;
    struct store_org out, org = { .id = STR("org_1"), .name = STR("One") };
    struct store_tx *tx = begin(f);
    assert_int_equal(store_org_insert(tx, &org), RC_OK);
    assert_int_equal(store_org_by_num(tx, org.num, &f->arena, &out), RC_OK);
    assert_int_equal(out.moving.len, 0);
    assert_int_equal(store_org_set_moving(tx, org.num, STR("to:berlin")), RC_OK);
    assert_int_equal(store_org_find(tx, STR("org_1"), &f->arena, &out), RC_OK);
    assert_true(str_eq(out.moving, STR("to:berlin")));
    assert_int_equal(store_org_set_moving(tx, org.num + 1, STR("")), RC_NOT_FOUND);
    assert_int_equal(store_commit(tx), RC_OK);
}

static void an_application_is_found_by_id_or_uid_in_its_organisation(void **state)
{
    struct fixture *f = *state;
    struct store_application out, app = new_app(f, "cust-1", "A");
    struct store_tx *tx = begin(f);
    assert_int_equal(store_application_insert(tx, &app), RC_OK);
    assert_int_equal(store_application_find(tx, TEST_ORG, app.id, &f->arena, &out), RC_OK);
    assert_int_equal(out.num, app.num);
    assert_int_equal(store_application_find(tx, TEST_ORG, STR("cust-1"), &f->arena, &out), RC_OK);
    assert_int_equal(store_application_find(tx, TEST_ORG + 1, STR("cust-1"), &f->arena, &out),
                     RC_NOT_FOUND);
    struct store_application twin = new_app(f, "cust-1", "B");
    assert_int_equal(store_application_insert(tx, &twin), RC_CONFLICT);
    twin.org++;
    assert_int_equal(store_application_insert(tx, &twin), RC_OK);
    app.name = STR("renamed");
    assert_int_equal(store_application_update(tx, &app), RC_OK);
    assert_int_equal(store_application_by_num(tx, app.num, &f->arena, &out), RC_OK);
    assert_true(str_eq(out.name, STR("renamed")));
    assert_int_equal(store_commit(tx), RC_OK);
}

static void a_deleted_application_frees_its_uid_and_takes_its_endpoints(void **state)
{
    struct fixture *f = *state;
    struct store_application out, app = new_app(f, "u", "A"), again = new_app(f, "u", "B");
    struct store_tx *tx = begin(f);
    assert_int_equal(store_application_insert(tx, &app), RC_OK);
    struct store_endpoint seen, ep = new_endpoint(f, app.num, NULL);
    assert_int_equal(store_endpoint_insert(tx, &ep), RC_OK);
    assert_int_equal(store_application_delete(tx, app.num, 9), RC_OK);
    assert_int_equal(store_application_delete(tx, app.num, 9), RC_NOT_FOUND);
    assert_int_equal(store_application_find(tx, TEST_ORG, app.id, &f->arena, &out), RC_NOT_FOUND);
    assert_int_equal(store_application_by_num(tx, app.num, &f->arena, &out), RC_OK);
    assert_true(out.deleted);
    assert_int_equal(store_endpoint_find(tx, app.num, ep.id, &f->arena, &seen), RC_NOT_FOUND);
    assert_int_equal(store_endpoint_by_num(tx, ep.num, &f->arena, &seen), RC_OK);
    assert_true(seen.deleted);
    assert_int_equal(seen.key_count, 0);
    assert_null(seen.headers.ptr);
    assert_int_equal(store_application_update(tx, &app), RC_NOT_FOUND);
    assert_int_equal(store_application_insert(tx, &again), RC_OK);
    assert_true(again.num > app.num);
    assert_int_equal(store_commit(tx), RC_OK);
}

static size_t list_apps(struct store_tx *tx, struct fixture *f, struct store_page page,
                        struct store_application *out, bool *done)
{
    struct store_page_end end;
    assert_int_equal(store_application_list(tx, TEST_ORG, NULL, &page, &f->arena, out, &end),
                     RC_OK);
    *done = end.done;
    return end.count;
}

static void application_pages_run_both_ways_in_canonical_order(void **state)
{
    struct fixture *f = *state;
    struct store_application apps[7], out[3];
    bool done;
    struct store_tx *tx = begin(f);
    for (int i = 0; i < 7; i++) {
        apps[i] = new_app(f, NULL, "x");
        assert_int_equal(store_application_insert(tx, &apps[i]), RC_OK);
        test_advance_us(SECOND);
    }
    assert_int_equal(list_apps(tx, f, (struct store_page){ .limit = 3 }, out, &done), 3);
    assert_false(done);
    assert_true(str_eq(out[0].id, apps[0].id));
    assert_int_equal(
        list_apps(tx, f, (struct store_page){ .limit = 3, .after = apps[3].id }, out, &done), 3);
    assert_true(done);
    assert_true(str_eq(out[2].id, apps[6].id));
    assert_int_equal(
        list_apps(tx, f, (struct store_page){ .limit = 2, .after = apps[4].id, .backwards = true },
                  out, &done),
        2);
    assert_false(done);
    assert_true(str_eq(out[0].id, apps[2].id));
    assert_true(str_eq(out[1].id, apps[3].id));
    assert_int_equal(
        list_apps(tx, f, (struct store_page){ .limit = 3, .descending = true }, out, &done), 3);
    assert_true(str_eq(out[0].id, apps[6].id));
    assert_int_equal(
        list_apps(tx, f,
                  (struct store_page){
                      .limit = 3, .descending = true, .backwards = true, .after = apps[5].id },
                  out, &done),
        1);
    assert_true(done);
    assert_int_equal(list_apps(tx, f, (struct store_page){ .limit = 0 }, out, &done), 0);
    store_end(tx);
}

/* --- endpoints ------------------------------------------------------------------------------------------------------ */

static void an_endpoint_keeps_every_field_and_its_keys_in_order(void **state)
{
    struct fixture *f = *state;
    struct store_tx *tx = begin(f);
    struct store_endpoint out, ep = new_endpoint(f, 11, "uid");
    ep.event_types = STR("[\"a\"]");
    ep.options = STR("{\"x\":1}");
    ep.throttle = 5;
    assert_int_equal(store_endpoint_insert(tx, &ep), RC_OK);
    assert_int_equal(store_endpoint_find(tx, 11, STR("uid"), &f->arena, &out), RC_OK);
    assert_true(str_eq(out.event_types, ep.event_types));
    assert_null(out.channels.ptr);
    assert_true(str_eq(out.headers, ep.headers));
    assert_int_equal(out.throttle, 5);
    assert_int_equal(out.key_count, 2);
    assert_true(str_eq(out.keys[0].sealed, STR("new")));
    assert_int_equal(out.keys[1].expires_us, 99);
    out.key_count = 1;
    out.uid = STR_NONE;
    assert_int_equal(store_endpoint_update(tx, &out), RC_OK);
    assert_int_equal(store_endpoint_by_num(tx, ep.num, &f->arena, &out), RC_OK);
    assert_int_equal(out.key_count, 1);
    assert_null(out.uid.ptr);
    store_end(tx);
}

static void health_changes_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct store_tx *tx = begin(f);
    struct store_endpoint out, ep = new_endpoint(f, 11, "uid");
    assert_int_equal(store_endpoint_insert(tx, &ep), RC_OK);
    assert_int_equal(store_endpoint_set_health(tx, ep.num, 77, 78, true, STR("failing"), 5), RC_OK);
    assert_int_equal(store_endpoint_by_num(tx, ep.num, &f->arena, &out), RC_OK);
    assert_int_equal(out.failing_since_us, 77);
    assert_int_equal(out.last_failure_us, 78);
    assert_true(out.disabled);
    assert_true(str_eq(out.disabled_reason, STR("failing")));
    assert_true(str_eq(out.url, ep.url));
    assert_int_equal(out.key_count, 2);
    assert_int_equal(store_endpoint_set_health(tx, ep.num + 1, 77, 78, true, STR("failing"), 5),
                     RC_NOT_FOUND);
    store_end(tx);
}

static void all_live_endpoints_come_oldest_first(void **state)
{
    struct fixture *f = *state;
    struct store_endpoint *all;
    size_t count;
    int64_t nums[40];
    struct store_tx *tx = begin(f);
    for (int i = 0; i < 40; i++) {
        struct store_endpoint ep = new_endpoint(f, 11, NULL);
        assert_int_equal(store_endpoint_insert(tx, &ep), RC_OK);
        nums[i] = ep.num;
    }
    assert_int_equal(store_endpoint_delete(tx, nums[1], 3), RC_OK);
    assert_int_equal(store_endpoint_all(tx, 11, &f->arena, &all, &count), RC_OK);
    assert_int_equal(count, 39);
    assert_int_equal(all[0].num, nums[0]);
    assert_int_equal(all[1].num, nums[2]);
    assert_int_equal(all[38].key_count, 2);
    struct store_endpoint page[2];
    struct store_page_end end;
    assert_int_equal(store_endpoint_list(tx, 11,
                                         &(struct store_page){ .limit = 2, .descending = true },
                                         &f->arena, page, &end),
                     RC_OK);
    assert_int_equal(end.count, 2);
    assert_false(end.done);
    assert_int_equal(page[0].num, nums[39]);
    assert_int_equal(page[0].key_count, 2);
    store_end(tx);
}

/* --- event types, tokens ------------------------------------------------------------------------------------------------ */

static void event_types_are_filtered_by_archive_and_flags(void **state)
{
    struct fixture *f = *state;
    struct store_event_type out[8], found;
    struct store_page_end end;
    struct store_page page = { .limit = 8 };
    struct store_tx *tx = begin(f);
    const char *const names[] = { "a", "b", "c", "d" };
    for (int i = 0; i < 4; i++) {
        struct id id = id_new(store_ids(f->store));
        struct store_event_type et = { .org = TEST_ORG,
                                       .id = str_from(id_text(f, "evtype_", id)),
                                       .name = str_from(names[i]),
                                       .description = STR("d"),
                                       .archived = i == 1,
                                       .feature_flags = i == 2   ? STR("[\"beta\"]")
                                                        : i == 3 ? STR("[]")
                                                                 : STR_NONE };
        assert_int_equal(store_event_type_insert(tx, &et), RC_OK);
        assert_int_equal(store_event_type_insert(tx, &et), RC_CONFLICT);
    }
    assert_int_equal(
        store_event_type_list(tx, TEST_ORG, false, STR_NONE, &page, &f->arena, out, &end), RC_OK);
    assert_int_equal(end.count, 3);
    assert_int_equal(
        store_event_type_list(tx, TEST_ORG, true, STR("[\"beta\"]"), &page, &f->arena, out, &end),
        RC_OK);
    assert_int_equal(end.count, 4);
    assert_int_equal(
        store_event_type_list(tx, TEST_ORG, true, STR("[]"), &page, &f->arena, out, &end), RC_OK);
    assert_int_equal(end.count, 3);
    page = (struct store_page){ .limit = 1, .after = STR("a") };
    assert_int_equal(
        store_event_type_list(tx, TEST_ORG, false, STR_NONE, &page, &f->arena, out, &end), RC_OK);
    assert_true(str_eq(out[0].name, STR("c")));
    assert_int_equal(store_event_type_find(tx, TEST_ORG, STR("b"), &f->arena, &found), RC_OK);
    found.archived = false;
    assert_int_equal(store_event_type_update(tx, &found), RC_OK);
    assert_int_equal(store_event_type_remove(tx, found.num), RC_OK);
    assert_int_equal(store_event_type_find(tx, TEST_ORG, STR("b"), &f->arena, &found),
                     RC_NOT_FOUND);
    store_end(tx);
}

static void pages_of_event_types_are_full_however_many_are_hidden(void **state)
{
    struct fixture *f = *state;
    struct store_event_type out[2];
    struct store_page_end end;
    struct store_tx *tx = begin(f);
    for (int i = 0; i < 40; i++) { /* every tenth is everybody's */
        struct store_event_type et = {
            .org = TEST_ORG,
            .id = str_from(id_text(f, "evtype_", id_new(store_ids(f->store)))),
            .name = arena_fmt(&f->arena, "type%02d", i),
            .description = STR("d"),
            .feature_flags = i % 10 == 0 ? STR_NONE : STR("[\"beta\"]")
        };
        assert_int_equal(store_event_type_insert(tx, &et), RC_OK);
    }
    struct store_page page = { .limit = 2 };
    assert_int_equal(
        store_event_type_list(tx, TEST_ORG, true, STR("[\"x\"]"), &page, &f->arena, out, &end),
        RC_OK);
    assert_int_equal(end.count, 2);
    assert_false(end.done);
    assert_true(str_eq(out[1].name, STR("type10")));
    page = (struct store_page){ .limit = 2, .after = STR("type10") };
    assert_int_equal(
        store_event_type_list(tx, TEST_ORG, true, STR("[\"x\"]"), &page, &f->arena, out, &end),
        RC_OK);
    assert_int_equal(end.count, 2);
    assert_true(end.done);
    assert_true(str_eq(out[1].name, STR("type30")));
    page = (struct store_page){ .limit = 2, .after = STR("type30"), .backwards = true };
    assert_int_equal(
        store_event_type_list(tx, TEST_ORG, true, STR("[\"x\"]"), &page, &f->arena, out, &end),
        RC_OK);
    assert_int_equal(end.count, 2);
    assert_false(end.done);
    assert_true(str_eq(out[0].name, STR("type10")) && str_eq(out[1].name, STR("type20")));
    store_end(tx);
}

static void names_are_paged_in_the_order_of_bytes(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = { "B", "_", "a", "b" }; /* not as a language sorts them */
    struct store_event_type out[4];
    struct store_page_end end;
    struct store_page page = { .limit = 1 };
    struct store_tx *tx = begin(f);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct store_event_type et = { .org = TEST_ORG,
                                       .id = str_from(
                                           id_text(f, "evtype_", id_new(store_ids(f->store)))),
                                       .name = str_from(names[COUNT_OF(names) - 1 - i]),
                                       .description = STR("d") };
        assert_int_equal(store_event_type_insert(tx, &et), RC_OK);
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(
            store_event_type_list(tx, TEST_ORG, true, STR_NONE, &page, &f->arena, out, &end),
            RC_OK);
        assert_int_equal(end.count, 1);
        assert_true(str_eq(out[0].name, str_from(names[i])));
        assert_int_equal(end.done, i + 1 == COUNT_OF(names));
        page.after = out[0].name;
    }
    store_end(tx);
}

static size_t search(struct fixture *f, struct store_tx *tx, const char *text)
{
    struct store_application_found out[4];
    struct store_page_end end;
    const struct store_page page = { .limit = 4 };
    assert_int_equal(store_application_search(tx, TEST_ORG, str_from(text),
                                              STORE_APPLICATIONS_BY_NAME, &page, &f->arena, out,
                                              &end),
                     RC_OK);
    return end.count;
}

static void a_search_looks_past_the_case_of_ascii_letters_alone(void **state)
{
    struct fixture *f = *state;
    struct store_tx *tx = begin(f);
    struct store_application app = new_app(f, NULL,
                                           "\xc3\x89"
                                           "COLE 100%_\\");
    assert_int_equal(store_application_insert(tx, &app), RC_OK);
    assert_int_equal(search(f, tx,
                            "\xc3\x89"
                            "cole"),
                     1);
    assert_int_equal(search(f, tx,
                            "\xc3\xa9"
                            "cole"),
                     0);
    assert_int_equal(search(f, tx, "100%_\\"), 1); /* nothing stands for something else */
    assert_int_equal(search(f, tx, "1%0"), 0);
    assert_int_equal(search(f, tx, ""), 1);
    store_end(tx);
}

static void tokens_of_a_session_end_later_but_never_later_than_they_would(void **state)
{
    struct fixture *f = *state;
    const int64_t expires_us[] = { 0, 50, 200, 0 };
    const int64_t expected_us[] = { 100, 50, 100, 0 }; /* the last is of another session */
    struct store_token out;
    struct store_tx *tx = begin(f);
    for (int i = 0; i < 4; i++) {
        struct store_token t = { .org = TEST_ORG,
                                 .app = TEST_APP,
                                 .name = STR("t"),
                                 .hash = { (uint8_t)(i + 1) },
                                 .expires_us = expires_us[i],
                                 .scopes = i == 3 ? STR("{\"session\":\"S1\"}")
                                                  : STR("{\"session\":\"s1\"}") };
        assert_int_equal(store_token_insert(tx, &t), RC_OK);
    }
    assert_int_equal(store_token_shorten_app(tx, TEST_APP, STR("s1"), 100), RC_OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(
            store_token_find(tx, (const uint8_t[32]){ (uint8_t)(i + 1) }, &f->arena, &out), RC_OK);
        assert_int_equal(out.expires_us, expected_us[i]);
    }
    assert_int_equal(store_token_shorten_app(tx, TEST_APP, STR(""), 40), RC_OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(
            store_token_find(tx, (const uint8_t[32]){ (uint8_t)(i + 1) }, &f->arena, &out), RC_OK);
        assert_int_equal(out.expires_us, 40);
    }
    store_end(tx);
}

static void tokens_end_by_application_and_session(void **state)
{
    struct fixture *f = *state;
    struct store_token out, *all;
    size_t count;
    int64_t ended;
    struct store_tx *tx = begin(f);
    for (int i = 0; i < 4; i++) {
        struct store_token t = { .org = TEST_ORG,
                                 .app = i == 3 ? 0 : TEST_APP,
                                 .name = STR("t"),
                                 .hash = { (uint8_t)(i + 1) },
                                 .scopes = i == 0 ? STR("{\"session\":\"s1\"}") : STR_NONE };
        assert_int_equal(store_token_insert(tx, &t), RC_OK);
    }
    assert_int_equal(store_token_expire_app(tx, TEST_APP, STR("s1"), &ended), RC_OK);
    assert_int_equal(ended, 1);
    assert_int_equal(store_token_find(tx, (const uint8_t[32]){ 1 }, &f->arena, &out), RC_NOT_FOUND);
    assert_int_equal(store_token_find(tx, (const uint8_t[32]){ 2 }, &f->arena, &out), RC_OK);
    assert_int_equal(out.hash[0], 2);
    assert_int_equal(store_token_expire_app(tx, TEST_APP, STR(""), &ended), RC_OK);
    assert_int_equal(ended, 2);
    assert_int_equal(store_token_list(tx, TEST_ORG, &f->arena, &all, &count), RC_OK);
    assert_int_equal(count, 1);
    assert_int_equal(store_token_delete(tx, all[0].num), RC_OK);
    assert_int_equal(store_token_delete(tx, all[0].num), RC_NOT_FOUND);
    assert_int_equal(store_commit(tx), RC_OK);
}

/* --- what is sealed ----------------------------------------------------------------------------------------------- */

struct contexts {
    size_t count;
    bool is_asked_once;
    char all[1024];
};

static bool note_context(void *ctx, struct str context, struct str sealed)
{
    struct contexts *seen = ctx;
    size_t kind = str_find(context, ':');
    size_t used = strlen(seen->all);
    assert_true(kind < context.len && sealed.len > 0);
    (void)snprintf(seen->all + used, sizeof(seen->all) - used, "%.*s ",
                   STR_ARGS(str_sub(context, 0, kind)));
    seen->count++;
    return seen->is_asked_once;
}

static void every_kind_of_sealed_value_is_shown(void **state)
{
    struct fixture *f = *state;
    struct contexts seen = { 0 };
    struct things t = plan(f);
    int64_t count = 0;
    struct str proof;
    struct store_tx *tx = begin(f);
    t.ep.headers = t.ep.options_sealed = STR("sealed");
    t.source.secrets = t.filter.credentials = STR("sealed");
    t.chain.token = t.chain.token_hash = STR("sealed");
    t.user.totp = t.user.secret = STR("sealed");
    make_all(tx, &t);
    assert_int_equal(store_sealed_each(store_tx_db(tx), note_context, &seen, &count), RC_OK);
    assert_int_equal(count, seen.count);
    assert_string_equal(seen.all,
                        "endpoint headers options source source-url filter filter-url filter-chain"
                        " user-totp user-shared ");
    seen = (struct contexts){ .is_asked_once = true };
    assert_int_equal(store_sealed_each(store_tx_db(tx), note_context, &seen, &count), RC_OK);
    assert_int_equal(seen.count, 1);
    assert_int_equal(store_seal_proof_get(store_tx_db(tx), &f->arena, &proof), RC_NOT_FOUND);
    assert_int_equal(store_seal_proof_set(tx, STR("\xff\x01")), RC_OK);
    assert_int_equal(store_seal_proof_get(store_tx_db(tx), &f->arena, &proof), RC_OK);
    assert_true(str_eq(proof, STR("\xff\x01")));
    store_end(tx);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_was_not_committed_is_not_there),
        T(settings_survive_a_restart_and_are_replaced),
        T(a_reader_sees_one_moment),
        T(answers_are_found_within_their_window),
        T(organisations_are_found_by_id_and_number),
        T(an_organisation_knows_where_it_moves_to),
        T(an_application_is_found_by_id_or_uid_in_its_organisation),
        T(a_deleted_application_frees_its_uid_and_takes_its_endpoints),
        T(application_pages_run_both_ways_in_canonical_order),
        T(an_endpoint_keeps_every_field_and_its_keys_in_order),
        T(health_changes_nothing_else),
        T(all_live_endpoints_come_oldest_first),
        T(event_types_are_filtered_by_archive_and_flags),
        T(pages_of_event_types_are_full_however_many_are_hidden),
        T(names_are_paged_in_the_order_of_bytes),
        T(a_search_looks_past_the_case_of_ascii_letters_alone),
        T(tokens_of_a_session_end_later_but_never_later_than_they_would),
        T(tokens_end_by_application_and_session),
        T(every_kind_of_sealed_value_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
