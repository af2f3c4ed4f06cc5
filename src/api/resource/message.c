/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /app/{app_id}/msg: the hot path. It runs on the loop and touches memory only: token cache,
 * directory, one pass over the body, one job for the store. What is not cached (a token, a view)
 * or has to
 * be made (an application) is fetched on a worker first; then the same code goes on, on the loop.
 */
#include "api/kit/mistakes.h"
#include "api/resource/message_priv.h"

#include "api/resource/application_priv.h"
#include "api/resource/message_read_priv.h"
#include "api/schemas/schemas.h"
#include "core/event_types.h"

struct publish_call {
    struct http_request *req;
    struct api *api;
    struct access_identity *who;  /* released with the request */
    struct core_app *app;         /* a reference until the job is made */
    struct core_publish *publish; /* until it is submitted */
    struct api_message_in in;
    bool parsed;
    struct work_job job;
    struct loop_task task;
};

/* --- answers ---------------------------------------------------------------------------------- */

void api_message_write_members(struct api_out *o, const struct store_message *m, bool with_content)
{
    api_out_id(o, "id", STR("msg_"), &m->id);
    api_out_str(o, "eventType", m->event_type);
    api_out_opt(o, "eventId", m->event_id);
    api_out_raw(o, "channels", m->channels);
    api_out_raw(o, "tags", m->tags);
    api_out_opt_date(o, "deliverAt", m->deliver_at_us);
    api_out_date(o, "timestamp", m->created_us);
    if (!with_content)
        api_out_raw(o, "payload", STR("{}"));
    else if (m->payload.ptr == NULL)
        api_out_raw(o, "payload", STR("{\"expired\":true}"));
    else
        api_message_write_payload(o, m);
}

static void answer_message(struct publish_call *pc, const struct store_message *m)
{
    struct api_ctx c = { .req = pc->req, .arena = pc->req->arena, .api = pc->api };
    struct buf b;
    buf_init(&b, API_REPLY_MAX);
    struct api_out o = { .b = &b };
    api_out_begin(&o, '{');
    api_message_write_members(&o, m, api_query_bool(&c, "with_content", true));
    api_out_end(&o, '}');
    api_reply(&c, 202, &o);
    http_answer(pc->req);
    buf_fini(&b);
}

/* The first answer again: the body is the same, so only what was drawn by chance comes from the
 * record. */
static void answer_again(struct publish_call *pc, const struct core_publish *p)
{
    struct store_message first = *p->store.message;
    first.id = p->store.first;
    first.created_us = p->store.first_created_us;
    api_mark_replayed(pc->req);
    answer_message(pc, &first);
}

static void message_published(struct core_publish *p)
{
    struct publish_call *pc = p->arg;
    if (p->store.job.rc != RC_OK) {
        api_refuse(pc->req, api_refusal_of(pc->api, p->store.job.rc));
        http_answer(pc->req);
        return;
    }
    switch (p->store.result) {
    case STORE_CREATED: answer_message(pc, p->store.message); return;
    case STORE_REPLAYED: answer_again(pc, p); return;
    case STORE_KEY_REUSED: api_refuse(pc->req, api_key_reused); break;
    case STORE_EVENT_ID_TAKEN: api_refuse(pc->req, api_event_id_taken); break;
    }
    http_answer(pc->req);
}

/* --- the way in ------------------------------------------------------------------------------- */

static void message_invalid(struct http_request *req, const struct api_fault *fault)
{
    http_invalid(req, fault->where, fault->type, "%s", fault->words);
}

/* False: the reply says why. Any thread. */
static bool message_parse(struct publish_call *pc)
{
    struct api_fault fault;
    if (pc->parsed)
        return true;
    int64_t now = clock_wall_us(pc->api->o.clock);
    if (api_message_parse(pc->req->call->body, "body", now, pc->req->arena, &pc->in, &fault) !=
        RC_OK) {
        message_invalid(pc->req, &fault);
        return false;
    }
    api_warn_of(pc->req, pc->in.unknown);
    pc->parsed = true;
    return true;
}

void api_message_stamp(struct api *api, const struct core_app *app, int64_t keep_us,
                       struct store_message *m)
{
    m->org = app->org;
    m->app = app->num;
    store_stamp(api->o.store, m, keep_us);
}

bool api_message_judge_type(struct api *api, struct http_request *req, int64_t org, struct str type)
{
    enum core_listing found = core_event_types_find(api->types, org, type);
    if (found == CORE_TYPE_UNLISTED)
        api_warn(req,
                 "the event type '%.*s' is not listed: if it is meant, list it with POST "
                 "/api/v1/event-type",
                 STR_ARGS(type));
    return found != CORE_TYPES_UNREAD;
}

/* A list that cannot be read costs a warning, not the message. */
void api_message_judge_type_here(struct api_ctx *c, struct str type)
{
    int64_t org = c->who->org;
    if (!api_message_judge_type(c->api, c->req, org, type) &&
        core_event_types_load(c->api->types, org) == RC_OK)
        (void)api_message_judge_type(c->api, c->req, org, type);
}

/* Who gets it is decided here; takes the view. */
static void message_make(struct publish_call *pc)
{
    struct store_message *m = &pc->in.message;
    api_message_stamp(pc->api, pc->app, pc->in.keep_us, m);
    struct core_publish *p =
        core_publish_new(pc->api->o.publisher, pc->app, m, pc->in.channels, pc->in.channel_count);
    core_app_unref(pc->app);
    pc->app = NULL;
    p->store.has_key =
        api_idempotency_key(pc->req->call, pc->who, p->store.key, p->store.body_hash);
    p->done = message_published;
    p->arg = pc;
    pc->publish = p;
}

static void message_submit(struct publish_call *pc)
{
    struct core_publish *p = pc->publish;
    enum rc rc = core_publish_submit(p, pc->req->call->loop);
    if (rc == RC_OK)
        return;
    core_publish_free(p);
    api_refuse(pc->req, api_refusal_of(pc->api, rc));
    http_answer(pc->req);
}

/* --- the cold way ----------------------------------------------------------------------------- */

/* The uid in the body must be there and be the path's, or that of the application the path
 * means. */
static bool uid_fits(struct http_request *req, struct str uid, const struct core_app *app)
{
    if (uid.ptr == NULL) {
        http_invalid(req, "body.application.uid", "application_uid_missing",
                     "The application's uid is required here.");
        return false;
    }
    if (!str_eq(uid, req->params[0]) && (app == NULL || !str_eq(uid, app->uid))) {
        http_invalid(req, "body.application.uid", "application_uid_mismatch",
                     "The application's uid must be the one in the path.");
        return false;
    }
    return true;
}

static bool names_fit(struct api_ctx *c, const json_t *in, struct api_fault *fault)
{
    struct buf *passed = api_buf(c, API_UNKNOWN_MAX);
    if (api_mistakes_of_body(&api_schema_ApplicationIn, &api_schema_ApplicationOut, in,
                             "body.application", fault, passed) != RC_OK)
        return false;
    api_warn_of(c->req, buf_str(passed));
    return true;
}

/* Finds the view, or makes the application the body brings along. False: answered. */
bool api_message_app(struct api_ctx *c, struct str application, struct core_app **out)
{
    struct core_directory *d = c->api->o.directory;
    struct core_app *app = NULL;
    enum rc rc = core_directory_load_named(d, c->who->org, c->req->params[0], &app);
    json_t *in = NULL;
    if (application.ptr != NULL && (rc == RC_OK || rc == RC_NOT_FOUND)) {
        struct api_fault fault = { .where = "body.application",
                                   .words = "Not JSON.",
                                   .type = "value_error" };
        bool fine = json_parse(application, &in, NULL) == RC_OK && names_fit(c, in, &fault);
        if (!fine)
            message_invalid(c->req, &fault);
        fine = fine && uid_fits(c->req, json_str_member(in, "uid"), app);
        struct store_application made;
        if (fine && rc == RC_NOT_FOUND) {
            fine = api_application_ensure(c, in, &made);
            rc = fine ? core_directory_load(d, made.num, &app) : rc;
        }
        json_decref(in);
        if (!fine) {
            core_app_unref(app);
            return false;
        }
    }
    if (rc != RC_OK)
        api_fail(c, rc);
    *out = app;
    return rc == RC_OK;
}

static void message_resume(void *arg)
{
    struct publish_call *pc = arg;
    if (pc->publish == NULL)
        http_answer(pc->req);
    else
        message_submit(pc);
}

static void fetch_cold(void *arg)
{
    struct publish_call *pc = arg;
    struct api_ctx c;
    if (api_begin(pc->req, &c) && message_parse(pc)) {
        pc->who = c.who;
        api_message_judge_type_here(&c, pc->in.message.event_type);
        if (api_message_app(&c, pc->in.application, &pc->app))
            message_make(pc);
    }
    pc->task = (struct loop_task){ .fn = message_resume, .arg = pc };
    loop_post(pc->req->call->loop, &pc->task);
}

static void go_cold(struct publish_call *pc)
{
    uint64_t owner;
    pc->job = (struct work_job){ .fn = fetch_cold, .arg = pc };
    if (!api_request_owner(pc->req, &owner) ||
        work_submit_for(pc->api->o.pool, owner, &pc->job) == RC_OK)
        return;
    api_refuse(pc->req, api_refusal_of(pc->api, RC_BUSY));
    http_answer(pc->req);
}

static void go_on(struct publish_call *pc)
{
    if (!message_parse(pc)) {
        http_answer(pc->req);
        return;
    }
    if (pc->in.application.ptr == NULL)
        pc->app = core_directory_find(pc->api->o.directory, pc->who->org, pc->req->params[0]);
    bool is_hot = pc->app != NULL && !pc->app->has_filters &&
                  api_message_judge_type(pc->api, pc->req, pc->who->org, pc->in.message.event_type);
    if (is_hot) {
        message_make(pc);
        message_submit(pc);
        return;
    }
    core_app_unref(pc->app); /* filters take time: on a worker, too */
    pc->app = NULL;
    go_cold(pc);
}

static void create_message(struct http_request *req)
{
    struct publish_call *pc = ARENA_NEW(req->arena, struct publish_call);
    pc->req = req;
    pc->api = req->ctx;
    enum rc rc = api_authorize_cached(req, &pc->who);
    if (rc == RC_OK && !api_mistakes_of_query(req))
        http_answer(req);
    else if (rc == RC_OK)
        go_on(pc);
    else if (rc == RC_NOT_FOUND)
        go_cold(pc);
    else
        http_answer(req);
}

static const struct api_route routes[] = {
    { .http = { HTTP_POST, "/api/v1/app/{app_id}/msg", HTTP_INLINE, create_message,
                API_ORG | API_WRITE | API_MESSAGES, "v1.message.create", "Send a message" },
      .in = &api_schema_MessageIn,
      .out = &api_schema_MessageOut,
      .status = 202,
      .query = "with_content" },
};
API_ROUTES(message, routes);
