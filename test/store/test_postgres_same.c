/* SPDX-License-Identifier: Apache-2.0
 *
 * A store of files with a bit of everything in it, and its copy on PostgreSQL, read alike: every read says the same of both,
 * whatever is asked.
 */
#include "copied.h"
#include "reads.h"

#include "store/backend.h"
#include "store/postgres/counts_priv.h"
#include "store/postgres/find_priv.h"
#include "store/postgres/read_attempts_priv.h"
#include "store/postgres/read_messages_priv.h"
#include "store/postgres/read_one_priv.h"
#include "store/postgres/read_requests_priv.h"
#include "store/postgres/read_runs_priv.h"
#include "store/postgres/search_priv.h"
#include "store/trouble.h"

#include <inttypes.h>
#include <stdio.h>

enum { PAGE = 7, SOURCE = 41, SAID_MAX = 32 << 20 };

/* Both kinds of a read have the same shape: so each is called by its function of either. */
static const struct store_backend on_server = {
    .filter_run_get = store_postgres_filter_run_get,
    .filter_run_list = store_postgres_filter_run_list,
    .attempt_get = store_postgres_attempt_get,
    .attempt_list = store_postgres_attempt_list,
    .delivery_by_endpoint = store_postgres_delivery_by_endpoint,
    .message_list = store_postgres_message_list,
    .delivery_by_message = store_postgres_delivery_by_message,
    .delivery_counts = store_postgres_delivery_counts,
    .message_by_event_id = store_postgres_message_by_event_id,
    .message_get = store_postgres_message_get,
    .delivery_search = store_postgres_delivery_search,
    .request_refused = store_postgres_request_refused,
    .request_get = store_postgres_request_get,
    .request_list = store_postgres_request_list,
};

struct side {
    const struct store_backend *backend;
    struct store *store;
    struct arena *arena;
    struct buf said;
};

/* --- rows as texts --------------------------------------------------------------------------------------- */

static void say_text(struct side *s, struct str text)
{
    if (text.ptr == NULL)
        buf_say(&s->said, " -");
    else
        assert_int_equal(buf_addf(&s->said, " %zu:%016" PRIx64, text.len, str_hash(text)), RC_OK);
}

static void say_id(struct side *s, const struct id *id)
{
    char text[ID_TEXT_MAX + 1];
    (void)id_format(STR(""), id, text);
    buf_say(&s->said, " %s", text);
}

static void say_number(struct side *s, int64_t number)
{
    buf_say(&s->said, " %" PRId64, number);
}

static void say_message(struct side *s, const struct store_message *m)
{
    const int64_t numbers[] = { m->org, m->app, m->created_us, m->deliver_at_us,
                                m->payload_expires_us };
    const struct str texts[] = { m->event_type, m->event_id,     m->channels, m->tags,
                                 m->headers,    m->content_type, m->payload };
    buf_say(&s->said, "\nmessage");
    say_id(s, &m->id);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        say_number(s, numbers[i]);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        say_text(s, texts[i]);
}

static void say_delivery(struct side *s, const struct store_delivery_row *d)
{
    const int64_t numbers[] = { d->endpoint, d->state,         d->due_us, d->retry_at_us,
                                d->trigger,  d->attempt_count, d->reason, d->last_at_us };
    buf_say(&s->said, "\ndelivery");
    say_id(s, &d->message);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        say_number(s, numbers[i]);
}

static void say_attempt(struct side *s, const struct store_attempt_row *a)
{
    const int64_t numbers[] = { a->endpoint, a->number,     a->success,     a->state_after,
                                a->reason,   a->trigger,    a->http_status, a->started_us,
                                a->took_us,  a->next_due_us };
    const struct str texts[] = { a->error, a->detail, a->url, a->response };
    buf_say(&s->said, "\nattempt");
    say_id(s, &a->id);
    say_id(s, &a->message);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        say_number(s, numbers[i]);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        say_text(s, texts[i]);
}

static void say_request(struct side *s, const struct store_request *r)
{
    const int64_t numbers[] = { r->source,     r->app,          r->at_us,
                                r->outcome,    r->has_message,  r->status,
                                r->body_bytes, r->has_original, (int64_t)r->item_count };
    const struct str texts[] = { r->reason,  r->method, r->url,        r->peer,
                                 r->headers, r->body,   r->event_type, r->dedupe_id };
    buf_say(&s->said, "\nrequest");
    say_id(s, &r->id);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        say_number(s, numbers[i]);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        say_text(s, texts[i]);
}

static void say_run(struct side *s, const struct store_filter_run *r)
{
    const struct str texts[] = { r->event, r->filters, r->summary, r->detail };
    buf_say(&s->said, "\nrun");
    say_id(s, &r->id);
    say_number(s, r->started_us);
    say_number(s, r->halted + 2 * r->has_data + 4 * r->is_redacted);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        say_text(s, texts[i]);
}

/* --- pages ------------------------------------------------------------------------------------------------- */

/* The next page, after a row or where a short one stopped; how one ends is a backend's own matter. */
static bool turn_page(struct side *s, struct store_page *page, const char *prefix,
                      const struct store_page_end *end, const struct id *last)
{
    char text[ID_TEXT_MAX + 1];
    (void)id_format(str_from(prefix), end->is_short ? &end->resume : last, text);
    page->after = arena_str(s->arena, str_from(text));
    return !end->done;
}

/* Which list comes: the one that differs is named. */
static void say_list(struct side *s, const char *what, const struct store_page *page, size_t filter)
{
    buf_say(&s->said, "\n%s by filter %zu, %s, %d rows at most:", what, filter,
            page->descending ? "descending" : "ascending", (int)page->rows_max);
}

static void say_messages(struct side *s, struct store_message_filter f, struct store_page page)
{
    struct store_message_row rows[PAGE];
    struct store_page_end end;
    do {
        assert_int_equal(s->backend->message_list(s->store, &f, &page, s->arena, rows, &end),
                         RC_OK);
        for (size_t i = 0; i < end.count; i++)
            say_message(s, &rows[i].message);
    } while (turn_page(s, &page, "msg_", &end, &rows[end.count - (end.count > 0)].message.id));
}

static void say_deliveries(struct side *s, struct store_message_filter f, int64_t endpoint,
                           unsigned states, struct store_page page)
{
    struct store_delivery_row rows[PAGE];
    struct store_page_end end;
    do {
        assert_int_equal(s->backend->delivery_by_endpoint(s->store, &f, endpoint, states, &page,
                                                          s->arena, rows, &end),
                         RC_OK);
        for (size_t i = 0; i < end.count; i++) {
            say_delivery(s, &rows[i]);
            say_message(s, &rows[i].message_row.message);
        }
    } while (turn_page(s, &page, "msg_", &end, &rows[end.count - (end.count > 0)].message));
}

static void say_attempts(struct side *s, struct store_attempt_filter f, struct store_page page)
{
    struct store_attempt_row rows[PAGE], one;
    struct store_page_end end;
    do {
        assert_int_equal(s->backend->attempt_list(s->store, &f, &page, s->arena, rows, &end),
                         RC_OK);
        for (size_t i = 0; i < end.count; i++) {
            assert_int_equal(s->backend->attempt_get(s->store, f.app, &rows[i].message, &rows[i].id,
                                                     s->arena, &one),
                             RC_OK);
            say_attempt(s, &rows[i]);
            say_attempt(s, &one);
        }
    } while (turn_page(s, &page, "atmpt_", &end, &rows[end.count - (end.count > 0)].id));
}

static void say_requests(struct side *s, struct store_request_filter f, struct store_page page)
{
    struct store_request rows[PAGE];
    struct store_page_end end;
    do {
        assert_int_equal(s->backend->request_list(s->store, &f, &page, s->arena, rows, &end),
                         RC_OK);
        for (size_t i = 0; i < end.count; i++)
            say_request(s, &rows[i]);
    } while (turn_page(s, &page, "req_", &end, &rows[end.count - (end.count > 0)].id));
}

static void say_runs(struct side *s, struct store_filter_run_filter f, struct store_page page)
{
    struct store_filter_run rows[PAGE];
    struct store_page_end end;
    do {
        assert_int_equal(s->backend->filter_run_list(s->store, &f, &page, s->arena, rows, &end),
                         RC_OK);
        for (size_t i = 0; i < end.count; i++)
            say_run(s, &rows[i]);
    } while (turn_page(s, &page, "frun_", &end, &rows[end.count - (end.count > 0)].id));
}

/* --- everything that can be asked ---------------------------------------------------------------------- */

static const int64_t endpoints[] = { 1, 5, 6, 8, 9, 77, 100, 101, 1299, 4 };

/* Short pages are many: they are turned for some only. */
static size_t endpoints_for(const struct store_page *page)
{
    return page->rows_max > 0 ? 2 : COUNT_OF(endpoints);
}

static void ask_messages(struct side *s, struct store_page page, int64_t middle_us)
{
    const struct str push = STR("push");
    struct store_message_filter filters[] = {
        { .app = TEST_APP },
        { .app = TEST_APP, .with_payload = true },
        { .app = TEST_APP, .event_types = &push, .event_type_count = 1 },
        { .app = TEST_APP, .channel = STR("\xc3\xbc") },
        { .app = TEST_APP, .tag = STR("none") },
        { .app = TEST_APP, .after_us = middle_us },
        { .app = TEST_APP, .before_us = middle_us, .channel = STR("a") },
        { .app = TEST_APP + 1 },
    };
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        say_list(s, "messages", &page, i);
        say_messages(s, filters[i], page);
    }
    for (size_t i = 0; i < endpoints_for(&page); i++) {
        say_list(s, "deliveries of an endpoint", &page, i);
        say_deliveries(s, filters[0], endpoints[i], 0, page);
        say_deliveries(s, filters[5], endpoints[i], 0, page);
        say_deliveries(s, filters[3], endpoints[i], 0, page);
        for (unsigned state = STORE_PENDING; page.descending && state <= STORE_CANCELED; state++)
            say_deliveries(s, filters[1], endpoints[i], 1U << state, page);
    }
}

static void ask_attempts(struct side *s, struct store_page page, int64_t middle_us)
{
    for (size_t i = 0; i < endpoints_for(&page); i++) {
        struct store_attempt_filter f = { .app = TEST_APP, .endpoint = endpoints[i] };
        say_list(s, "attempts of an endpoint", &page, i);
        for (f.status = -1; f.status <= 4; f.status++)
            for (f.status_class = -1; f.status_class <= 500;
                 f.status_class += f.status_class < 0 ? 1 : 500)
                say_attempts(s, f, page);
        f.status = f.status_class = -1;
        f.channel = STR("a");
        say_attempts(s, f, page);
        f.channel = STR_NONE;
        f.after_us = middle_us;
        say_attempts(s, f, page);
        f.after_us = 0;
        f.before_us = middle_us;
        say_attempts(s, f, page);
    }
}

static void ask_others(struct side *s, struct store_page page, int64_t middle_us)
{
    struct store_request_filter requests[] = {
        { .source = SOURCE },
        { .source = SOURCE, .with_body = true },
        { .source = SOURCE, .outcomes = 1U << STORE_REQUEST_REJECTED },
        { .source = SOURCE, .event_type = STR("push"), .after_us = middle_us },
        { .source = SOURCE, .text = STR("bytes") },
        { .source = SOURCE, .text = STR("\xff") },
        { .source = SOURCE, .before_us = middle_us },
    };
    struct store_filter_run_filter runs[] = {
        { .app = TEST_APP, .halted = -1 },
        { .app = TEST_APP, .halted = 0, .with_detail = true },
        { .app = TEST_APP, .halted = -1, .filter = STR("flt_a"), .after_us = middle_us },
        { .app = TEST_APP, .halted = -1, .event = STR("Logout") },
    };
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        say_list(s, "requests", &page, i);
        say_requests(s, requests[i], page);
    }
    for (size_t i = 0; i < COUNT_OF(runs); i++) {
        say_list(s, "runs", &page, i);
        say_runs(s, runs[i], page);
    }
}

static void ask_of_each_message(struct side *s)
{
    struct store_message_row rows[100], one;
    struct store_delivery_row *deliveries;
    struct store_page_end end;
    const struct store_message_filter all = { .app = TEST_APP };
    const struct store_page page = { .limit = 100, .descending = true };
    assert_int_equal(s->backend->message_list(s->store, &all, &page, s->arena, rows, &end), RC_OK);
    assert_true(end.count > 20 && end.done);
    for (size_t i = 0; i < end.count; i++) {
        size_t count;
        const struct id id = rows[i].message.id;
        assert_int_equal(s->backend->message_get(s->store, TEST_APP, &id, s->arena, &one), RC_OK);
        say_message(s, &one.message);
        assert_int_equal(
            s->backend->delivery_by_message(s->store, TEST_APP, &id, s->arena, &deliveries, &count),
            RC_OK);
        for (size_t j = 0; j < count; j++)
            say_delivery(s, &deliveries[j]);
        const struct store_attempt_filter attempts = {
            .app = TEST_APP, .message = &id, .status = -1, .status_class = -1
        };
        say_attempts(s, attempts, (struct store_page){ .limit = PAGE });
        if (one.message.event_id.ptr == NULL)
            continue;
        assert_int_equal(s->backend->message_by_event_id(s->store, TEST_APP, one.message.event_id,
                                                         s->arena, &one),
                         RC_OK);
        say_message(s, &one.message);
    }
}

static void ask_counts(struct side *s, int64_t start_us, int64_t end_us)
{
    for (size_t i = 0; i < COUNT_OF(endpoints); i++) {
        struct store_counts counts;
        assert_int_equal(s->backend->delivery_counts(s->store, TEST_APP, endpoints[i], start_us,
                                                     end_us, &counts),
                         RC_OK);
        buf_say(&s->said, "\ncounts");
        for (size_t j = 0; j < COUNT_OF(counts.by_state); j++)
            say_number(s, counts.by_state[j]);
    }
}

static void ask_search(struct side *s, const char *text, int http_status)
{
    struct store_delivery_found rows[PAGE];
    struct store_delivery_search_end end;
    struct store_delivery_search f = { .app = TEST_APP,
                                       .http_status = http_status,
                                       .text = str_from(text),
                                       .rows_max = 50,
                                       .bytes_max = 1 << 20,
                                       .until_us = INT64_MAX };
    do {
        assert_int_equal(s->backend->delivery_search(s->store, &f, s->arena, rows, PAGE, &end),
                         RC_OK);
        for (size_t i = 0; i < end.count; i++) {
            say_delivery(s, &rows[i].row);
            say_message(s, &rows[i].row.message_row.message);
            buf_say(&s->said, "\nfound %s %d", rows[i].matched == NULL ? "-" : rows[i].matched,
                    rows[i].has_last);
            if (rows[i].has_last)
                say_id(s, &rows[i].last.id);
        }
        buf_say(&s->said, "\nlooked at");
        say_number(s, end.row_count);
        say_number(s, end.looked_us);
        f.has_after = true;
        f.after = end.resume;
        f.after_endpoint = end.resume_endpoint;
    } while (!end.done);
}

/* --- the test ---------------------------------------------------------------------------------------------- */

static void ask_everything(struct side *s, int64_t start_us)
{
    int64_t now_us = test_now_us(), middle_us = start_us + (now_us - start_us) / 2;
    const struct store_page pages[] = { { .limit = PAGE, .descending = true },
                                        { .limit = PAGE },
                                        { .limit = PAGE, .descending = true, .rows_max = 3 },
                                        { .limit = PAGE, .rows_max = 3 } };
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        ask_messages(s, pages[i], middle_us);
        ask_attempts(s, pages[i], middle_us);
        ask_others(s, pages[i], middle_us);
    }
    ask_of_each_message(s);
    ask_counts(s, start_us, now_us + SECOND);
    ask_counts(s, middle_us, now_us + SECOND);
    ask_search(s, "", -1);
    ask_search(s, "", 500);
    ask_search(s, "a", -1);
    ask_search(s, "thanks", -1);
}

/* Shows the line in which two texts part, and the list it is in. */
static void expect_same(struct str left, struct str right)
{
    size_t at = 0, line = 0, list = 0;
    while (at < left.len && at < right.len && left.ptr[at] == right.ptr[at]) {
        if (left.ptr[at] == ':' && at + 1 < left.len && left.ptr[at + 1] == '\n')
            list = line;
        if (left.ptr[at++] == '\n')
            line = at;
    }
    if (at < left.len || at < right.len)
        fail_msg("%.*s\nfiles:      %.*s\nPostgreSQL: %.*s", STR_ARGS(str_sub(left, list, 60)),
                 STR_ARGS(str_sub(left, line, 300)), STR_ARGS(str_sub(right, line, 300)));
}

static void every_read_says_the_same_of_a_copy(void **state)
{
    struct copied *c = *state;
    int64_t start_us = test_now_us() - HOUR;
    copied_well(c, c->f->dir, copied_url);
    struct reads *r = reads_load(copied_url);
    fixture_reopen(c->f);
    struct side files = { &store_files_backend, c->f->store, &c->f->arena, { 0 } };
    struct side server = { &on_server, &r->store.base, &r->arena, { 0 } };
    buf_init(&files.said, SAID_MAX);
    buf_init(&server.said, SAID_MAX);
    ask_everything(&files, start_us);
    ask_everything(&server, start_us);
    assert_true(files.said.len > 100000);
    expect_same(buf_str(&files.said), buf_str(&server.said));
    buf_fini(&files.said);
    buf_fini(&server.said);
    void *loaded = r;
    (void)reads_close(&loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = { COPIED_TEST(every_read_says_the_same_of_a_copy) };
    if (!postgres_is_there())
        return postgres_skip();
    copied_url = postgres_database();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    xfree(copied_url);
    return failed;
}
