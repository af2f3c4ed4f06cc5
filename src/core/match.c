/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking into a view: an endpoint by number, and which endpoints want a message. On the hot path:
 * memory only, no allocation.
 */
#include "core/directory.h"

const struct core_endpoint *core_app_endpoint(const struct core_app *app, int64_t num)
{
    size_t low = 0;
    size_t high = app->endpoint_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (app->endpoints[mid].num == num)
            return &app->endpoints[mid];
        if (app->endpoints[mid].num < num)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static bool wants_type(const struct core_endpoint *ep, struct str event_type)
{
    if (ep->event_types == NULL)
        return true;
    size_t low = 0;
    size_t high = ep->event_type_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = str_cmp(event_type, ep->event_types[mid]);
        if (order == 0)
            return true;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}

static bool wants_channel(const struct core_endpoint *ep, const struct str *channels, size_t count)
{
    if (ep->channels == NULL)
        return true;
    for (size_t i = 0; i < ep->channel_count; i++)
        for (size_t k = 0; k < count; k++)
            if (str_eq(ep->channels[i], channels[k]))
                return true;
    return false;
}

size_t core_match(const struct core_app *app, struct str event_type, const struct str *channels,
                  size_t channel_count, int64_t *out, size_t max)
{
    size_t found = 0;
    for (size_t i = 0; i < app->endpoint_count && found < max; i++) {
        const struct core_endpoint *ep = &app->endpoints[i];
        if (!ep->disabled && wants_type(ep, event_type) && wants_channel(ep, channels, channel_count))
            out[found++] = ep->num;
    }
    return found;
}
