/* SPDX-License-Identifier: Apache-2.0
 *
 * From what a transaction changed to rows of the audit log: which members differ, and how a value is shown.
 */
#include "store/audit_priv.h"

#include "base/mem.h"
#include "json/json.h"

#include <stdio.h>

enum {
    CHANGES_MEMBERS = 100, /* of one row */
    VALUE_BEFORE = 80,     /* bytes of a long text that stand before its first difference */
    DUMP_MAX = 1 << 20,
    LOOK_EVERY = 64 /* rows between two looks for those past the bounds */
};

static const int64_t far_us = INT64_C(4000000000) * 60000000; /* some thousand years */

struct difference {
    struct store_tx *tx;
    json_t *list;
    size_t bytes;
    bool is_cut;
};

/* --- values ---------------------------------------------------------------------------------------- */

static json_t *value_of_time(int64_t us)
{
    char text[TIME_TEXT_LEN + 1];
    if (us <= 0 || us > far_us)
        return json_null(); /* none, or never */
    time_format(us, text);
    return json_string(text);
}

static json_t *value_of_own_time(const struct store_tx *tx, int64_t us)
{
    bool is_none = us <= 0 || us > far_us;
    return value_of_time(is_none ? 0 : us + store_time_ahead_us(tx->config->time));
}

/* Takes the name and password out of a URL, in place. Returns how long it is then. */
static size_t url_strip(char *url, size_t len)
{
    size_t start = str_find(str_of(url, len), ':') + 3, at = start, end = start;
    while (end < len && url[end] != '/' && url[end] != '?' && url[end] != '#')
        end++;
    for (size_t i = start; i < end; i++)
        if (url[i] == '@')
            at = i + 1;
    if (at == start)
        return len;
    memmove(url + start, url + at, len - at);
    return len - (at - start);
}

static json_t *value_of_url(const json_t *value)
{
    if (!json_is_string(value))
        return json_null();
    char *url = xmemdup(json_string_value(value), json_string_length(value));
    json_t *shown = json_stringn(url, url_strip(url, json_string_length(value)));
    xfree(url);
    return shown;
}

/* The same for every URL within. Takes the value; as deep as the JSON that was accepted. */
static json_t *value_strip(json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_string(value)) {
        json_t *shown = value_of_url(value);
        json_decref(value);
        return shown;
    }
    json_object_foreach(value, key, member) json_object_iter_set_new(
        value, json_object_key_to_iter(key), value_strip(json_incref(member)));
    json_array_foreach(value, i, member)
        json_array_set_new(value, i, value_strip(json_incref(member)));
    return value;
}

/* How it is shown, as a new reference. What was kept as JSON and is none is a text. */
static json_t *value_show(const struct store_tx *tx, enum store_audited_as as, json_t *value)
{
    json_t *shown = NULL;
    if (value == NULL || json_is_null(value))
        return json_null();
    switch (as) {
    case STORE_AUDITED_BOOL: return json_boolean(json_integer_value(value) != 0);
    case STORE_AUDITED_TIME: return value_of_own_time(tx, json_integer_value(value));
    case STORE_AUDITED_WALL: return value_of_time(json_integer_value(value));
    case STORE_AUDITED_JSON:
    case STORE_AUDITED_SPREAD:
        shown = json_loadb(json_string_value(value), json_string_length(value),
                           JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
        return value_strip(shown != NULL ? shown : json_incref(value));
    case STORE_AUDITED_URL: return value_of_url(value);
    case STORE_AUDITED_PLAIN:
    case STORE_AUDITED_SECRET: break;
    }
    return json_incref(value);
}

static struct str text_of_value(const json_t *value, struct buf *b)
{
    if (json_is_string(value))
        return str_of(json_string_value(value), json_string_length(value));
    buf_reset(b);
    if (json_write(value, b) != RC_OK)
        return STR("…");
    return buf_str(b);
}

static size_t common_length(struct str a, struct str b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.ptr[n] == b.ptr[n])
        n++;
    return n;
}

static json_t *text_cut(struct str text, size_t from)
{
    struct buf out;
    while (from > 0 && from < text.len && ((unsigned char)text.ptr[from] & 0xC0) == 0x80)
        from--;
    struct str part = str_cut_utf8(str_sub(text, from, text.len), STORE_AUDIT_VALUE);
    buf_init(&out, STORE_AUDIT_VALUE + 16);
    buf_say(&out, "%s%.*s%s", from > 0 ? "…" : "", STR_ARGS(part),
            from + part.len < text.len ? "…" : "");
    json_t *shown = json_stringn(out.ptr, out.len);
    buf_fini(&out);
    return shown != NULL ? shown : json_string("…");
}

/* Long values become texts that begin shortly before what differs. */
static void values_shorten(json_t **from, json_t **to)
{
    struct buf a, b;
    buf_init(&a, DUMP_MAX);
    buf_init(&b, DUMP_MAX);
    struct str was = text_of_value(*from, &a), is = text_of_value(*to, &b);
    if (was.len > STORE_AUDIT_VALUE || is.len > STORE_AUDIT_VALUE) {
        size_t same = common_length(was, is);
        same = same > VALUE_BEFORE ? same - VALUE_BEFORE : 0;
        json_t *short_from = json_is_null(*from) ? json_null() : text_cut(was, same);
        json_t *short_to = json_is_null(*to) ? json_null() : text_cut(is, same);
        json_decref(*from);
        json_decref(*to);
        *from = short_from;
        *to = short_to;
    }
    buf_fini(&a);
    buf_fini(&b);
}

/* --- differences ----------------------------------------------------------------------------------- */

/* Takes the entry. */
static void difference_add(struct difference *d, json_t *entry)
{
    size_t bytes = json_dumpb(entry, NULL, 0, JSON_COMPACT) + 1;
    if (d->bytes + bytes > STORE_AUDIT_CHANGES - 64 ||
        json_array_size(d->list) >= CHANGES_MEMBERS) {
        d->is_cut = true;
        json_decref(entry);
        return;
    }
    d->bytes += bytes;
    json_array_append_new(d->list, entry);
}

static void difference_secret(struct difference *d, const char *name, const json_t *from,
                              const json_t *to)
{
    bool had = json_string_length(from) > 0, has = json_string_length(to) > 0;
    if (had || has)
        difference_add(d, json_pack("{s:s,s:s}", "member", name, "to",
                                    !had   ? "(set)"
                                    : !has ? "(removed)"
                                           : "(changed)"));
}

/* Takes both values. */
static void difference_values(struct difference *d, const char *name, json_t *from, json_t *to)
{
    values_shorten(&from, &to);
    difference_add(d, json_pack("{s:s,s:o,s:o}", "member", name, "from", from, "to", to));
}

static void compare_members(struct difference *d, const char *prefix, json_t *from, json_t *to);

/* What an object that comes or goes need not say. */
static bool is_nothing(const json_t *v)
{
    return v == NULL || json_is_null(v) || json_is_false(v) ||
           (json_is_string(v) && json_string_length(v) == 0) ||
           (json_is_object(v) && json_object_size(v) == 0);
}

/* Takes both values. */
static void compare_values(struct difference *d, const char *name, bool is_spread, json_t *from,
                           json_t *to)
{
    bool is_object =
        (json_is_object(from) || json_is_null(from)) && (json_is_object(to) || json_is_null(to));
    if (json_equal(from, to) || (is_nothing(from) && is_nothing(to))) {
        json_decref(from);
        json_decref(to);
    } else if (is_object && (is_spread || (json_is_object(from) && json_is_object(to)))) {
        compare_members(d, is_spread ? "" : name, from, to);
        json_decref(from);
        json_decref(to);
    } else {
        difference_values(d, name, from, to);
    }
}

static void compare_one(struct difference *d, const char *prefix, const char *key, json_t *from,
                        json_t *to)
{
    char name[STORE_AUDIT_TEXT];
    if (json_equal(from, to))
        return;
    (void)snprintf(name, sizeof(name), "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", key);
    struct str whole = str_cut_utf8(str_from(name), sizeof(name) - 4);
    name[whole.len] = '\0';
    difference_values(d, name, from == NULL ? json_null() : json_incref(from),
                      to == NULL ? json_null() : json_incref(to));
}

/* Of two objects, or of one and null. */
static void compare_members(struct difference *d, const char *prefix, json_t *from, json_t *to)
{
    const char *key;
    json_t *value;
    json_object_foreach(from, key, value)
        compare_one(d, prefix, key, value, json_object_get(to, key));
    json_object_foreach(to, key, value)
    {
        if (json_object_get(from, key) == NULL)
            compare_one(d, prefix, key, NULL, value);
    }
}

static void compare_rows(struct difference *d, json_t *before, json_t *after)
{
    json_t *all = after == NULL ? json_object() : json_copy(after); /* in the table's order */
    const char *key;
    json_t *value;
    json_object_update_missing(all, before);
    json_object_foreach(all, key, value)
    {
        json_t *from = json_object_get(before, key), *to = json_object_get(after, key);
        enum store_audited_as as = (enum store_audited_as)(key[0] - '0');
        if (key[0] == '!' || json_equal(from, to))
            continue;
        if (as == STORE_AUDITED_SECRET)
            difference_secret(d, key + 1, from, to);
        else
            compare_values(d, key + 1, as == STORE_AUDITED_SPREAD, value_show(d->tx, as, from),
                           value_show(d->tx, as, to));
    }
    json_decref(all);
}

/* --- writing --------------------------------------------------------------------------------------- */

/* Names that somebody tried may hold anything; what is no text is shown as question marks. */
static struct str audit_text(struct str s, char clean[static STORE_AUDIT_TEXT])
{
    struct str text = s.ptr == NULL ? STR("") : str_cut_utf8(s, STORE_AUDIT_TEXT);
    if (str_is_utf8(text) && str_find(text, '\0') == text.len)
        return text;
    for (size_t i = 0; i < text.len;) {
        size_t len = str_utf8_sequence((const unsigned char *)text.ptr + i, text.len - i);
        bool is_text = len > 0 && text.ptr[i] != '\0';
        len = len > 0 ? len : 1;
        for (size_t n = 0; n < len; n++)
            clean[i + n] = is_text ? text.ptr[i + n] : '?';
        i += len;
    }
    return str_of(clean, text.len);
}

/* Each bound by its index, past the newest that may stay. */
static enum rc audit_bound(struct store_tx *tx, const char *sql, int64_t of, int64_t passing,
                           int64_t kept)
{
    struct db_stmt *s = db_prepare(tx->db, sql);
    db_bind_int(s, 1, of);
    db_bind_int(s, 2, passing);
    db_bind_int(s, 3, kept);
    return db_run(s);
}

static enum rc keep_bounds(struct store_tx *tx, const struct store_audit_new *new)
{
    static const char of_org[] =
        "DELETE FROM audit WHERE org = ?1 AND passing = ?2 AND num <= (SELECT num FROM audit"
        " WHERE org = ?1 AND passing = ?2 ORDER BY num DESC LIMIT 1 OFFSET ?3)";
    static const char of_app[] =
        "DELETE FROM audit WHERE app = ?1 AND app <> 0 AND num <= (SELECT num FROM audit"
        " WHERE app = ?1 AND app <> 0 ORDER BY num DESC LIMIT 1 OFFSET ?3 + ?2)";
    enum rc rc = audit_bound(tx, of_org, new->row.org, new->is_passing,
                             new->is_passing ? STORE_AUDIT_PASSING : STORE_AUDIT_ORG);
    if (rc == RC_OK && new->app != 0)
        rc = audit_bound(tx, of_app, new->app, 0, STORE_AUDIT_APP);
    return rc;
}

enum rc store_audit_put(struct store_tx *tx, const struct store_audit_new *new)
{
    static const char sql[] =
        "INSERT INTO audit(at, org, app, passing, action, kind, object, name, about, who_kind,"
        " who_id, who_name, operation, peer, request, changes)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING num";
    const struct store_audit *row = &new->row;
    const struct str texts[] = { row->action,    row->kind,     row->object, row->name,
                                 row->about,     row->who_kind, row->who_id, row->who_name,
                                 row->operation, row->peer,     row->request };
    char clean[COUNT_OF(texts)][STORE_AUDIT_TEXT];
    struct store_act *act = store_act_now();
    struct db_stmt *s = db_prepare(tx->db, sql);
    int at = 1;
    db_bind_int(s, at++, row->at_us);
    db_bind_int(s, at++, row->org);
    db_bind_int(s, at++, new->app);
    db_bind_int(s, at++, new->is_passing);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        db_bind_text(s, at++, audit_text(texts[i], clean[i]));
    db_bind_text(s, at, row->changes.ptr == NULL ? STR("[]") : row->changes);
    int64_t num = 0;
    enum rc rc = store_row_insert(s, &num);
    if (act != NULL)
        act->written++;
    tx->config->audit_rows++;
    if (rc == RC_OK && num % LOOK_EVERY == 0)
        rc = keep_bounds(tx, new);
    return rc;
}

void store_audit_of_act(struct store_tx *tx, const char *action, struct store_audit_new *out)
{
    const struct store_act *act = store_act_now();
    struct store_audit *row = &out->row;
    *out = (struct store_audit_new){ 0 };
    row->at_us = store_time_us(tx->config->time);
    row->action = str_from(action);
    if (act == NULL) {
        row->who_kind = STR("server");
        return;
    }
    out->app = act->app;
    out->is_passing = str_eq(row->action, STR("refused")) || str_eq(row->action, STR("signed-in"));
    row->org = act->org;
    row->kind = act->object_kind;
    row->object = act->object_id;
    row->name = act->object_name;
    row->about = act->about;
    row->who_kind = act->who_kind.len > 0 ? act->who_kind : STR("unknown");
    row->who_id = act->who_id;
    row->who_name = act->who_name;
    row->operation = act->operation;
    row->peer = act->peer;
    row->request = act->request;
}

/* --- rows ------------------------------------------------------------------------------------------ */

static struct str read_fact(const json_t *row, const char *name)
{
    return str_cut_utf8(json_str_member(row, name), STORE_AUDIT_TEXT);
}

static bool is_alive(const json_t *row)
{
    const json_t *alive = json_object_get(row, "!alive");
    return json_integer_value(alive) != 0;
}

/* NULL: nothing that anybody would see. */
static const char *action_of(const struct store_tx *tx, const struct store_audited_change *change)
{
    bool was = is_alive(change->before), is = is_alive(change->after);
    bool is_part = json_object_get(change->before, "!alive") == NULL &&
                   json_object_get(change->after, "!alive") == NULL;
    if (is_part || (was && is))
        return "changed";
    if (is)
        return "created";
    if (!was)
        return NULL;
    int64_t ends_us = json_integer_value(json_object_get(change->before, "!ends"));
    return ends_us != 0 && ends_us <= store_time_us(tx->config->time) ? NULL : "deleted";
}

/* Who signs in is nobody before. */
static void row_signed(struct store_audit_new *new)
{
    struct store_audit *row = &new->row;
    bool is_session = str_eq(row->kind, STR("session"));
    if (!is_session && !str_eq(row->kind, STR("portal-session")))
        return;
    new->is_passing = true;
    if (str_eq(row->action, STR("created"))) {
        row->action = STR("signed-in");
        row->who_kind = is_session ? row->kind : STR("portal");
        row->who_id = row->object;
        row->who_name = row->name;
    } else if (str_eq(row->action, STR("deleted")) && str_eq(row->who_id, row->object)) {
        row->action = STR("signed-out");
    }
}

static void row_fill(struct store_audit_new *new, const json_t *facts)
{
    struct store_audit *row = &new->row;
    row->kind = read_fact(facts, "!kind");
    row->object = read_fact(facts, "!id");
    row->name = read_fact(facts, "!name");
    row->about = read_fact(facts, "!about");
    new->app = json_integer_value(json_object_get(facts, "!app"));
    if (row->org == 0)
        row->org = json_integer_value(json_object_get(facts, "!org"));
    new->is_passing = str_eq(row->kind, STR("token")) && new->app != 0;
}

static enum rc change_put(struct store_tx *tx, const struct store_audited_change *change,
                          struct arena *a)
{
    struct difference d = { .tx = tx };
    struct store_audit_new new;
    const char *action = action_of(tx, change);
    bool is_gone = action != NULL && strcmp(action, "deleted") == 0;
    if (action == NULL)
        return RC_OK;
    d.list = json_array();
    compare_rows(&d, change->before, is_gone ? NULL : change->after);
    if (d.is_cut)
        json_array_append_new(d.list, json_pack("{s:s,s:b}", "member", "…", "cut", 1));
    enum rc rc = RC_OK;
    if (json_array_size(d.list) > 0 || strcmp(action, "changed") != 0) {
        store_audit_of_act(tx, action, &new);
        row_fill(&new, store_audited_facts(change));
        row_signed(&new);
        new.row.changes = json_text(a, d.list);
        rc = store_audit_put(tx, &new);
    }
    json_decref(d.list);
    return rc;
}

static enum rc put_rest(struct store_tx *tx, int64_t more, struct arena *a)
{
    struct store_audit_new new;
    store_audit_of_act(tx, "changed", &new);
    new.row.kind = STR("more");
    new.row.name = arena_fmt(a, "%lld", (long long)more);
    return store_audit_put(tx, &new);
}

enum rc store_audit_flush(struct store_tx *tx)
{
    struct store_config *c = tx->config;
    struct store_act *act = store_act_now();
    int64_t before = c->audit_rows;
    struct arena a;
    if (c->is_unaudited) {
        store_audited_clear(&c->audited);
        return RC_OK;
    }
    arena_init(&a);
    enum rc rc = c->audited.is_unreadable ? RC_CORRUPT : RC_OK;
    int64_t more = c->audited.more;
    for (size_t i = 0; rc == RC_OK && i < c->audited.count; i++) {
        if (c->audit_rows - before < STORE_AUDIT_COMMIT - 1)
            rc = change_put(tx, &c->audited.list[i], &a);
        else
            more++;
    }
    if (rc == RC_OK && more > 0)
        rc = put_rest(tx, more, &a);
    if (rc == RC_OK && c->audit_must && act != NULL && act->written == 0) {
        struct store_audit_new new;
        store_audit_of_act(tx, "did", &new);
        rc = store_audit_put(tx, &new);
    }
    store_audited_clear(&c->audited);
    arena_fini(&a);
    return rc;
}
