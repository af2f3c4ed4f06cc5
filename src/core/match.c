/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking into a view: an endpoint by number, and which endpoints want a message. On the hot path:
 * memory only, no allocation. A view lists who asks for which event type and channel, so that an
 * application with thousands of endpoints costs no more than one with a few.
 */
#include "core/view_priv.h"

#include <stdlib.h>

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

static bool shares_channel(const struct core_endpoint *ep, const struct str *channels, size_t count)
{
    if (ep->channels == NULL)
        return true;
    for (size_t i = 0; i < ep->channel_count; i++)
        for (size_t k = 0; k < count; k++)
            if (str_eq(ep->channels[i], channels[k]))
                return true;
    return false;
}

/* The first entry for `name`; *count says how many there are. */
static const struct core_interest *find(const struct core_interests *in, struct str name,
                                        size_t *count)
{
    size_t low = 0;
    size_t high = in->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (str_cmp(in->list[mid].name, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    size_t end = low;
    while (end < in->count && str_eq(in->list[end].name, name))
        end++;
    *count = end - low;
    return in->list == NULL ? NULL : in->list + low;
}

/* True if an earlier channel of the message has found this endpoint already. */
static bool seen_before(const struct core_endpoint *ep, const struct str *channels, size_t at)
{
    return shares_channel(ep, channels, at);
}

size_t core_match_bound(const struct core_app *app, struct str event_type,
                        const struct str *channels, size_t channel_count)
{
    size_t count = 0;
    size_t bound = app->_open_count;
    (void)find(&app->_types, event_type, &count);
    bound += count;
    for (size_t i = 0; i < channel_count; i++) {
        (void)find(&app->_channels, channels[i], &count);
        bound += count;
    }
    return bound;
}

size_t core_match(const struct core_app *app, struct str event_type, const struct str *channels,
                  size_t channel_count, int64_t *out, size_t max)
{
    size_t found = 0;
    size_t count = 0;
    for (size_t i = 0; i < app->_open_count && found < max; i++)
        out[found++] = app->endpoints[app->_open[i]].num;

    const struct core_interest *asked = find(&app->_types, event_type, &count);
    for (size_t i = 0; i < count && found < max; i++) {
        const struct core_endpoint *ep = &app->endpoints[asked[i].place];
        if (shares_channel(ep, channels, channel_count))
            out[found++] = ep->num;
    }
    for (size_t c = 0; c < channel_count; c++) {
        asked = find(&app->_channels, channels[c], &count);
        for (size_t i = 0; i < count && found < max; i++) {
            const struct core_endpoint *ep = &app->endpoints[asked[i].place];
            bool is_repeated = i > 0 && asked[i].place == asked[i - 1].place;
            if (!is_repeated && !seen_before(ep, channels, c))
                out[found++] = ep->num;
        }
    }
    return found;
}

/* --- making the lists ------------------------------------------------------------------------------- */

static int compare_interest(const void *a, const void *b)
{
    const struct core_interest *left = a;
    const struct core_interest *right = b;
    int order = str_cmp(left->name, right->name);
    return order != 0 ? order : (left->place > right->place) - (left->place < right->place);
}

static size_t add_names(struct core_interest *list, size_t at, const struct str *names,
                        size_t count, uint32_t place)
{
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !str_eq(names[i], names[i - 1]))
            list[at++] = (struct core_interest){ names[i], place };
    return at;
}

static struct core_interests sorted(struct core_interest *list, size_t count)
{
    if (count > 0)
        qsort(list, count, sizeof(*list), compare_interest);
    return (struct core_interests){ list, count };
}

void core_view_index(struct core_app *app)
{
    size_t types = 0;
    size_t channels = 0;
    for (size_t i = 0; i < app->endpoint_count; i++) {
        types += app->endpoints[i].event_type_count;
        channels += app->endpoints[i].channel_count;
    }
    struct core_interest *by_type = arena_array(&app->_arena, types + 1, sizeof(*by_type));
    struct core_interest *by_channel = arena_array(&app->_arena, channels + 1, sizeof(*by_channel));
    uint32_t *open = arena_array(&app->_arena, app->endpoint_count + 1, sizeof(*open));
    types = 0;
    channels = 0;
    for (size_t i = 0; i < app->endpoint_count; i++) {
        const struct core_endpoint *ep = &app->endpoints[i];
        uint32_t place = (uint32_t)i;
        if (ep->disabled)
            continue;
        if (ep->event_types != NULL)
            types = add_names(by_type, types, ep->event_types, ep->event_type_count, place);
        else if (ep->channels != NULL)
            channels = add_names(by_channel, channels, ep->channels, ep->channel_count, place);
        else
            open[app->_open_count++] = place;
    }
    app->_types = sorted(by_type, types);
    app->_channels = sorted(by_channel, channels);
    app->_open = open;
}
