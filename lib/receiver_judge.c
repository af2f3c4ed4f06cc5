/* SPDX-License-Identifier: Apache-2.0
 *
 * From a whole request to its answer, on a handler thread: who sent it, whether it came before, where
 * it goes.
 */
#include "receiver.h"

#include <stdlib.h>

struct judging {
    struct grapnel_receiver *receiver;
    struct grapnel_event event;
    struct grapnel_answer answer;
    const char *reason;
};

static void reply_of(struct judging *j, const struct grapnel_reply *reply)
{
    j->answer.status = reply->status;
    j->answer.content_type = reply->content_type;
    j->answer.body = reply->body;
    j->answer.header_count = reply->header_count;
    j->answer.headers = reply->headers;
}

static void receiver_judge_fail(struct judging *j, unsigned status, const char *reason)
{
    j->answer = (struct grapnel_answer){ .status = status };
    j->reason = reason;
}

/* A thread's view of the secrets: the one that was learned may be replaced meanwhile. */
struct secrets {
    struct grapnel_bytes list[GRAPNEL_SECRETS_MAX];
    size_t count;
    bool is_tentative;
    char learned[GRAPNEL_VERDICT_TEXT_MAX];
};

static void copy_secrets(struct grapnel_receiver *r, struct secrets *out)
{
    pthread_mutex_lock(&r->mutex);
    out->count = r->config.secret_count;
    out->is_tentative = r->config.is_tentative;
    memcpy(out->list, r->secrets, sizeof(r->secrets));
    if (out->count > 0 && out->list[0].ptr == r->learned) {
        memcpy(out->learned, r->learned, out->list[0].len);
        out->list[0].ptr = out->learned;
    }
    pthread_mutex_unlock(&r->mutex);
}

/* There must be none yet, or one that no event has verified with. */
static void receiver_judge_learn(struct grapnel_receiver *r, struct grapnel_bytes secret,
                                 bool is_tentative)
{
    grapnel_learn_fn *tell = is_tentative ? r->config.on_tentative : r->config.on_learn;
    pthread_mutex_lock(&r->learning);
    pthread_mutex_lock(&r->mutex);
    bool may = (r->config.secret_count == 0 || (r->config.is_tentative && is_tentative)) &&
               secret.len <= sizeof(r->learned);
    if (may) {
        memcpy(r->learned, secret.ptr, secret.len);
        r->secrets[0] = gn_bytes(r->learned, secret.len);
        r->config.secret_count = 1;
        r->config.is_tentative = is_tentative;
    }
    pthread_mutex_unlock(&r->mutex);
    if (may && tell != NULL) {
        tell(r->config.ctx, secret);
    }
    pthread_mutex_unlock(&r->learning);
}

/* An event verified with the tentative secret: it is no longer replaced. */
static void receiver_judge_settle(struct grapnel_receiver *r, struct grapnel_bytes secret)
{
    pthread_mutex_lock(&r->learning);
    pthread_mutex_lock(&r->mutex);
    bool is_first = r->config.is_tentative && gn_eq(r->secrets[0], secret);
    if (is_first) {
        r->config.is_tentative = false;
    }
    pthread_mutex_unlock(&r->mutex);
    if (is_first && r->config.on_learn != NULL) {
        r->config.on_learn(r->config.ctx, secret);
    }
    pthread_mutex_unlock(&r->learning);
}

static enum grapnel_status receiver_judge_verify(struct judging *j, struct grapnel_verdict *verdict)
{
    const struct grapnel_receiver *r = j->receiver;
    struct secrets secrets;
    copy_secrets(j->receiver, &secrets);
    struct grapnel_config config = {
        .secrets = secrets.list,
        .secret_count = secrets.count,
        .is_tentative = secrets.is_tentative,
        .certificate = r->config.certificate,
        .certificate_ctx = r->config.certificate_ctx,
        .key_set = r->config.key_set,
        .key_set_ctx = r->config.key_set_ctx,
        .companion = r->config.companion,
        .now_us = j->event.received_us,
        .window = r->config.window,
        .body_max = r->config.body_max,
    };
    struct grapnel_request request = {
        .method = j->event.method,
        .url = r->config.public_url,
        .query = j->event.query,
        .headers = j->event.headers,
        .header_count = j->event.header_count,
        .body = j->event.body,
    };
    enum grapnel_status status = grapnel_verify(r->config.scheme, &config, &request, verdict);
    j->event.id = verdict->id;
    j->event.type = verdict->type;
    j->event.is_verified = status == GRAPNEL_VERIFIED;
    if (status == GRAPNEL_HANDSHAKE && verdict->learned.len > 0) {
        receiver_judge_learn(j->receiver, verdict->learned, verdict->learned_is_tentative);
    }
    if (status == GRAPNEL_VERIFIED && secrets.is_tentative) {
        receiver_judge_settle(j->receiver, secrets.list[0]);
    }
    explicit_bzero(secrets.learned, sizeof(secrets.learned));
    return status;
}

/* False: it came before, or is being handled; the answer says so. */
static bool receiver_judge_claim(struct judging *j, const struct gn_replay_keys *keys)
{
    switch (gn_replay_claim(j->receiver->replay, keys, j->event.received_us)) {
    case GN_REPLAY_KNOWN: j->reason = "duplicate"; return false;
    case GN_REPLAY_BUSY: receiver_judge_fail(j, 503, "duplicate_under_way"); return false;
    case GN_REPLAY_NEW: break;
    }
    return true;
}

/* Verified: to the queue, unless it is there already. */
static void accept_event(struct judging *j, const struct gn_replay_keys *keys)
{
    struct grapnel_receiver *r = j->receiver;
    const char *reason = "accepted";
    if (!receiver_judge_claim(j, keys)) {
        return;
    }
    unsigned refused = gn_queue_put(r, &j->event, keys, &reason);
    gn_replay_settle(r->replay, keys, refused == 0, j->event.received_us);
    j->reason = reason;
    if (refused != 0) {
        receiver_judge_fail(j, refused, reason);
    }
}

static void receiver_judge_process(struct judging *j, const struct gn_replay_keys *keys)
{
    struct grapnel_receiver *r = j->receiver;
    j->answer =
        (struct grapnel_answer){ .status = r->config.success != 0 ? r->config.success : 204 };
    if (!receiver_judge_claim(j, keys)) {
        return;
    }
    r->config.on_reply(r->config.ctx, &j->event, &j->answer);
    gn_replay_settle(r->replay, keys, j->answer.status < 300, j->event.received_us);
    j->reason = "processed";
}

static void judge_by_scheme(struct judging *j, struct grapnel_verdict *verdict)
{
    struct grapnel_receiver *r = j->receiver;
    enum grapnel_status status = receiver_judge_verify(j, verdict);

    reply_of(j, &verdict->reply);
    j->reason = grapnel_status_name(status);
    if (status != GRAPNEL_VERIFIED && status != GRAPNEL_UNSIGNED) {
        return;
    }
    if (r->config.success != 0) {
        j->answer = (struct grapnel_answer){ .status = r->config.success };
    }
    struct gn_replay_keys keys;
    gn_replay_keys(verdict, &keys);
    if (r->config.on_reply != NULL) {
        receiver_judge_process(j, &keys);
    } else {
        accept_event(j, &keys);
    }
}

/* Hooks judge for themselves; nothing in their requests tells one from its repetition. True: the
 * answer is made later, by a worker. */
static bool judge_by_caller(struct judging *j, struct gn_conn *conn)
{
    static const struct gn_replay_keys none = { 0 };
    struct grapnel_receiver *r = j->receiver;
    j->answer.status = 204;
    j->reason = "answered";
    if (r->config.on_judge(r->config.ctx, &j->event, &j->answer)) {
        void *owned = j->answer.owned;
        accept_event(j, &none);
        j->answer.owned = owned;
    } else if (j->answer.is_deferred && r->config.on_reply == NULL) {
        receiver_judge_fail(j, 500, "nobody_replies");
    } else if (j->answer.is_deferred) {
        unsigned refused = gn_queue_defer(r, &j->event, conn, &j->reason);
        if (refused == 0) {
            return true; /* and the connection may be gone already */
        }
        receiver_judge_fail(j, refused, j->reason);
    }
    return false;
}

static struct judging receiver_judge_begin(struct grapnel_receiver *r, struct gn_conn *conn)
{
    struct gn_http *http = &conn->http;
    return (struct judging){
        .receiver = r,
        .event = { .method = http->method,
                   .path = http->path,
                   .query = http->query,
                   .peer = gn_bytes(conn->peer, strlen(conn->peer)),
                   .peer_port = conn->peer_port,
                   .headers = http->headers,
                   .header_count = http->header_count,
                   .body = gn_bytes(http->body, http->body_len),
                   .received_us = gn_wall_us() },
    };
}

/* The answer is there: to the I/O thread with it. */
static void receiver_judge_finish(struct judging *j, struct gn_conn *conn)
{
    struct grapnel_receiver *r = j->receiver;
    if (j->answer.status < 200 || j->answer.status > 599 ||
        j->answer.body.len > GRAPNEL_RECEIVER_ANSWER_MAX) {
        void *owned = j->answer.owned;
        receiver_judge_fail(j, 500, "answer_out_of_limits");
        j->answer.owned = owned;
    }
    gn_answer(r, conn, &j->answer);
    if (r->config.on_note != NULL) {
        r->config.on_note(r->config.ctx, &j->event, j->answer.status, j->reason);
    }
    free(j->answer.owned);
    pthread_mutex_lock(&r->mutex);
    conn->follower = NULL;
    *r->handled.last = conn;
    r->handled.last = &conn->follower;
    pthread_mutex_unlock(&r->mutex);
    gn_io_wake(r);
}

static void judge_connection(struct grapnel_receiver *r, struct gn_conn *conn)
{
    struct grapnel_verdict verdict;
    struct judging j = receiver_judge_begin(r, conn);
    if (r->config.on_judge == NULL) {
        judge_by_scheme(&j, &verdict);
    } else if (judge_by_caller(&j, conn)) {
        return;
    }
    receiver_judge_finish(&j, conn);
}

void gn_answer_deferred(struct grapnel_receiver *r, struct gn_conn *conn)
{
    struct judging j = receiver_judge_begin(r, conn);
    j.answer.status = 204;
    j.reason = "processed";
    r->config.on_reply(r->config.ctx, &j.event, &j.answer);
    receiver_judge_finish(&j, conn);
}

static struct gn_conn *receiver_judge_take(struct grapnel_receiver *r)
{
    pthread_mutex_lock(&r->mutex);
    while (r->to_handle.first == NULL && !r->handlers_end) {
        pthread_cond_wait(&r->handed, &r->mutex);
    }
    struct gn_conn *conn = r->to_handle.first;
    if (conn != NULL) {
        r->to_handle.first = conn->follower;
        if (r->to_handle.first == NULL) {
            r->to_handle.last = &r->to_handle.first;
        }
    }
    pthread_mutex_unlock(&r->mutex);
    return conn;
}

void *gn_handler_run(void *receiver)
{
    struct grapnel_receiver *r = receiver;
    for (struct gn_conn *conn; (conn = receiver_judge_take(r)) != NULL;) {
        judge_connection(r, conn);
    }
    return NULL;
}
