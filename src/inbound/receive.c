/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a request from a source's URL to its answer. It starts on the loop and stays there when
 * everything is at hand; what blocks or takes long (a view to be read, pairs of keys, certificates,
 * transforms, a secret to be learned) is done on a worker, and then the same steps go on, on the loop.
 */
#include "inbound/cache_priv.h"
#include "inbound/record_priv.h"
#include "inbound/route_priv.h"

#include "http/encoding.h"
#include "inbound/learn_priv.h"
#include "sign/sign.h"
#include "store/cell.h"
#include "store/held.h"

struct receiving {
    struct inbound *in;
    struct http_request *req;
    struct inbound_view *view; /* with a reference, for as long as the request */
    uint8_t hash[32];
    bool has_hash; /* the URL's last part may be a token */
    struct inbound_request request;
    bool is_confirmed; /* AWS SNS's subscription */
    struct inbound_plan plan;
    struct core_publish *publish; /* built, and not yet submitted */
    struct store_request row;
    struct store_record record;
    void (*found)(struct receiving *r); /* goes on once the view is there */
    void (*on_worker)(struct receiving *r);
    void (*on_loop)(struct receiving *r);
    enum rc rc; /* of on_worker */
    struct work_job job;
    struct loop_task task;
};

/* --- changing threads ------------------------------------------------------------------------------- */

static void run_on_loop(void *arg)
{
    struct receiving *r = arg;
    r->on_loop(r);
}

static void run_on_worker(void *arg)
{
    struct receiving *r = arg;
    r->on_worker(r);
    r->task = (struct loop_task){ .fn = run_on_loop, .arg = r };
    loop_post(r->req->call->loop, &r->task);
}

/* --- answers ----------------------------------------------------------------------------------------- */

static void refuse_for_now(struct receiving *r, enum rc rc)
{
    static const struct http_header later = { { "retry-after", 11 }, { "5", 1 } };
    r->req->refusal = (int)core_refusal_of(rc);
    http_error(r->req, rc == RC_LIMIT ? 507 : 503, "busy", "Not now. Try again.");
    r->req->reply.headers = &later;
    r->req->reply.header_count = 1;
    http_answer(r->req);
}

static void set_reply(struct receiving *r, const struct inbound_reply *own)
{
    const struct grapnel_reply *from = &r->request.verdict.reply;
    struct http_reply *reply = &r->req->reply;
    struct http_header *headers =
        arena_array(r->req->arena, from->header_count + 1, sizeof(*headers));
    for (size_t i = 0; i < from->header_count; i++)
        headers[i] = (struct http_header){ verify_str(from->headers[i].name),
                                           verify_str(from->headers[i].value) };
    reply->status = own != NULL && own->status != 0 ? own->status : (int)from->status;
    reply->content_type = verify_str(from->content_type);
    reply->body = verify_str(from->body);
    reply->headers = headers;
    reply->header_count = from->header_count;
    if (own != NULL && own->body.ptr != NULL)
        reply->body = own->body;
    if (own != NULL && own->content_type.ptr != NULL)
        reply->content_type = own->content_type;
}

static void work_or_refuse(struct receiving *r, void (*on_worker)(struct receiving *r),
                           void (*on_loop)(struct receiving *r))
{
    r->on_worker = on_worker;
    r->on_loop = on_loop;
    r->job = (struct work_job){ .fn = run_on_worker, .arg = r };
    uint64_t owner = r->view != NULL ? (uint64_t)r->view->org : http_call_stranger(r->req->call);
    if (work_submit_for(r->in->o.pool, owner, &r->job) != RC_OK)
        refuse_for_now(r, RC_BUSY);
}

/* --- what is not accepted ---------------------------------------------------------------------------- */

static void receive_recorded(struct store_job *job)
{
    struct receiving *r = CONTAINER_OF(job, struct receiving, record.job);
    if (job->rc != RC_OK)
        metrics_add(METRIC_INBOUND_UNRECORDED, 1);
    http_answer(r->req);
}

/* The reply stands; the row comes first, so that whoever was answered is also seen. */
static void receive_record(struct receiving *r, enum store_request_outcome outcome,
                           struct str reason)
{
    int64_t now_us = clock_wall_us(store_clock(r->in->o.store));
    metrics_add(
        outcome == STORE_REQUEST_REJECTED ? METRIC_INBOUND_REJECTED : METRIC_INBOUND_IGNORED, 1);
    if (inbound_view_is_pending(r->view, now_us) || /* anybody may be asking: nothing is kept */
        r->request.verdict.learned.len > 0) {       /* and a secret never in clear */
        http_answer(r->req);
        return;
    }
    inbound_describe(r->view, &r->request, r->req->call->peer, STR_NONE, r->req->arena, &r->row);
    r->row.id = id_new(store_ids(r->in->o.store));
    r->row.outcome = outcome;
    r->row.reason = reason;
    r->row.status = r->req->reply.status;
    r->record.request = &r->row;
    r->record.job.loop = r->req->call->loop;
    r->record.job.done = receive_recorded;
    if (store_submit_record(r->in->o.store, &r->record) == RC_OK)
        return;
    metrics_add(METRIC_INBOUND_UNRECORDED, 1);
    http_answer(r->req);
}

/* The answer may be the source's own, and then says nothing. */
static enum core_refusal refusal_of(enum grapnel_status status)
{
    switch ((int)status) { /* the others are all of one kind */
    case GRAPNEL_VERIFIED: /* and then its events could not be read */
    case GRAPNEL_MALFORMED_BODY:
    case GRAPNEL_UNSUPPORTED:
    case GRAPNEL_METHOD_NOT_ALLOWED: return CORE_REFUSAL_INVALID;
    case GRAPNEL_BODY_TOO_LARGE:
    case GRAPNEL_TOO_LARGE: return CORE_REFUSAL_TOO_LARGE;
    case GRAPNEL_KEY_FETCH_FAILED:
    case GRAPNEL_INTERNAL: return CORE_REFUSAL_FAILED;
    default: return CORE_REFUSAL_UNAUTHORIZED;
    }
}

static void receive_reject(struct receiving *r)
{
    r->req->refusal = (int)refusal_of(r->request.verdict.status);
    set_reply(r, &r->view->settings.reject);
    if (r->request.verdict.reply.status >= 500) /* ours to mend: a fixed answer would hide that */
        r->req->reply.status = (int)r->request.verdict.reply.status;
    receive_record(r, STORE_REQUEST_REJECTED,
                   str_from(grapnel_status_name(r->request.verdict.status)));
}

/* --- handshakes -------------------------------------------------------------------------------------- */

static void receive_learn(struct receiving *r)
{
    const struct grapnel_verdict *verdict = &r->request.verdict;
    r->rc = inbound_learn(r->in, r->view->num, verify_str(verdict->learned),
                          verdict->learned_is_tentative);
}

static void receive_learned(struct receiving *r)
{
    if (r->rc == RC_CONFLICT) { /* another handshake was first */
        r->req->reply = (struct http_reply){ .status = 401 };
        receive_record(r, STORE_REQUEST_REJECTED, STR("challenge_refused"));
    } else if (r->rc != RC_OK) {
        refuse_for_now(r, r->rc);
    } else {
        set_reply(r, NULL);
        receive_record(r, STORE_REQUEST_IGNORED, STR("handshake"));
    }
}

static void shake_hands(struct receiving *r)
{
    if (r->request.verdict.learned.len > 0) {
        work_or_refuse(r, receive_learn, receive_learned);
        return;
    }
    set_reply(r, NULL);
    receive_record(r, STORE_REQUEST_IGNORED, STR("handshake"));
}

/* --- accepting --------------------------------------------------------------------------------------- */

static void receive_published(struct core_publish *p)
{
    struct receiving *r = p->arg;
    if (p->store.job.rc != RC_OK) {
        refuse_for_now(r, p->store.job.rc);
        return;
    }
    metrics_add(core_publish_new_count(p) > 0 ? METRIC_INBOUND_ACCEPTED : METRIC_INBOUND_DUPLICATES,
                1);
    http_answer(r->req);
}

static struct str content_type(const struct receiving *r)
{
    struct str given = http_call_header(r->req->call, "content-type");
    if (given.len > 0)
        return given;
    bool is_json = json_validate(r->req->call->body, NULL) == RC_OK;
    return is_json ? STR("application/json") : STR("application/octet-stream");
}

static void fill_row(struct receiving *r)
{
    inbound_describe(r->view, &r->request, r->req->call->peer, r->plan.forwarded, r->req->arena,
                     &r->row);
    inbound_describe_events(&r->plan, &r->row);
    r->row.outcome = r->view->paused ? STORE_REQUEST_IGNORED : STORE_REQUEST_ACCEPTED;
    r->row.reason = r->view->paused ? STR("paused") : STR_NONE;
    r->row.status = r->req->reply.status;
}

/* Where the plan was made: on the loop, or on a worker. */
static void receive_build(struct receiving *r)
{
    struct store_message m = { .content_type = content_type(r), .headers = r->plan.forwarded };
    store_stamp(r->in->o.store, &m, r->in->o.retention_us);
    set_reply(r, &r->view->settings.accept);
    fill_row(r);
    r->publish = inbound_publish(r->in, r->view, &r->plan, &m);
    r->publish->store.request = &r->row;
    r->publish->done = receive_published;
    r->publish->arg = r;
}

static void receive_submit(struct receiving *r)
{
    enum rc rc = core_publish_submit(r->publish, r->req->call->loop);
    if (rc == RC_OK)
        return;
    core_publish_free(r->publish);
    refuse_for_now(r, rc);
}

static void plan_on_worker(struct receiving *r)
{
    struct inbound_plan *plan = &r->plan;
    plan->is_worker = true;
    r->rc = plan->events == NULL
                ? inbound_events(r->in, r->view, &r->request, r->req->arena, &plan->events,
                                 &plan->event_count, &plan->is_split, &plan->total)
                : RC_OK;
    if (r->rc != RC_OK || plan->event_count == 0)
        return;
    r->rc = inbound_plan(r->in, r->view, &r->request, plan);
    if (r->rc == RC_OK)
        receive_build(r);
}

static void too_many(struct receiving *r)
{
    r->req->reply = (struct http_reply){ .status = 413 };
    receive_record(r, STORE_REQUEST_REJECTED, STR("too_many_messages"));
}

static void receive_planned(struct receiving *r)
{
    if (r->rc == RC_OK && r->plan.event_count == 0) { /* an empty list: a sign of life */
        set_reply(r, &r->view->settings.accept);
        receive_record(r, STORE_REQUEST_IGNORED, STR("no_events"));
    } else if (r->rc == RC_OK) {
        receive_submit(r);
    } else if (r->rc == RC_INVALID) {
        r->request.verdict.reply = (struct grapnel_reply){ .status = 400 };
        receive_reject(r);
    } else if (r->rc == RC_LIMIT) {
        too_many(r);
    } else {
        refuse_for_now(r, r->rc);
    }
}

static void route_event(struct receiving *r)
{
    struct inbound_plan *plan = &r->plan;
    enum rc rc = inbound_events(r->in, r->view, &r->request, r->req->arena, &plan->events,
                                &plan->event_count, &plan->is_split, &plan->total);
    MUST(rc == RC_OK); /* one event: nothing to part */
    rc = inbound_plan(r->in, r->view, &r->request, plan);
    if (rc == RC_OK) {
        receive_build(r);
        receive_submit(r);
    } else {
        work_or_refuse(r, plan_on_worker, receive_planned);
    }
}

static void receive_confirm(struct receiving *r)
{
    r->is_confirmed = verify_remote_confirm(r->in->remote, r->req->arena, r->req->call->body);
}

static void receive_confirmed(struct receiving *r)
{
    set_reply(r, NULL);
    if (!r->is_confirmed)
        r->req->reply.status = 503; /* it will be asked again */
    receive_record(r, STORE_REQUEST_IGNORED,
                   r->is_confirmed ? STR("subscription_confirmed")
                                   : STR("subscription_not_confirmed"));
}

static void receive_accept(struct receiving *r)
{
    const struct grapnel_verdict *verdict = &r->request.verdict;
    if (r->view->scheme->is_sns &&
        str_eq(verify_str(verdict->type), STR("SubscriptionConfirmation"))) {
        work_or_refuse(r, receive_confirm, receive_confirmed);
        return;
    }
    r->plan.arena = r->req->arena;
    r->plan.forwarded = inbound_forwarded(r->view, &r->request, r->req->arena);
    if (inbound_parts_events(r->view))
        work_or_refuse(r, plan_on_worker, receive_planned);
    else
        route_event(r);
}

/* The first event that verifies with what a handshake brought. */
static void keep_secret(struct receiving *r)
{
    const struct inbound_secrets *secrets = &r->view->secrets;
    r->rc = inbound_settle_secret(r->in, r->view->num, secrets->list[0].text);
}

static void receive_kept(struct receiving *r)
{
    if (r->rc == RC_OK || r->rc == RC_CONFLICT) /* somebody else was first */
        receive_accept(r);
    else
        refuse_for_now(r, r->rc);
}

/* --- the way in -------------------------------------------------------------------------------------- */

static void fill_request(struct receiving *r)
{
    const struct http_head *head = r->req->call->head;
    const struct inbound_trial as_sent = { .method = head->method_text,
                                           .query = head->query,
                                           .body = r->req->call->body,
                                           .headers = head->headers,
                                           .header_count = head->header_count,
                                           .at_us = clock_wall_us(r->in->o.clock) };
    r->request.token = r->req->params[0];
    inbound_request_fill(r->in, r->view, r->req->arena, &as_sent, &r->request);
}

static void receive_judge(struct receiving *r)
{
    fill_request(r);
    inbound_judge(r->in, r->view, &r->request, NULL, 0);
}

static void receive_settle(struct receiving *r)
{
    enum grapnel_status status = r->request.verdict.status;
    if (status == GRAPNEL_HANDSHAKE)
        shake_hands(r);
    else if (status == GRAPNEL_VERIFIED && r->view->secrets.is_tentative)
        work_or_refuse(r, keep_secret, receive_kept);
    else if (status == GRAPNEL_VERIFIED || status == GRAPNEL_UNSIGNED)
        receive_accept(r);
    else
        receive_reject(r);
}

/* --- packed bodies ----------------------------------------------------------------------------------- */

static bool is_good(const struct receiving *r)
{
    enum grapnel_status status = r->request.verdict.status;
    return status == GRAPNEL_VERIFIED || status == GRAPNEL_UNSIGNED || status == GRAPNEL_HANDSHAKE;
}

/* Most providers sign what they pack, some what they send: the bytes as sent are tried second. What is not gzip after
 * all is taken as it came. */
static void judge_packed(struct receiving *r)
{
    struct http_call *call = r->req->call;
    enum rc rc = http_body_unpack(call);
    r->rc = rc == RC_LIMIT ? RC_LIMIT : RC_OK;
    if (rc == RC_LIMIT)
        return;
    receive_judge(r);
    if (rc != RC_OK || is_good(r))
        return;
    struct grapnel_verdict first = r->request.verdict;
    r->request.engine.body = verify_bytes(call->packed);
    inbound_judge(r->in, r->view, &r->request, NULL, 0);
    r->request.engine.body = verify_bytes(call->body); /* what goes on is plain in any case */
    if (!is_good(r))
        r->request.verdict = first;
}

static void settle_packed(struct receiving *r)
{
    if (r->rc == RC_OK) {
        receive_settle(r);
        return;
    }
    const char *words = "";
    int status = http_packed_status(r->req->call, r->rc, &words);
    http_error(r->req, status, "payload_too_large", "%s", words);
    fill_request(r);
    receive_record(r, STORE_REQUEST_REJECTED, STR("body_too_large"));
}

static void release_view(void *view)
{
    inbound_view_unref(view);
}

/* What another cell may know. */
static const struct store_sought *receive_sought(const struct receiving *r)
{
    struct store_sought *s = ARENA_NEW(r->req->arena, struct store_sought);
    *s = (struct store_sought){ .kind = STORE_SOUGHT_SOURCE };
    memcpy(s->hash, r->hash, sizeof s->hash);
    return s;
}

static void not_here(struct receiving *r)
{
    http_error(r->req, 404, "not_found", "There is no source at this URL.");
    if (r->has_hash)
        r->req->sought = receive_sought(r);
    http_answer(r->req);
}

/* The provider sends it again. */
static void receive_held(struct receiving *r)
{
    r->req->refusal = (int)core_refusal_of(RC_BUSY);
    http_error(r->req, 503, STORE_HELD_CODE, "%s", STORE_HELD_WORDS);
    http_add_header(r->req, STR("Retry-After"), STR(STORE_HELD_RETRY));
    http_answer(r->req);
}

/* Owns the view from here on. */
static void receive_begin(struct receiving *r)
{
    int64_t now_us = clock_wall_us(store_clock(r->in->o.store));
    arena_defer(r->req->arena, release_view, r->view);
    if (store_org_is_held(r->in->o.store, r->view->org)) {
        receive_held(r);
    } else if (!inbound_view_has(r->view, r->hash, now_us)) {
        inbound_cache_drop(r->in->cache, r->hash);
        not_here(r);
    } else if (http_body_is_packed(r->req->call)) {
        work_or_refuse(r, judge_packed, settle_packed);
    } else if (inbound_is_slow(r->view)) {
        work_or_refuse(r, receive_judge, receive_settle);
    } else {
        receive_judge(r);
        receive_settle(r);
    }
}

static void receive_load(struct receiving *r)
{
    uint64_t noted = inbound_cache_note(r->in->cache);
    r->rc = inbound_view_load(r->in, r->hash, 0, &r->view);
    if (r->rc == RC_OK &&
        inbound_view_has(r->view, r->hash, clock_wall_us(store_clock(r->in->o.store))))
        inbound_cache_put(r->in->cache, noted, r->hash, r->view);
}

static void receive_loaded(struct receiving *r)
{
    if (r->rc == RC_OK)
        r->found(r);
    else if (r->rc == RC_NOT_FOUND)
        not_here(r);
    else
        refuse_for_now(r, RC_BUSY);
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-' && c != '_')
            return false;
    }
    return s.len > 0 && s.len <= 256;
}

/* Goes on with `found`, which owns the view, now or once it was read. */
static void find_source(struct inbound *in, struct http_request *req,
                        void (*found)(struct receiving *r))
{
    struct receiving *r = ARENA_NEW(req->arena, struct receiving);
    r->in = in;
    r->req = req;
    r->found = found;
    if (!is_token(req->params[0])) {
        not_here(r);
        return;
    }
    sign_sha256(req->params[0], r->hash);
    r->has_hash = true;
    r->view = inbound_cache_find(in->cache, r->hash);
    if (r->view != NULL)
        found(r);
    else if (!http_has_elsewhere(req) || !http_is_elsewhere(req, receive_sought(r)))
        work_or_refuse(r, receive_load, receive_loaded);
}

/* --- by the head, before a body is read ---------------------------------------------------------------- */

/* The source's own limit; else what its provider may send, and no less than the server takes anywhere. */
static size_t body_max(const struct receiving *r)
{
    size_t provider = grapnel_scheme_body_max(r->view->scheme->engine);
    size_t server = r->req->call->body_max;
    if (r->view->settings.body_max != 0)
        return r->view->settings.body_max;
    return provider > server ? provider : server;
}

static void receive_admit(struct receiving *r)
{
    bool is_here = inbound_view_has(r->view, r->hash, clock_wall_us(store_clock(r->in->o.store)));
    bool is_held = store_org_is_held(r->in->o.store, r->view->org);
    struct http_admission admission = { .body_max = body_max(r), .owner = (uint64_t)r->view->org };
    inbound_view_unref(r->view);
    if (is_held)
        receive_held(r);
    else if (is_here)
        http_admit(r->req, &admission);
    else
        not_here(r);
}

void inbound_admit(struct inbound *in, struct http_request *req)
{
    find_source(in, req, receive_admit);
}

/* --- the handler --------------------------------------------------------------------------------------- */

void inbound_receive(struct inbound *in, struct http_request *req)
{
    find_source(in, req, receive_begin);
}
