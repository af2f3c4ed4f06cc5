/* SPDX-License-Identifier: Apache-2.0
 *
 * See core/match.h. A view lists who asks for which event type and channel, so that an application with thousands of
 * endpoints costs no more than one with a few.
 */
#include "core/match.h"

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

static bool has_name(const struct str *sorted, size_t count, struct str name)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = str_cmp(sorted[mid], name);
        if (order == 0)
            return true;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

struct core_match_parts core_match_parts(const struct core_endpoint *ep, struct str event_type,
                                         const struct str *channels, size_t channel_count)
{
    return (struct core_match_parts){
        .is_enabled = !ep->disabled,
        .type_fits =
            ep->event_types == NULL || has_name(ep->event_types, ep->event_type_count, event_type),
        .channel_fits = shares_channel(ep, channels, channel_count),
    };
}

bool core_match_one(const struct core_endpoint *ep, struct str event_type,
                    const struct str *channels, size_t channel_count)
{
    struct core_match_parts parts = core_match_parts(ep, event_type, channels, channel_count);
    return parts.is_enabled && parts.type_fits && parts.channel_fits;
}

/* The places of one name. */
struct run {
    const struct core_index *in;
    size_t at, end;
};

static struct run run_of(const struct core_index *in, struct str name)
{
    struct run run = { .in = in };
    core_index_run(in, name, &run.at, &run.end);
    return run;
}

/* The next ones that stand together in memory; NULL: there are no more. */
static const struct core_place *match_next(struct run *r, size_t *count)
{
    *count = 0;
    if (r->at >= r->end)
        return NULL;
    const struct core_place *p = core_index_at(r->in, r->at, count);
    if (*count > r->end - r->at)
        *count = r->end - r->at;
    r->at += *count;
    return p;
}

size_t core_match_bound(const struct core_app *app, struct str event_type,
                        const struct str *channels, size_t channel_count)
{
    struct run run = run_of(&app->_types, event_type);
    size_t bound = core_index_count(&app->_open) + (run.end - run.at);
    for (size_t i = 0; i < channel_count; i++) {
        run = run_of(&app->_channels, channels[i]);
        bound += run.end - run.at;
    }
    return bound;
}

struct found {
    int64_t *out;
    size_t count, max;
};

static void match_add(struct found *f, const struct core_endpoint *ep)
{
    if (f->count < f->max)
        f->out[f->count++] = ep->num;
}

static void match_open(const struct core_app *app, struct found *f)
{
    struct run run = { &app->_open, 0, core_index_count(&app->_open) };
    size_t count = 0;
    for (const struct core_place *p = match_next(&run, &count); p != NULL && f->count < f->max;
         p = match_next(&run, &count))
        for (size_t i = 0; i < count; i++)
            match_add(f, p[i].ep);
}

static void match_type(const struct core_app *app, struct str event_type,
                       const struct str *channels, size_t channel_count, struct found *f)
{
    struct run run = run_of(&app->_types, event_type);
    size_t count = 0;
    for (const struct core_place *p = match_next(&run, &count); p != NULL && f->count < f->max;
         p = match_next(&run, &count))
        for (size_t i = 0; i < count; i++)
            if (shares_channel(p[i].ep, channels, channel_count))
                match_add(f, p[i].ep);
}

/* Of the message's channels the one at `at`; who shares one before it has been found already. */
static void match_channel(const struct core_app *app, const struct str *channels, size_t at,
                          struct found *f)
{
    struct run run = run_of(&app->_channels, channels[at]);
    size_t count = 0;
    for (const struct core_place *p = match_next(&run, &count); p != NULL && f->count < f->max;
         p = match_next(&run, &count))
        for (size_t i = 0; i < count; i++)
            if (!shares_channel(p[i].ep, channels, at))
                match_add(f, p[i].ep);
}

size_t core_match(const struct core_app *app, struct str event_type, const struct str *channels,
                  size_t channel_count, int64_t *out, size_t max)
{
    struct found f = { out, 0, max };
    match_open(app, &f);
    match_type(app, event_type, channels, channel_count, &f);
    for (size_t i = 0; i < channel_count; i++)
        match_channel(app, channels, i, &f);
    return f.count;
}
