/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/wanted_priv.h.
 */
#include "store/wanted_priv.h"

#include "json/json.h"

struct sought {
    struct str text;
    bool is_found;
};

static enum rc wanted_compare(void *ctx, size_t index, struct json_span value)
{
    struct sought *s = ctx;
    (void)index;
    s->is_found = s->is_found || (value.type == JSON_SPAN_STRING && json_span_is(value, s->text));
    return RC_OK;
}

/* What was stored is an array of texts; anything else has none. */
static bool wanted_in_array(struct str array, struct str text)
{
    struct json_span span;
    struct sought sought = { .text = text };
    return array.ptr != NULL && json_scan(array, &span, NULL) == RC_OK &&
           json_span_each(span, wanted_compare, &sought) == RC_OK && sought.is_found;
}

bool store_is_wanted(const struct store_wanted *w, struct str event_type, struct str channels,
                     struct str tags)
{
    bool is_type = w->event_type_count == 0;
    for (size_t i = 0; i < w->event_type_count && !is_type; i++)
        is_type = str_eq(w->event_types[i], event_type);
    return is_type && (w->channel.len == 0 || wanted_in_array(channels, w->channel)) &&
           (w->tag.len == 0 || wanted_in_array(tags, w->tag));
}

bool store_wanted_is_filter(const struct store_wanted *w)
{
    return w->event_type_count > 0 || w->channel.len > 0 || w->tag.len > 0;
}

bool store_attempts_are_filtered(const struct store_attempt_filter *f)
{
    return f->status >= 0 || f->status_class >= 0 || f->event_type_count > 0 ||
           f->channel.len > 0 || f->tag.len > 0;
}

bool store_requests_are_filtered(const struct store_request_filter *f)
{
    return f->outcomes != 0 || f->reason.len > 0 || f->event_type.len > 0 || f->text.len > 0;
}

bool store_filter_runs_are_filtered(const struct store_filter_run_filter *f)
{
    return f->event.len > 0 || f->filter.len > 0 || f->halted >= 0 || f->with_data;
}
