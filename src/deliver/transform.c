/* SPDX-License-Identifier: Apache-2.0
 *
 * See deliver/transform.h.
 */
#include "deliver/transform.h"

enum { WHY_MAX = 512, LINES_MAX = 65536, HEADERS_MAX = 64 };

struct deliver_transform *deliver_transform_new(struct core_app *view,
                                                const struct core_endpoint *ep,
                                                struct store_message *message)
{
    struct deliver_transform *t = XNEW(struct deliver_transform);
    t->view = core_app_ref(view);
    t->ep = core_endpoint_ref(ep);
    t->message = store_message_ref(message);
    buf_init(&t->lines, LINES_MAX);
    buf_init(&t->why, WHY_MAX);
    arena_init(&t->arena);
    return t;
}

void deliver_transform_free(struct deliver_transform *t)
{
    if (t == NULL)
        return;
    core_app_unref(t->view);
    core_endpoint_unref(t->ep);
    store_message_unref(t->message);
    buf_fini(&t->lines);
    buf_fini(&t->out);
    buf_fini(&t->why);
    arena_fini(&t->arena);
    xfree(t);
}

static bool transform_is_set(const struct transform_message_result *r, struct str name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (str_ieq(r->headers[i].name, name))
            return true;
    return false;
}

static enum rc transform_add_line(struct buf *out, const struct filter_pair *pair)
{
    return buf_addf(out, "%.*s: %.*s\r\n", STR_ARGS(pair->name), STR_ARGS(pair->value));
}

static enum rc write_lines(struct deliver_transform *t, const struct filter_pair *own,
                           size_t own_count)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < t->result.header_count && rc == RC_OK; i++)
        rc = transform_add_line(&t->lines, &t->result.headers[i]);
    for (size_t i = 0; i < own_count && rc == RC_OK; i++)
        if (!transform_is_set(&t->result, own[i].name))
            rc = transform_add_line(&t->lines, &own[i]);
    if (rc != RC_OK)
        buf_say(&t->why, "the headers are longer than 64 KiB");
    return rc;
}

static enum rc transform_seen(struct transform_pool *pool, struct str program,
                              const struct store_message *m, const struct filter_pair *headers,
                              size_t header_count, const struct transform_limits *limits,
                              struct arena *a, struct buf *out, struct transform_message_result *r,
                              struct buf *why)
{
    char id[ID_TEXT_MAX + 1];
    char timestamp[TIME_TEXT_LEN + 1];
    time_format(m->created_us, timestamp);
    struct transform_message seen = { .id = id_format(STR("msg_"), &m->id, id),
                                      .event_type = m->event_type,
                                      .timestamp = str_from(timestamp),
                                      .channels = m->channels,
                                      .body = m->payload,
                                      .headers = headers,
                                      .header_count = header_count };
    return transform_message_transform(pool, program, &seen, limits, a, out, r, why);
}

enum rc deliver_transform_message(struct transform_pool *pool, struct str program,
                                  const struct store_message *m,
                                  const struct transform_limits *limits, struct arena *a,
                                  struct buf *out, struct transform_message_result *r,
                                  struct buf *why)
{
    struct filter_pair headers[HEADERS_MAX];
    size_t count = filter_read_headers(m->headers, headers, HEADERS_MAX);
    return transform_seen(pool, program, m, headers, count, limits, a, out, r, why);
}

void deliver_transform_run(struct deliver_transform *t, struct transform_pool *pool,
                           const struct transform_limits *limits)
{
    struct filter_pair headers[HEADERS_MAX];
    size_t count = filter_read_headers(t->message->headers, headers, HEADERS_MAX);
    buf_init(&t->out, limits->output_max);
    t->rc = transform_seen(pool, t->ep->transform, t->message, headers, count, limits, &t->arena,
                           &t->out, &t->result, &t->why);
    if (t->rc == RC_OK && !t->result.cancel)
        t->rc = write_lines(t, headers, count);
}
