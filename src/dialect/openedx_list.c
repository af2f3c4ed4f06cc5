/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue of Open edX' events and filters, for whoever fills in a form for one; and a dump of the plugin's tables
 * in our terms, for whoever takes one over.
 */
#include "dialect/lists_priv.h"
#include "dialect/openedx_dump.h"

enum { DUMP_ROWS_MAX = 5000 };

static bool has_word(const char *words, struct str word)
{
    struct str rest = str_from(words), next;
    while (str_split(&rest, ' ', &next))
        if (str_eq(next, word))
            return true;
    return false;
}

static void write_words(struct api_out *o, const char *member, const char *words)
{
    struct str rest = str_from(words), next;
    api_out_key(o, member);
    api_out_begin(o, '[');
    while (str_split(&rest, ' ', &next))
        api_out_str(o, NULL, next);
    api_out_end(o, ']');
}

static void write_filter(struct api_out *o, const struct openedx_filter *f)
{
    bool can_halt = f->halt[0] != '\0';
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_str(o, "name", str_from(f->name));
    api_out_str(o, "type", str_from(f->type));
    api_out_opt(o, "exception", can_halt ? str_from(f->halt) : STR_NONE);
    write_words(o, "exceptions", f->exceptions);
    api_out_bool(o, "canHalt", can_halt);
    api_out_bool(o, "canRedirect",
                 (f->takes & OPENEDX_REDIRECT) != 0 ||
                     has_word(f->exceptions, STR("RedirectToPage")));
    api_out_bool(o, "takesStatus", (f->takes & OPENEDX_STATUS) != 0);
    api_out_bool(o, "takesAccess", (f->takes & OPENEDX_ACCESS) != 0);
    api_out_end(o, '}');
}

static void write_event(struct api_out *o, const struct openedx_event *e)
{
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_str(o, "name", str_from(e->name));
    api_out_str(o, "type", str_from(e->type));
    api_out_end(o, '}');
}

static void get_catalogue(struct api_ctx *c)
{
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_key(&o, "events");
    api_out_begin(&o, '[');
    for (size_t i = 0; i < openedx_event_count; i++)
        write_event(&o, &openedx_events[i]);
    api_out_end(&o, ']');
    api_out_key(&o, "filters");
    api_out_begin(&o, '[');
    for (size_t i = 0; i < openedx_filter_count; i++)
        write_filter(&o, &openedx_filters[i]);
    api_out_end(&o, ']');
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

/* --- dumps ------------------------------------------------------------------------------------------ */

static void write_row(struct api_ctx *c, struct api_out *o, const json_t *given)
{
    static const char *const kinds[] = { "other", "webhook", "webfilter" };
    struct openedx_dump_row row;
    openedx_dump_read(given, c->arena, &row);
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_str(o, "kind", str_from(kinds[row.kind]));
    api_out_int(o, "pk", row.pk);
    api_out_opt(o, "event", row.event);
    api_out_opt(o, "takenAs", row.taken);
    api_out_opt(o, "signal", row.signal != NULL ? str_from(row.signal->name) : STR_NONE);
    api_out_bool(o, "known", row.is_known);
    api_out_raw(o, "body", row.body != NULL ? json_text(c->arena, row.body) : STR_NONE);
    api_out_end(o, '}');
    json_decref(row.body);
}

static void read_dump(struct api_ctx *c)
{
    const json_t *rows = api_get(c, "rows");
    struct api_out o;
    if (!json_is_array(rows) || json_array_size(rows) > DUMP_ROWS_MAX) {
        http_invalid(c->req, "body.rows", "value_error",
                     "Expected the array that Django's dumpdata writes, of at most %d rows.",
                     DUMP_ROWS_MAX);
        return;
    }
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_key(&o, "data");
    api_out_begin(&o, '[');
    for (size_t i = 0; i < json_array_size(rows); i++)
        write_row(c, &o, json_array_get(rows, i));
    api_out_end(&o, ']');
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, "/api/v1/openedx/dump", API_ORG, "v1.openedx.dump.read",
                "Say what a dump of the plugin's tables would become; nothing is stored"),
      .run = read_dump, .in = &dialect_schema_OpenedxDumpIn, .out = &dialect_schema_OpenedxDumpOut,
      .status = 200 },
    { API_ROUTE(HTTP_GET, "/api/v1/openedx/catalogue", API_ANY, "v1.openedx.catalogue.get",
                "Get the events and filters of Open edX"),
      .run = get_catalogue, .out = &dialect_schema_OpenedxCatalogueOut, .status = 200 },
};
const struct api_route_table dialect_openedx_list = { routes, COUNT_OF(routes) };
