/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/search_priv.h.
 */
#include "store/search_priv.h"

#include "store/rows_priv.h"
#include "store/store_priv.h"
#include "store/wanted_priv.h"

void store_search_begin(struct store_searching *q, struct store *s,
                        const struct store_delivery_search *f, struct arena *a,
                        struct store_delivery_found *out, size_t max)
{
    *q = (struct store_searching){ .store = s,
                                   .f = f,
                                   .arena = a,
                                   .out = out,
                                   .max = max,
                                   .now_us = clock_wall_us(s->o.clock),
                                   .delivery = q->delivery,
                                   .attempt = q->attempt,
                                   .message = q->message };
}

int64_t store_search_high(const struct store_delivery_search *f)
{
    if (!f->has_after)
        return INT64_MAX;
    return id_key(&f->after) + (f->after_endpoint != 0 ? 1 : 0);
}

static bool search_is_spent(const struct store_searching *q)
{
    return q->rows >= q->f->rows_max || q->bytes >= q->f->bytes_max ||
           clock_mono_us(q->store->o.clock) > q->f->until_us;
}

/* One delivery. */
static enum rc search_delivery(struct store_searching *q, const struct store_searched *m,
                               int64_t endpoint)
{
    const struct store_delivery_search *f = q->f;
    bool wanted = f->text.len == 0 || m->has_text;
    struct store_delivery_found *found = &q->out[q->count];
    *found = (struct store_delivery_found){ .matched = m->has_text ? "payload" : NULL };
    found->row = (struct store_delivery_row){ .message = q->last, .endpoint = endpoint };
    enum rc rc = q->delivery(q, endpoint, found);
    q->rows++;
    q->last_endpoint = endpoint;
    if (rc != RC_OK || found->row.state == 0 ||
        (f->states != 0 && ((f->states >> found->row.state) & 1) == 0))
        return rc;
    rc = q->attempt(q, found, &wanted);
    if (rc == RC_OK && wanted) {
        rc = q->message(q, &found->row.message_row.message);
        q->count += rc == RC_OK;
    }
    return rc;
}

/* The endpoints to look at, ascending. */
static const int64_t *search_endpoints(struct store_searching *q, const struct store_searched *m,
                                       size_t *count)
{
    const struct store_wanted wanted = { .event_types = q->f->event_types,
                                         .event_type_count = q->f->event_type_count };
    *count = 0;
    if (!store_is_wanted(&wanted, m->event_type, STR_NONE, STR_NONE))
        return NULL;
    if (q->f->endpoint == 0)
        return store_endpoints_list(m->endpoints, q->arena, count);
    *count = store_endpoints_has(m->endpoints, q->f->endpoint) ? 1 : 0;
    return &q->f->endpoint;
}

enum rc store_search_message(struct store_searching *q, const struct store_searched *m)
{
    enum rc rc = RC_OK;
    size_t count;
    const struct store_delivery_search *f = q->f;
    q->last = m->id;
    q->last_shown_us = m->created_us;
    q->rows++;
    q->bytes += f->text.len > 0 ? m->payload_bytes : 0;
    bool goes_on = f->has_after && f->after_endpoint != 0 && id_key(&q->last) == id_key(&f->after);
    q->last_endpoint = goes_on ? f->after_endpoint : 0;
    const int64_t *endpoints = search_endpoints(q, m, &count);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        if (endpoints[i] <= q->last_endpoint) /* before the page */
            continue;
        bool may_stop = q->last_endpoint != 0 && q->rows > 1; /* each page looks at something */
        if (may_stop && (q->count == q->max || search_is_spent(q))) {
            q->is_stopped = true;
            return RC_OK;
        }
        rc = search_delivery(q, m, endpoints[i]);
    }
    q->last_endpoint = 0; /* all of it was looked at */
    q->is_stopped = q->count == q->max || search_is_spent(q);
    return rc;
}

bool store_search_judge(const struct store_searching *q, struct store_delivery_found *found,
                        bool wanted, const char *where, int http_status)
{
    if (!wanted) {
        found->matched = where;
        wanted = where != NULL;
    }
    return wanted && (q->f->http_status < 0 || http_status == q->f->http_status);
}

void store_search_end(const struct store_searching *q, struct store_delivery_search_end *end)
{
    *end = (struct store_delivery_search_end){ .count = q->count,
                                               .done = !q->is_stopped,
                                               .resume = q->last,
                                               .resume_endpoint = q->last_endpoint,
                                               .row_count = q->rows,
                                               .looked_us = q->last_shown_us };
}
