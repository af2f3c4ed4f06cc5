/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/files/health_priv.h.
 */
#include "store/files/health_priv.h"

#include <stdio.h>

void store_health_set(struct store_files *s, enum rc rc, struct str words)
{
    mutex_lock(&s->health_lock);
    enum rc before = s->commit_rc;
    s->commit_rc = rc;
    if (rc != RC_OK)
        (void)snprintf(s->commit_words, sizeof s->commit_words, "%.*s", STR_ARGS(words));
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
