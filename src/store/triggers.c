/* SPDX-License-Identifier: Apache-2.0
 *
 * See triggers_priv.h.
 */
#include "store/triggers_priv.h"

enum { TRIGGER_SQL_MAX = 16384 };

/* What the engines have different words for. */
static const struct {
    const char *sqlite, *postgres;
} words[] = {
    { "json_object(", "json_build_object(" },
    { "CAST(value AS TEXT)", "convert_from(value, 'UTF8')" },
};

/* The translation of what begins at `at`, and how long that is; NULL when it is the same in both. */
static const char *word_at(const char *at, size_t *len)
{
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        *len = strlen(words[i].sqlite);
        if (strncmp(at, words[i].sqlite, *len) == 0)
            return words[i].postgres;
    }
    return NULL;
}

static void add_expression(struct buf *sql, const char *text, const char *row, bool is_postgres)
{
    while (*text != '\0') {
        size_t len = 1;
        const char *word = is_postgres ? word_at(text, &len) : NULL;
        if (text[0] == '@' && text[1] == '.') {
            buf_say(sql, "%s", row);
            len = 1;
        } else if (word != NULL) {
            buf_say(sql, "%s", word);
        } else {
            len = 1;
            buf_say(sql, "%c", *text);
        }
        text += len;
    }
}

/* --- SQLite ---------------------------------------------------------------------------------------- */

static void add_call(struct buf *sql, const struct store_trigger *t, const char *row)
{
    const char *comma = "";
    buf_say(sql, "SELECT %s(", t->function);
    if (t->has_age) {
        buf_say(sql, "%d", row[0] == 'N');
        comma = ", ";
    }
    for (size_t i = 0; i < COUNT_OF(t->integers) && t->integers[i] != NULL; i++) {
        buf_say(sql, "%s", comma);
        add_expression(sql, t->integers[i], row, false);
        comma = ", ";
    }
    if (t->text != NULL) {
        buf_say(sql, "%s", comma);
        add_expression(sql, t->text, row, false);
    }
    buf_say(sql, ")");
    if (t->when != NULL) {
        buf_say(sql, " WHERE ");
        add_expression(sql, t->when, row, false);
    }
    buf_say(sql, "; ");
}

static enum rc make_one(struct db *db, const struct store_trigger *t, const char *how)
{
    struct buf sql;
    buf_init(&sql, TRIGGER_SQL_MAX);
    buf_say(&sql, "CREATE TEMP TRIGGER %s_%s_%s AFTER %s ON main.\"%s\" BEGIN ", t->function,
            t->table, how, how, t->table);
    if (how[0] != 'I')
        add_call(&sql, t, "OLD");
    if (how[0] != 'D')
        add_call(&sql, t, "NEW");
    buf_say(&sql, "END");
    enum rc rc = buf_add_char(&sql, '\0');
    MUST(rc == RC_OK);
    rc = db_exec(db, sql.ptr);
    buf_fini(&sql);
    return rc;
}

enum rc store_trigger_make(struct db *db, const struct store_trigger *t)
{
    enum rc rc = t->is_new_told ? make_one(db, t, "INSERT") : RC_OK;
    if (rc == RC_OK)
        rc = make_one(db, t, "UPDATE");
    return rc == RC_OK ? make_one(db, t, "DELETE") : rc;
}

/* --- PostgreSQL ------------------------------------------------------------------------------------ */

/* A notice of the level INFO reaches the client whatever it asked for, and is not written to the server's log unless
 * somebody sets that to more than it writes by itself. */
static void add_notice(struct buf *sql, const struct store_trigger *t, const char *row)
{
    buf_say(sql, " RAISE INFO 'grapnel:%s", t->function);
    if (t->has_age)
        buf_say(sql, ":%d", row[0] == 'N');
    for (size_t i = 0; i < COUNT_OF(t->integers) && t->integers[i] != NULL; i++)
        buf_say(sql, ":%%");
    buf_say(sql, t->text != NULL ? ":%%'" : "'");
    for (size_t i = 0; i < COUNT_OF(t->integers) && t->integers[i] != NULL; i++) {
        buf_say(sql, ", coalesce(");
        add_expression(sql, t->integers[i], row, true);
        buf_say(sql, ", 0)");
    }
    if (t->text != NULL) {
        buf_say(sql, ", ");
        add_expression(sql, t->text, row, true);
    }
    buf_say(sql, ";");
}

static void add_branch(struct buf *sql, const struct store_trigger *t, const char *row,
                       const char *but)
{
    buf_say(sql, " IF TG_OP <> '%s' THEN", but);
    if (t->when != NULL) {
        buf_say(sql, " IF ");
        add_expression(sql, t->when, row, true);
        buf_say(sql, " THEN");
    }
    add_notice(sql, t, row);
    buf_say(sql, t->when != NULL ? " END IF; END IF;" : " END IF;");
}

void store_trigger_write(struct buf *sql, const struct store_trigger *t)
{
    buf_say(sql, "CREATE OR REPLACE FUNCTION %s_%s() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN",
            t->function, t->table);
    add_branch(sql, t, "OLD", "INSERT");
    add_branch(sql, t, "NEW", "DELETE");
    buf_say(sql,
            " RETURN NULL; END$$; CREATE OR REPLACE TRIGGER %s_%s AFTER %sUPDATE OR DELETE ON "
            "\"%s\" FOR EACH ROW EXECUTE FUNCTION %s_%s();\n",
            t->function, t->table, t->is_new_told ? "INSERT OR " : "", t->table, t->function,
            t->table);
}
