/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tables hold what people know, and what is shown of a row. Each has a trigger (store/triggers.c) that hands the
 * row as it was and as it is to what gathers them: so that a function that writes cannot forget to. A new table, or column, is put here; test_audited.c asks for it.
 *
 * Values wait in memory only, secrets as the sealed or hashed text that the row has.
 */
#include "store/audited_priv.h"

#include "store/triggers_priv.h"

enum { AUDITED_SQL_MAX = 16384 };

/* The organisation for operational webhooks owns hidden applications: of sources, and one for each organisation. */
#define INTERNAL \
    "coalesce((SELECT num FROM organisation WHERE id =" \
    " (SELECT CAST(value AS TEXT) FROM setting WHERE name = 'operational_org')), 0)"
#define OWNER(app) \
    "coalesce((SELECT org FROM source WHERE app = " app \
    " LIMIT 1), (SELECT o.num FROM application p" \
    " JOIN organisation o ON o.id = p.uid WHERE p.num = " app " AND p.org = " INTERNAL ")," \
    " (SELECT org FROM application WHERE num = " app "), 0)"
#define MEMBERS(rows) .members = (rows), .count = COUNT_OF(rows)

static const struct store_audited_member of_organisation[] = {
    { "name", "@.name", STORE_AUDITED_PLAIN },
    { "moving", "nullif(@.moving, '')", STORE_AUDITED_PLAIN },
};
static const struct store_audited_member of_application[] = {
    { "name", "@.name", STORE_AUDITED_PLAIN },
    { "uid", "@.uid", STORE_AUDITED_PLAIN },
    { "throttleRate", "nullif(@.throttle, 0)", STORE_AUDITED_PLAIN },
    { "metadata", "@.metadata", STORE_AUDITED_JSON },
};
static const struct store_audited_member of_endpoint[] = {
    { "url", "@.url", STORE_AUDITED_URL },
    { "description", "@.description", STORE_AUDITED_PLAIN },
    { "uid", "@.uid", STORE_AUDITED_PLAIN },
    { "disabled", "@.disabled", STORE_AUDITED_BOOL },
    { "disabledReason", "nullif(@.disabled_reason, '')", STORE_AUDITED_PLAIN },
    { "eventTypes", "@.event_types", STORE_AUDITED_JSON },
    { "channels", "@.channels", STORE_AUDITED_JSON },
    { "throttleRate", "nullif(@.throttle, 0)", STORE_AUDITED_PLAIN },
    { "metadata", "@.metadata", STORE_AUDITED_JSON },
    { "headers", "hex(@.headers)", STORE_AUDITED_SECRET },
    { "options", "@.options", STORE_AUDITED_SPREAD },
    { "credentials", "hex(@.options_sealed)", STORE_AUDITED_SECRET },
};
static const struct store_audited_member of_endpoint_key[] = {
    { "secret", "hex(@.sealed)", STORE_AUDITED_SECRET },
};
static const struct store_audited_member of_event_type[] = {
    { "description", "@.description", STORE_AUDITED_PLAIN },
    { "groupName", "@.group_name", STORE_AUDITED_PLAIN },
    { "featureFlags", "@.feature_flags", STORE_AUDITED_JSON },
    { "deprecated", "@.deprecated", STORE_AUDITED_BOOL },
    { "archived", "@.archived", STORE_AUDITED_BOOL },
    { "schemas", "@.schemas", STORE_AUDITED_JSON },
};
static const struct store_audited_member of_token[] = {
    { "name", "@.name", STORE_AUDITED_PLAIN },
    { "scopes", "@.scopes", STORE_AUDITED_SPREAD },
    { "expiresAt", "@.expires", STORE_AUDITED_TIME },
    { "openedBy", "nullif(@.how, '')", STORE_AUDITED_PLAIN },
};
static const struct store_audited_member of_task[] = {
    { "task", "@.kind", STORE_AUDITED_PLAIN },
    { "state", "CASE @.hold WHEN 1 THEN 'paused' WHEN 2 THEN 'canceled' ELSE 'running' END",
      STORE_AUDITED_PLAIN },
    { "rate", "nullif(@.rate, 0)", STORE_AUDITED_PLAIN },
    { "input", "@.input", STORE_AUDITED_SPREAD },
};
static const struct store_audited_member of_source[] = {
    { "name", "@.name", STORE_AUDITED_PLAIN },
    { "uid", "@.uid", STORE_AUDITED_PLAIN },
    { "type", "@.kind", STORE_AUDITED_PLAIN },
    { "paused", "@.paused", STORE_AUDITED_BOOL },
    { "metadata", "@.metadata", STORE_AUDITED_JSON },
    { "scheme", "@.scheme", STORE_AUDITED_PLAIN },
    { "config", "@.config", STORE_AUDITED_SPREAD },
    { "secrets", "hex(@.secrets)", STORE_AUDITED_SECRET },
};
static const struct store_audited_member of_source_token[] = {
    { "ingestUrl", "hex(@.hash)", STORE_AUDITED_SECRET },
};
static const struct store_audited_member of_filter[] = {
    { "url", "@.url", STORE_AUDITED_URL },
    { "description", "@.description", STORE_AUDITED_PLAIN },
    { "event", "@.event", STORE_AUDITED_PLAIN },
    { "enabled", "@.enabled", STORE_AUDITED_BOOL },
    { "position", "@.position", STORE_AUDITED_PLAIN },
    { "settings", "@.settings", STORE_AUDITED_SPREAD },
    { "credentials", "hex(@.credentials)", STORE_AUDITED_SECRET },
    { "secret", "hex(@.secret)", STORE_AUDITED_SECRET },
};
static const struct store_audited_member of_filter_chain[] = {
    { "deadlineMs", "@.deadline", STORE_AUDITED_PLAIN },
    { "keep", "@.keep", STORE_AUDITED_PLAIN },
    { "redact", "@.redact", STORE_AUDITED_JSON },
    { "url", "hex(@.token_hash)", STORE_AUDITED_SECRET },
};
static const struct store_audited_member of_user[] = {
    { "name", "@.name", STORE_AUDITED_PLAIN },
    { "roles", "@.roles", STORE_AUDITED_JSON },
    { "password", "@.password", STORE_AUDITED_SECRET },
    { "disabled", "@.disabled", STORE_AUDITED_BOOL },
    { "secondFactor", "hex(@.totp)", STORE_AUDITED_SECRET },
    { "sharedSecret", "hex(@.secret)", STORE_AUDITED_SECRET },
};
static const struct store_audited_member of_alert_rule[] = {
    { "name", "@.name", STORE_AUDITED_PLAIN },
    { "kinds", "@.kinds", STORE_AUDITED_JSON },
    { "afterSeconds", "@.after / 1000000", STORE_AUDITED_PLAIN },
    { "enabled", "@.enabled", STORE_AUDITED_BOOL },
};
static const struct store_audited_member of_issue_mark[] = {
    { "note", "@.note", STORE_AUDITED_PLAIN },
    { "until", "@.until", STORE_AUDITED_WALL },
};
/* What only whoever saved it can see is nobody else's business. */
static const struct store_audited_member of_saved_view[] = {
    { "shared", "@.shared", STORE_AUDITED_BOOL },
    { "name", "CASE WHEN @.shared <> 0 THEN @.name ELSE NULL END", STORE_AUDITED_PLAIN },
    { "page", "CASE WHEN @.shared <> 0 THEN @.page ELSE NULL END", STORE_AUDITED_PLAIN },
    { "query", "CASE WHEN @.shared <> 0 THEN @.query ELSE NULL END", STORE_AUDITED_PLAIN },
};

const struct store_audited store_audited_tables[] = {
    { .table = "organisation",
      .kind = "'organisation'",
      .key = "@.num",
      .org = "@.num",
      .app = "0",
      .id = "@.id",
      .name = "@.name",
      .about = "''",
      .alive = "@.num <> " INTERNAL,
      MEMBERS(of_organisation),
      .left_out = "created" },
    { .table = "application",
      .kind = "'application'",
      .key = "@.num",
      .org = "@.org",
      .app = "@.num",
      .id = "@.id",
      .name = "@.name",
      .about = "''",
      .alive = "@.deleted = 0 AND @.org <> " INTERNAL,
      MEMBERS(of_application),
      .left_out = "created updated" },
    { .table = "endpoint",
      .kind = "'endpoint'",
      .key = "@.num",
      .org = OWNER("@.app"),
      .app = "@.app",
      .id = "@.id",
      .name =
          "coalesce(nullif(@.description, ''), CASE WHEN instr(@.url, '@') > 0 THEN @.id ELSE @.url END)",
      .about = "coalesce((SELECT id FROM source WHERE app = @.app LIMIT 1), '')",
      .alive = "@.deleted = 0",
      MEMBERS(of_endpoint),
      .left_out = "kind version failing_since last_failure created updated" },
    { .table = "endpoint_key",
      .when = "@.position = 0",
      .kind = "'endpoint'",
      .key = "@.endpoint",
      .org = OWNER("(SELECT app FROM endpoint WHERE num = @.endpoint)"),
      .app = "(SELECT app FROM endpoint WHERE num = @.endpoint)",
      .id = "(SELECT id FROM endpoint WHERE num = @.endpoint)",
      .name =
          "(SELECT coalesce(nullif(description, ''), CASE WHEN instr(url, '@') > 0 THEN id ELSE url END) FROM endpoint WHERE num = @.endpoint)",
      .about = "coalesce((SELECT id FROM source WHERE app ="
               " (SELECT app FROM endpoint WHERE num = @.endpoint) LIMIT 1), '')",
      MEMBERS(of_endpoint_key),
      .left_out = "expires" },
    { .table = "event_type",
      .kind = "'event-type'",
      .key = "@.num",
      .org = "@.org",
      .app = "0",
      .id = "@.name",
      .name = "@.name",
      .about = "''",
      .alive = "1 = 1",
      MEMBERS(of_event_type),
      .left_out = "id created updated" },
    /* Codes in portal links come with a token of their own; codes for one login end when they are used. */
    { .table = "token",
      .when = "@.kind <> 3",
      .kind = "CASE @.kind WHEN 0 THEN 'token' WHEN 1 THEN 'session' WHEN 2 THEN 'console-link'"
              " ELSE 'portal-session' END",
      .key = "@.num",
      .org = "@.org",
      .app = "@.app",
      .id = "CAST(@.num AS TEXT)",
      .name = "@.name",
      .about = "''",
      .alive = "@.expires <> 1",
      .ends = "CASE WHEN @.kind = 2 THEN 1 ELSE @.expires END",
      MEMBERS(of_token),
      .left_out = "hash created parent user used peer proved made_by" },
    /* What becomes of a task is the server's doing, and ended ones are removed by and by. */
    { .table = "task",
      .kind = "'task'",
      .key = "@.num",
      .org = "@.org",
      .app = "@.app",
      .id = "@.id",
      .name = "@.kind",
      .about = "coalesce((SELECT id FROM endpoint WHERE num = @.endpoint), '')",
      .alive = "1 = 1",
      .ends = "1",
      MEMBERS(of_task),
      .left_out = "status cursor data created updated paced_from paced_done started_by" },
    { .table = "source",
      .kind = "'source'",
      .key = "@.num",
      .org = "@.org",
      .app = "@.app",
      .id = "@.id",
      .name = "@.name",
      .about = "''",
      .alive = "@.deleted = 0",
      MEMBERS(of_source),
      .left_out = "created updated" },
    { .table = "source_token",
      .when = "@.position = 0",
      .kind = "'source'",
      .key = "@.source",
      .org = "(SELECT org FROM source WHERE num = @.source)",
      .app = "(SELECT app FROM source WHERE num = @.source)",
      .id = "(SELECT id FROM source WHERE num = @.source)",
      .name = "(SELECT name FROM source WHERE num = @.source)",
      .about = "''",
      MEMBERS(of_source_token),
      .left_out = "sealed expires" },
    { .table = "filter",
      .kind = "'filter'",
      .key = "@.num",
      .org = OWNER("@.app"),
      .app = "@.app",
      .id = "@.id",
      .name =
          "coalesce(nullif(@.description, ''), CASE WHEN instr(@.url, '@') > 0 THEN @.id ELSE @.url END)",
      .about = "@.event",
      .alive = "1 = 1",
      MEMBERS(of_filter),
      .left_out = "created updated" },
    { .table = "filter_chain",
      .kind = "'filter-chain'",
      .key = "@.app || ' ' || @.event",
      .org = OWNER("@.app"),
      .app = "@.app",
      .id = "@.event",
      .name = "@.event",
      .about = "''",
      .alive = "1 = 1",
      MEMBERS(of_filter_chain),
      .left_out = "token old_hash old_until created updated" },
    { .table = "user",
      .kind = "'user'",
      .key = "@.num",
      .org = "@.org",
      .app = "0",
      .id = "CAST(@.num AS TEXT)",
      .name = "@.name",
      .about = "''",
      .alive = "1 = 1",
      MEMBERS(of_user),
      .left_out = "totp_step totp_new generation created updated" },
    { .table = "alert_rule",
      .kind = "'alert-rule'",
      .key = "@.num",
      .org = "@.org",
      .app = "0",
      .id = "@.id",
      .name = "@.name",
      .about = "''",
      .alive = "1 = 1",
      MEMBERS(of_alert_rule),
      .left_out = "created updated" },
    /* They go by themselves with what they were about; who takes one away leaves a row by the operation. */
    { .table = "issue_mark",
      .kind = "'issue'",
      .key = "@.org || ' ' || @.key",
      .org = "@.org",
      .app = "0",
      .id = "@.key",
      .name = "''",
      .about = "''",
      .alive = "1 = 1",
      .ends = "1",
      MEMBERS(of_issue_mark),
      .left_out = "by_whom made episode" },
    { .table = "saved_view",
      .kind = "'view'",
      .key = "@.num",
      .org = "@.org",
      .app = "0",
      .id = "@.id",
      .name = "CASE WHEN @.shared <> 0 THEN @.name ELSE '' END",
      .about = "''",
      .alive = "1 = 1",
      MEMBERS(of_saved_view),
      .left_out = "owner created updated" },
};
const size_t store_audited_count = COUNT_OF(store_audited_tables);

/* --- gathering ------------------------------------------------------------------------------------- */

const json_t *store_audited_facts(const struct store_audited_change *change)
{
    bool is_there = json_object_get(change->after, "!kind") != NULL;
    return is_there ? change->after : change->before;
}

static bool change_is_of(const struct store_audited_change *change, const json_t *row)
{
    static const char *const names[] = { "!kind", "!key" };
    const json_t *known = store_audited_facts(change);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (!json_equal(json_object_get(known, names[i]), json_object_get(row, names[i])))
            return false;
    return true;
}

static struct store_audited_change *change_of(struct store_audited_changes *changes,
                                              const json_t *row)
{
    for (size_t i = changes->count; i > 0; i--)
        if (change_is_of(&changes->list[i - 1], row))
            return &changes->list[i - 1];
    if (changes->count == STORE_AUDITED_MAX) {
        changes->more++;
        return NULL;
    }
    struct store_audited_change *change = &changes->list[changes->count++];
    *change = (struct store_audited_change){ json_object(), json_object() };
    return change;
}

/* What a member was before the transaction is what it was when it was first written to. */
static void change_take(struct store_audited_change *change, json_t *row, bool is_new)
{
    const char *name;
    json_t *value;
    json_object_foreach(row, name, value)
    {
        bool is_seen = json_object_get(change->before, name) != NULL ||
                       json_object_get(change->after, name) != NULL;
        if (is_new) {
            json_object_set(change->after, name, value);
            continue;
        }
        if (!is_seen)
            json_object_set(change->before, name, value);
        if (name[0] != '!' || strcmp(name, "!alive") == 0)
            json_object_del(change->after,
                            name); /* a part may be replaced: the object stays what it is */
    }
}

/* A text that is not UTF-8 is shown with question marks. */
static json_t *load_damaged(struct str text)
{
    char *copy = xmemdup(text.ptr, text.len);
    for (size_t i = 0; i < text.len;) {
        size_t len = str_utf8_sequence((const unsigned char *)copy + i, text.len - i);
        if (len == 0)
            copy[i] = '?';
        i += len == 0 ? 1 : len;
    }
    json_t *row = json_loadb(copy, text.len, JSON_ALLOW_NUL, NULL);
    xfree(copy);
    return row;
}

static void audited_gather(void *ctx, const int64_t *args, struct str text)
{
    struct store_audited_changes *changes = ctx;
    json_t *row = json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, NULL);
    if (row == NULL)
        row = load_damaged(text);
    struct store_audited_change *change = row == NULL ? NULL : change_of(changes, row);
    changes->is_unreadable |= row == NULL;
    if (change != NULL)
        change_take(change, row, args[0] != 0);
    json_decref(row);
}

void store_audited_clear(struct store_audited_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        json_decref(changes->list[i].before);
        json_decref(changes->list[i].after);
    }
    changes->count = 0;
    changes->more = 0;
    changes->is_unreadable = false;
}

/* --- the triggers ---------------------------------------------------------------------------------- */

static void add_fact(struct buf *sql, const char *name, const char *text)
{
    if (text != NULL)
        buf_say(sql, ", '!%s', %s", name, text);
}

/* What is true is a number in SQLite, and no number in PostgreSQL. */
static void add_alive(struct buf *sql, const char *text)
{
    if (text != NULL)
        buf_say(sql, ", '!alive', CASE WHEN %s THEN 1 ELSE 0 END", text);
}

/* The row as an object of JSON. */
static void add_object(struct buf *sql, const struct store_audited *t)
{
    buf_say(sql, "json_object('!kind', %s", t->kind);
    add_fact(sql, "key", t->key);
    add_fact(sql, "org", t->org);
    add_fact(sql, "app", t->app);
    add_fact(sql, "id", t->id);
    add_fact(sql, "name", t->name);
    add_fact(sql, "about", t->about);
    add_alive(sql, t->alive);
    add_fact(sql, "ends", t->ends);
    for (size_t i = 0; i < t->count; i++)
        buf_say(sql, ", '%d%s', %s", (int)t->members[i].as, t->members[i].name, t->members[i].sql);
    buf_say(sql, ")");
    enum rc rc = buf_add_char(sql, '\0');
    MUST(rc == RC_OK);
}

static struct store_trigger audited_trigger(const struct store_audited *t, struct buf *object)
{
    buf_reset(object);
    add_object(object, t);
    return (struct store_trigger){ .function = "audited",
                                   .table = t->table,
                                   .when = t->when,
                                   .has_age = true,
                                   .text = object->ptr,
                                   .is_new_told = true };
}

enum rc store_audited_watch(struct db *db, struct store_audited_changes *changes)
{
    struct buf object;
    enum rc rc = db_text_function(db, "audited", 1, audited_gather, changes);
    buf_init(&object, AUDITED_SQL_MAX);
    for (size_t i = 0; rc == RC_OK && !db_is_postgres(db) && i < store_audited_count; i++) {
        const struct store_trigger t = audited_trigger(&store_audited_tables[i], &object);
        rc = store_trigger_make(db, &t);
    }
    buf_fini(&object);
    return rc;
}

void store_audited_triggers(struct buf *sql)
{
    struct buf object;
    buf_init(&object, AUDITED_SQL_MAX);
    for (size_t i = 0; i < store_audited_count; i++) {
        const struct store_trigger t = audited_trigger(&store_audited_tables[i], &object);
        store_trigger_write(sql, &t);
    }
    buf_fini(&object);
}
