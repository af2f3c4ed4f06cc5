/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages of lists: from segment to segment, and inside one from stretch to stretch (68 minutes of keys, which the indexes
 * begin with).
 *
 * A list is made in two steps. The scan goes over an index in order and brings keys, with what a filter has to see of
 * the row and no more, in batches. The rows of the keys that are wanted are then fetched, with all that is large in them.
 * So a filter that finds few among many reads little, and no statement brings more than a page of payloads.
 *
 * A filter may look at many rows to find few. Such a list is limited: once as many rows as the page allows were looked at,
 * it stops after that row; the page comes back short, and its iterator is made of the key that the scan got to.
 */
#pragma once

#include "store/paging_priv.h"
#include "store/postgres/read_priv.h"
#include "store/postgres/shown_priv.h"

/* The parameters of a scan. What a list has beyond them is bound from POSTGRES_SCAN_OWN on. */
#define SCAN_WHOSE "?1"
#define SCAN_LOW "?2"  /* exclusive */
#define SCAN_HIGH "?3" /* exclusive */
#define SCAN_LIMIT "?4"
#define SCAN_AFTER "?5"  /* time shown, inclusive */
#define SCAN_BEFORE "?6" /* exclusive */
enum { POSTGRES_SCAN_OWN = 7, POSTGRES_BATCH_MAX = 1024 /* rows of one scan */ };

/* The stretches that a table has keys of between the bounds, as a table with a column v: one look into the index for each.
 * `so`: "" or a condition that ends in AND, for an index of some rows. */
#define STRETCH_OF(key) "(t." key " >> 44)"
#define STRETCHES_TO(table, key, so, order, beyond, high) \
    "(WITH RECURSIVE s(v) AS ((SELECT " STRETCH_OF(key) " FROM " table " t WHERE " so STRETCH_OF(key) " <= (" high " - 1) >> 44" \
    " AND " STRETCH_OF(key) " >= (" SCAN_LOW " + 1) >> 44 ORDER BY " STRETCH_OF(key) " " order " LIMIT 1)" \
    " UNION ALL SELECT (SELECT " STRETCH_OF(key) " FROM " table " t WHERE " so STRETCH_OF(key) " " beyond " s.v" \
    " AND " STRETCH_OF(key) " <= (" high " - 1) >> 44 AND " STRETCH_OF(key) " >= (" SCAN_LOW " + 1) >> 44" \
    " ORDER BY " STRETCH_OF(key) " " order " LIMIT 1) FROM s WHERE s.v IS NOT NULL) SELECT v FROM s WHERE v IS NOT NULL)"
#define STRETCHES(table, key, so, order, beyond) STRETCHES_TO(table, key, so, order, beyond, SCAN_HIGH)
/* Without a bound above. */
#define STRETCHES_FROM(table, key) STRETCHES_TO(table, key, "", "ASC", ">", "9223372036854775807")
#define STRETCHES_DOWN(table, key, so) STRETCHES(table, key, so, "DESC", "<")
#define STRETCHES_UP(table, key, so) STRETCHES(table, key, so, "ASC", ">")

/* `columns` of `rows`, stretch by stretch and so lazily: ordered by the stretch, which is known to be in order, and then
 * by the key, of which each stretch gives the first so many. `rows` is a table expression that names s.v. */
#define SCAN(columns, stretches, rows, order) \
    "SELECT " columns " FROM unnest(ARRAY(SELECT h.v FROM " stretches " AS h ORDER BY h.v " order ")) WITH ORDINALITY AS s(v, at)" \
    " CROSS JOIN LATERAL (" rows " LIMIT " SCAN_LIMIT ") r"
#define SCAN_END(order) " ORDER BY s.at, r.key " order " LIMIT " SCAN_LIMIT
/* The condition of `rows`: of whose, and between the bounds. */
#define SCAN_ROWS(key, whose) \
    STRETCH_OF(key) " = s.v AND t." whose " = " SCAN_WHOSE " AND t." key " > " SCAN_LOW " AND t." key " < " SCAN_HIGH
#define SCAN_TIME(time) " AND t." time " >= " SCAN_AFTER " AND t." time " < " SCAN_BEFORE

struct postgres_listing {
    const char *up, *down;  /* the scan, in either order. Its first two columns are a struct postgres_key */
    const char *shown;      /* POSTGRES_SHOWN() of the table */
    int64_t whose;
    bool is_filtered;       /* rows that are scanned may not be shown: the page's rows_max is the limit */
    int64_t after_us, before_us; /* times shown; 0: open */
    void (*bind)(struct postgres_listing *l, struct db_stmt *s);      /* NULL: it has no parameters of its own */
    bool (*is_wanted)(struct postgres_listing *l, struct db_stmt *s); /* the scan's row; NULL: all are */
    /* Where the rows that a list can want are few in a segment, another scan brings just those, with all its filters: of keys below
     * *below_k. 0: they are not few. NULL: there is no such scan. */
    enum rc (*find_few)(struct postgres_listing *l, struct db *db, const struct postgres_segment *seg, int64_t *below_k);
    const char *few_up, *few_down;
    /* Leaves those that are wanted, in order, by what is not in the scan; NULL: all are. */
    enum rc (*narrow)(struct postgres_listing *l, struct db *db, const struct postgres_segment *seg, struct postgres_key *keys, size_t *count);
    /* Reads the rows of these keys behind those there are, and adds to `count`. */
    enum rc (*fetch)(struct postgres_listing *l, struct db *db, const struct postgres_segment *seg, const struct postgres_key *keys, size_t count);
    struct arena *arena;
    size_t count, limit; /* rows, and how many there may be */

    /* The run's own: */
    bool ascending, has_more;
    bool is_few;                 /* the scan is the one of few rows */
    int64_t page_low, page_high; /* as the iterator has it, both exclusive */
    int64_t low, high;           /* ... of the segment entered */
    int64_t rows_left;
    int64_t stopped_at;          /* the next page's bound; 0: it was not cut short */
};

/* From how far to how far, in seconds, the times shown of a table are from those in its keys, where that is worth
 * mentioning: an index has just those rows, and as a rule none. */
#define POSTGRES_SHOWN(table, key, time) \
    "SELECT min(" POSTGRES_OFF(key, time) "), max(" POSTGRES_OFF(key, time) ") FROM " table \
    " WHERE " POSTGRES_IS_OFF(key, time)

/* The bounds of the page, before the first segment. RC_INVALID: page->after is no id. */
MUST_USE enum rc store_postgres_listing_begin(struct postgres_listing *l, const struct store_page *page, struct str prefix);
/* What belongs on the page of a segment; it may be cut short in it, if it is filtered, but something is looked at. */
MUST_USE enum rc store_postgres_listing_segment(struct postgres_listing *l, struct db *db, const struct postgres_segment *seg);
/* All segments in the page's order, until the page is full, as much was looked at as may be, or there are no more. */
MUST_USE enum rc store_postgres_listing_walk(struct postgres_listing *l, struct store_postgres *s, struct db *db);

/* A whole list: begins, walks, turns a page that was read backwards, and fills `end`. `rows` has room for the page's
 * limit, in elements of row_bytes. */
MUST_USE enum rc store_postgres_listing_run(struct postgres_listing *l, struct store_postgres *s, const struct store_page *page,
                                            struct str prefix, void *rows, size_t row_bytes, struct store_page_end *end);
