/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /app/{app_id}/msg: the hot path. It runs on the loop and touches memory only: token cache,
 * directory, one pass over the body, one job for the store. What is not cached (a token, a view)
 * or has to
 * be made (an application) is fetched on a worker first; then the same code goes on, on the loop.
 */
#include "api/message_priv.h"
#include "api/schemas.h"

struct publish_call {
    struct http_request *req;
    struct api *api;
    struct core_identity *who;    /* released with the request */
    struct core_app *app;         /* a reference until the job is made */
    struct core_publish *publish; /* until it is submitted */
    struct api_message_in in;
    bool parsed;
    struct work_job job;
    struct loop_task task;
};

/* --- answers
 * --------------------------------------------------------------------------------------- */

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
    first.created_us = id_time_us(&first.id);
    answer_message(pc, &first);
}

static void published(struct core_publish *p)
{
    struct publish_call *pc = p->arg;
    if (p->store.job.rc != RC_OK) {
        api_refuse(pc->req, api_refusal_of(p->store.job.rc));
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

/* --- the way in
 * ------------------------------------------------------------------------------------ */

static void invalid(struct http_request *req, const struct api_fault *fault)
{
    http_invalid(req, fault->where, fault->type, "%s", fault->words);
}

/* False: the reply says why. Any thread. */
static bool parse(struct publish_call *pc)
{
    struct api_fault fault;
    if (pc->parsed)
        return true;
    int64_t now = clock_wall_us(pc->api->o.clock);
    if (api_message_parse(pc->req->call->body, "body", now, pc->req->arena, &pc->in, &fault) !=
        RC_OK) {
        invalid(pc->req, &fault);
        return false;
    }
    pc->parsed = true;
    return true;
}

void api_message_stamp(struct api *api, const struct core_app *app, struct store_message *m)
{
    m->id = id_new(store_ids(api->o.store));
    m->org = app->org;
    m->app = app->num;
    /* What the id holds is all a repeated request can be told, so it is all the first one is
     * told. */
    m->created_us = id_time_us(&m->id);
}

/* Who gets it is decided here; takes the view. */
static void make(struct publish_call *pc)
{
    struct store_message *m = &pc->in.message;
    api_message_stamp(pc->api, pc->app, m);
    struct core_publish *p =
        core_publish_new(pc->api->o.publisher, pc->app, m, pc->in.channels, pc->in.channel_count);
    core_app_unref(pc->app);
    pc->app = NULL;
    p->store.has_key =
        api_idempotency_key(pc->req->call, pc->who, p->store.key, p->store.body_hash);
    p->done = published;
    p->arg = pc;
    pc->publish = p;
}

static void submit(struct publish_call *pc)
{
    struct core_publish *p = pc->publish;
    enum rc rc = core_publish_submit(p, pc->req->call->loop);
    if (rc == RC_OK)
        return;
    core_publish_free(p);
    api_refuse(pc->req, api_refusal_of(rc));
    http_answer(pc->req);
}

/* --- the cold way
 * ---------------------------------------------------------------------------------- */

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
        bool fine =
            json_parse(application, &in, NULL) == RC_OK &&
            api_schema_check(&api_schema_ApplicationIn, in, "body.application", &fault) == RC_OK;
        if (!fine)
            invalid(c->req, &fault);
        fine = fine && uid_fits(c->req, api_json_str(json_object_get(in, "uid")), app);
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

static void resume(void *arg)
{
    struct publish_call *pc = arg;
    if (pc->publish == NULL)
        http_answer(pc->req);
    else
        submit(pc);
}

static void fetch_cold(void *arg)
{
    struct publish_call *pc = arg;
    struct api_ctx c;
    if (api_begin(pc->req, &c) && parse(pc)) {
        pc->who = c.who;
        if (api_message_app(&c, pc->in.application, &pc->app))
            make(pc);
    }
    pc->task = (struct loop_task){ .fn = resume, .arg = pc };
    loop_post(pc->req->call->loop, &pc->task);
}

static void go_cold(struct publish_call *pc)
{
    pc->job = (struct work_job){ .fn = fetch_cold, .arg = pc };
    if (work_submit(pc->api->o.pool, &pc->job) == RC_OK)
        return;
    api_refuse(pc->req, api_refusal_of(RC_BUSY));
    http_answer(pc->req);
}

static void go_on(struct publish_call *pc)
{
    if (!parse(pc)) {
        http_answer(pc->req);
        return;
    }
    if (pc->in.application.ptr == NULL)
        pc->app = core_directory_find(pc->api->o.directory, pc->who->org, pc->req->params[0]);
    bool is_hot = pc->app != NULL && !pc->app->has_filters;
    if (is_hot) {
        make(pc);
        submit(pc);
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
    if (rc == RC_OK)
        go_on(pc);
    else if (rc == RC_NOT_FOUND)
        go_cold(pc);
    else
        http_answer(req);
}

static const struct http_route routes[] = {
    { HTTP_POST, "/api/v1/app/{app_id}/msg", HTTP_INLINE, create_message, API_ORG | API_WRITE,
      "v1.message.create", "Send a message" },
};
API_ROUTES(message, routes);
