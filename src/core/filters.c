/* SPDX-License-Identifier: Apache-2.0
 *
 * An endpoint's own filter and transform, read from its options, and asking the filters about a
 * message. Both are kept as texts: a filter's numbers stay as they were written.
 */
#include "core/filters.h"

#include "json/json.h"

enum { HEADERS_MAX = 64 };

static void free_program(void *program)
{
    filter_program_free(program);
}

void core_endpoint_read_filter(struct arena *a, const json_t *options, struct core_endpoint *ep)
{
    struct filter_program *program = NULL;
    struct filter_fault fault = { .reason = "" };
    struct str filter = json_str_member(options, "filter");
    struct str transform = json_str_member(options, "transform");
    if (transform.len > 0)
        ep->transform = arena_str(a, transform);
    if (filter.ptr == NULL)
        return;
    ep->has_filter = true;
    if (filter_compile(filter, &program, &fault) != RC_OK) {
        LOG(CORE_FILTER_UNREADABLE, F_STR("endpoint", ep->id), F_TEXT("why", fault.reason));
        return;
    }
    ep->filter = program;
    arena_defer(a, free_program, program);
}

static bool filters_wants(const struct core_endpoint *ep, const struct filter_input *in,
                          json_t **explanation)
{
    if (!ep->has_filter)
        return true;
    return ep->filter != NULL && filter_match(ep->filter, in, explanation);
}

static struct filter_input input_of(const struct store_message *m,
                                    struct filter_pair headers[static HEADERS_MAX])
{
    return (struct filter_input){ .body = m->payload,
                                  .headers = headers,
                                  .header_count =
                                      filter_read_headers(m->headers, headers, HEADERS_MAX),
                                  .event_type = m->event_type };
}

bool core_filter_one(const struct core_endpoint *ep, const struct store_message *m,
                     json_t **explanation)
{
    struct filter_pair headers[HEADERS_MAX];
    struct filter_input in = input_of(m, headers);
    if (explanation != NULL)
        *explanation = NULL;
    return filters_wants(ep, &in, explanation);
}

size_t core_filter(const struct core_app *app, const struct store_message *m, int64_t *endpoints,
                   size_t count)
{
    struct filter_pair headers[HEADERS_MAX];
    size_t kept = 0;
    if (!app->has_filters)
        return count;
    struct filter_input in = input_of(m, headers);
    for (size_t i = 0; i < count; i++)
        if (filters_wants(core_app_endpoint(app, endpoints[i]), &in, NULL))
            endpoints[kept++] = endpoints[i];
    return kept;
}
