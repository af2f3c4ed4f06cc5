/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue of Open edX' events and filters, for whoever fills in a form for one.
 */
#include "dialect/lists_priv.h"
#include "dialect/openedx.h"

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

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/openedx/catalogue", API_ANY, "v1.openedx.catalogue.get",
                "Get the events and filters of Open edX"),
      .run = get_catalogue, .out = &dialect_schema_OpenedxCatalogueOut, .status = 200 },
};
const struct api_route_table dialect_openedx_list = { routes, COUNT_OF(routes) };
