/* SPDX-License-Identifier: Apache-2.0
 *
 * The plugin's filters and events as tables.
 */
#include "dialect/openedx.h"

const struct openedx_filter openedx_filters[] = {
#define OPENEDX_FILTER(name, type, halt, takes, exceptions) { name, type, halt, takes, exceptions },
#define OPENEDX_EVENT(name, type)
#include "dialect/openedx_catalogue.def"
#undef OPENEDX_FILTER
#undef OPENEDX_EVENT
};
const size_t openedx_filter_count = COUNT_OF(openedx_filters);

const struct openedx_event openedx_events[] = {
#define OPENEDX_FILTER(name, type, halt, takes, exceptions)
#define OPENEDX_EVENT(name, type) { name, type },
#include "dialect/openedx_catalogue.def"
#undef OPENEDX_FILTER
#undef OPENEDX_EVENT
};
const size_t openedx_event_count = COUNT_OF(openedx_events);

const struct openedx_filter *openedx_filter_find(struct str name)
{
    for (size_t i = 0; i < openedx_filter_count; i++)
        if (str_eq(name, str_from(openedx_filters[i].name)))
            return &openedx_filters[i];
    return NULL;
}

const struct openedx_event *openedx_event_find(struct str name)
{
    for (size_t i = 0; i < openedx_event_count; i++)
        if (str_eq(name, str_from(openedx_events[i].name)))
            return &openedx_events[i];
    return NULL;
}
