/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/notes.h. Each table has a trigger (store/triggers.c) that calls note(kind, app, id) for the rows that are
 * written.
 *
 * A transaction's notes are a short list. Where many objects of an application change at once (it is
 * deleted, say) one note stands for all of them.
 */
#include "store/notes_priv.h"

#include <stdio.h>

#include "store/triggers_priv.h"

enum { NUMBER_MAX = 12 };

/* `@.` stands for the row. */
struct watched {
    const char *table;
    enum store_note_kind kind;
    const char *app, *id;
    const char *when; /* NULL: always */
    bool is_new_told; /* a row that was just inserted can be in nobody's memory, if not */
};
static const struct watched tables[] = {
    { "organisation", STORE_NOTE_ORGANISATION, "0", "@.num", NULL, false },
    { "application", STORE_NOTE_APPLICATION, "@.num", "@.num", NULL, true },
    { "endpoint", STORE_NOTE_ENDPOINT, "@.app", "@.num", NULL, true },
    { "endpoint_key", STORE_NOTE_ENDPOINT, "(SELECT app FROM endpoint WHERE num = @.endpoint)",
      "@.endpoint", NULL, true },
    { "endpoint_health", STORE_NOTE_HEALTH, "(SELECT app FROM endpoint WHERE num = @.endpoint)",
      "@.endpoint", NULL, true },
    { "source", STORE_NOTE_SOURCE, "@.app", "@.num", NULL, true },
    { "source_token", STORE_NOTE_SOURCE, "(SELECT app FROM source WHERE num = @.source)",
      "@.source", NULL, true },
    { "filter", STORE_NOTE_FILTERS, "@.app", "0", NULL, true },
    { "filter_chain", STORE_NOTE_FILTERS, "@.app", "0", NULL, true },
    { "token", STORE_NOTE_TOKEN, "@.app", "@.num", NULL, true },
    /* access/ended.c: when an application's JWTs end */
    { "setting", STORE_NOTE_TOKEN, "CAST(substr(@.name, 16) AS BIGINT)", "0",
      "substr(@.name, 1, 15) = 'jwt_not_before.'", true },
    { "event_type", STORE_NOTE_EVENT_TYPE, "0", "@.num", NULL, true },
};

/* --- the list ------------------------------------------------------------------------------------- */

static bool notes_covers(const struct store_note *wide, const struct store_note *n)
{
    return wide->kind == n->kind && (wide->app == n->app || (wide->app == 0 && wide->id == 0)) &&
           (wide->id == n->id || wide->id == 0);
}

static bool is_noted(const struct store_notes *notes, const struct store_note *n)
{
    for (size_t i = notes->count; i > 0; i--)
        if (notes_covers(&notes->list[i - 1], n))
            return true;
    return false;
}

/* One note for all that it covers. */
static void draw_together(struct store_notes *notes, const struct store_note *wide)
{
    size_t kept = 0;
    for (size_t i = 0; i < notes->count; i++)
        if (!notes_covers(wide, &notes->list[i]))
            notes->list[kept++] = notes->list[i];
    notes->list[kept++] = *wide;
    notes->count = kept;
}

static size_t count_of_app(const struct store_notes *notes, const struct store_note *n)
{
    size_t count = 0;
    for (size_t i = 0; i < notes->count; i++)
        count += notes->list[i].kind == n->kind && notes->list[i].app == n->app ? 1 : 0;
    return count;
}

/* Of the kind that has most of the list, all; a wide note for each kind is always possible. */
static void make_room(struct store_notes *notes)
{
    size_t counts[STORE_NOTE_EVENT_TYPE + 1] = { 0 };
    enum store_note_kind most = 0;
    for (size_t i = 0; i < notes->count; i++)
        if (++counts[notes->list[i].kind] > counts[most])
            most = notes->list[i].kind;
    draw_together(notes, &(struct store_note){ .kind = most, .app = 0, .id = 0 });
}

static void add_note(struct store_notes *notes, const struct store_note *n)
{
    if (is_noted(notes, n))
        return;
    if (n->id != 0 && count_of_app(notes, n) >= NOTES_OF_APP) {
        draw_together(notes, &(struct store_note){ .kind = n->kind, .app = n->app, .id = 0 });
        return;
    }
    if (notes->count == NOTES_MAX)
        make_room(notes);
    if (!is_noted(notes, n))
        notes->list[notes->count++] = *n;
}

/* --- the triggers ---------------------------------------------------------------------------------- */

static void notes_note(void *ctx, const int64_t *args)
{
    const struct store_note n = { (enum store_note_kind)args[0], args[1], args[2] };
    add_note(ctx, &n);
}

static struct store_trigger note_trigger(const struct watched *w, char kind[static NUMBER_MAX])
{
    (void)snprintf(kind, NUMBER_MAX, "%d", (int)w->kind);
    return (struct store_trigger){ .function = "note",
                                   .table = w->table,
                                   .when = w->when,
                                   .integers = { kind, w->app, w->id },
                                   .is_new_told = w->is_new_told };
}

enum rc store_notes_watch(struct db *db, struct store_notes *notes)
{
    char kind[NUMBER_MAX];
    enum rc rc = db_function(db, "note", 3, notes_note, notes);
    for (size_t i = 0; rc == RC_OK && !db_is_postgres(db) && i < COUNT_OF(tables); i++) {
        const struct store_trigger t = note_trigger(&tables[i], kind);
        rc = store_trigger_make(db, &t);
    }
    return rc;
}

void store_notes_triggers(struct buf *sql)
{
    char kind[NUMBER_MAX];
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        const struct store_trigger t = note_trigger(&tables[i], kind);
        store_trigger_write(sql, &t);
    }
}
