/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/files/health_priv.h.
 */
#include "store/files/health_priv.h"

#include <stdio.h>

/* Some writes fail and others do not, of one group even: the store is well again when none has failed for this long.
 * Otherwise it would be well and ill many times a second, with a line in the log each time. */
static const int64_t settled_us = 1000000;

void store_health_set(struct store_files *s, enum rc rc, struct str words)
{
    int64_t now_us = clock_mono_us(clock_system());
    mutex_lock(&s->health_lock);
    enum rc before = s->commit_rc;
    if (rc != RC_OK) {
        s->commit_rc = rc;
        s->commit_failed_us = now_us;
        (void)snprintf(s->commit_words, sizeof s->commit_words, "%.*s", STR_ARGS(words));
    } else if (before != RC_OK && now_us - s->commit_failed_us < settled_us) {
        rc = before;
    } else {
        s->commit_rc = RC_OK;
    }
    mutex_unlock(&s->health_lock);
    if (rc != RC_OK && before == RC_OK)
        LOG(STORE_COMMIT_FAILED, F_TEXT("rc", rc_name(rc)), F_STR("why", words));
    if (rc == RC_OK && before != RC_OK)
        LOG(STORE_COMMIT_RECOVERED);
}

/* Its log takes what comes, but only until a new segment has begun. */
static bool is_newest_unsynced(struct store_files *s, struct buf *why)
{
    mutex_lock(&s->segments_lock);
    const struct store_segment *newest = s->segments[s->segment_count - 1];
    bool is_unsynced = atomic_load(&newest->sync_failed);
    if (is_unsynced)
        buf_say(why, "%s: the disk could not write it", newest->path);
    mutex_unlock(&s->segments_lock);
    return is_unsynced;
}

enum rc store_files_health(struct store *store, struct buf *why)
{
    struct store_files *s = store_files_of(store);
    mutex_lock(&s->health_lock);
    enum rc rc = s->commit_rc == RC_OK ? RC_OK : RC_IO;
    if (rc != RC_OK)
        buf_say(why, "the last commit failed: %s", s->commit_words);
    mutex_unlock(&s->health_lock);
    if (rc == RC_OK && is_newest_unsynced(s, why))
        rc = RC_IO;
    if (rc == RC_OK && atomic_load(&s->disk_low)) {
        buf_say(why, "less than %lld bytes of disk are free in %s",
                (long long)s->base.o.free_min_bytes, s->dir);
        rc = RC_LIMIT;
    }
    return rc;
}
