/* SPDX-License-Identifier: Apache-2.0
 *
 * Statistics over time. A chart is never computed from messages: what is committed is counted, right after the commit
 * and on the store thread, in *cells* of a minute, one for each organisation, application, endpoint, source, filter and event
 * type that moved. A thread of its own writes the minute that is over to stats.db in the store's folder, or to the database
 * that the store is in, and rolls minutes up into hours and hours into days (docs/internals/stats.md). The store thread
 * never waits for it.
 *
 * What is kept is derived: a file that is damaged or missing is made anew, one that cannot be written, or a database that
 * cannot be had, costs its minutes, and none of it stops the server. A crash loses the current minute, which is then unknown
 * and not zero. In a database what several nodes count is added up; a node that takes over goes on with all charts.
 *
 *   stats = stats_open(&options);
 *   store_watch(store, stats_watcher(stats));
 *   ...
 *   stats_stop(stats);
 *   store_close(store);
 *   stats_close(stats);
 */
#pragma once

#include "base/base.h"
#include "store/watch.h"

struct stats;

/* Times are wall clock. Minutes are kept for 48 hours, hours for 90 days, days for 730 days. */
#define STATS_MINUTE_US INT64_C(60000000)
#define STATS_HOUR_US (60 * STATS_MINUTE_US)
#define STATS_DAY_US (24 * STATS_HOUR_US)
#define STATS_MINUTES_KEPT_US (48 * STATS_HOUR_US)
#define STATS_HOURS_KEPT_US (90 * STATS_DAY_US)
#define STATS_DAYS_KEPT_US (730 * STATS_DAY_US)

enum stats_kind {
    STATS_SERVER = 0, /* id 0 */
    STATS_ORG = 1,    /* ids: numbers of the store */
    STATS_APP = 2,
    STATS_ENDPOINT = 3,
    STATS_SOURCE = 4,
    STATS_FILTER = 5,
    STATS_TYPE = 6,   /* id: stats_type_id() */
    STATS_KINDS
};

enum { STATS_BUCKETS = 12, STATS_WIDE = 3 };
enum stats_field {
#define STATS_FIELD(id) STATS_##id,
#include "stats/fields.def"
#undef STATS_FIELD
    /* Histograms of powers of two. Attempts and filters: below 2 ms, 4 ms, ... 4096 ms, and the rest. */
    STATS_TOOK_FIRST,
    /* From accepting a message to its delivery: below 8 ms, 16 ms, ... 16384 ms, and the rest. */
    STATS_DELIVERY_FIRST = STATS_TOOK_FIRST + STATS_BUCKETS,
    STATS_FIELDS = STATS_DELIVERY_FIRST + STATS_BUCKETS
};
enum { STATS_TOOK_UNIT_US = 2000, STATS_DELIVERY_UNIT_US = 8000 };

struct stats_cell {
    uint64_t n[STATS_FIELDS];
};
void stats_cell_add(struct stats_cell *to, const struct stats_cell *more);
/* The q-quantile (0 < q < 1) of one of the histograms, in microseconds: as near as buckets that double tell. `unit_us`: of
 * the histogram. Of the last bucket, which has no end, its beginning. -1: nothing was counted. */
int64_t stats_cell_quantile_us(const struct stats_cell *c, enum stats_field first, int64_t unit_us, double q);

struct stats_options {
    const char *dir;           /* the store's folder; copied, as is the URL */
    const char *url;           /* of the PostgreSQL database that the store is in; NULL: stats.db in the folder */
    const struct clock *clock; /* the system's */
    const struct clock *own;   /* store_clock(): nothing is dropped for age that is not old by both, however the clock is set */
    const struct rng *rng;
    int64_t size_max;          /* bytes of stats.db, or of its tables in use; above it the minutes, then the hours of what moves least are dropped, but
                                * never those of the server, organisations and applications. 0: nothing is counted, and there is
                                * neither file nor connection nor thread */
    bool no_thread;            /* tests: stats_tick() is called by hand */
};
/* Never fails for the sake of the file or the database; waits some seconds for one that does not answer. NULL: no thread to
 * be had. */
struct stats *stats_open(const struct stats_options *o);
/* Ends the thread. Before store_close(), whose clock it reads. NULL is fine. */
void stats_stop(struct stats *s);
/* Writes what is counted. After store_close(), which commits what was left. NULL is fine. */
void stats_close(struct stats *s);
/* For store_watch(). */
const struct store_watcher *stats_watcher(struct stats *s);

/* Under which id an organisation's event type is counted. Any thread. Another one until a file or database could be opened
 * for the first time. */
int64_t stats_type_id(const struct stats *s, int64_t org, struct str event_type);

struct stats_subject {
    enum stats_kind kind;
    int64_t id;
};
struct stats_point {
    bool is_known; /* false: nothing was counted then, or it is not kept any more */
    struct stats_cell cell;
};
enum { STATS_POINTS_MAX = 1500 };
struct stats_query {
    const struct stats_subject *subjects;
    size_t subject_count;
    int64_t from_us;  /* a multiple of step_us */
    int64_t step_us;  /* a multiple of a minute. Of an hour: read from what is kept by the hour; of a day likewise */
    size_t count;     /* points; at most STATS_POINTS_MAX */
};
/* Fills points[subject * count + i]: the i-th step of that subject; the current minute is in it. Worker thread; one reads at a time. RC_NOT_FOUND: nothing is
 * counted (size_max). RC_IO, RC_CORRUPT: stats.db cannot be read; it is made anew within a minute if it is damaged. Of a
 * database: its connection was lost. Until there is another, only what is in memory is known. */
MUST_USE enum rc stats_read(struct stats *s, const struct stats_query *q, struct stats_point *points);

struct stats_ranked {
    int64_t id;
    uint64_t bytes;    /* of payloads that were accepted */
    uint64_t messages;
};
/* Those of a kind whose payloads were most bytes in a period, the largest first; at most `max`. The period is as exact as an
 * hour: it should begin with one. It reads every row of the kind in the period: of 10,000 applications that are never quiet
 * some 250,000 for a day. Worker thread; one reads at a time. RC_NOT_FOUND, RC_IO, RC_CORRUPT: as stats_read(). */
MUST_USE enum rc stats_largest(struct stats *s, enum stats_kind kind, int64_t from_us, int64_t until_us, struct stats_ranked *out, size_t max, size_t *count);
