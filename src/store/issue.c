/* SPDX-License-Identifier: Apache-2.0
 *
 * Marks on issues, alert rules and what they watch: rows of `issue_mark`, `alert_rule` and `alert_sighting`.
 */
#include "store/issue.h"

#include "store/config_priv.h"

/* Bounded tables: a row that is there is replaced, a new one needs room. */
static enum rc issue_has_room(struct db_stmt *s, int64_t max)
{
    enum rc rc = RC_OK;
    int64_t count = 0;
    while (db_step(s, &rc))
        count = db_int(s, 0);
    if (rc != RC_OK)
        return rc;
    return count < max ? RC_OK : RC_LIMIT;
}

/* --- marks ---------------------------------------------------------------------------------------------- */

#define MARK "org, key, note, by_whom, made, until, episode"

static void read_mark(struct db_stmt *s, struct arena *a, void *row)
{
    *(struct store_issue_mark *)row = (struct store_issue_mark){
        .org = db_int(s, 0),
        .key = db_text(s, 1, a),
        .note = db_text(s, 2, a),
        .by = db_text(s, 3, a),
        .made_us = db_int(s, 4),
        .until_us = db_int(s, 5),
        .episode = db_int(s, 6),
    };
}

enum rc store_issue_mark_set(struct store_tx *tx, const struct store_issue_mark *m)
{
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT count(*) FROM issue_mark WHERE org = ? AND key <> ?");
    db_bind_int(s, 1, m->org);
    db_bind_text(s, 2, m->key);
    enum rc rc = issue_has_room(s, STORE_ISSUE_MARKS_MAX);
    if (rc != RC_OK)
        return rc;
    s = db_prepare(tx->db,
                   "INSERT INTO issue_mark(" MARK ") VALUES(?, ?, ?, ?, ?, ?, ?)"
                   " ON CONFLICT(org, key) DO UPDATE SET note = excluded.note,"
                   " by_whom = excluded.by_whom, made = excluded.made, until = excluded.until,"
                   " episode = excluded.episode");
    db_bind_int(s, 1, m->org);
    db_bind_text(s, 2, m->key);
    db_bind_text(s, 3, m->note);
    db_bind_text(s, 4, m->by);
    db_bind_int(s, 5, m->made_us);
    db_bind_int(s, 6, m->until_us);
    db_bind_int(s, 7, m->episode);
    return db_run(s);
}

enum rc store_issue_mark_remove(struct store_tx *tx, int64_t org, struct str key, int64_t made_us)
{
    struct db_stmt *s = db_prepare(
        tx->db, "DELETE FROM issue_mark WHERE org = ?1 AND key = ?2 AND (?3 = 0 OR made = ?3)");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, key);
    db_bind_int(s, 3, made_us);
    return store_row_change(tx->db, s);
}

enum rc store_issue_mark_all(struct store_tx *tx, int64_t org, struct arena *a,
                             struct store_issue_mark **out, size_t *count)
{
    void *rows = NULL;
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " MARK " FROM issue_mark WHERE org = ? ORDER BY key");
    db_bind_int(s, 1, org);
    enum rc rc = store_row_all(s, read_mark, sizeof(**out), a, &rows, count);
    *out = rows;
    return rc;
}

/* --- rules ---------------------------------------------------------------------------------------------- */

#define RULE "num, org, id, name, kinds, after, enabled, created, updated"

static void read_rule(struct db_stmt *s, struct arena *a, void *row)
{
    *(struct store_alert_rule *)row = (struct store_alert_rule){
        .num = db_int(s, 0),
        .org = db_int(s, 1),
        .id = db_text(s, 2, a),
        .name = db_text(s, 3, a),
        .kinds = db_text(s, 4, a),
        .after_us = db_int(s, 5),
        .enabled = db_int(s, 6) != 0,
        .created_us = db_int(s, 7),
        .updated_us = db_int(s, 8),
    };
}

static void alert_rule_bind(struct db_stmt *s, const struct store_alert_rule *r)
{
    db_bind_text(s, 1, r->name);
    db_bind_opt_text(s, 2, r->kinds);
    db_bind_int(s, 3, r->after_us);
    db_bind_int(s, 4, r->enabled);
    db_bind_int(s, 5, r->updated_us);
}

enum rc store_alert_rule_insert(struct store_tx *tx, struct store_alert_rule *r)
{
    struct db_stmt *s = db_prepare(tx->db, "SELECT count(*) FROM alert_rule WHERE org = ?");
    db_bind_int(s, 1, r->org);
    enum rc rc = issue_has_room(s, STORE_ALERT_RULES_MAX);
    if (rc != RC_OK)
        return rc;
    s = db_prepare(tx->db,
                   "INSERT INTO alert_rule(name, kinds, after, enabled, updated, org, id, created)"
                   " VALUES(?, ?, ?, ?, ?, ?, ?, ?) RETURNING num");
    alert_rule_bind(s, r);
    db_bind_int(s, 6, r->org);
    db_bind_text(s, 7, r->id);
    db_bind_int(s, 8, r->created_us);
    return store_row_insert(s, &r->num);
}

enum rc store_alert_rule_update(struct store_tx *tx, const struct store_alert_rule *r)
{
    struct db_stmt *s = db_prepare(tx->db, "UPDATE alert_rule SET name = ?, kinds = ?, after = ?,"
                                           " enabled = ?, updated = ? WHERE num = ?");
    alert_rule_bind(s, r);
    db_bind_int(s, 6, r->num);
    return store_row_change(tx->db, s);
}

enum rc store_alert_rule_remove(struct store_tx *tx, int64_t num)
{
    struct db_stmt *s = db_prepare(tx->db, "DELETE FROM alert_sighting WHERE rule = ?");
    db_bind_int(s, 1, num);
    enum rc rc = db_run(s);
    if (rc != RC_OK)
        return rc;
    s = db_prepare(tx->db, "DELETE FROM alert_rule WHERE num = ?");
    db_bind_int(s, 1, num);
    return store_row_change(tx->db, s);
}

enum rc store_alert_rule_find(struct store_tx *tx, int64_t org, struct str id, struct arena *a,
                              struct store_alert_rule *out)
{
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " RULE " FROM alert_rule WHERE org = ? AND id = ?");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, id);
    return store_row_one(s, read_rule, a, out);
}

enum rc store_alert_rule_all(struct store_tx *tx, int64_t org, struct arena *a,
                             struct store_alert_rule **out, size_t *count)
{
    void *rows = NULL;
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " RULE " FROM alert_rule WHERE org = ? ORDER BY num");
    db_bind_int(s, 1, org);
    enum rc rc = store_row_all(s, read_rule, sizeof(**out), a, &rows, count);
    *out = rows;
    return rc;
}

/* --- what rules watch ----------------------------------------------------------------------------------- */

static void read_sighting(struct db_stmt *s, struct arena *a, void *row)
{
    *(struct store_alert_sighting *)row = (struct store_alert_sighting){
        .rule = db_int(s, 0),
        .key = db_text(s, 1, a),
        .first_us = db_int(s, 2),
        .told_us = db_int(s, 3),
        .what = db_text(s, 4, a),
    };
}

enum rc store_alert_sighting_set(struct store_tx *tx, const struct store_alert_sighting *sighting)
{
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT count(*) FROM alert_sighting WHERE rule = ? AND key <> ?");
    db_bind_int(s, 1, sighting->rule);
    db_bind_text(s, 2, sighting->key);
    enum rc rc = issue_has_room(s, STORE_ALERT_SIGHTINGS_MAX);
    if (rc != RC_OK)
        return rc;
    s = db_prepare(tx->db, "INSERT INTO alert_sighting(rule, key, first, told, what)"
                           " VALUES(?, ?, ?, ?, ?) ON CONFLICT(rule, key) DO UPDATE SET"
                           " first = excluded.first, told = excluded.told, what = excluded.what");
    db_bind_int(s, 1, sighting->rule);
    db_bind_text(s, 2, sighting->key);
    db_bind_int(s, 3, sighting->first_us);
    db_bind_int(s, 4, sighting->told_us);
    db_bind_opt_text(s, 5, sighting->what);
    return db_run(s);
}

enum rc store_alert_sighting_remove(struct store_tx *tx, int64_t rule, struct str key)
{
    struct db_stmt *s = db_prepare(tx->db, "DELETE FROM alert_sighting WHERE rule = ? AND key = ?");
    db_bind_int(s, 1, rule);
    db_bind_text(s, 2, key);
    return db_run(s);
}

enum rc store_alert_sighting_all(struct store_tx *tx, int64_t org, struct arena *a,
                                 struct store_alert_sighting **out, size_t *count)
{
    void *rows = NULL;
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT s.rule, s.key, s.first, s.told, s.what FROM alert_rule r"
                           " CROSS JOIN alert_sighting s"
                           " WHERE s.rule = r.num AND r.org = ? ORDER BY s.rule, s.key");
    db_bind_int(s, 1, org);
    enum rc rc = store_row_all(s, read_sighting, sizeof(**out), a, &rows, count);
    *out = rows;
    return rc;
}

static void read_org_num(struct db_stmt *s, struct arena *a, void *row)
{
    (void)a;
    *(int64_t *)row = db_int(s, 0);
}

enum rc store_issue_orgs(struct store_tx *tx, struct arena *a, int64_t **out, size_t *count)
{
    void *rows = NULL;
    struct db_stmt *s = db_prepare(
        tx->db, "SELECT org FROM issue_mark UNION SELECT org FROM alert_rule ORDER BY org");
    enum rc rc = store_row_all(s, read_org_num, sizeof(**out), a, &rows, count);
    *out = rows;
    return rc;
}
