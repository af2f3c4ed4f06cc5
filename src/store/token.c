/* SPDX-License-Identifier: Apache-2.0
 *
 * API tokens: rows of the table `token`. Whether one has expired is the caller's question.
 */
#include "store/token.h"

#include "store/config_priv.h"
#include "json/json.h"

#define COLUMNS \
    "num, org, app, name, scopes, hash, created, expires, kind, parent, \"user\", used," \
    " how, peer, proved, made_by"

enum { FORGOTTEN_AT_ONCE = 256 };
#define MANY "1000000000" /* rows: all there are */

static void read_token(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_token *t = row;
    struct str hash = db_borrow(s, 5);
    *t = (struct store_token){
        .num = db_int(s, 0),
        .org = db_int(s, 1),
        .app = db_int(s, 2),
        .name = db_text(s, 3, a),
        .scopes = db_text(s, 4, a),
        .created_us = db_int(s, 6),
        .expires_us = db_int(s, 7),
        .kind = (enum store_token_kind)db_int(s, 8),
        .parent = db_int(s, 9),
        .user = db_int(s, 10),
        .used_us = db_int(s, 11),
        .how = db_text(s, 12, a),
        .peer = db_text(s, 13, a),
        .proved_us = db_int(s, 14),
        .made_by = db_text(s, 15, a),
    };
    if (hash.len == sizeof t->hash)
        memcpy(t->hash, hash.ptr, sizeof t->hash);
}

#define INSERT \
    "INSERT INTO token(org, app, name, scopes, hash, created, expires, kind, parent, \"user\", used," \
    " how, peer, proved, made_by"
#define VALUES "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

enum rc store_token_insert(struct store_tx *tx, struct store_token *t)
{
    struct db_stmt *s =
        db_prepare(tx->db, t->num == 0 ? INSERT ") VALUES(" VALUES ") RETURNING num"
                                       : INSERT ", num) VALUES(" VALUES ", ?) RETURNING num");
    db_bind_int(s, 1, t->org);
    db_bind_int(s, 2, t->app);
    db_bind_text(s, 3, t->name);
    db_bind_opt_text(s, 4, t->scopes);
    db_bind_blob(s, 5, str_of((const char *)t->hash, sizeof t->hash));
    db_bind_int(s, 6, t->created_us);
    db_bind_int(s, 7, t->expires_us);
    db_bind_int(s, 8, t->kind);
    db_bind_int(s, 9, t->parent);
    db_bind_int(s, 10, t->user);
    db_bind_int(s, 11, t->used_us);
    db_bind_text(s, 12, t->how);
    db_bind_text(s, 13, t->peer);
    db_bind_int(s, 14, t->proved_us);
    db_bind_opt_text(s, 15, t->made_by);
    if (t->num != 0)
        db_bind_int(s, 16, t->num);
    return store_row_insert(s, &t->num);
}

enum rc store_token_find(struct store_tx *tx, const uint8_t hash[static 32], struct arena *a,
                         struct store_token *out)
{
    struct db_stmt *s = db_prepare(tx->db, "SELECT " COLUMNS " FROM token WHERE hash = ?");
    db_bind_blob(s, 1, str_of((const char *)hash, 32));
    return store_row_one(s, read_token, a, out);
}

enum rc store_token_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                           struct store_token *out)
{
    struct db_stmt *s = db_prepare(tx->db, "SELECT " COLUMNS " FROM token WHERE num = ?");
    db_bind_int(s, 1, num);
    return store_row_one(s, read_token, a, out);
}

enum rc store_token_delete(struct store_tx *tx, int64_t num)
{
    struct db_stmt *s = db_prepare(tx->db, "DELETE FROM token WHERE num = ?");
    db_bind_int(s, 1, num);
    return store_row_change(tx->db, s);
}

enum rc store_token_use(struct store_tx *tx, int64_t num, int64_t used_us)
{
    struct db_stmt *s = db_prepare(tx->db, "UPDATE token SET used = ? WHERE num = ?");
    db_bind_int(s, 1, used_us);
    db_bind_int(s, 2, num);
    return store_row_change(tx->db, s);
}

enum rc store_token_prove(struct store_tx *tx, int64_t num, int64_t proved_us)
{
    struct db_stmt *s = db_prepare(tx->db, "UPDATE token SET proved = ? WHERE num = ?");
    db_bind_int(s, 1, proved_us);
    db_bind_int(s, 2, num);
    return store_row_change(tx->db, s);
}

enum rc store_token_shorten(struct store_tx *tx, int64_t num, int64_t expires_us)
{
    struct db_stmt *s =
        db_prepare(tx->db, "UPDATE token SET expires = CASE WHEN expires = 0 OR expires > ?1"
                           " THEN ?1 ELSE expires END WHERE num = ?2");
    db_bind_int(s, 1, expires_us);
    db_bind_int(s, 2, num);
    return store_row_change(tx->db, s);
}

enum rc store_token_trim(struct store_tx *tx, int64_t parent, enum store_token_kind kind,
                         int64_t kept)
{
    struct db_stmt *s = db_prepare(
        tx->db, "DELETE FROM token WHERE num IN (SELECT num FROM token WHERE parent = ?1"
                " AND parent <> 0 AND kind = ?2 ORDER BY num DESC LIMIT " MANY " OFFSET ?3)");
    db_bind_int(s, 1, parent);
    db_bind_int(s, 2, kind);
    db_bind_int(s, 3, kept);
    return db_run(s);
}

enum rc store_token_forget_expired(struct store_tx *tx, int64_t before_us)
{
    struct db_stmt *s =
        db_prepare(tx->db, "DELETE FROM token WHERE num IN (SELECT num FROM token"
                           " WHERE kind <> 0 AND expires < ? ORDER BY expires LIMIT ?)");
    db_bind_int(s, 1, before_us);
    db_bind_int(s, 2, FORGOTTEN_AT_ONCE);
    return db_run(s);
}

/* --- those of an application ----------------------------------------------------------------------- */

struct session_token {
    int64_t num, expires_us;
    struct str scopes;
};

static void read_session_token(struct db_stmt *s, struct arena *a, void *row)
{
    *(struct session_token *)row =
        (struct session_token){ db_int(s, 0), db_int(s, 1), db_text(s, 2, a) };
}

static enum rc token_is_of(const struct session_token *t, struct str session, bool *is_of)
{
    json_t *scopes = NULL;
    if (json_parse(t->scopes, &scopes, NULL) != RC_OK)
        return RC_CORRUPT;
    *is_of = str_eq(json_str_member(scopes, "session"), session);
    json_decref(scopes);
    return RC_OK;
}

typedef enum rc (*session_token_fn)(struct store_tx *tx, const struct session_token *t,
                                    int64_t *arg);

/* Each token of the application that was not ended and has the session among its scopes. */
static enum rc session_each(struct store_tx *tx, int64_t app, struct str session,
                            session_token_fn fn, int64_t *arg)
{
    struct arena arena;
    void *rows = NULL;
    size_t count = 0;
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT num, expires, scopes FROM token WHERE app = ?1 AND app <> 0"
                           " AND expires <> ?2 AND scopes IS NOT NULL ORDER BY num");
    db_bind_int(s, 1, app);
    db_bind_int(s, 2, STORE_TOKEN_ENDED_US);
    arena_init(&arena);
    enum rc rc =
        store_row_all(s, read_session_token, sizeof(struct session_token), &arena, &rows, &count);
    const struct session_token *tokens = rows;
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        bool is_of = false;
        rc = token_is_of(&tokens[i], session, &is_of);
        if (rc == RC_OK && is_of)
            rc = fn(tx, &tokens[i], arg);
    }
    arena_fini(&arena);
    return rc;
}

/* Those made with one that was deleted before have gone with it. */
static enum rc session_token_delete(struct store_tx *tx, const struct session_token *t,
                                    int64_t *count)
{
    enum rc rc = store_token_delete(tx, t->num);
    *count += rc == RC_OK ? 1 : 0;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc session_token_shorten(struct store_tx *tx, const struct session_token *t,
                                     int64_t *expires_us)
{
    bool is_longer = t->expires_us == 0 || t->expires_us > *expires_us;
    return is_longer ? store_token_shorten(tx, t->num, *expires_us) : RC_OK;
}

enum rc store_token_expire_app(struct store_tx *tx, int64_t app, struct str session, int64_t *count)
{
    *count = 0;
    if (session.len > 0)
        return session_each(tx, app, session, session_token_delete, count);
    struct db_stmt *s =
        db_prepare(tx->db, "DELETE FROM token WHERE app = ?1 AND app <> 0 AND expires <> ?2");
    db_bind_int(s, 1, app);
    db_bind_int(s, 2, STORE_TOKEN_ENDED_US);
    enum rc rc = db_run(s);
    *count = rc == RC_OK ? db_changes(tx->db) : 0;
    return rc;
}

enum rc store_token_shorten_app(struct store_tx *tx, int64_t app, struct str session,
                                int64_t expires_us)
{
    if (session.len > 0)
        return session_each(tx, app, session, session_token_shorten, &expires_us);
    struct db_stmt *s = db_prepare(tx->db, "UPDATE token SET expires = ?2 WHERE app = ?1"
                                           " AND app <> 0 AND (expires = 0 OR expires > ?2)");
    db_bind_int(s, 1, app);
    db_bind_int(s, 2, expires_us);
    return db_run(s);
}

enum rc store_token_list(struct store_tx *tx, int64_t org, struct arena *a,
                         struct store_token **out, size_t *count)
{
    void *rows;
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " COLUMNS " FROM token WHERE org = ? ORDER BY num");
    db_bind_int(s, 1, org);
    enum rc rc = store_row_all(s, read_token, sizeof **out, a, &rows, count);
    if (rc == RC_OK)
        *out = rows;
    return rc;
}

enum rc store_token_page(struct store_tx *tx, int64_t org, const struct store_page *page,
                         struct arena *a, struct store_token *out, struct store_page_end *end)
{
    bool ascending = store_page_ascending(page);
    int64_t after = ascending ? 0 : INT64_MAX;
    if (page->after.len > 0 && str_to_i64(page->after, &after) != RC_OK)
        return RC_INVALID;
    struct db_stmt *s = db_prepare(
        tx->db, ascending
                    ? "SELECT " COLUMNS " FROM token WHERE org = ? AND kind = 0 AND expires <> ?"
                      " AND num > ? ORDER BY num LIMIT ?"
                    : "SELECT " COLUMNS " FROM token WHERE org = ? AND kind = 0 AND expires <> ?"
                      " AND num < ? ORDER BY num DESC LIMIT ?");
    db_bind_int(s, 1, org);
    db_bind_int(s, 2, STORE_TOKEN_ENDED_US);
    db_bind_int(s, 3, after);
    db_bind_int(s, 4, store_page_max(page));
    return store_page_rows(s, read_token, sizeof *out, page, a, out, end);
}

/* --- sessions -------------------------------------------------------------------------------------- */

/* Parameters 1 to 5. */
#define SESSIONS \
    " FROM token WHERE org = ?1 AND kind = 1 AND expires > ?4 AND used > ?5" \
    " AND (?2 = 0 OR \"user\" = ?2)" \
    " AND (?3 = 0 OR parent = ?3)"

static void bind_sessions(struct db_stmt *s, const struct store_session_filter *f)
{
    db_bind_int(s, 1, f->org);
    db_bind_int(s, 2, f->user);
    db_bind_int(s, 3, f->parent);
    db_bind_int(s, 4, f->now_us);
    db_bind_int(s, 5, f->now_us - f->unused_us);
}

enum rc store_token_sessions(struct store_tx *tx, const struct store_session_filter *f,
                             const struct store_page *page, struct arena *a,
                             struct store_token *out, struct store_page_end *end)
{
    bool ascending = store_page_ascending(page);
    int64_t after = ascending ? 0 : INT64_MAX;
    if (page->after.len > 0 && str_to_i64(page->after, &after) != RC_OK)
        return RC_INVALID;
    struct db_stmt *s = db_prepare(
        tx->db, ascending ? "SELECT " COLUMNS SESSIONS " AND num > ?6 ORDER BY num LIMIT ?7"
                          : "SELECT " COLUMNS SESSIONS " AND num < ?6 ORDER BY num DESC LIMIT ?7");
    bind_sessions(s, f);
    db_bind_int(s, 6, after);
    db_bind_int(s, 7, store_page_max(page));
    return store_page_rows(s, read_token, sizeof *out, page, a, out, end);
}

enum rc store_token_end_sessions(struct store_tx *tx, const struct store_session_filter *f,
                                 int64_t kept, int64_t *count)
{
    struct db_stmt *s = db_prepare(tx->db, "DELETE" SESSIONS " AND num <> ?6");
    bind_sessions(s, f);
    db_bind_int(s, 6, kept);
    enum rc rc = db_run(s);
    *count = rc == RC_OK ? db_changes(tx->db) : 0;
    return rc;
}

/* --- uses ------------------------------------------------------------------------------------------ */

static enum rc trim_uses(struct store_tx *tx, int64_t num)
{
    struct db_stmt *s = db_prepare(
        tx->db, "DELETE FROM token_use WHERE token = ?1 AND peer IN (SELECT peer FROM token_use"
                " WHERE token = ?1 ORDER BY last DESC, peer LIMIT " MANY " OFFSET ?2)");
    db_bind_int(s, 1, num);
    db_bind_int(s, 2, STORE_TOKEN_USES_MAX);
    return db_run(s);
}

enum rc store_token_note_use(struct store_tx *tx, int64_t num, struct str peer, int64_t at_us)
{
    const int64_t hour_us = INT64_C(3600) * 1000000;
    struct db_stmt *s =
        db_prepare(tx->db, "INSERT INTO token_use(token, peer, first, last)"
                           " SELECT num, ?2, ?3, ?3 FROM token WHERE num = ?1"
                           " ON CONFLICT(token, peer) DO UPDATE SET last = excluded.last"
                           " WHERE token_use.last < excluded.last");
    db_bind_int(s, 1, num);
    db_bind_text(s, 2, peer);
    db_bind_int(s, 3, at_us / hour_us * hour_us);
    enum rc rc = db_run(s);
    return rc == RC_OK ? trim_uses(tx, num) : rc;
}

static void read_use(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_token_use *u = row;
    *u = (struct store_token_use){ .peer = db_text(s, 0, a),
                                   .first_us = db_int(s, 1),
                                   .last_us = db_int(s, 2) };
}

enum rc store_token_uses(struct store_tx *tx, int64_t num, struct arena *a,
                         struct store_token_use **out, size_t *count)
{
    void *rows;
    struct db_stmt *s = db_prepare(tx->db, "SELECT peer, first, last FROM token_use"
                                           " WHERE token = ? ORDER BY last DESC, peer");
    db_bind_int(s, 1, num);
    enum rc rc = store_row_all(s, read_use, sizeof **out, a, &rows, count);
    if (rc == RC_OK)
        *out = rows;
    return rc;
}

enum rc store_token_last_use(struct store_tx *tx, int64_t num, int64_t *at_us)
{
    enum rc rc;
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT coalesce(max(last), 0) FROM token_use WHERE token = ?");
    db_bind_int(s, 1, num);
    *at_us = 0;
    if (db_step(s, &rc)) {
        *at_us = db_int(s, 0);
        db_reset(s);
    }
    return rc;
}
