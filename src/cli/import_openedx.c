/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel import openedx: takes over what a site has set in Open edX's openedx-webhooks plugin, from
 * a Django dump of its two tables. Webhooks become endpoints, webfilters become filters of one
 * application, through the running server's API. Doing it again changes nothing that is there.
 */
#include "cli/import_priv.h"
#include "cli/remote.h"
#include "dialect/openedx_dump.h"

#include <stdio.h>

struct import {
    struct cli *cli;
    struct cli_remote remote;
    const char *app;
    json_t *filters, *endpoints; /* of the application, as they are */
    size_t done, there, failed;
};

/* --- the API ------------------------------------------------------------------------------------------ */

/* The answer of a call below /api/v1; NULL: said why not. `body` is taken over; may be NULL. */
static json_t *import_openedx_call(struct import *im, enum http_method method, const char *path,
                                   json_t *body)
{
    json_t *answer;
    struct str whole = arena_fmt(&im->remote.arena, "/api/v1%s", path);
    return cli_remote_call(&im->remote, method, whole, body, &answer) ? answer : NULL;
}

static bool put_event_type(struct import *im, const char *type, const char *words)
{
    struct str path = arena_fmt(&im->remote.arena, "/event-type/%s", type);
    json_t *answer =
        import_openedx_call(im, HTTP_PUT, path.ptr, json_pack("{s:s}", "description", words));
    json_decref(answer);
    return answer != NULL;
}

/* --- webhooks ----------------------------------------------------------------------------------------- */

static bool has_endpoint(const struct import *im, struct str uid)
{
    for (size_t i = 0; i < json_array_size(im->endpoints); i++)
        if (str_eq(json_str_member(json_array_get(im->endpoints, i), "uid"), uid))
            return true;
    return false;
}

static bool import_webhook(struct import *im, struct openedx_dump_row *row)
{
    if (row->signal == NULL) {
        (void)cli_failed(im->cli, "webhook %lld: the event \"%.*s\" is not known",
                         (long long)row->pk, STR_ARGS(row->event));
        return false;
    }
    if (has_endpoint(im, row->uid)) {
        im->there++;
        return true;
    }
    if (!put_event_type(im, row->signal->type, row->signal->name))
        return false;
    struct str path = arena_fmt(&im->remote.arena, "/app/%s/endpoint/%s", im->app, row->uid.ptr);
    json_t *answer = import_openedx_call(im, HTTP_PUT, path.ptr, json_incref(row->body));
    json_decref(answer);
    im->done += answer != NULL;
    if (answer != NULL)
        cli_note_address(arena_fmt(&im->remote.arena, "webhook %lld", (long long)row->pk).ptr,
                         row->url);
    return answer != NULL;
}

/* --- webfilters ----------------------------------------------------------------------------------------- */

/* The server shows URLs cleaned and without credentials. */
static bool is_there(struct import *im, struct str event, struct str url)
{
    struct str user;
    url = text_url_split(http_url_cleaned(url, &im->remote.arena), &im->remote.arena, &user);
    for (size_t i = 0; i < json_array_size(im->filters); i++) {
        const json_t *f = json_array_get(im->filters, i);
        if (str_eq(json_str_member(f, "event"), event) && str_eq(json_str_member(f, "url"), url))
            return true;
    }
    return false;
}

/* The URL that goes into the plugin instead of the processor's; made if the chain has none. */
static bool show_url(struct import *im, struct str event)
{
    struct str path =
        arena_fmt(&im->remote.arena, "/app/%s/filter-chain/%.*s", im->app, STR_ARGS(event));
    json_t *chain = import_openedx_call(im, HTTP_GET, path.ptr, NULL);
    if (chain != NULL && !json_is_string(json_object_get(chain, "url"))) {
        json_decref(chain);
        path = arena_fmt(&im->remote.arena, "%s/url", path.ptr);
        chain = import_openedx_call(im, HTTP_POST, path.ptr, json_object());
    }
    if (chain != NULL)
        printf("%.*s  %s\n", STR_ARGS(event), json_string_value(json_object_get(chain, "url")));
    json_decref(chain);
    return chain != NULL;
}

/* What becomes of an event that the plugin's code does not ask for under this name. */
static void say_event(const struct openedx_dump_row *row)
{
    if (!row->is_known)
        fprintf(stderr,
                "webfilter %lld: \"%.*s\" is not in the catalogue; taken over all the same\n",
                (long long)row->pk, STR_ARGS(row->event));
    else if (!str_eq(row->event, row->taken))
        fprintf(
            stderr,
            "webfilter %lld: the plugin never asks for \"%.*s\", which its form offers, but for \"%.*s\"; taken over as that. "
            "In the site's shell: Webfilter.objects.filter(pk=%lld).update(event=\"%.*s\", webhook_url=\"...\")\n",
            (long long)row->pk, STR_ARGS(row->event), STR_ARGS(row->taken), (long long)row->pk,
            STR_ARGS(row->taken));
}

static bool import_webfilter(struct import *im, struct openedx_dump_row *row)
{
    say_event(row);
    cli_note_address(arena_fmt(&im->remote.arena, "webfilter %lld", (long long)row->pk).ptr,
                     row->url);
    if (is_there(im, row->taken, row->url)) {
        im->there++;
        return true;
    }
    struct str path = arena_fmt(&im->remote.arena, "/app/%s/filter", im->app);
    json_t *answer = import_openedx_call(im, HTTP_POST, path.ptr, json_incref(row->body));
    json_decref(answer);
    im->done += answer != NULL;
    return answer != NULL;
}

/* --- dumps ---------------------------------------------------------------------------------------------- */

static void import_row(struct import *im, const json_t *given, json_t *events)
{
    struct openedx_dump_row row;
    bool fine = true;
    openedx_dump_read(given, &im->remote.arena, &row);
    if (row.kind == OPENEDX_DUMP_WEBHOOK)
        fine = import_webhook(im, &row);
    else if (row.kind == OPENEDX_DUMP_WEBFILTER)
        fine = import_webfilter(im, &row);
    if (fine && row.kind == OPENEDX_DUMP_WEBFILTER)
        json_object_set_new(events, arena_cstr(&im->remote.arena, row.taken), json_true());
    json_decref(row.body);
    im->failed += !fine;
}

/* Every filter or endpoint of the application, page by page; NULL: said why not. */
static json_t *all_of(struct import *im, const char *what)
{
    json_t *all = json_array(), *page = NULL;
    struct str path = arena_fmt(&im->remote.arena, "/app/%s/%s?limit=250", im->app, what);
    struct str next = path;
    do {
        json_decref(page);
        page = import_openedx_call(im, HTTP_GET, next.ptr, NULL);
        json_array_extend(all, json_object_get(page, "data"));
        next = arena_fmt(&im->remote.arena, "%s&iterator=%.*s", path.ptr,
                         STR_ARGS(json_str_member(page, "iterator")));
    } while (page != NULL && json_is_false(json_object_get(page, "done")));
    if (page == NULL) {
        json_decref(all);
        return NULL;
    }
    json_decref(page);
    return all;
}

static bool open_application(struct import *im)
{
    json_t *app = import_openedx_call(im, HTTP_POST, "/app?get_if_exists=true",
                                      json_pack("{s:s, s:s}", "name", "Open edX", "uid", im->app));
    if (app == NULL)
        return false;
    json_decref(app);
    im->filters = all_of(im, "filter");
    im->endpoints = im->filters == NULL ? NULL : all_of(im, "endpoint");
    return im->endpoints != NULL;
}

static int import_rows(struct import *im, const json_t *rows)
{
    const char *event;
    json_t *value;
    if (!open_application(im))
        return CLI_FAILED;
    json_t *events = json_object();
    for (size_t i = 0; i < json_array_size(rows); i++)
        import_row(im, json_array_get(rows, i), events);
    json_object_foreach(events, event, value)
    {
        im->failed += !show_url(im, str_from(event));
    }
    json_decref(events);
    fprintf(stderr, "%zu taken over, %zu there already, %zu failed\n", im->done, im->there,
            im->failed);
    return im->failed == 0 ? CLI_DONE : CLI_FAILED;
}

static int import_catalogue(struct import *im)
{
    for (size_t i = 0; i < openedx_event_count; i++)
        im->failed += !put_event_type(im, openedx_events[i].type, openedx_events[i].name);
    for (size_t i = 0; i < openedx_filter_count; i++) {
        const struct openedx_filter *f = &openedx_filters[i];
        struct str words = arena_fmt(&im->remote.arena, "Webfilter %s. Understands: %s", f->name,
                                     f->exceptions[0] != '\0' ? f->exceptions : "no exception");
        im->failed += !put_event_type(im, f->type, words.ptr);
    }
    fprintf(stderr, "%zu event types, %zu failed\n", openedx_event_count + openedx_filter_count,
            im->failed);
    return im->failed == 0 ? CLI_DONE : CLI_FAILED;
}

static int import_file(struct import *im, const char *name)
{
    json_t *rows = cli_read_json(im->cli, name);
    int code = CLI_FAILED;
    if (json_is_array(rows))
        code = import_rows(im, rows);
    else
        (void)cli_failed(im->cli, "%s: is no output of Django's dumpdata (a JSON array)", name);
    json_decref(rows);
    return code;
}

/* --- the verb ------------------------------------------------------------------------------------------- */

int cli_import_openedx(struct cli *cli, const char *server, const char *token, const char *name)
{
    struct import im = { .cli = cli, .app = cli_take(cli, "app") };
    bool catalogue = cli_take_switch(cli, "catalogue");
    if (im.app == NULL)
        im.app = "openedx";
    if (server == NULL || token == NULL || (name == NULL) != catalogue)
        return cli_misused(
            cli,
            "needs --url=URL, --token or $GRAPNEL_TOKEN, and a file (- for standard input) or --catalogue");
    if (!cli_is_used_up(cli) || !cli_remote_open(cli, server, token, &im.remote))
        return CLI_MISUSED;
    int code = catalogue ? import_catalogue(&im) : import_file(&im, name);
    json_decref(im.filters);
    json_decref(im.endpoints);
    cli_remote_close(&im.remote);
    return code;
}
