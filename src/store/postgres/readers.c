/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/readers_priv.h.
 */
#include "store/postgres/readers_priv.h"

void store_postgres_readers_init(struct store_postgres *s)
{
    int wanted = s->base.o.readers;
    mutex_init(&s->readers_lock);
    cond_init(&s->reader_freed);
    s->reader_count = wanted < 1                      ? 1
                      : wanted > POSTGRES_READERS_MAX ? POSTGRES_READERS_MAX
                                                      : (size_t)wanted;
}

void store_postgres_readers_fini(struct store_postgres *s)
{
    for (size_t i = 0; i < s->reader_count; i++)
        db_close(s->readers[i]);
    cond_fini(&s->reader_freed);
    mutex_fini(&s->readers_lock);
}

/* Those that are connected first. */
static size_t free_reader(const struct store_postgres *s)
{
    size_t found = s->reader_count;
    for (size_t i = 0; i < s->reader_count; i++) {
        if (!s->is_reader_busy[i] && s->readers[i] != NULL)
            return i;
        if (!s->is_reader_busy[i])
            found = i;
    }
    return found;
}

static void reader_free(struct store_postgres *s, size_t at)
{
    mutex_lock(&s->readers_lock);
    s->is_reader_busy[at] = false;
    mutex_unlock(&s->readers_lock);
    cond_signal(&s->reader_freed);
}

/* Others walk over the places meanwhile, so a place gets and loses its connection under the lock. */
static void reader_set(struct store_postgres *s, size_t at, struct db *db)
{
    mutex_lock(&s->readers_lock);
    s->readers[at] = db;
    mutex_unlock(&s->readers_lock);
}

enum rc store_postgres_reader_get(struct store_postgres *s, struct db **out)
{
    size_t at;
    mutex_lock(&s->readers_lock);
    while ((at = free_reader(s)) == s->reader_count)
        cond_wait(&s->reader_freed, &s->readers_lock);
    s->is_reader_busy[at] = true;
    struct db *db = s->readers[at];
    mutex_unlock(&s->readers_lock);
    if (db == NULL && db_connect(s->url, NULL, &db, NULL) != RC_OK) {
        reader_free(s, at);
        return RC_IO;
    }
    reader_set(s, at, db);
    *out = db;
    return RC_OK;
}

void store_postgres_reader_put(struct store_postgres *s, struct db *db)
{
    size_t at = 0;
    mutex_lock(&s->readers_lock);
    while (s->readers[at] != db || !s->is_reader_busy[at])
        at++;
    mutex_unlock(&s->readers_lock);
    if (db_is_stale(db)) {
        reader_set(s, at, NULL);
        db_close(db);
    }
    reader_free(s, at);
}
