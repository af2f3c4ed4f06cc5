/* SPDX-License-Identifier: Apache-2.0
 *
 * A segment from the database to a file. Every index of a file begins with the number of a stretch, a run of some
 * thousand keys (store/files/files_priv.h): where stretches begin is settled before rows are written.
 */
#include "store/copy/flow_priv.h"

#include "store/copy/keys_priv.h"
#include "store/copy/segment_priv.h"
#include "store/files/files_priv.h"
#include "store/key_time_priv.h"
#include "store/rows_priv.h"

#include <inttypes.h>
#include <stdio.h>

enum { FILE_NAME = 40, NONE = -1 }; /* of a column */
#define SHOWN_SLACK_US (INT64_C(300) * 1000000)

/* Where stretches of one kind begin. */
struct cuts {
    int64_t *first;  /* [0] takes what is before, too */
    int64_t *before; /* rows in those before it */
    size_t count;
};

struct filling {
    const struct copy_side *from, *to;
    const struct copy_segment *seg;
    struct cuts cuts[STRETCH_KINDS];
    int64_t low_us, high_us; /* of times shown, against those in keys */
};

/* --- stretches ---------------------------------------------------------------------------------------- */

static void cut_at(struct cuts *c, int64_t first, int64_t before)
{
    c->first = xrealloc(c->first, (c->count + 1) * sizeof(*c->first));
    c->before = xrealloc(c->before, (c->count + 1) * sizeof(*c->before));
    c->first[c->count] = first;
    c->before[c->count++] = before;
}

static int64_t stretch_of(const struct cuts *c, int64_t key)
{
    size_t low = 0, high = c->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (c->first[middle] <= key)
            low = middle;
        else
            high = middle;
    }
    return (int64_t)low;
}

/* key, rows before it */
static enum rc take_cut(void *ctx, struct copy_row *row)
{
    struct cuts *c = ctx;
    if (row->at[1].number > 0)
        cut_at(c, row->at[0].number, row->at[1].number);
    return RC_OK;
}

/* A message's rows are its own and its deliveries', which count by how long the list of them is: a byte or two each. */
#define CUT(rows, weight) \
    "SELECT k, r - 1 FROM (SELECT k, r, o, lag(o) OVER (ORDER BY k) AS before FROM" \
    " (SELECT k, row_number() OVER (ORDER BY k) AS r, (sum(" weight \
    ") OVER (ORDER BY k) - 1) / 4096 AS o FROM (" rows ") a) b) c WHERE o <> before ORDER BY k"

_Static_assert(STRETCH_ROWS == 4096, "the statements have the number");

static enum rc cut_all(struct filling *f)
{
    static const char *const sql[STRETCH_KINDS] = {
        [STRETCH_MESSAGES] = CUT("SELECT k, octet_length(endpoints) AS e FROM message_#", "1 + e"),
        [STRETCH_ATTEMPTS] = CUT("SELECT ak AS k FROM attempt_# WHERE number > 0", "1"),
        [STRETCH_REQUESTS] = CUT("SELECT k FROM request_# UNION ALL"
                                 " SELECT k FROM message_# WHERE source IS NOT NULL",
                                 "1"),
        [STRETCH_RUNS] = CUT("SELECT k FROM filter_run_#", "1"),
    };
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < STRETCH_KINDS; i++) {
        char *text = store_copy_sql(sql[i], f->seg->start, f->seg);
        cut_at(&f->cuts[i], f->seg->first_k, 0);
        rc = store_copy_each(f->from, text, "ll", take_cut, &f->cuts[i]);
        xfree(text);
    }
    return rc;
}

static enum rc save_cuts(struct filling *f)
{
    struct copy_sink sink;
    struct copy_row row = { .count = 4 };
    enum rc rc = RC_OK;
    store_copy_sink_init(&sink, f->to, "stretch", "kind, n, first, rows", "llll");
    for (size_t kind = 0; rc == RC_OK && kind < STRETCH_KINDS; kind++) {
        const struct cuts *c = &f->cuts[kind];
        for (size_t n = 0; rc == RC_OK && n < c->count; n++) {
            row.at[0].number = (int64_t)kind;
            row.at[1].number = (int64_t)n;
            row.at[2].number = c->first[n];
            row.at[3].number = c->before[n];
            rc = store_copy_sink_put(&sink, &row);
        }
    }
    store_copy_sink_fini(&sink);
    return rc;
}

/* --- rows --------------------------------------------------------------------------------------------- */

struct transfer {
    const char *table, *columns, *kinds; /* the stretch is one more column */
    const char *select;
    enum store_stretch_kind stretch;
    int key_at, shown_at,
        request_at; /* columns: the key that goes by stretches; the time that is shown, or NONE;
                                       * what has a value if the message holds its request, or NONE */
};

#define MESSAGE_ROW \
    "k, tail, app, org, created, deliver_at, expires, event_type, event_id, channels, tags, content_type, headers," \
    " endpoints, payload, source, received, status, method, url, peer, request_headers, body_bytes, request_type," \
    " dedupe_id"
#define ATTEMPT_ROW \
    "msg, endpoint, ak, tail, number, state_after, success, trigger, http_status, started, took, next_due, error," \
    " detail, url, response, response_headers, request_headers"
#define REQUEST_ROW \
    "k, tail, source, app, at, outcome, has_message, status, reason, method, url, peer, headers, body, body_bytes," \
    " event_type, dedupe_id, original, items"
#define RUN_ROW "k, tail, app, started, took, event, halted, has_data, filters, summary, detail"

static const struct transfer transfers[] = {
    { "message", MESSAGE_ROW, "lblllllttttttbblllttttltt",
      "SELECT " MESSAGE_ROW " FROM message_# ORDER BY k", STRETCH_MESSAGES, 0, 4, 15 },
    { "delivery", COPY_DELIVERY_COLUMNS, "lllllllllllll", store_copy_partitions_deliveries,
      STRETCH_MESSAGES, 0, NONE, NONE },
    { "attempt", ATTEMPT_ROW, "lllblllllllltttbbb",
      "SELECT " ATTEMPT_ROW " FROM attempt_# WHERE number > 0 ORDER BY msg, endpoint, ak",
      STRETCH_ATTEMPTS, 2, 9, NONE },
    { "request", REQUEST_ROW, "lblllllltttttblttbt",
      "SELECT " REQUEST_ROW " FROM request_# ORDER BY k", STRETCH_REQUESTS, 0, 4, NONE },
    { "filter_run", RUN_ROW, "lbllltllttt", "SELECT " RUN_ROW " FROM filter_run_# ORDER BY k",
      STRETCH_RUNS, 0, 3, NONE },
};

struct transferring {
    struct filling *f;
    const struct transfer *what;
    struct copy_sink sink;
};

static void note_shown(struct filling *f, int64_t key, int64_t shown_us)
{
    int64_t off_us = shown_us - store_key_time_us(key);
    f->low_us = off_us < f->low_us ? off_us : f->low_us;
    f->high_us = off_us > f->high_us ? off_us : f->high_us;
}

static enum rc transfer_row(void *ctx, struct copy_row *row)
{
    struct transferring *t = ctx;
    const struct transfer *what = t->what;
    int64_t key = row->at[what->key_at].number;
    struct copy_row out = *row;
    if (what->shown_at != NONE)
        note_shown(t->f, key, row->at[what->shown_at].number);
    out.at[out.count++] =
        (struct copy_value){ .number = stretch_of(&t->f->cuts[what->stretch], key) };
    if (what->request_at != NONE) {
        bool has_request = !row->at[what->request_at].is_null;
        out.at[out.count++] =
            (struct copy_value){ .is_null = !has_request,
                                 .number = stretch_of(&t->f->cuts[STRETCH_REQUESTS], key) };
    }
    return store_copy_sink_put(&t->sink, &out);
}

static enum rc transfer_run(struct filling *f, const struct transfer *what)
{
    struct transferring t = { .f = f, .what = what };
    struct arena scratch;
    bool has_two = what->request_at != NONE;
    arena_init(&scratch);
    struct str columns =
        arena_fmt(&scratch, "%s, stretch%s", what->columns, has_two ? ", request_stretch" : "");
    struct str kinds = arena_fmt(&scratch, "%sl%s", what->kinds, has_two ? "l" : "");
    char *select = store_copy_sql(what->select, f->seg->start, f->seg);
    store_copy_sink_init(&t.sink, f->to, what->table, columns.ptr, kinds.ptr);
    enum rc rc = store_copy_each(f->from, select, what->kinds, transfer_row, &t);
    store_copy_sink_fini(&t.sink);
    xfree(select);
    arena_fini(&scratch);
    return rc;
}

static enum rc save_shown(struct filling *f)
{
    struct arena scratch;
    arena_init(&scratch);
    struct str sql =
        arena_fmt(&scratch, "INSERT INTO shown(one, low, high) VALUES(1, %" PRId64 ", %" PRId64 ")",
                  f->low_us - SHOWN_SLACK_US, f->high_us + SHOWN_SLACK_US);
    enum rc rc = store_copy_run(f->to, sql.ptr);
    arena_fini(&scratch);
    return rc;
}

/* --- all of it ---------------------------------------------------------------------------------------- */

static enum rc fill_file(struct filling *f, struct copy_server *from, struct store_copy_counts *out)
{
    struct copy_digest source, target;
    enum rc rc = cut_all(f);
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(transfers); i++)
        rc = transfer_run(f, &transfers[i]);
    if (rc == RC_OK)
        rc = save_cuts(f);
    if (rc == RC_OK)
        rc = save_shown(f);
    if (rc == RC_OK)
        rc = store_copy_keys_to_file(from, f->to, f->seg, &out->keys);
    if (rc == RC_OK)
        rc = store_copy_partitions_digest(f->from, f->seg->start, f->seg, &source);
    if (rc == RC_OK)
        rc = store_copy_file_digest(f->to, &target);
    if (rc == RC_OK && !store_copy_digest_eq(&source, &target)) {
        buf_say(f->to->why,
                "segment %" PRId64 " differs from its copy (which is not kept): ", f->seg->start);
        store_copy_digest_say(&source, &target, f->to->why);
        rc = RC_CORRUPT;
    }
    if (rc == RC_OK)
        store_copy_count(&source, out);
    return rc;
}

enum rc store_copy_to_folder(struct copy_server *from, struct copy_folder *to,
                             const struct copy_segment *seg, struct store_copy_counts *out)
{
    struct copy_side server = store_copy_server_side(from), file = { .why = to->why };
    struct filling f = { .from = &server, .to = &file, .seg = seg };
    char name[FILE_NAME];
    (void)snprintf(name, sizeof name, "segment %016" PRIx64, (uint64_t)seg->first_k);
    file.name = name;
    enum rc rc = store_copy_folder_begin(to, seg->first_k, &file.file);
    if (rc != RC_OK)
        return rc;
    rc = fill_file(&f, from, out);
    if (rc == RC_OK)
        rc = store_copy_folder_keep(to, seg->first_k, file.file);
    else
        db_close(file.file);
    for (size_t i = 0; i < STRETCH_KINDS; i++) {
        xfree(f.cuts[i].first);
        xfree(f.cuts[i].before);
    }
    return rc;
}
