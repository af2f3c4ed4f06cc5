/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking keys page by page, for the lists of what flows: the one way from a page's iterator over
 * segments and their stretches to the next iterator.
 *
 * A list with a filter may look at many rows to find few. So a walk can be limited: when the rows it
 * looked at are as many, it stops after the stretch it is in, the page comes back short, and its
 * iterator is an id made for the key up to which everything was looked at.
 */
#pragma once

#include "store/files/files_priv.h"

struct store_walk {
    bool ascending;
    int64_t low, high;           /* keys between them, both exclusive: of the segment entered */
    int64_t page_low, page_high; /* ... as the iterator has it */
    int64_t after_us, before_us; /* times shown; 0: open */
    const char *count_sql; /* NULL: not limited */
    int64_t whose;
    int64_t rows_left;
    int64_t stopped_at; /* the next page's bound; 0: the walk was not cut short */
};

/* The bounds a page and a window of times shown (0: open) put on keys. RC_INVALID: page->after is no id. */
MUST_USE enum rc store_walk_bounds(struct store_walk *w, const struct store_page *page,
                                   struct str prefix, int64_t after_us, int64_t before_us);
/* Sets the bounds for a segment: how far times shown are from those in keys is its own. */
void store_walk_enter(struct store_walk *w, const struct store_segment *seg);
/* Limits the walk to rows_max (0: no limit) as `count_sql` counts them: how many rows a look-up reads,
 * filter or not, with ?1 stretch, ?2 whose, ?3 and ?4 bounds. */
void store_walk_limit(struct store_walk *w, int64_t rows_max, const char *count_sql, int64_t whose);

/* Reads what belongs on the page from a stretch; *is_full: no more is wanted. */
typedef enum rc store_stretch_fn(void *ctx, struct db *db, int64_t stretch, bool *is_full);
/* Visits the stretches of a kind between the bounds, in the page's order, until the page is full, the
 * limit is reached, or there are no more. */
MUST_USE enum rc store_walk_segments(struct store_files *s, struct store_walk *w,
                                     enum store_stretch_kind kind, struct arena *a,
                                     store_stretch_fn *visit, void *ctx);
/* For walks of another order: takes a stretch's rows off the limit; whether it is reached. */
MUST_USE enum rc store_walk_count(struct store_walk *w, struct db *db, int64_t stretch);
bool store_walk_is_spent(const struct store_walk *w);

/*
 * A page of rows of one kind: what all lists have in common. A list embeds it and says how its statement is bound and
 * its row is read; store_listing_run() walks, counts, turns a page that was read backwards, and fills `end`.
 */
struct store_listing {
    enum store_stretch_kind kind;
    struct str prefix;             /* of the ids of an iterator */
    const char *up, *down;         /* the statement in either order */
    const char *count_sql;         /* see store_walk_limit() */
    int64_t whose;                 /* ... */
    bool is_filtered;              /* rows that are read may not be shown: the page's rows_max is the limit */
    int64_t after_us, before_us;   /* times shown; 0: open */
    void (*bind)(struct store_listing *l, struct db_stmt *s, int64_t stretch);
    void (*read)(struct store_listing *l, struct db_stmt *s); /* the row into rows[count] */
    void *rows;                    /* at least the page's limit */
    size_t row_bytes;
    struct arena *arena;

    struct store_walk walk;        /* from here on: the run's own */
    size_t count, limit;
    bool has_more;
};

MUST_USE enum rc store_listing_run(struct store_files *s, struct store_listing *l, const struct store_page *page,
                                   struct store_page_end *end);
/* How many rows the statement may return: those that still fit, and one that says there are more. */
static inline int64_t store_listing_room(const struct store_listing *l)
{
    return (int64_t)(l->limit + 1 - l->count);
}
