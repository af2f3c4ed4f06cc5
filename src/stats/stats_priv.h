/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of stats share: stats.c (the thread, the hand-over of minutes), count.c (from jobs to cells), read.c
 * (charts), largest.c (who takes most). Below them: rows.c and its two engines, pack.c and bound.c.
 *
 * Of the tables one is `current`, and whoever takes it out of there has it: the store thread for a group, the statistics'
 * thread when its minute is over. So neither waits for the other. Readers and the statistics' thread share `lock`.
 */
#pragma once

#include "base/thread.h"
#include "stats/live_priv.h"
#include "stats/rows_priv.h"
#include "stats/table_priv.h"

enum { STATS_TABLES = 4 }; /* the current one, and those of minutes that could not be written yet */

struct stats {
    struct stats_options o;
    struct store_watcher watcher;
    bool counts;     /* false: nothing is counted */
    /* Of stats_type_id(). Made at random, until it is known which one is kept with the rows. */
    _Atomic uint64_t key[2];
    struct stats_table tables[STATS_TABLES];
    struct stats_table *_Atomic current; /* NULL: none, or the store thread has it */

    struct stats_live live;

    /* Store thread, within a group: */
    struct stats_table *table; /* NULL: no room for this minute */
    int64_t wall_us, own_us;
    char last_text[128];
    struct str last_type; /* of the job before, if it is not too long: most are of one type */
    int64_t last_org, last_type_id;
    uint64_t last_key;

    struct mutex lock; /* over the reader of `rows`, over making a minute's rows visible, and over emptying tables */
    struct stats_rows rows;
    int64_t alive_until_us; /* the last minute that is marked as one in which there was a server */
    bool has_failed;        /* and it was said */

    struct mutex wake_lock;
    struct cond wake;
    bool is_stopping;
    struct thread *thread;
};

/* count.c */
extern const struct store_watcher stats_count_watcher; /* without ctx */
/* Were all messages of a publish written, or of items: was the first? */
bool stats_publish_is_whole(const struct store_publish *p);
/* Was `one`, itself or one of `also`, written? Of items each is judged by itself. */
static inline bool stats_publish_is_in(const struct store_publish *p, const struct store_publish *one, bool is_whole)
{
    return p->rule == STORE_RULE_ITEMS ? one->result == STORE_CREATED : is_whole;
}

/* stats.c. Takes the open table of an earlier minute, writes and packs; `at_end`: of the current one, too. The
 * statistics' thread, or a test's. */
void stats_tick(struct stats *s, bool at_end);
/* Holds the lock. A reader whose connection is lost is closed, and the statistics' thread gets another. */
void stats_reader_check(struct stats *s);
