/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints that fail or were disabled, and who else may be in trouble.
 */
#include "store/trouble.h"

#include "store/config_priv.h"

/* ?1 organisation, ?2 application or 0, ?3 most rows. */
#define OF_ORG \
    " p.deleted = 0 AND (?2 = 0 OR p.num = ?2)" \
    " AND (p.org = ?1 OR p.num IN (SELECT app FROM source WHERE org = ?1 AND deleted = 0))"
#define AILING \
    "SELECT e.num, e.app, e.id, e.uid, e.url, e.description, e.disabled, e.disabled_reason," \
    " coalesce(h.failing_since, 0), coalesce(h.last_failure, 0), e.created, e.updated, p.org FROM "
#define FAILING \
    AILING \
    "endpoint_health h CROSS JOIN endpoint e CROSS JOIN application p" \
    " WHERE e.num = h.endpoint AND p.num = e.app AND h.failing_since <> 0 AND e.deleted = 0 AND e.disabled = 0 AND" OF_ORG \
    " ORDER BY h.failing_since LIMIT ?3"
#define DISABLED \
    AILING \
    "endpoint e CROSS JOIN application p" \
    " LEFT JOIN endpoint_health h ON h.endpoint = e.num" \
    " WHERE p.num = e.app AND e.disabled <> 0 AND e.deleted = 0 AND e.disabled_reason IN ('failing', 'gone') AND" OF_ORG \
    " ORDER BY e.updated DESC LIMIT ?3"

static void read_ailing(struct db_stmt *s, struct arena *a, void *row)
{
    *(struct store_ailing *)row = (struct store_ailing){
        .ep = { .num = db_int(s, 0),
                .app = db_int(s, 1),
                .id = db_text(s, 2, a),
                .uid = db_text(s, 3, a),
                .url = db_text(s, 4, a),
                .description = db_text(s, 5, a),
                .disabled = db_int(s, 6) != 0,
                .disabled_reason = db_text(s, 7, a),
                .failing_since_us = db_int(s, 8),
                .last_failure_us = db_int(s, 9),
                .created_us = db_int(s, 10),
                .updated_us = db_int(s, 11) },
        .org = db_int(s, 12),
    };
}

static enum rc trouble_read_all(struct store_tx *tx, const char *sql, int64_t org, int64_t app,
                                size_t max, store_row_fn read, size_t size, struct arena *a,
                                void **out, size_t *count)
{
    struct db_stmt *s = db_prepare(tx->db, sql);
    db_bind_int(s, 1, org);
    db_bind_int(s, 2, app);
    db_bind_int(s, 3, (int64_t)max);
    return store_row_all(s, read, size, a, out, count);
}

enum rc store_trouble_endpoints(struct store_tx *tx, int64_t org, int64_t app, size_t max,
                                struct arena *a, struct store_ailing **out, size_t *count)
{
    void *failing = NULL;
    void *disabled = NULL;
    size_t failing_count = 0;
    size_t disabled_count = 0;
    enum rc rc = trouble_read_all(tx, FAILING, org, app, max, read_ailing, sizeof(**out), a,
                                  &failing, &failing_count);
    if (rc == RC_OK)
        rc = trouble_read_all(tx, DISABLED, org, app, max, read_ailing, sizeof(**out), a, &disabled,
                              &disabled_count);
    if (rc != RC_OK)
        return rc;
    *out = arena_array(a, failing_count + disabled_count + 1, sizeof(**out));
    if (failing_count > 0)
        memcpy(*out, failing, failing_count * sizeof(**out));
    if (disabled_count > 0)
        memcpy(*out + failing_count, disabled, disabled_count * sizeof(**out));
    *count = failing_count + disabled_count;
    return RC_OK;
}

static void read_source(struct db_stmt *s, struct arena *a, void *row)
{
    *(struct store_trouble_source *)row = (struct store_trouble_source){
        .num = db_int(s, 0), .app = db_int(s, 1), .id = db_text(s, 2, a), .name = db_text(s, 3, a)
    };
}

enum rc store_trouble_sources(struct store_tx *tx, int64_t org, int64_t app, size_t max,
                              struct arena *a, struct store_trouble_source **out, size_t *count)
{
    void *rows = NULL;
    enum rc rc =
        trouble_read_all(tx,
                         "SELECT num, app, id, name FROM source WHERE org = ?1 AND deleted = 0"
                         " AND (?2 = 0 OR app = ?2) ORDER BY num DESC LIMIT ?3",
                         org, app, max, read_source, sizeof(**out), a, &rows, count);
    *out = rows;
    return rc;
}

static void trouble_read_number(struct db_stmt *s, struct arena *a, void *row)
{
    (void)a;
    *(int64_t *)row = db_int(s, 0);
}

enum rc store_trouble_filter_apps(struct store_tx *tx, int64_t org, int64_t app, size_t max,
                                  struct arena *a, int64_t **out, size_t *count)
{
    void *rows = NULL;
    enum rc rc =
        trouble_read_all(tx,
                         "SELECT DISTINCT f.app FROM filter f CROSS JOIN application p"
                         " WHERE p.num = f.app AND f.enabled <> 0 AND p.deleted = 0 AND p.org = ?1"
                         " AND (?2 = 0 OR p.num = ?2) LIMIT ?3",
                         org, app, max, trouble_read_number, sizeof(**out), a, &rows, count);
    *out = rows;
    return rc;
}
