/* SPDX-License-Identifier: Apache-2.0
 *
 * What people ask for: why a request was judged as it was, and to send a stored one again. The same
 * steps as receiving, on a worker from beginning to end.
 */
#include "inbound/record_priv.h"
#include "inbound/route_priv.h"

enum { WORDS_MAX = 16384, HEADERS_MAX = 100 };

/* --- explaining -------------------------------------------------------------------------------------- */

static void explain_own(struct inbound *in, const struct inbound_view *v,
                        const struct inbound_explanation *e, struct inbound_target *target)
{
    struct core_app *app = NULL;
    target->takes = !v->paused;
    target->reason = v->paused ? STR("paused") : STR_NONE;
    if (core_directory_load(in->o.directory, v->app, &app) == RC_OK)
        target->endpoint_count = core_match_bound(app, e->event_type, NULL, 0);
    core_app_unref(app);
}

/* Takes it if it takes any of the events. */
static bool takes_any(const struct inbound_route *route, const struct inbound_plan *plan,
                      struct filter_input *input, struct str *reason)
{
    bool takes = false;
    for (size_t i = 0; i < plan->event_count && !takes; i++) {
        input->body = plan->events[i].body;
        input->event_type = plan->events[i].type;
        takes = inbound_route_takes(route, input, reason);
    }
    return takes;
}

static void explain_route(struct inbound *in, const struct inbound_view *v,
                          const struct inbound_route *route, const struct inbound_plan *plan,
                          struct filter_input *input, struct inbound_explanation *e)
{
    struct str reason = STR("no_events");
    bool takes = takes_any(route, plan, input, &reason);
    for (size_t i = 0; i < route->app_count; i++) {
        struct inbound_target *target = &e->targets[e->target_count++];
        struct core_app *app = NULL;
        *target =
            (struct inbound_target){ .app = route->apps[i], .takes = takes, .reason = reason };
        if (v->paused && takes) {
            target->takes = false;
            target->reason = STR("paused");
        }
        if (core_directory_load_named(in->o.directory, v->org, route->apps[i], &app) == RC_OK) {
            target->endpoint_count = core_match_bound(app, e->event_type, NULL, 0);
        } else if (takes) {
            target->takes = false;
            target->reason = STR("application_gone");
        }
        core_app_unref(app);
    }
}

static void explain_targets(struct inbound *in, const struct inbound_view *v,
                            struct inbound_request *r, struct arena *a,
                            struct inbound_explanation *e)
{
    struct inbound_plan plan = { .arena = a };
    struct filter_input input = inbound_filter_input(r, a);
    size_t room = 1;
    for (size_t i = 0; i < v->settings.route_count; i++)
        room += v->settings.routes[i].app_count;
    e->targets = arena_array(a, room, sizeof(*e->targets));
    if (inbound_events(in, v, r, a, &plan.events, &plan.event_count, &plan.is_split, &plan.total) !=
        RC_OK)
        return;
    e->event_count = plan.is_split ? plan.total : 1;
    if (plan.event_count > 0)
        e->event_type = plan.events[0].type;
    explain_own(in, v, e, &e->targets[e->target_count++]);
    for (size_t i = 0; i < v->settings.route_count; i++)
        explain_route(in, v, &v->settings.routes[i], &plan, &input, e);
}

static bool is_accepted(const struct grapnel_verdict *verdict)
{
    return verdict->status == GRAPNEL_VERIFIED || verdict->status == GRAPNEL_UNSIGNED;
}

/* Some providers sign the URL, and what is described does not say at which of the source's it came. */
static void judge_at_any_url(struct inbound *in, const struct inbound_view *v,
                             const struct inbound_trial *trial, struct arena *a,
                             struct inbound_request *r, char *words, size_t cap)
{
    for (size_t i = v->token_count; i-- > 0;) { /* the current one last: its words stay */
        r->token = inbound_token_open(in, v->id, &v->tokens[i], a);
        inbound_request_fill(in, v, a, trial, r);
        inbound_judge(in, v, r, words, cap);
        if (is_accepted(&r->verdict))
            return;
    }
}

static void by_hand_release(void *view)
{
    inbound_view_unref(view);
}

/* The source's view, for as long as the arena lasts: texts of the answer are its. */
static enum rc by_hand_load(struct inbound *in, int64_t source, struct arena *a,
                            struct inbound_view **out)
{
    thread_must_be(THREAD_WORKER);
    enum rc rc = inbound_view_load(in, NULL, source, out);
    if (rc == RC_OK)
        arena_defer(a, by_hand_release, *out);
    return rc;
}

enum rc inbound_explain(struct inbound *in, int64_t source, const struct inbound_trial *trial,
                        struct arena *a, struct inbound_explanation *out)
{
    struct inbound_view *v = NULL;
    enum rc rc = by_hand_load(in, source, a, &v);
    if (rc != RC_OK)
        return rc;
    struct inbound_request *r = ARENA_NEW(a, struct inbound_request);
    char *words = arena_alloc(a, WORDS_MAX);
    judge_at_any_url(in, v, trial, a, r, words, WORDS_MAX);
    const struct grapnel_verdict *verdict = &r->verdict;
    *out = (struct inbound_explanation){ .status = grapnel_status_name(verdict->status),
                                         .accepted = is_accepted(verdict),
                                         .reply_status = (int)verdict->reply.status,
                                         .id = verify_str(verdict->id),
                                         .type = verify_str(verdict->type),
                                         .id_signed = verdict->id_signed,
                                         .type_signed = verdict->type_signed,
                                         .words = str_from(words) };
    const struct inbound_reply *own = out->accepted ? &v->settings.accept : &v->settings.reject;
    if (own->status != 0 && verdict->status != GRAPNEL_HANDSHAKE)
        out->reply_status = own->status;
    if (out->accepted)
        explain_targets(in, v, r, a, out);
    return RC_OK;
}

/* --- looking at a signature --------------------------------------------------------------------------- */

enum rc inbound_look(struct inbound *in, int64_t source, const struct inbound_trial *trial,
                     struct arena *a, struct inbound_looked *out)
{
    struct inbound_view *v = NULL;
    enum rc rc = by_hand_load(in, source, a, &v);
    if (rc != RC_OK)
        return rc;
    struct inbound_request *r = ARENA_NEW(a, struct inbound_request);
    struct inbound_config *config = ARENA_NEW(a, struct inbound_config);
    *out = (struct inbound_looked){ .scheme = v->scheme };
    for (size_t i = v->token_count;
         i-- > 0 && !out->look.matched;) { /* some providers sign the URL */
        r->token = inbound_token_open(in, v->id, &v->tokens[i], a);
        inbound_request_fill(in, v, a, trial, r);
        *config = (struct inbound_config){ .secrets = { { NULL, 0 } } };
        inbound_config_fill(in, v, r, config);
        verify_look(v->scheme, &config->engine, &r->engine, a, &out->look);
    }
    out->secret_count = config->engine.secret_count;
    if (out->look.matched)
        out->expires_us = config->expires_us[out->look.key_index];
    return RC_OK;
}

struct verify_remote *inbound_remote(const struct inbound *in)
{
    return in->remote;
}

/* --- replaying --------------------------------------------------------------------------------------- */

static size_t by_hand_read_headers(struct str json, struct arena *a, struct http_header *out)
{
    json_t *list = NULL;
    size_t count = 0;
    if (json.ptr == NULL || json_parse(json, &list, NULL) != RC_OK)
        return 0;
    for (size_t i = 0; i < json_array_size(list) && count < HEADERS_MAX; i++) {
        const json_t *pair = json_array_get(list, i);
        const char *name = json_string_value(json_array_get(pair, 0));
        const char *value = json_string_value(json_array_get(pair, 1));
        if (name != NULL && value != NULL)
            out[count++] =
                (struct http_header){ arena_str(a, str_from(name)), arena_str(a, str_from(value)) };
    }
    json_decref(list);
    return count;
}

static struct str query_of(struct str url)
{
    size_t mark = str_find(url, '?');
    return str_sub(url, mark + 1, url.len);
}

static struct str content_type(const struct http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_ieq(headers[i].name, STR("content-type")))
            return headers[i].value;
    return STR("application/octet-stream");
}

static bool is_replayable(const struct store_request *request)
{
    bool is_kept = request->body.ptr != NULL && (int64_t)request->body.len == request->body_bytes;
    if (request->has_message && request->item_count > 0)
        return request->message_count > 0;
    return is_kept && (request->has_message || request->outcome == STORE_REQUEST_REJECTED);
}

static enum rc send_again(struct inbound *in, const struct inbound_view *v,
                          const struct inbound_request *r, const struct store_request *request,
                          struct inbound_plan *plan, struct id *out)
{
    struct store_message m = { .headers = inbound_forwarded(v, r, plan->arena) };
    plan->forwarded = m.headers;
    enum rc rc = inbound_plan(in, v, r, plan);
    if (rc != RC_OK)
        return rc;
    struct http_header *headers = arena_array(plan->arena, HEADERS_MAX, sizeof(*headers));
    m.content_type =
        content_type(headers, by_hand_read_headers(request->headers, plan->arena, headers));
    store_stamp(in->o.store, &m, in->o.retention_us);
    struct store_request row = *request;
    inbound_describe_events(plan, &row);
    row.at_us = m.created_us;
    row.outcome = STORE_REQUEST_ACCEPTED;
    row.reason = STR("replay");
    row.has_original = true;
    row.original = request->id;
    struct core_publish *p = inbound_publish(in, v, plan, &m);
    p->store.request = &row;
    rc = core_publish_wait(p);
    *out = row.id;
    return rc;
}

static struct inbound_event by_hand_again(struct inbound *in, struct str body, struct str type)
{
    return (
        struct inbound_event){ .id = id_new(store_ids(in->o.store)), .body = body, .type = type };
}

/* What it became. RC_INVALID: not all of it is kept any more. */
static enum rc stored_events(struct inbound *in, const struct store_request *request,
                             struct inbound_plan *plan)
{
    plan->is_split = request->item_count > 0;
    plan->event_count = plan->total = plan->is_split ? request->message_count : 1;
    plan->events = arena_array(plan->arena, plan->event_count, sizeof(*plan->events));
    if (!plan->is_split)
        plan->events[0] = by_hand_again(in, request->body, request->event_type);
    for (size_t i = 0; plan->is_split && i < plan->event_count; i++) {
        struct store_message_row row;
        enum rc rc =
            store_message_get(in->o.store, request->app, &request->messages[i], plan->arena, &row);
        if (rc != RC_OK || row.message.payload.ptr == NULL)
            return rc == RC_OK ? RC_INVALID : rc;
        plan->events[i] = by_hand_again(in, row.message.payload, row.message.event_type);
    }
    return RC_OK;
}

/* What was refused is judged anew. What was sent before is not looked for: sending again is the purpose. */
static enum rc judged_events(struct inbound *in, const struct inbound_view *v,
                             const struct inbound_trial *trial, struct inbound_request *r,
                             struct inbound_plan *plan)
{
    judge_at_any_url(in, v, trial, plan->arena, r, NULL, 0);
    if (!is_accepted(&r->verdict))
        return RC_DENIED;
    enum rc rc = inbound_events(in, v, r, plan->arena, &plan->events, &plan->event_count,
                                &plan->is_split, &plan->total);
    for (size_t i = 0; rc == RC_OK && i < plan->event_count; i++) {
        plan->events[i].event_id = STR_NONE;
        plan->events[i].has_key = false;
    }
    return rc == RC_OK && plan->event_count == 0 ? RC_INVALID : rc;
}

static enum rc replay_in(struct inbound *in, const struct inbound_view *v,
                         const struct store_request *request, struct arena *a, struct id *out)
{
    struct inbound_request *r = ARENA_NEW(a, struct inbound_request);
    struct inbound_plan plan = { .arena = a, .is_worker = true };
    struct http_header *headers = arena_array(a, HEADERS_MAX, sizeof(*headers));
    struct inbound_trial trial = { .method = request->method,
                                   .query = query_of(request->url),
                                   .body = request->body,
                                   .headers = headers,
                                   .header_count =
                                       by_hand_read_headers(request->headers, a, headers),
                                   .at_us = request->at_us };
    inbound_request_fill(in, v, a, &trial, r);
    enum rc rc = request->has_message ? stored_events(in, request, &plan)
                                      : judged_events(in, v, &trial, r, &plan);
    return rc == RC_OK ? send_again(in, v, r, request, &plan, out) : rc;
}

enum rc inbound_replay(struct inbound *in, const struct store_request *request, struct arena *a,
                       struct id *out)
{
    struct inbound_view *v = NULL;
    thread_must_be(THREAD_WORKER);
    if (!is_replayable(request))
        return RC_INVALID;
    enum rc rc = inbound_view_load(in, NULL, request->source, &v);
    if (rc != RC_OK)
        return rc;
    arena_defer(a, by_hand_release, v);
    return v->paused ? RC_CONFLICT : replay_in(in, v, request, a, out);
}
