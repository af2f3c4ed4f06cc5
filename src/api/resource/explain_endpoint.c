/* SPDX-License-Identifier: Apache-2.0
 *
 * The explanation of one endpoint: what its rules say of the message now, what was decided when the message came, and
 * what its delivery has been through and waits for. Each rule is asked by itself, so that all that speaks against a
 * delivery is shown and not only the first.
 */
#include "api/resource/explain_priv.h"

#include "api/resource/attempt_priv.h"
#include "api/resource/transform_priv.h"
#include "api/resource/waiting_priv.h"
#include "deliver/transform.h"

enum { ATTEMPTS_MAX = 50, RESPONSE_SHOWN = 500, REREADS_MAX = 3 };

/* What is known of the endpoint when it is written. */
struct finding {
    struct api_ctx *c;
    struct api_explain *q;
    const struct api_explained *e;
    const struct core_endpoint *now; /* of the view; NULL: it is deleted */
    struct api_rules_verdict rules;
    struct api_waiting waiting;
    struct deliver_transform *transform; /* NULL: not run */
};

/* --- why not, now ----------------------------------------------------------------------------------- */

static void add_disabled(struct finding *f)
{
    static const struct {
        const char *reason, *rule, *words;
    } known[] = {
        { "unverified", "unverified",
          "Its receiver has not passed the handshake that the endpoint asks for." },
        { "failing", "disabled",
          "It was disabled because all deliveries failed for as long as is allowed." },
        { "gone", "disabled",
          "It was disabled because its receiver answered that it wants nothing more." },
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_eq(f->e->ep.disabled_reason, str_from(known[i].reason))) {
            api_rules_add(&f->rules, known[i].rule, str_from(known[i].words));
            return;
        }
    api_rules_add(&f->rules, "disabled", STR("Somebody disabled it."));
}

static void ask_rules(struct finding *f)
{
    if (f->now == NULL) {
        api_rules_add(&f->rules, "endpoint_deleted", STR("The endpoint has been deleted."));
        return;
    }
    if (f->now->disabled)
        add_disabled(f);
    api_rules_ask(f->now, f->q->message, f->q->channels, f->c->arena, &f->rules);
}

/* --- the transform ------------------------------------------------------------------------------------ */

static void free_transform(void *t)
{
    deliver_transform_free(t);
}

static void run_transform(struct finding *f)
{
    struct api *api = f->c->api;
    struct api_explain *q = f->q;
    bool has_one = f->now != NULL && f->now->transform.ptr != NULL && f->rules.reason_count == 0;
    if (!has_one || api->o.transforms == NULL || q->message->payload.ptr == NULL ||
        q->transforms_left == 0 || clock_mono_us(api->o.clock) > q->transforms_until_us)
        return;
    struct transform_limits limits = api_transform_limits(f->c);
    q->transforms_left--;
    f->transform = deliver_transform_new(q->view, f->now, q->message);
    arena_defer(f->c->arena, free_transform, f->transform);
    deliver_transform_run(f->transform, api->o.transforms, &limits);
}

static struct str why_not_run(const struct finding *f)
{
    if (f->c->api->o.transforms == NULL)
        return STR("this server runs no transforms");
    if (f->q->message->payload.ptr == NULL)
        return STR("the message's payload is gone");
    return STR("not run: this answer has run enough of them; ask for this endpoint alone");
}

static void write_transform(const struct finding *f, struct api_out *o)
{
    const struct deliver_transform *t = f->transform;
    bool fine = t != NULL && t->rc == RC_OK;
    if (f->now == NULL || f->now->transform.ptr == NULL || f->rules.reason_count > 0) {
        api_out_null(o, "transform");
        return;
    }
    api_out_key(o, "transform");
    api_out_begin(o, '{');
    api_out_bool(o, "ran", t != NULL);
    api_out_bool(o, "canceled", fine && t->result.cancel);
    api_out_raw(o, "body", fine ? t->result.body : STR_NONE);
    api_out_key(o, "headers");
    api_out_begin(o, '{');
    for (size_t i = 0; fine && i < t->result.header_count; i++)
        api_out_str(o, arena_cstr(f->c->arena, t->result.headers[i].name),
                    t->result.headers[i].value);
    api_out_end(o, '}');
    api_out_opt(o, "error", t == NULL ? why_not_run(f) : fine ? STR_NONE : buf_str(&t->why));
    api_out_end(o, '}');
}

/* --- what would happen now ------------------------------------------------------------------------------ */

struct outcome {
    const char *name;
    struct str words;
    int64_t until_us;
};

static struct outcome outcome_held(const struct finding *f)
{
    const struct deliver_lane_info *lane = &f->waiting.lane;
    if (lane->parked)
        return (struct outcome){
            "wait",
            STR("The endpoint is parked: its last attempts failed. It is tried again then."),
            lane->parked_until_us
        };
    if (lane->held_until_us != 0)
        return (struct outcome){ "wait", STR("The receiver asked for a pause until then."),
                                 lane->held_until_us };
    if (lane->throttled_until_us != 0)
        return (struct outcome){ "wait", STR("A throttle lets nothing pass before then."),
                                 lane->throttled_until_us };
    if (f->waiting.has_head)
        return (struct outcome){
            "wait",
            arena_fmt(f->c->arena,
                      "The endpoint keeps order: it would be sent after those that wait, of which "
                      "%.*s is the first.",
                      STR_ARGS(api_id_text(f->c, "msg_", &f->waiting.head.message))),
            0
        };
    return (struct outcome){
        "send", arena_fmt(f->c->arena, "It would be sent to %.*s.", STR_ARGS(f->e->ep.url)), 0
    };
}

static struct outcome outcome_of(const struct finding *f)
{
    const struct core_endpoint *ep = f->now;
    const struct deliver_transform *t = f->transform;
    if (f->rules.reason_count > 0)
        return (struct outcome){ "nothing", f->rules.reasons[0].words, 0 };
    if (f->q->message->payload.ptr == NULL)
        return (struct outcome){ "cancel",
                                 STR("There is nothing to send: the message's payload is gone."),
                                 0 };
    if (ep->kind == NULL || ep->settings == NULL)
        return (struct outcome){ "fail", STR("The endpoint's settings cannot be read here."), 0 };
    if (ep->keyring == NULL)
        return (struct outcome){ "fail", STR("The endpoint's secret cannot be read."), 0 };
    if (t != NULL && t->rc != RC_OK)
        return (struct outcome){ "fail", STR("Its transform fails; nothing would be sent."), 0 };
    if (t != NULL && t->result.cancel)
        return (struct outcome){ "cancel", STR("Its transform gives no result for it."), 0 };
    if (f->q->message->deliver_at_us > f->c->now_us && !f->q->is_stored)
        return (struct outcome){ "wait", STR("The message is not to be delivered before then."),
                                 f->q->message->deliver_at_us };
    return outcome_held(f);
}

static void write_now(const struct finding *f, struct api_out *o)
{
    struct outcome outcome = outcome_of(f);
    api_out_key(o, "now");
    api_out_begin(o, '{');
    api_out_bool(o, "wanted", f->rules.reason_count == 0);
    api_rules_write(o, &f->rules, f->c->arena);
    write_transform(f, o);
    api_out_str(o, "outcome", str_from(outcome.name));
    api_out_str(o, "words", outcome.words);
    api_out_opt_date(o, "until", outcome.until_us);
    api_out_end(o, '}');
}

/* --- what was decided then ------------------------------------------------------------------------------ */

struct then {
    const char *rule; /* NULL: none */
    struct str words;
    bool is_exact;
};

static struct then then_unwanted(const struct finding *f)
{
    int64_t accepted_us = f->q->message->created_us;
    if (f->e->ep.created_us > accepted_us)
        return (struct then){ "created_later",
                              STR("The endpoint was created after the message was accepted."),
                              true };
    if (f->e->ep.updated_us > accepted_us)
        return (struct then){
            "changed_since",
            STR("It was not wanted. The endpoint has been changed since, and what it asked for then "
                "is not kept."),
            false
        };
    if (f->rules.reason_count > 0)
        return (struct then){ f->rules.reasons[0].rule, f->rules.reasons[0].words, true };
    return (struct then){
        "not_addressed",
        STR("The message was made for particular endpoints only, and this was none of them."), true
    };
}

/* The first attempt that is known, or the one to come, was asked for. */
static bool is_by_hand(const struct finding *f, const struct store_attempt_row *first)
{
    enum store_trigger trigger = first != NULL && first->number == 1 ? first->trigger
                                 : first == NULL                     ? f->e->row->trigger
                                                                     : STORE_SCHEDULED;
    return trigger == STORE_MANUAL;
}

static void write_then(const struct finding *f, struct api_out *o,
                       const struct store_attempt_row *first)
{
    struct then t = { NULL, STR("It was wanted: the endpoint has a delivery of the message."),
                      true };
    if (!f->q->is_stored) {
        api_out_null(o, "then");
        return;
    }
    if (f->e->row == NULL)
        t = then_unwanted(f);
    else if (is_by_hand(f, first))
        t = (struct then){ "by_hand", STR("Its first attempt was asked for by hand."), true };
    api_out_key(o, "then");
    api_out_begin(o, '{');
    api_out_bool(o, "wanted", f->e->row != NULL);
    api_out_opt(o, "rule", t.rule == NULL ? STR_NONE : str_from(t.rule));
    api_out_str(o, "words", t.words);
    api_out_bool(o, "exact", t.is_exact);
    api_out_end(o, '}');
}

/* --- the delivery ----------------------------------------------------------------------------------------- */

void api_attempt_short_write(struct api_out *o, const struct store_attempt_row *row)
{
    struct str response = str_cut_utf8(row->response, RESPONSE_SHOWN);
    bool has_text = response.len > 0 && str_is_utf8(response);
    api_out_begin(o, '{');
    api_out_id(o, "id", STR("atmpt_"), &row->id);
    api_out_int(o, "attemptNumber", row->number);
    api_out_date(o, "timestamp", row->started_us);
    api_out_bool(o, "success", row->success);
    api_out_int(o, "triggerType", (int64_t)row->trigger);
    api_out_str(o, "url", row->url);
    api_out_int(o, "responseStatusCode", row->http_status);
    api_out_int(o, "responseDurationMs", row->took_us / 1000);
    api_out_opt(o, "error", row->error.len == 0 ? STR_NONE : row->error);
    api_out_opt(o, "errorDetail", row->detail.len == 0 ? STR_NONE : row->detail);
    api_out_opt(o, "response", has_text ? response : STR_NONE);
    api_out_opt_date(o, "nextAttempt", row->next_due_us);
    api_out_end(o, '}');
}

static void write_wait(struct api_out *o, const char *what, int64_t until_us, struct str words)
{
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_str(o, "for", str_from(what));
    api_out_opt_date(o, "until", until_us);
    api_out_null(o, "blockedBy");
    api_out_str(o, "words", words);
    api_out_end(o, '}');
}

static void write_order(const struct finding *f, struct api_out *o)
{
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_str(o, "for", STR("order"));
    api_out_null(o, "until");
    api_out_id(o, "blockedBy", STR("msg_"), &f->waiting.head.message);
    api_out_str(o, "words",
                STR("The endpoint keeps order: an earlier message must be delivered or given up "
                    "first."));
    api_out_end(o, '}');
}

static bool is_waiting(const struct store_delivery_row *row)
{
    return row->state == STORE_PENDING || row->state == STORE_SENDING;
}

/* Nothing holds it back but others at the endpoint. */
static bool is_in_turn(const struct finding *f)
{
    return !f->waiting.lane.parked && f->waiting.until_us == 0 &&
           !api_waiting_is_behind(&f->waiting, f->e->row);
}

static void write_waits(const struct finding *f, struct api_out *o,
                        const struct store_attempt_row *last)
{
    const struct store_delivery_row *row = f->e->row;
    const struct deliver_lane_info *lane = &f->waiting.lane;
    int64_t due_us = store_shown_us(f->c->api->o.store, api_waiting_due(row));
    bool is_due = due_us <= f->c->now_us;
    bool is_first = row->attempt_count == 0;
    bool is_unanswered = last != NULL && !last->success && last->http_status == 0;
    if (!is_due)
        write_wait(o, is_first ? "deliver_at" : "retry", due_us,
                   is_first ? STR("The message is not to be delivered before then.")
                            : STR("The last attempt failed; the next one is planned for then."));
    if (is_unanswered)
        write_wait(o, "connection", 0, last->detail.len > 0 ? last->detail : last->error);
    if (api_waiting_is_behind(&f->waiting, row))
        write_order(f, o);
    if (lane->parked)
        write_wait(
            o, "breaker", lane->parked_until_us,
            arena_fmt(f->c->arena,
                      "The endpoint is parked after %d failures in a row; one delivery tries "
                      "it then.",
                      lane->failures_in_row));
    if (lane->held_until_us != 0)
        write_wait(o, "receiver", lane->held_until_us,
                   STR("The receiver asked for a pause (Retry-After)."));
    if (lane->throttled_until_us != 0)
        write_wait(o, "throttle", lane->throttled_until_us,
                   STR("The throttle of the endpoint or of its application."));
    if (is_due && is_in_turn(f))
        write_wait(o, "turn", 0,
                   arena_fmt(f->c->arena, "It is due; %d attempts at the endpoint are under way.",
                             lane->in_flight));
}

static void write_delivery(const struct finding *f, struct api_out *o,
                           const struct store_attempt_row *attempts, size_t count)
{
    const struct store_delivery_row *row = f->e->row;
    if (row == NULL) {
        api_out_null(o, "delivery");
        return;
    }
    api_out_key(o, "delivery");
    api_out_begin(o, '{');
    api_status_write(o, row->state, row->reason, true);
    api_out_int(o, "attemptCount", row->attempt_count);
    api_out_key(o, "attempts");
    api_out_begin(o, '[');
    for (size_t i = count; i-- > 0;) { /* newest first in the list */
        api_out_key(o, NULL);
        api_attempt_short_write(o, &attempts[i]);
    }
    api_out_end(o, ']');
    api_out_opt_date(o, "nextAttempt", api_waiting_next(&f->waiting, row));
    api_out_key(o, "waitsFor");
    api_out_begin(o, '[');
    if (is_waiting(row))
        write_waits(f, o, count > 0 ? &attempts[0] : NULL);
    api_out_end(o, ']');
    api_out_end(o, '}');
}

/* --- all of it -------------------------------------------------------------------------------------------- */

static void write_schedule(const struct finding *f, struct api_out *o)
{
    const struct deliver_lane_info *lane = &f->waiting.lane;
    bool is_own = f->now != NULL && f->now->retry_us != NULL;
    const int64_t *delays_us = is_own ? f->now->retry_us : lane->retry_us;
    size_t count = is_own ? f->now->retry_count : lane->retry_count;
    api_out_key(o, "schedule");
    api_out_begin(o, '{');
    api_out_key(o, "delaysMs");
    api_out_begin(o, '[');
    for (size_t i = 0; i < count; i++)
        api_out_int(o, NULL, delays_us[i] / 1000);
    api_out_end(o, ']');
    api_out_bool(o, "own", is_own);
    api_out_end(o, '}');
}

static void write_endpoint(const struct finding *f, struct api_out *o)
{
    const struct store_endpoint *ep = &f->e->ep;
    bool has_changed = f->q->is_stored && ep->updated_us > f->q->message->created_us;
    api_out_str(o, "endpointId", ep->id);
    api_out_opt(o, "endpointUid", ep->uid);
    api_out_str(o, "url", ep->url);
    api_out_str(o, "description", ep->description);
    api_out_bool(o, "deleted", f->now == NULL);
    api_out_date(o, "createdAt", ep->created_us);
    api_out_opt_date(o, "changedSince", has_changed ? ep->updated_us : 0);
}

/* The newest attempts of the delivery, newest first. What cannot be read is left out. */
static size_t read_attempts(const struct finding *f, struct store_attempt_row *out)
{
    const struct store_attempt_filter filter = { .app = f->c->app.num,
                                                 .endpoint = f->e->num,
                                                 .message = &f->q->message->id,
                                                 .status = -1,
                                                 .status_class = -1 };
    const struct store_page page = { .limit = ATTEMPTS_MAX, .descending = true };
    struct store_page_end end = { 0 };
    if (f->e->row == NULL ||
        store_attempt_list(f->c->api->o.store, &filter, &page, f->c->arena, out, &end) != RC_OK)
        return 0;
    return end.count;
}

/* Reads the delivery again; what cannot be read stays as it was. */
static void reread_delivery(const struct finding *f, struct api_explained *e)
{
    struct store_delivery_row *rows;
    size_t count;
    if (store_delivery_by_message(f->c->api->o.store, f->c->app.num, &f->q->message->id,
                                  f->c->arena, &rows, &count) != RC_OK)
        return;
    for (size_t i = 0; i < count; i++)
        if (rows[i].endpoint == e->num)
            e->row = &rows[i];
}

/*
 * The attempts are read after the delivery and may know of one more than it does: the answer would list an attempt
 * and say beside it that none was made. Then both are read again, until they are of one moment.
 */
static size_t read_one_moment(const struct finding *f, struct api_explained *e,
                              struct store_attempt_row *attempts)
{
    size_t count = read_attempts(f, attempts);
    for (int i = 0; i < REREADS_MAX && count > 0 && attempts[0].number > e->row->attempt_count;
         i++) {
        reread_delivery(f, e);
        count = read_attempts(f, attempts);
    }
    return count;
}

void api_explain_write(struct api_ctx *c, struct api_out *o, struct api_explain *q,
                       const struct api_explained *found)
{
    struct api_explained e = *found;
    struct finding f = { .c = c, .q = q, .e = &e, .now = core_app_endpoint(q->view, e.num) };
    struct store_attempt_row *attempts = arena_array(c->arena, ATTEMPTS_MAX, sizeof(*attempts));
    size_t count = read_one_moment(&f, &e, attempts);
    ask_rules(&f);
    run_transform(&f);
    api_waiting_at(c, c->app.num, e.num, &f.waiting);
    api_out_begin(o, '{');
    write_endpoint(&f, o);
    write_then(&f, o, count > 0 ? &attempts[count - 1] : NULL);
    write_now(&f, o);
    write_schedule(&f, o);
    write_delivery(&f, o, attempts, count);
    api_out_end(o, '}');
}
