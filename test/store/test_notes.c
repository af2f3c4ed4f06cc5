/* SPDX-License-Identifier: Apache-2.0
 *
 * What a commit tells. Every function that writes configuration is in the table below with what its commit has to say; the
 * headers are read, so that a new function has to be put there or among those that only read.
 */
#include "support.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/notes.h"
#include "store/sealed.h"
#include "things.h"

enum { TOLD_MAX = 512, NOBODY = -1 };

static struct heard {
    int calls;
    size_t count;
    struct store_note list[TOLD_MAX];
} heard;

static void listen_to(void *ctx, const struct store_note *notes, size_t count)
{
    struct store_tx *tx = NULL;
    struct fixture *f = ctx;
    heard.calls++;
    heard.count = 0;
    for (size_t i = 0; i < count && i < TOLD_MAX; i++)
        heard.list[heard.count++] = notes[i];
    assert_int_equal(store_write(f->store, &tx), RC_OK); /* whoever listens may read and write */
    store_end(tx);
}

static bool is_told(enum store_note_kind kind, int64_t app, int64_t id)
{
    for (size_t i = 0; i < heard.count; i++)
        if (heard.list[i].kind == kind && heard.list[i].app == app && heard.list[i].id == id)
            return true;
    return false;
}

static struct store_tx *begin(struct fixture *f)
{
    struct store_tx *tx = NULL;
    heard = (struct heard){ 0 };
    assert_int_equal(store_write(f->store, &tx), RC_OK);
    return tx;
}

static int set_up(void **state)
{
    int rc = fixture_open(state);
    struct fixture *f = *state;
    store_on_commit(f->store, listen_to, f);
    return rc;
}

/* --- every function that writes ---------------------------------------------------------------------- */

#define ACT(name, expression) \
    static enum rc do_##name(struct fixture *f, struct store_tx *tx, struct things *t, \
                             struct things *more) \
    { \
        (void)f; \
        (void)t; \
        (void)more; \
        return (expression); \
    }

ACT(store_application_insert, store_application_insert(tx, &more->app))
ACT(store_application_update, store_application_update(tx, &t->app))
ACT(store_application_delete, store_application_delete(tx, t->app.num, 9))
ACT(store_endpoint_insert, (more->ep.app = t->app.num, store_endpoint_insert(tx, &more->ep)))
ACT(store_endpoint_update, store_endpoint_update(tx, &t->ep))
ACT(store_endpoint_delete, store_endpoint_delete(tx, t->ep.num, 9))
ACT(store_endpoint_put_url, store_endpoint_put_url(tx, &t->ep))
ACT(store_endpoint_set_health,
    store_endpoint_set_health(tx, t->ep.num, 7, 8, false, t->ep.disabled_reason, 9))
ACT(disabling, store_endpoint_set_health(tx, t->ep.num, 7, 8, true, STR("failing"), 9))
ACT(store_source_insert, (more->source.app = t->app.num, store_source_insert(tx, &more->source)))
ACT(store_source_update, store_source_update(tx, &t->source))
ACT(store_source_delete, store_source_delete(tx, t->source.num, 9))
ACT(store_source_put_config, store_source_put_config(tx, t->source.num, STR("{}")))
ACT(store_filter_insert, (more->filter.app = t->app.num, store_filter_insert(tx, &more->filter)))
ACT(store_filter_update, store_filter_update(tx, &t->filter))
ACT(store_filter_delete, store_filter_delete(tx, t->filter.num))
ACT(store_filter_chain_put, store_filter_chain_put(tx, &t->chain))
ACT(store_token_insert, (more->token.app = t->app.num, store_token_insert(tx, &more->token)))
ACT(store_token_delete, store_token_delete(tx, t->token.num))
ACT(store_token_use, store_token_use(tx, t->token.num, 5))
ACT(store_token_prove, store_token_prove(tx, t->token.num, 5))
ACT(store_token_shorten, store_token_shorten(tx, t->token.num, 5))
ACT(store_token_end_sessions,
    store_token_end_sessions(tx,
                             &(struct store_session_filter){ .org = t->session.org,
                                                             .parent = t->token.num,
                                                             .unused_us = INT64_C(1) << 60 },
                             0, &t->app.throttle))
ACT(store_token_note_use, store_token_note_use(tx, t->token.num, STR("::1"), 5))
ACT(store_token_forget_expired, store_token_forget_expired(tx, t->session.expires_us + 1))
ACT(store_token_trim, store_token_trim(tx, t->token.num, STORE_TOKEN_SESSION, 0))
ACT(store_token_expire_app, store_token_expire_app(tx, t->app.num, STR_NONE, &t->app.throttle))
ACT(store_token_shorten_app, store_token_shorten_app(tx, t->app.num, STR_NONE, 77))
ACT(store_event_type_insert, store_event_type_insert(tx, &more->type))
ACT(store_event_type_update, store_event_type_update(tx, &t->type))
ACT(store_event_type_remove, store_event_type_remove(tx, t->type.num))
ACT(ending_jwts, store_setting_set(tx,
                                   arena_cstr(&f->arena, arena_fmt(&f->arena, "jwt_not_before.%lld",
                                                                   (long long)t->app.num)),
                                   STR("1:0")))
ACT(store_setting_set, store_setting_set(tx, "jwt", STR("1")))
ACT(store_org_insert, store_org_insert(tx, &more->org))
ACT(store_org_set_moving, store_org_set_moving(tx, t->org.num, STR("to:b")))
ACT(store_task_insert, store_task_insert(tx, &more->task))
ACT(store_task_control, store_task_control(tx, &t->task))
ACT(store_task_update, (t->task.status = STR("finished"), store_task_update(tx, &t->task)))
ACT(store_task_prune, store_task_prune(tx, 99))
ACT(store_user_insert, store_user_insert(tx, &more->user))
ACT(store_user_update, store_user_update(tx, &t->user))
ACT(a_user_who_may_something_else, (t->user.generation++, store_user_update(tx, &t->user)))
ACT(store_user_delete, store_user_delete(tx, t->user.num))
ACT(store_user_use_step, store_user_use_step(tx, t->user.num, 5))
ACT(store_issue_mark_set, store_issue_mark_set(tx, &t->mark))
ACT(store_issue_mark_remove, store_issue_mark_remove(tx, t->mark.org, t->mark.key, t->mark.made_us))
ACT(store_alert_rule_insert,
    (more->rule.org = t->org.num, store_alert_rule_insert(tx, &more->rule)))
ACT(store_alert_rule_update, store_alert_rule_update(tx, &t->rule))
ACT(store_alert_rule_remove, store_alert_rule_remove(tx, t->rule.num))
ACT(store_alert_sighting_set, store_alert_sighting_set(tx, &t->sighting))
ACT(store_alert_sighting_remove, store_alert_sighting_remove(tx, t->rule.num, t->sighting.key))
ACT(store_saved_view_insert,
    (more->view.org = t->org.num, store_saved_view_insert(tx, &more->view)))
ACT(store_saved_view_update, store_saved_view_update(tx, &t->view))
ACT(store_saved_view_remove, store_saved_view_remove(tx, t->view.num))
ACT(store_seal_proof_set, store_seal_proof_set(tx, STR("proof")))
ACT(store_answer_put, store_answer_put(tx, t->source.tokens[0].hash, 5,
                                       &(struct store_answer){ .status = 200, .body = STR("") }))
ACT(store_answer_hide_users, store_answer_hide_users(tx, &t->app.throttle))

/* Which of the things a note has to name. */
enum named {
    NOTHING,
    APP,
    EP,
    NEW_EP,
    NEW_APP,
    SOURCE,
    NEW_SOURCE,
    ALL_OF_APP,
    TOKEN,
    NEW_TOKEN,
    SESSION,
    TYPE,
    NEW_TYPE,
    ORG
};

struct expected {
    enum store_note_kind kind;
    enum named named;
};

#define ROW(name, ...) \
    { \
#name, do_##name, \
        { \
            __VA_ARGS__ \
        } \
    }
static const struct {
    const char *name;
    enum rc (*act)(struct fixture *f, struct store_tx *tx, struct things *t, struct things *more);
    struct expected notes[7];
} acts[] = {
    ROW(store_application_insert, { STORE_NOTE_APPLICATION, NEW_APP }),
    ROW(store_application_update, { STORE_NOTE_APPLICATION, APP }),
    ROW(store_application_delete, { STORE_NOTE_APPLICATION, APP }, { STORE_NOTE_ENDPOINT, EP },
        { STORE_NOTE_HEALTH, EP }, { STORE_NOTE_FILTERS, ALL_OF_APP }, { STORE_NOTE_TOKEN, TOKEN },
        { STORE_NOTE_TOKEN, SESSION }),
    ROW(store_endpoint_insert, { STORE_NOTE_ENDPOINT, NEW_EP }),
    ROW(store_endpoint_update, { STORE_NOTE_ENDPOINT, EP }, { STORE_NOTE_HEALTH, EP }),
    ROW(store_endpoint_delete, { STORE_NOTE_ENDPOINT, EP }, { STORE_NOTE_HEALTH, EP }),
    ROW(store_endpoint_put_url, { STORE_NOTE_ENDPOINT, EP }),
    ROW(store_endpoint_set_health, { STORE_NOTE_HEALTH, EP }),
    ROW(disabling, { STORE_NOTE_HEALTH, EP }, { STORE_NOTE_ENDPOINT, EP }),
    ROW(store_source_insert, { STORE_NOTE_SOURCE, NEW_SOURCE }),
    ROW(store_source_update, { STORE_NOTE_SOURCE, SOURCE }),
    ROW(store_source_delete, { STORE_NOTE_SOURCE, SOURCE }),
    ROW(store_source_put_config, { STORE_NOTE_SOURCE, SOURCE }),
    ROW(store_filter_insert, { STORE_NOTE_FILTERS, ALL_OF_APP }),
    ROW(store_filter_update, { STORE_NOTE_FILTERS, ALL_OF_APP }),
    ROW(store_filter_delete, { STORE_NOTE_FILTERS, ALL_OF_APP }),
    ROW(store_filter_chain_put, { STORE_NOTE_FILTERS, ALL_OF_APP }),
    ROW(store_token_insert, { STORE_NOTE_TOKEN, NEW_TOKEN }),
    ROW(store_token_delete, { STORE_NOTE_TOKEN, TOKEN }, { STORE_NOTE_TOKEN, SESSION }),
    ROW(store_token_use, { STORE_NOTE_TOKEN, TOKEN }),
    ROW(store_token_prove, { STORE_NOTE_TOKEN, TOKEN }),
    ROW(store_token_shorten, { STORE_NOTE_TOKEN, TOKEN }),
    ROW(store_token_end_sessions, { STORE_NOTE_TOKEN, SESSION }),
    ROW(store_token_forget_expired, { STORE_NOTE_TOKEN, SESSION }),
    ROW(store_token_trim, { STORE_NOTE_TOKEN, SESSION }),
    ROW(store_token_expire_app, { STORE_NOTE_TOKEN, TOKEN }, { STORE_NOTE_TOKEN, SESSION }),
    ROW(store_token_shorten_app, { STORE_NOTE_TOKEN, TOKEN }),
    ROW(store_event_type_insert, { STORE_NOTE_EVENT_TYPE, NEW_TYPE }),
    ROW(store_event_type_update, { STORE_NOTE_EVENT_TYPE, TYPE }),
    ROW(store_event_type_remove, { STORE_NOTE_EVENT_TYPE, TYPE }),
    ROW(ending_jwts, { STORE_NOTE_TOKEN, ALL_OF_APP }),
    ROW(store_org_set_moving, { STORE_NOTE_ORGANISATION, ORG }),
    /* Whoever is no longer the same has to sign in again. */
    ROW(a_user_who_may_something_else, { STORE_NOTE_TOKEN, SESSION }),
    ROW(store_user_delete, { STORE_NOTE_TOKEN, SESSION }),
    /* Nothing in memory depends on these. */
    ROW(store_token_note_use, { 0, NOTHING }),
    ROW(store_setting_set, { 0, NOTHING }),
    ROW(store_org_insert, { 0, NOTHING }),
    ROW(store_task_insert, { 0, NOTHING }),
    ROW(store_task_control, { 0, NOTHING }),
    ROW(store_task_update, { 0, NOTHING }),
    ROW(store_task_prune, { 0, NOTHING }),
    ROW(store_issue_mark_set, { 0, NOTHING }),
    ROW(store_issue_mark_remove, { 0, NOTHING }),
    ROW(store_alert_rule_insert, { 0, NOTHING }),
    ROW(store_alert_rule_update, { 0, NOTHING }),
    ROW(store_alert_rule_remove, { 0, NOTHING }),
    ROW(store_alert_sighting_set, { 0, NOTHING }),
    ROW(store_alert_sighting_remove, { 0, NOTHING }),
    ROW(store_saved_view_insert, { 0, NOTHING }),
    ROW(store_saved_view_update, { 0, NOTHING }),
    ROW(store_saved_view_remove, { 0, NOTHING }),
    ROW(store_user_insert, { 0, NOTHING }),
    ROW(store_user_update, { 0, NOTHING }),
    ROW(store_user_use_step, { 0, NOTHING }),
    ROW(store_seal_proof_set, { 0, NOTHING }),
    ROW(store_answer_put, { 0, NOTHING }),
    ROW(store_answer_hide_users, { 0, NOTHING }),
};

static struct store_note note_of(const struct expected *e, const struct things *t,
                                 const struct things *more)
{
    switch (e->named) {
    case APP: return (struct store_note){ e->kind, t->app.num, t->app.num };
    case NEW_APP: return (struct store_note){ e->kind, more->app.num, more->app.num };
    case EP: return (struct store_note){ e->kind, t->app.num, t->ep.num };
    case NEW_EP: return (struct store_note){ e->kind, t->app.num, more->ep.num };
    case SOURCE: return (struct store_note){ e->kind, t->app.num, t->source.num };
    case NEW_SOURCE: return (struct store_note){ e->kind, t->app.num, more->source.num };
    case TOKEN: return (struct store_note){ e->kind, t->app.num, t->token.num };
    case NEW_TOKEN: return (struct store_note){ e->kind, t->app.num, more->token.num };
    case SESSION: return (struct store_note){ e->kind, 0, t->session.num };
    case TYPE: return (struct store_note){ e->kind, 0, t->type.num };
    case NEW_TYPE: return (struct store_note){ e->kind, 0, more->type.num };
    case ORG: return (struct store_note){ e->kind, 0, t->org.num };
    case ALL_OF_APP:
    case NOTHING:
    default: return (struct store_note){ e->kind, t->app.num, 0 };
    }
}

static void every_function_that_writes_tells_what_it_touched_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        struct things t = plan(f), more = plan(f);
        struct store_tx *tx = begin(f);
        size_t wanted = 0;
        make_all(tx, &t);
        assert_int_equal(store_commit(tx), RC_OK);
        assert_int_equal(heard.calls, 1);
        tx = begin(f);
        t.ep.failing_since_us = 5; /* so that an update changes health, too */
        print_message("# %s\n", acts[i].name);
        assert_int_equal(acts[i].act(f, tx, &t, &more), RC_OK);
        assert_int_equal(heard.calls, 0);
        assert_int_equal(store_commit(tx), RC_OK);
        while (wanted < COUNT_OF(acts[i].notes) && acts[i].notes[wanted].named != NOTHING) {
            struct store_note n = note_of(&acts[i].notes[wanted++], &t, &more);
            assert_true(is_told(n.kind, n.app, n.id));
        }
        assert_int_equal(heard.calls, wanted > 0 ? 1 : 0);
        assert_int_equal(heard.count, wanted);
    }
}

/* --- none is forgotten --------------------------------------------------------------------------------- */

/* They only read; or they begin and end a transaction. */
static const char *const readers[] = {
    "store_alert_rule_all",
    "store_alert_rule_find",
    "store_alert_sighting_all",
    "store_answer_find",
    "store_application_by_num",
    "store_audit_find",
    "store_audit_list",
    "store_audit_must",
    "store_application_find",
    "store_application_list",
    "store_application_search",
    "store_commit",
    "store_end",
    "store_endpoint_all",
    "store_endpoint_by_id",
    "store_endpoint_by_num",
    "store_endpoint_count",
    "store_endpoint_find",
    "store_endpoint_health",
    "store_endpoint_list",
    "store_endpoint_listeners",
    "store_endpoint_unsealed",
    "store_event_type_find",
    "store_event_type_list",
    "store_event_type_names",
    "store_filter_all",
    "store_filter_chain_all",
    "store_filter_chain_apps",
    "store_filter_chain_by_token",
    "store_filter_chain_get",
    "store_filter_find",
    "store_filter_list",
    "store_filter_unsealed",
    "store_find_apps",
    "store_find_named",
    "store_finish",
    "store_issue_mark_all",
    "store_issue_orgs",
    "store_org_by_num",
    "store_org_find",
    "store_org_hidden",
    "store_org_list",
    "store_org_named",
    "store_org_page",
    "store_owner_find",
    "store_saved_view_find",
    "store_saved_view_list",
    "store_setting_get",
    "store_source_by_app",
    "store_source_by_id",
    "store_source_by_num",
    "store_source_by_token",
    "store_source_find",
    "store_source_list",
    "store_source_unsealed",
    "store_task_by_num",
    "store_task_find",
    "store_task_list",
    "store_task_running",
    "store_token_by_num",
    "store_token_find",
    "store_token_list",
    "store_token_last_use",
    "store_token_page",
    "store_token_sessions",
    "store_token_uses",
    "store_trouble_endpoints",
    "store_trouble_filter_apps",
    "store_trouble_sources",
    "store_tx_db",
    "store_user_by_num",
    "store_user_find",
    "store_user_list",
    "store_user_only",
    "store_user_page",
};

static bool is_placed(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(acts); i++)
        if (str_eq(name, str_from(acts[i].name)))
            return true;
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        if (str_eq(name, str_from(readers[i])))
            return true;
    return false;
}

/* The name before a parameter list that begins with a transaction. */
static struct str name_before(const char *text, const char *at)
{
    while (at > text && (isspace((unsigned char)at[-1]) || at[-1] == '('))
        at--;
    const char *start = at;
    while (start > text && (isalnum((unsigned char)start[-1]) || start[-1] == '_'))
        start--;
    return str_of(start, (size_t)(at - start));
}

static size_t check_header(const char *path)
{
    struct buf text;
    size_t count = 0;
    FILE *file = fopen(path, "r");
    char part[4096];
    assert_non_null(file);
    buf_init(&text, 1 << 20);
    for (size_t n = fread(part, 1, sizeof(part), file); n > 0;
         n = fread(part, 1, sizeof(part), file))
        assert_int_equal(buf_add(&text, part, n), RC_OK);
    (void)fclose(file);
    assert_int_equal(buf_add(&text, "", 1), RC_OK);
    for (const char *at = strstr(text.ptr, "struct store_tx *tx"); at != NULL;
         at = strstr(at + 1, "struct store_tx *tx")) {
        struct str name = name_before(text.ptr, at);
        if (!is_placed(name))
            fail_msg("%s: %.*s is neither in the table of functions that write nor among those "
                     "that read",
                     path, STR_ARGS(name));
        count++;
    }
    buf_fini(&text);
    return count;
}

static void every_function_of_the_store_is_in_the_table_above(void **state)
{
    (void)state;
    size_t count = 0;
    DIR *folder = opendir(STORE_HEADERS);
    assert_non_null(folder);
    for (const struct dirent *e = readdir(folder); e != NULL; e = readdir(folder)) {
        char path[PATH_MAX];
        struct str name = str_from(e->d_name);
        (void)snprintf(path, sizeof(path), "%s/%s", STORE_HEADERS, e->d_name);
        if (str_ends(name, STR(".h")) && !str_ends(name, STR("_priv.h")))
            count += check_header(path);
    }
    (void)closedir(folder);
    assert_true(count > 80);
}

/* --- whatever the statement is -------------------------------------------------------------------------- */

static bool next_table(struct db_stmt *s, char name[static 64])
{
    enum rc rc;
    bool is_there = db_step(s, &rc);
    (void)snprintf(name, 64, "%.*s", STR_ARGS(is_there ? db_borrow(s, 0) : STR("")));
    return is_there;
}

/* Read whenever they are needed, so that nothing in memory depends on them; triggers keep the count. */
static const char *const unwatched[] = {
    "alert_rule",     "alert_sighting", "answer",     "audit",     "cell_move",
    "endpoint_count", "gaia_webhook",   "issue_mark", "migration", "saved_view",
    "task",           "token_use",      "user",
};

static bool matters(const char *table)
{
    for (size_t i = 0; i < COUNT_OF(unwatched); i++)
        if (str_eq(str_from(table), str_from(unwatched[i])))
            return false;
    return true;
}

static void write_all_rows(struct fixture *f, const char *table, const char *how, bool is_watched)
{
    struct store_tx *tx = begin(f);
    char column[64], sql[256];
    if (db_is_postgres(store_tx_db(tx)))
        (void)snprintf(
            sql, 256,
            "SELECT column_name FROM information_schema.columns WHERE table_name = '%s'"
            " AND table_schema = current_schema() ORDER BY ordinal_position DESC LIMIT 1",
            table);
    else
        (void)snprintf(sql, 256, "SELECT name FROM pragma_table_info('%s') WHERE pk = 0 LIMIT 1",
                       table);
    struct db_stmt *s = db_prepare_once(store_tx_db(tx), sql);
    assert_true(next_table(s, column));
    db_release(s);
    if (str_eq(str_from(how), STR("UPDATE")))
        (void)snprintf(sql, 256, "UPDATE \"%s\" SET \"%s\" = \"%s\"", table, column, column);
    else
        (void)snprintf(sql, 256, "DELETE FROM \"%s\"", table);
    assert_int_equal(db_exec(store_tx_db(tx), sql), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    if (heard.calls != (is_watched ? 1 : 0))
        fail_msg("%s is told %d times: should store/notes.c watch the table?", table, heard.calls);
}

static void each_table_is_watched_for_any_statement_or_known_not_to_matter(void **state)
{
    struct fixture *f = *state;
    static char tables[64][64];
    size_t count = 0;
    struct things t = plan(f);
    struct store_tx *tx = begin(f);
    make_all(tx, &t);
    assert_int_equal(store_setting_set(tx, "jwt_not_before.1", STR("1")), RC_OK);
    struct db_stmt *s = db_prepare(
        store_tx_db(tx), db_is_postgres(store_tx_db(tx))
                             ? "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
                             : "SELECT name FROM sqlite_schema WHERE type = 'table'"
                               " AND name NOT LIKE 'sqlite_%' ORDER BY name");
    while (count < COUNT_OF(tables) && next_table(s, tables[count]))
        count++;
    assert_int_equal(store_commit(tx), RC_OK);
    assert_true(count >= 15);
    for (size_t i = 0; i < count * 2; i++) {
        const char *table = tables[i / 2];
        if (!str_eq(str_from(table), STR("migration")))
            write_all_rows(f, table, i % 2 == 0 ? "UPDATE" : "DELETE", matters(table));
    }
}

/* --- commits --------------------------------------------------------------------------------------------- */

static void what_is_undone_or_touches_nothing_is_not_told(void **state)
{
    struct fixture *f = *state;
    struct things t = plan(f);
    struct store_tx *tx = begin(f);
    make_all(tx, &t);
    store_end(tx);
    assert_int_equal(heard.calls, 0);
    tx = begin(f);
    assert_int_equal(store_commit(tx), RC_OK);
    assert_int_equal(heard.calls, 0);
    assert_int_equal(store_read(f->store, &tx), RC_OK);
    store_end(tx);
    assert_int_equal(heard.calls, 0);
}

static void who_stopped_listening_hears_no_more(void **state)
{
    struct fixture *f = *state;
    struct things t = plan(f);
    store_off_commit(f->store, listen_to, f);
    struct store_tx *tx = begin(f);
    make_all(tx, &t);
    assert_int_equal(store_commit(tx), RC_OK);
    assert_int_equal(heard.calls, 0);
}

static void a_store_that_was_written_anew_still_tells(void **state)
{
    struct fixture *f = *state;
    struct things t = plan(f);
    assert_int_equal(store_config_forget(f->store), RC_OK);
    struct store_tx *tx = begin(f);
    make_all(tx, &t);
    assert_int_equal(store_commit(tx), RC_OK);
    assert_true(is_told(STORE_NOTE_ENDPOINT, t.app.num, t.ep.num));
    fixture_reopen(f);
    store_on_commit(f->store, listen_to, f);
    tx = begin(f);
    assert_int_equal(store_endpoint_delete(tx, t.ep.num, 9), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    assert_true(is_told(STORE_NOTE_ENDPOINT, t.app.num, t.ep.num));
}

static void many_at_once_are_told_in_few_words(void **state)
{
    struct fixture *f = *state;
    struct things t = plan(f);
    struct store_tx *tx = begin(f);
    make_all(tx, &t);
    for (int i = 0; i < 1000; i++) {
        struct store_endpoint ep = plan(f).ep;
        ep.app = t.app.num;
        assert_int_equal(store_endpoint_insert(tx, &ep), RC_OK);
    }
    assert_int_equal(store_commit(tx), RC_OK);
    assert_true(is_told(STORE_NOTE_ENDPOINT, t.app.num, 0));
    assert_false(is_told(STORE_NOTE_ENDPOINT, t.app.num, t.ep.num));
    assert_true(is_told(STORE_NOTE_HEALTH, t.app.num, t.ep.num));
    assert_true(heard.count < 16);
    tx = begin(f);
    for (int i = 0; i < 1000; i++) {
        struct store_application app = plan(f).app;
        assert_int_equal(store_application_insert(tx, &app), RC_OK);
    }
    assert_int_equal(store_endpoint_update(tx, &t.ep), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    assert_true(is_told(STORE_NOTE_APPLICATION, 0, 0));
    assert_true(is_told(STORE_NOTE_ENDPOINT, t.app.num, t.ep.num));
    assert_true(is_told(STORE_NOTE_HEALTH, t.app.num, t.ep.num));
    assert_int_equal(heard.count, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_function_that_writes_tells_what_it_touched_and_nothing_else),
        TEST(every_function_of_the_store_is_in_the_table_above),
        TEST(each_table_is_watched_for_any_statement_or_known_not_to_matter),
        TEST(what_is_undone_or_touches_nothing_is_not_told),
        TEST(who_stopped_listening_hears_no_more),
        TEST(a_store_that_was_written_anew_still_tells),
        TEST(many_at_once_are_told_in_few_words),
    };
    return cmocka_run_group_tests_name("notes", tests, NULL, NULL);
}
