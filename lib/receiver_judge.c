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

static void fail(struct judging *j, unsigned status, const char *reason)
{
    j->answer = (struct grapnel_answer){ .status = status };
    j->reason = reason;
}

/* A thread's view of the secrets, which may grow by one. */
static size_t copy_secrets(struct grapnel_receiver *r, struct grapnel_bytes *out)
{
    pthread_mutex_lock(&r->mutex);
    size_t count = r->config.secret_count;
    memcpy(out, r->secrets, sizeof(r->secrets));
    pthread_mutex_unlock(&r->mutex);
    return count;
}

static void learn(struct grapnel_receiver *r, struct grapnel_bytes secret)
{
    char *copy = malloc(secret.len);
    bool is_first = false;
    if (copy == NULL) {
        return;
    }
    memcpy(copy, secret.ptr, secret.len);
    pthread_mutex_lock(&r->mutex);
    if (r->config.secret_count == 0) {
        is_first = true;
        r->learned = copy;
        r->secrets[0] = gn_bytes(copy, secret.len);
        r->config.secret_count = 1;
    }
    pthread_mutex_unlock(&r->mutex);
    if (!is_first) {
        free(copy);
    } else if (r->config.on_learn != NULL) {
        r->config.on_learn(r->config.ctx, secret);
    }
}

static enum grapnel_status verify(struct judging *j, struct grapnel_verdict *verdict)
{
    const struct grapnel_receiver *r = j->receiver;
    struct grapnel_bytes secrets[GRAPNEL_SECRETS_MAX];
    struct grapnel_config config = {
        .secrets = secrets,
        .secret_count = copy_secrets(j->receiver, secrets),
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
        learn(j->receiver, verdict->learned);
    }
    return status;
}

/* False: it came before, or is being handled; the answer says so. */
static bool claim(struct judging *j, const struct gn_replay_keys *keys)
{
    switch (gn_replay_claim(j->receiver->replay, keys, j->event.received_us)) {
    case GN_REPLAY_KNOWN: j->reason = "duplicate"; return false;
    case GN_REPLAY_BUSY: fail(j, 503, "duplicate_under_way"); return false;
    case GN_REPLAY_NEW: break;
    }
    return true;
}

/* Verified: to the queue, unless it is there already. */
static void accept_event(struct judging *j, const struct gn_replay_keys *keys)
{
    struct grapnel_receiver *r = j->receiver;
    const char *reason = "accepted";
    if (!claim(j, keys)) {
        return;
    }
    unsigned refused = gn_queue_put(r, &j->event, keys, &reason);
    gn_replay_settle(r->replay, keys, refused == 0, j->event.received_us);
    j->reason = reason;
    if (refused != 0) {
        fail(j, refused, reason);
    }
}

static void process(struct judging *j, const struct gn_replay_keys *keys)
{
    struct grapnel_receiver *r = j->receiver;
    j->answer =
        (struct grapnel_answer){ .status = r->config.success != 0 ? r->config.success : 204 };
    if (!claim(j, keys)) {
        return;
    }
    r->config.on_reply(r->config.ctx, &j->event, &j->answer);
    gn_replay_settle(r->replay, keys, j->answer.status < 300, j->event.received_us);
    j->reason = "processed";
}

static void judge_by_scheme(struct judging *j, struct grapnel_verdict *verdict)
{
    struct grapnel_receiver *r = j->receiver;
    enum grapnel_status status = verify(j, verdict);

    reply_of(j, &verdict->reply);
    j->reason = grapnel_status_name(status);
    if (status != GRAPNEL_VERIFIED && status != GRAPNEL_UNSIGNED) {
        return;
    }
    if (r->config.success != 0) {
        j->answer = (struct grapnel_answer){ .status = r->config.success };
    }
    struct gn_replay_keys keys;
    gn_replay_keys(verdict, j->event.body, &keys);
    if (r->config.on_reply != NULL) {
        process(j, &keys);
    } else {
        accept_event(j, &keys);
    }
}

/* Hooks judge for themselves; nothing in their requests tells one from its repetition. */
static void judge_by_caller(struct judging *j)
{
    static const struct gn_replay_keys none = { 0 };
    struct grapnel_receiver *r = j->receiver;
    j->answer.status = 204;
    j->reason = "answered";
    if (r->config.on_judge(r->config.ctx, &j->event, &j->answer)) {
        void *owned = j->answer.owned;
        accept_event(j, &none);
        j->answer.owned = owned;
    }
}

static void judge(struct grapnel_receiver *r, struct gn_conn *conn)
{
    struct gn_http *http = &conn->http;
    struct grapnel_verdict verdict;
    struct judging j = {
        .receiver = r,
        .event = { .method = http->method,
                   .path = http->path,
                   .query = http->query,
                   .peer = gn_bytes(conn->peer, strlen(conn->peer)),
                   .headers = http->headers,
                   .header_count = http->header_count,
                   .body = gn_bytes(http->body, http->body_len),
                   .received_us = gn_wall_us() },
    };
    if (r->config.on_judge != NULL) {
        judge_by_caller(&j);
    } else {
        judge_by_scheme(&j, &verdict);
    }
    if (j.answer.status < 200 || j.answer.status > 599 ||
        j.answer.body.len > GRAPNEL_RECEIVER_ANSWER_MAX) {
        void *owned = j.answer.owned;
        fail(&j, 500, "answer_out_of_limits");
        j.answer.owned = owned;
    }
    gn_answer(r, conn, &j.answer);
    if (r->config.on_note != NULL) {
        r->config.on_note(r->config.ctx, &j.event, j.answer.status, j.reason);
    }
    free(j.answer.owned);
}

static struct gn_conn *take(struct grapnel_receiver *r)
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
    for (struct gn_conn *conn; (conn = take(r)) != NULL;) {
        judge(r, conn);
        pthread_mutex_lock(&r->mutex);
        conn->follower = NULL;
        *r->handled.last = conn;
        r->handled.last = &conn->follower;
        pthread_mutex_unlock(&r->mutex);
        gn_io_wake(r);
    }
    return NULL;
}
