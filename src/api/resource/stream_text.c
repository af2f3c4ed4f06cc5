/* SPDX-License-Identifier: Apache-2.0
 *
 * Events as text. A record holds numbers; ids are looked up in the store, once each.
 */
#include "api/resource/stream_priv.h"
#include "store/request.h"
#include "store/task.h"

/* --- names ------------------------------------------------------------------------------------------ */

enum named { NAMED_APP, NAMED_ENDPOINT, NAMED_SOURCE, NAMED_KINDS };

void api_stream_names_init(struct api_stream_names *n)
{
    n->map = map64_new();
}

void api_stream_names_fini(struct api_stream_names *n)
{
    size_t at = 0;
    uint64_t key;
    void *text;
    while (map64_next(n->map, &at, &key, &text))
        xfree(text);
    map64_free(n->map);
    n->map = NULL;
}

/* One call's: the snapshot is opened when the first name is not known. */
struct writing {
    struct api *api;
    struct api_stream_names *names;
    const struct stats_place *at; /* of the audience */
    struct store_tx *tx;
    struct arena arena;
    struct api_out out;
};

static enum rc look_up(struct writing *w, enum named kind, int64_t num, struct str *id)
{
    struct store_application app;
    struct store_endpoint ep;
    struct store_source source;
    enum rc rc = w->tx != NULL ? RC_OK : store_read(w->api->o.store, &w->tx);
    if (rc != RC_OK)
        return rc;
    if (kind == NAMED_APP && (rc = store_application_by_num(w->tx, num, &w->arena, &app)) == RC_OK)
        *id = app.id;
    if (kind == NAMED_ENDPOINT && (rc = store_endpoint_by_num(w->tx, num, &w->arena, &ep)) == RC_OK)
        *id = ep.id;
    if (kind == NAMED_SOURCE && (rc = store_source_by_num(w->tx, num, &w->arena, &source)) == RC_OK)
        *id = source.id;
    return rc;
}

/* ptr NULL: it is gone, or cannot be read now. */
static struct str name_of(struct writing *w, enum named kind, int64_t num)
{
    uint64_t key = (uint64_t)num * NAMED_KINDS + kind;
    const char *known = map64_get(w->names->map, key);
    struct str id = STR_NONE;
    if (num == 0 || known != NULL)
        return known == NULL ? STR_NONE : str_from(known);
    if (look_up(w, kind, num, &id) != RC_OK)
        return STR_NONE;
    if (map64_count(w->names->map) >= API_STREAM_NAMES_MAX) {
        api_stream_names_fini(w->names);
        api_stream_names_init(w->names);
    }
    (void)map64_set(w->names->map, key, xmemdup(id.ptr, id.len));
    return id;
}

/* --- events ------------------------------------------------------------------------------------------- */

static struct str stream_text_type_of(const struct stats_event *e)
{
    return str_of(e->type, e->type_len);
}

static void write_ms(struct writing *w, int64_t took_us)
{
    api_out_raw(&w->out, "ms", arena_fmt(&w->arena, "%.1f", (double)took_us / 1000));
}

static void write_message(struct writing *w, const struct stats_event *e)
{
    api_out_id(&w->out, "id", STR("msg_"), &e->id);
    api_out_opt(&w->out, "app", name_of(w, NAMED_APP, e->app));
    api_out_str(&w->out, "eventType", stream_text_type_of(e));
    api_out_int(&w->out, "endpoints", e->number);
}

static void write_attempt(struct writing *w, const struct stats_event *e)
{
    if (e->has_attempt)
        api_out_id(&w->out, "id", STR("atmpt_"), &e->id);
    else
        api_out_null(&w->out, "id");
    api_out_id(&w->out, "message", STR("msg_"), &e->message);
    api_out_opt(&w->out, "app", name_of(w, NAMED_APP, e->app));
    api_out_opt(&w->out, "endpoint", name_of(w, NAMED_ENDPOINT, e->object));
    api_out_str(&w->out, "eventType", stream_text_type_of(e));
    api_out_str(&w->out, "state", str_from(store_state_text((enum store_state)e->state)));
    api_out_int(&w->out, "status", e->status);
    api_out_int(&w->out, "number", e->number);
    write_ms(w, e->took_us);
}

static void write_request(struct writing *w, const struct stats_event *e)
{
    api_out_id(&w->out, "id", STR("req_"), &e->id);
    api_out_opt(&w->out, "source", name_of(w, NAMED_SOURCE, e->object));
    api_out_str(&w->out, "outcome",
                str_from(store_request_outcome_text((enum store_request_outcome)e->state)));
    api_out_int(&w->out, "status", e->status);
    api_out_str(&w->out, "eventType", stream_text_type_of(e));
}

static void write_run(struct writing *w, const struct stats_event *e)
{
    api_out_id(&w->out, "id", STR("frun_"), &e->id);
    api_out_opt(&w->out, "app", name_of(w, NAMED_APP, e->app));
    api_out_str(&w->out, "event", stream_text_type_of(e));
    api_out_bool(&w->out, "halted", e->state != 0);
    api_out_int(&w->out, "filters", e->number);
    write_ms(w, e->took_us);
}

/* As it is by now. */
static void write_task(struct writing *w, const struct stats_event *e)
{
    struct store_task t = {
        .id = STR_NONE, .kind = STR_NONE, .status = STR_NONE, .data = STR_NONE
    };
    enum rc rc = w->tx != NULL ? RC_OK : store_read(w->api->o.store, &w->tx);
    if (rc == RC_OK)
        rc = store_task_by_num(w->tx, e->object, &w->arena, &t);
    (void)rc; /* what cannot be read is null */
    api_out_opt(&w->out, "id", t.id);
    api_out_opt(&w->out, "task", t.kind);
    api_out_opt(&w->out, "status", t.status);
    api_out_raw(&w->out, "data", t.data);
}

static void write_event(struct writing *w, const struct stats_event *e)
{
    static const struct {
        const char *name;
        void (*write)(struct writing *w, const struct stats_event *e);
    } kinds[STATS_EVENT_KINDS] = {
        [STATS_EVENT_MESSAGE] = { "message", write_message },
        [STATS_EVENT_ATTEMPT] = { "attempt", write_attempt },
        [STATS_EVENT_REQUEST] = { "request", write_request },
        [STATS_EVENT_RUN] = { "run", write_run },
        [STATS_EVENT_TASK] = { "task", write_task },
    };
    char id[API_STREAM_ID_TEXT];
    const struct stats_place at = { .run = w->at->run,
                                    .audience = w->at->audience,
                                    .event = e->place };
    size_t before = w->out.b->len;
    enum rc rc = buf_add_str(w->out.b, arena_fmt(&w->arena,
                                                 "event: %s\nid: %.*s\ndata: ", kinds[e->kind].name,
                                                 STR_ARGS(api_stream_id(at, e->at_us, id))));
    api_out_begin(&w->out, '{');
    kinds[e->kind].write(w, e);
    api_out_date(&w->out, "at", e->at_us);
    api_out_end(&w->out, '}');
    if (rc == RC_OK && w->out.rc == RC_OK)
        rc = buf_add_str(w->out.b, STR("\n\n"));
    if (rc != RC_OK || w->out.rc != RC_OK)
        buf_cut(w->out.b, before); /* no room: what is cut is not shown */
    w->out.rc = RC_OK;
    w->out.comma = false;
}

void api_stream_text(struct api *api, struct api_stream_names *names, const struct stats_place *at,
                     const struct stats_event *events, size_t count, struct buf *out, size_t *ends)
{
    struct writing w = { .api = api, .names = names, .at = at, .out = { .b = out } };
    arena_init(&w.arena);
    for (size_t i = 0; i < count; i++) {
        write_event(&w, &events[i]);
        ends[i] = out->len;
    }
    if (w.tx != NULL)
        store_end(w.tx);
    arena_fini(&w.arena);
}

void api_stream_gap_text(const struct stats_resumed *r, int64_t from_us, int64_t now_us,
                         struct buf *out)
{
    static const char *const reasons[] = { [STATS_HOLE_NONE] = "",
                                           [STATS_HOLE_TOO_MANY] = "too_many",
                                           [STATS_HOLE_FORGOTTEN] = "forgotten",
                                           [STATS_HOLE_RESTART] = "restart" };
    char id[API_STREAM_ID_TEXT];
    struct api_out o = { .b = out };
    buf_say(out, "event: gap\nid: %.*s\ndata: ", STR_ARGS(api_stream_id(r->at, now_us, id)));
    api_out_begin(&o, '{');
    api_out_str(&o, "reason", str_from(reasons[r->hole]));
    if (r->hole == STATS_HOLE_TOO_MANY)
        api_out_int(&o, "missed", (int64_t)r->missed);
    else
        api_out_null(&o, "missed"); /* nobody counted */
    api_out_date(&o, "from", from_us);
    api_out_date(&o, "to", now_us);
    api_out_end(&o, '}');
    buf_say(out, "\n\n");
}
