/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

static void a_delivery_is_pending_from_the_moment_of_acceptance(void **state)
{
    struct fixture *f = *state;
    struct store_delivery_row *rows;
    size_t count;
    const int64_t endpoints[] = { 900000, 5, 77, 5 };
    struct published p =
        publish(f, (struct publish_spec){ .endpoints = endpoints, .endpoint_count = 4 });
    assert_int_equal(store_delivery_by_message(f->store, TEST_APP, &p.id, &f->arena, &rows, &count),
                     RC_OK);
    assert_int_equal(count, 3); /* an endpoint named twice gets it once */
    assert_int_equal(rows[0].endpoint, 5);
    assert_int_equal(rows[1].endpoint, 77);
    assert_int_equal(rows[2].endpoint, 900000);
    assert_int_equal(rows[0].state, STORE_PENDING);
    assert_int_equal(rows[0].due_us, test_now_us());
    assert_int_equal(rows[0].attempt_count, 0);
    assert_int_equal(store_delivery_by_message(f->store, 1, &p.id, &f->arena, &rows, &count),
                     RC_NOT_FOUND);
}

static void ten_thousand_destinations_are_one_commit(void **state)
{
    struct fixture *f = *state;
    struct store_delivery_row *rows;
    struct store_stats stats;
    size_t count;
    int64_t *endpoints = xcalloc(STORE_DESTINATIONS_MAX, sizeof *endpoints);
    for (int64_t i = 0; i < STORE_DESTINATIONS_MAX; i++)
        endpoints[i] = i + 1;
    struct published p =
        publish(f, (struct publish_spec){ .endpoints = endpoints,
                                          .endpoint_count = STORE_DESTINATIONS_MAX });
    assert_int_equal(p.rc, RC_OK);
    assert_int_equal(store_delivery_by_message(f->store, TEST_APP, &p.id, &f->arena, &rows, &count),
                     RC_OK);
    assert_int_equal(count, STORE_DESTINATIONS_MAX);
    store_stats(f->store, &stats);
    assert_int_equal(stats.pending, STORE_DESTINATIONS_MAX);
    xfree(endpoints);
}

static void an_outcome_records_attempt_and_state_together(void **state)
{
    struct fixture *f = *state;
    struct store_attempt_row row;
    struct published p = publish(f, (struct publish_spec){ 0 });
    struct store_outcome o = outcome_of(f, p.id, 1, STORE_PENDING, STORE_SENDING);
    o.error = STR("timeout");
    o.detail = STR("no answer within 15 s");
    assert_int_equal(record(f, &o), RC_OK);
    assert_int_equal(state_of(f, p.id, 1), STORE_SENDING);
    assert_int_equal(store_attempt_get(f->store, TEST_APP, &p.id, &o.attempt, &f->arena, &row),
                     RC_OK);
    assert_int_equal(row.number, 1);
    assert_int_equal(row.state_after, STORE_SENDING);
    assert_int_equal(row.next_due_us, o.next_due_us);
    assert_int_equal(row.http_status, 500);
    assert_true(str_eq(row.error, STR("timeout")));
    assert_true(str_eq(row.detail, STR("no answer within 15 s")));
    assert_true(str_eq(row.response, STR("thanks")));
    assert_true(str_eq(row.request_headers, STR("webhook-id: m\r\n")));
    assert_int_equal(finish(f, p.id, 1, STORE_SENDING, STORE_SUCCESS), RC_OK);
    assert_int_equal(state_of(f, p.id, 1), STORE_SUCCESS);
}

static enum store_reason reason_of(struct fixture *f, struct id message)
{
    struct store_delivery_row *rows;
    size_t count;
    assert_int_equal(
        store_delivery_by_message(f->store, TEST_APP, &message, &f->arena, &rows, &count), RC_OK);
    return rows[0].reason;
}

static void the_reason_of_an_end_is_kept_until_it_is_sent_again(void **state)
{
    struct fixture *f = *state;
    struct store_delivery_row row;
    struct store_page_end end;
    struct store_message_filter filter = { .app = TEST_APP };
    const struct store_page page = { .limit = 1, .descending = true };
    struct published p = publish(f, (struct publish_spec){ 0 });
    struct store_outcome o = outcome_of(f, p.id, 1, STORE_PENDING, STORE_CANCELED);
    o.has_attempt = false;
    o.reason = STORE_REASON_ENDPOINT_DISABLED;
    assert_int_equal(reason_of(f, p.id), STORE_REASON_NONE);
    assert_int_equal(record(f, &o), RC_OK);
    fixture_reopen(f);
    assert_int_equal(reason_of(f, p.id), STORE_REASON_ENDPOINT_DISABLED);
    assert_int_equal(store_delivery_by_endpoint(f->store, &filter, 1, 1U << STORE_CANCELED, &page,
                                                &f->arena, &row, &end),
                     RC_OK);
    assert_int_equal(end.count, 1);
    assert_int_equal(row.reason, STORE_REASON_ENDPOINT_DISABLED);
    struct store_requeue r = { .message = p.id, .app = TEST_APP, .endpoint = 1 };
    assert_int_equal(requeue(f, &r), RC_OK);
    store_message_unref(r.message_out);
    assert_int_equal(reason_of(f, p.id), STORE_REASON_NONE);
}

/* Canceled while an attempt is under way, which then ends like this. */
static struct id cancel_under_way(struct fixture *f, enum store_state to)
{
    struct published p = publish(f, (struct publish_spec){ 0 });
    struct store_outcome cancel = outcome_of(f, p.id, 1, STORE_PENDING, STORE_CANCELED);
    cancel.has_attempt = false;
    cancel.reason = STORE_REASON_BY_HAND;
    assert_int_equal(record(f, &cancel), RC_OK);
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, to), RC_OK);
    return p.id;
}

static void an_attempt_under_way_counts_though_its_delivery_was_canceled(void **state)
{
    struct fixture *f = *state;
    struct id failed = cancel_under_way(f, STORE_SENDING);
    assert_int_equal(state_of(f, failed, 1), STORE_CANCELED);
    assert_int_equal(reason_of(f, failed), STORE_REASON_BY_HAND);
    struct id arrived = cancel_under_way(f, STORE_SUCCESS);
    assert_int_equal(state_of(f, arrived, 1), STORE_SUCCESS);
    assert_int_equal(reason_of(f, arrived), STORE_REASON_NONE);
}

static void the_reason_shows_with_the_last_attempt_only(void **state)
{
    struct fixture *f = *state;
    struct store_attempt_row rows[3];
    struct store_page_end end;
    const struct store_page page = { .limit = 3, .descending = true };
    struct published p = publish(f, (struct publish_spec){ 0 });
    struct store_attempt_filter by_message = {
        .app = TEST_APP, .message = &p.id, .status = -1, .status_class = -1
    };
    struct store_attempt_filter by_endpoint = {
        .app = TEST_APP, .endpoint = 1, .status = -1, .status_class = -1
    };
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SENDING), RC_OK);
    test_advance_us(SECOND);
    struct store_outcome o = outcome_of(f, p.id, 1, STORE_SENDING, STORE_FAILED);
    o.attempt_count = 2;
    o.reason = STORE_REASON_EXHAUSTED;
    assert_int_equal(record(f, &o), RC_OK);
    const struct store_attempt_filter *const filters[] = { &by_message, &by_endpoint };
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        assert_int_equal(store_attempt_list(f->store, filters[i], &page, &f->arena, rows, &end),
                         RC_OK);
        assert_int_equal(end.count, 2);
        assert_int_equal(rows[0].reason, STORE_REASON_EXHAUSTED);
        assert_int_equal(rows[1].reason, STORE_REASON_NONE);
    }
}

static void every_reason_has_a_name_of_its_own(void **state)
{
    (void)state;
    struct str seen[64];
    size_t count = 0;
    for (int r = 1; store_reason_name((enum store_reason)r).ptr != NULL; r++) {
        struct str name = store_reason_name((enum store_reason)r);
        for (size_t i = 0; i < count; i++)
            assert_false(str_eq(seen[i], name));
        seen[count++] = name;
    }
    assert_int_equal(count, STORE_REASON_BY_HAND);
    assert_null(store_reason_name(STORE_REASON_NONE).ptr);
}

static void an_outcome_for_another_state_is_a_conflict_and_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_attempt_row row;
    struct published p = publish(f, (struct publish_spec){ 0 });
    struct store_outcome o = outcome_of(f, p.id, 1, STORE_SENDING, STORE_SUCCESS);
    assert_int_equal(record(f, &o), RC_CONFLICT);
    assert_int_equal(state_of(f, p.id, 1), STORE_PENDING);
    assert_int_equal(store_attempt_get(f->store, TEST_APP, &p.id, &o.attempt, &f->arena, &row),
                     RC_NOT_FOUND);
    o = outcome_of(f, p.id, 2, STORE_PENDING, STORE_SUCCESS); /* no such delivery */
    assert_int_equal(record(f, &o), RC_CONFLICT);
}

static void states_move_along_the_table_only(void **state)
{
    (void)state;
    assert_true(store_state_may(STORE_PENDING, STORE_SUCCESS));
    assert_true(store_state_may(STORE_FAILED, STORE_PENDING));
    assert_false(store_state_may(STORE_SUCCESS, STORE_FAILED));
    assert_false(store_state_may(STORE_CANCELED, STORE_SENDING));
    assert_string_equal(store_state_text(STORE_SENDING), "sending");
    assert_int_equal(store_state_svix(STORE_SUCCESS), 0);
    assert_int_equal(store_state_svix(STORE_SENDING), 3);
}

static void a_change_without_an_attempt_keeps_the_attempts(void **state)
{
    struct fixture *f = *state;
    struct store_delivery_row *rows;
    size_t count;
    struct published p = publish(f, (struct publish_spec){ 0 });
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SENDING), RC_OK);
    struct store_outcome o = outcome_of(f, p.id, 1, STORE_SENDING, STORE_CANCELED);
    o.has_attempt = false;
    assert_int_equal(record(f, &o), RC_OK);
    assert_int_equal(store_delivery_by_message(f->store, TEST_APP, &p.id, &f->arena, &rows, &count),
                     RC_OK);
    assert_int_equal(rows[0].state, STORE_CANCELED);
    assert_int_equal(rows[0].attempt_count, 1);
    assert_int_equal(rows[0].last_at_us, test_now_us());
    assert_int_equal(rows[0].due_us, 0);
}

/* --- sending again ------------------------------------------------------------------------------------------ */

static void a_finished_delivery_is_sent_again_with_its_message(void **state)
{
    struct fixture *f = *state;
    struct published p = publish(f, (struct publish_spec){ .payload = "{\"p\":1}" });
    struct store_requeue r = { .message = p.id, .app = TEST_APP, .endpoint = 1, .now_us = 42 };
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_FAILED), RC_OK);
    assert_int_equal(requeue(f, &r), RC_OK);
    assert_true(str_eq(r.message_out->payload, STR("{\"p\":1}")));
    assert_int_equal(r.due.attempt_count, 1);
    assert_int_equal(r.due.due_us, 42);
    assert_int_equal(r.due.trigger, STORE_MANUAL);
    assert_int_equal(r.due.retry_at_us, 0);
    store_message_unref(r.message_out);
    assert_int_equal(state_of(f, p.id, 1), STORE_PENDING);
}

static void a_waiting_delivery_asked_for_is_due_now_and_keeps_its_schedule(void **state)
{
    struct fixture *f = *state;
    struct published p = publish(f, (struct publish_spec){ 0 });
    struct store_requeue r = { .message = p.id, .app = TEST_APP, .endpoint = 1 };
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SENDING), RC_OK);
    int64_t planned_us = test_now_us() + 5 * SECOND;
    test_advance_us(SECOND);
    r.now_us = test_now_us();
    assert_int_equal(requeue(f, &r), RC_OK);
    store_message_unref(r.message_out);
    assert_int_equal(r.due.state, STORE_SENDING);
    assert_int_equal(r.due.due_us, r.now_us);
    assert_int_equal(r.due.retry_at_us, planned_us);
    struct store_outcome o = outcome_of(f, p.id, 1, STORE_SENDING, STORE_SENDING);
    o.attempt_count = 2;
    o.was_asked_us = r.due.asked_us;
    o.trigger = STORE_MANUAL;
    o.ahead_count = 1;
    o.next_due_us = planned_us;
    assert_int_equal(record(f, &o), RC_OK);
    assert_int_equal(o.after.due_us, planned_us);
    assert_int_equal(o.after.trigger, STORE_SCHEDULED);
    struct store_due due;
    size_t count;
    assert_int_equal(store_due_list(f->store, 1, 0, NULL, 1, &due, &count), RC_OK);
    assert_int_equal(count, 1);
    assert_int_equal(due.due_us, planned_us);
    assert_int_equal(due.ahead_count, 1);
    assert_int_equal(due.asked_us, 0);
    assert_int_equal(due.retry_at_us, 0);
}

/* What the attempt under way comes to, and how the delivery stands afterwards. */
static void what_is_asked_for_while_an_attempt_is_under_way_is_not_lost(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum store_state to, after;
    } cases[] = { { STORE_SUCCESS, STORE_SUCCESS },
                  { STORE_SENDING, STORE_SENDING },
                  { STORE_FAILED, STORE_PENDING },
                  { STORE_CANCELED, STORE_CANCELED } };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct published p = publish(f, (struct publish_spec){ 0 });
        struct store_requeue r = {
            .message = p.id, .app = TEST_APP, .endpoint = 1, .now_us = test_now_us()
        };
        struct store_outcome o = outcome_of(f, p.id, 1, STORE_PENDING, cases[i].to);
        assert_int_equal(requeue(f, &r), RC_OK);
        store_message_unref(r.message_out);
        assert_int_equal(record(f, &o), RC_OK);
        assert_int_equal(o.after.state, cases[i].after);
        assert_int_equal(state_of(f, p.id, 1), (int)cases[i].after);
        bool is_once_more = cases[i].after <= STORE_SENDING;
        assert_int_equal(o.after.asked_us, is_once_more ? r.due.asked_us : 0);
        if (is_once_more) {
            assert_int_equal(o.after.due_us, r.due.due_us);
            assert_int_equal(o.after.trigger, STORE_MANUAL);
        }
    }
}

static void a_task_that_asks_twice_gets_a_delivery_once(void **state)
{
    struct fixture *f = *state;
    struct published p = publish(f, (struct publish_spec){ 0 });
    struct store_requeue r = { .message = p.id, .app = TEST_APP, .endpoint = 1, .task = 5 };
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_FAILED), RC_OK);
    assert_int_equal(requeue(f, &r), RC_OK);
    assert_false(r.was_done);
    store_message_unref(r.message_out);
    assert_int_equal(requeue(f, &r), RC_OK);
    assert_true(r.was_done);
    assert_null(r.message_out);
    r.task = 6;
    assert_int_equal(requeue(f, &r), RC_OK);
    assert_false(r.was_done);
    store_message_unref(r.message_out);
}

static void erasing_a_payload_cancels_what_waits_and_keeps_what_ended(void **state)
{
    struct fixture *f = *state;
    static const int64_t endpoints[] = { 1, 2, 3 };
    struct published p =
        publish(f, (struct publish_spec){ .endpoints = endpoints, .endpoint_count = 3 });
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    assert_int_equal(finish(f, p.id, 2, STORE_PENDING, STORE_SENDING), RC_OK);
    struct store_expunge e = { .message = p.id, .app = TEST_APP };
    assert_int_equal(expunge(f, &e), RC_OK);
    assert_int_equal(e.canceled_count, 2);
    assert_int_equal(state_of(f, p.id, 1), STORE_SUCCESS);
    assert_int_equal(state_of(f, p.id, 2), STORE_CANCELED);
    assert_int_equal(state_of(f, p.id, 3), STORE_CANCELED);
    struct store_due due;
    size_t count;
    assert_int_equal(store_due_list(f->store, 2, 0, NULL, 1, &due, &count), RC_OK);
    assert_int_equal(count, 0);
    /* An attempt that was under way is kept, and says whether it got through. */
    struct store_outcome o = outcome_of(f, p.id, 3, STORE_PENDING, STORE_SUCCESS);
    assert_int_equal(record(f, &o), RC_OK);
    assert_int_equal(state_of(f, p.id, 3), STORE_SUCCESS);
    o = outcome_of(f, p.id, 2, STORE_SENDING, STORE_FAILED);
    o.attempt_count = 2;
    o.reason = STORE_REASON_EXHAUSTED;
    assert_int_equal(record(f, &o), RC_OK);
    assert_int_equal(o.after.state, STORE_CANCELED);
}

static void a_missing_delivery_is_made_only_when_asked_for(void **state)
{
    struct fixture *f = *state;
    struct published p = publish(f, (struct publish_spec){ 0 });
    struct store_requeue r = { .message = p.id, .app = TEST_APP, .endpoint = 9, .now_us = 42 };
    assert_int_equal(requeue(f, &r), RC_NOT_FOUND);
    r.create_missing = true;
    assert_int_equal(requeue(f, &r), RC_OK);
    store_message_unref(r.message_out);
    assert_int_equal(state_of(f, p.id, 9), STORE_PENDING);
    assert_int_equal(state_of(f, p.id, 1), STORE_PENDING);
}

static void sending_again_needs_the_message_and_its_payload(void **state)
{
    struct fixture *f = *state;
    struct published p = publish(f, (struct publish_spec){ 0 });
    struct store_requeue r = { .message = p.id, .app = TEST_APP + 1, .endpoint = 1 };
    assert_int_equal(requeue(f, &r), RC_NOT_FOUND);
    r.message = id_new(store_ids(f->store));
    r.app = TEST_APP;
    assert_int_equal(requeue(f, &r), RC_NOT_FOUND);
    r.message = p.id;
    assert_int_equal(expunge(f, &(struct store_expunge){ .message = p.id, .app = TEST_APP }),
                     RC_OK);
    assert_int_equal(requeue(f, &r), RC_INVALID);
    assert_null(r.message_out);
}

/* --- due ---------------------------------------------------------------------------------------------------------- */

static void due_deliveries_come_in_order_and_page_by_page(void **state)
{
    struct fixture *f = *state;
    struct store_due due[3];
    size_t count, all = 0;
    int64_t last_us = 0;
    for (int i = 0; i < 8; i++)
        (void)publish(
            f, (struct publish_spec){ .deliver_at_us = test_now_us() + (i * 5 % 8) * SECOND });
    assert_int_equal(store_due_list(f->store, 1, 0, NULL, 3, due, &count), RC_OK);
    while (count > 0) {
        for (size_t i = 0; i < count; i++, all++) {
            assert_true(due[i].due_us >= last_us);
            assert_int_equal(due[i].app, TEST_APP);
            assert_int_equal(due[i].state, STORE_PENDING);
            last_us = due[i].due_us;
        }
        struct id after = due[count - 1].message;
        assert_int_equal(store_due_list(f->store, 1, last_us, &after, 3, due, &count), RC_OK);
    }
    assert_int_equal(all, 8);
}

enum { WIDE = 500, WIDE_MESSAGES = 40 };

/* Rows are stored in runs of some 4,096; those of one endpoint are spread over all of these. */
static void due_deliveries_come_in_order_over_many_stretches(void **state)
{
    struct fixture *f = *state;
    int64_t wide[WIDE], last_us = INT64_MIN;
    struct store_due due[7];
    struct store_due_endpoint *endpoints;
    size_t count, all = 0;
    for (int64_t i = 0; i < WIDE; i++)
        wide[i] = i + 1;
    for (int i = 0; i < WIDE_MESSAGES; i++) /* the last stretches are due first */
        (void)publish(
            f, (struct publish_spec){ .endpoints = wide,
                                      .endpoint_count = WIDE,
                                      .deliver_at_us = test_now_us() + (i * 7 % 10 - i) * SECOND });
    assert_int_equal(store_due_list(f->store, 9, 0, NULL, COUNT_OF(due), due, &count), RC_OK);
    while (count > 0) {
        for (size_t i = 0; i < count; i++, all++) {
            assert_true(due[i].due_us >= last_us);
            assert_int_equal(due[i].endpoint, 9);
            last_us = due[i].due_us;
        }
        struct id after = due[count - 1].message;
        assert_int_equal(store_due_list(f->store, 9, last_us, &after, COUNT_OF(due), due, &count),
                         RC_OK);
    }
    assert_int_equal(all, WIDE_MESSAGES);
    assert_int_equal(store_due_count(f->store, 9, 1000, &count, &last_us), RC_OK);
    assert_int_equal(count, WIDE_MESSAGES);
    assert_int_equal(store_due_count(f->store, 9, WIDE_MESSAGES - 3, &count, &last_us), RC_OK);
    assert_int_equal(count, WIDE_MESSAGES - 3);
    assert_int_equal(store_due_count(f->store, WIDE + 1, 1000, &count, &last_us), RC_OK);
    assert_int_equal(count, 0);
    assert_int_equal(last_us, 0);
    assert_int_equal(store_due_endpoints(f->store, &f->arena, &endpoints, &count), RC_OK);
    assert_int_equal(count, WIDE);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(endpoints[i].count, WIDE_MESSAGES);
        assert_int_equal(endpoints[i].app, TEST_APP);
    }
}

static void finished_deliveries_are_not_due(void **state)
{
    struct fixture *f = *state;
    struct store_due due[2];
    struct store_due_endpoint *endpoints;
    size_t count;
    int64_t oldest_us;
    const int64_t two[] = { 1, 2 };
    struct published p = publish(f, (struct publish_spec){ .endpoints = two, .endpoint_count = 2 });
    test_advance_us(SECOND);
    struct published later =
        publish(f, (struct publish_spec){
                       .endpoints = two, .endpoint_count = 2, .deliver_at_us = test_now_us() - 5 });
    assert_int_equal(finish(f, p.id, 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    assert_int_equal(finish(f, p.id, 2, STORE_PENDING, STORE_SENDING), RC_OK);
    assert_int_equal(store_due_count(f->store, 1, 9, &count, &oldest_us), RC_OK);
    assert_int_equal(count, 1);
    assert_int_equal(oldest_us, id_time_us(&later.id));
    assert_int_equal(store_due_count(f->store, 2, 9, &count, &oldest_us), RC_OK);
    assert_int_equal(count, 2);
    assert_int_equal(oldest_us, id_time_us(&p.id));
    assert_int_equal(store_due_list(f->store, 1, 0, NULL, 2, due, &count), RC_OK);
    assert_int_equal(count, 1);
    assert_int_equal(store_due_list(f->store, 2, 0, NULL, 2, due, &count), RC_OK);
    assert_int_equal(count, 2);
    assert_int_equal(due[1].state, STORE_SENDING);
    assert_int_equal(due[1].attempt_count, 1);
    assert_int_equal(store_due_endpoints(f->store, &f->arena, &endpoints, &count), RC_OK);
    assert_int_equal(count, 2);
    assert_int_equal(endpoints[0].first_due_us, test_now_us() - 5);
    assert_int_equal(endpoints[0].app, TEST_APP);
    assert_int_equal(endpoints[0].count + endpoints[1].count, 3);
}

static void due_deliveries_survive_a_restart(void **state)
{
    struct fixture *f = *state;
    struct store_due due[2];
    struct store_stats stats;
    size_t count;
    struct published p = publish(f, (struct publish_spec){ 0 });
    fixture_reopen(f);
    assert_int_equal(store_due_list(f->store, 1, 0, NULL, 2, due, &count), RC_OK);
    assert_int_equal(count, 1);
    assert_memory_equal(due[0].message.bytes, p.id.bytes, ID_BYTES);
    store_stats(f->store, &stats);
    assert_int_equal(stats.pending, 1);
    assert_int_equal(stats.messages, 1);
}

/* --- of an endpoint ------------------------------------------------------------------------------------------------- */

static void counts_go_by_state_and_window(void **state)
{
    struct fixture *f = *state;
    struct store_counts counts;
    int64_t start_us = test_now_us();
    struct id ids[4];
    for (int i = 0; i < 4; i++) {
        ids[i] = publish(f, (struct publish_spec){ 0 }).id;
        test_advance_us(SECOND);
    }
    assert_int_equal(finish(f, ids[0], 1, STORE_PENDING, STORE_SUCCESS), RC_OK);
    assert_int_equal(finish(f, ids[1], 1, STORE_PENDING, STORE_FAILED), RC_OK);
    assert_int_equal(store_delivery_counts(f->store, TEST_APP, 1, start_us, test_now_us(), &counts),
                     RC_OK);
    assert_int_equal(counts.by_state[STORE_SUCCESS], 1);
    assert_int_equal(counts.by_state[STORE_FAILED], 1);
    assert_int_equal(counts.by_state[STORE_PENDING], 2);
    assert_int_equal(store_delivery_counts(f->store, TEST_APP, 1, start_us + SECOND,
                                           start_us + 3 * SECOND, &counts),
                     RC_OK);
    assert_int_equal(counts.by_state[STORE_SUCCESS], 0);
    assert_int_equal(counts.by_state[STORE_PENDING], 1);
}

static void deliveries_of_an_endpoint_are_listed_newest_first(void **state)
{
    struct fixture *f = *state;
    struct store_delivery_row rows[5];
    struct store_page_end end;
    const int64_t two[] = { 1, 2 };
    struct store_message_filter filter = { .app = TEST_APP, .with_payload = true };
    struct store_page page = { .limit = 2, .descending = true };
    struct id ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] =
            publish(f, (struct publish_spec){ .endpoints = two, .endpoint_count = i == 1 ? 1 : 2 })
                .id;
        test_advance_us(SECOND);
    }
    assert_int_equal(finish(f, ids[2], 2, STORE_PENDING, STORE_FAILED), RC_OK);
    assert_int_equal(
        store_delivery_by_endpoint(f->store, &filter, 1, 0, &page, &f->arena, rows, &end), RC_OK);
    assert_int_equal(end.count, 2);
    assert_false(end.done);
    assert_memory_equal(rows[0].message.bytes, ids[2].bytes, ID_BYTES);
    assert_true(str_eq(rows[0].message_row.message.payload, STR("{\"a\":1}")));
    assert_int_equal(
        store_delivery_by_endpoint(f->store, &filter, 2, 0, &page, &f->arena, rows, &end), RC_OK);
    assert_int_equal(end.count, 2);
    assert_true(end.done);
    assert_memory_equal(rows[1].message.bytes, ids[0].bytes, ID_BYTES);
    assert_int_equal(store_delivery_by_endpoint(f->store, &filter, 2, 1U << STORE_FAILED, &page,
                                                &f->arena, rows, &end),
                     RC_OK);
    assert_int_equal(end.count, 1);
    assert_int_equal(rows[0].state, STORE_FAILED);
    assert_int_equal(rows[0].attempt_count, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_delivery_is_pending_from_the_moment_of_acceptance),
        T(ten_thousand_destinations_are_one_commit),
        T(an_outcome_records_attempt_and_state_together),
        T(the_reason_of_an_end_is_kept_until_it_is_sent_again),
        T(an_attempt_under_way_counts_though_its_delivery_was_canceled),
        T(the_reason_shows_with_the_last_attempt_only),
        T(every_reason_has_a_name_of_its_own),
        T(an_outcome_for_another_state_is_a_conflict_and_writes_nothing),
        T(states_move_along_the_table_only),
        T(a_change_without_an_attempt_keeps_the_attempts),
        T(a_finished_delivery_is_sent_again_with_its_message),
        T(a_waiting_delivery_asked_for_is_due_now_and_keeps_its_schedule),
        T(what_is_asked_for_while_an_attempt_is_under_way_is_not_lost),
        T(a_task_that_asks_twice_gets_a_delivery_once),
        T(erasing_a_payload_cancels_what_waits_and_keeps_what_ended),
        T(a_missing_delivery_is_made_only_when_asked_for),
        T(sending_again_needs_the_message_and_its_payload),
        T(due_deliveries_come_in_order_and_page_by_page),
        T(due_deliveries_come_in_order_over_many_stretches),
        T(finished_deliveries_are_not_due),
        T(due_deliveries_survive_a_restart),
        T(counts_go_by_state_and_window),
        T(deliveries_of_an_endpoint_are_listed_newest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
