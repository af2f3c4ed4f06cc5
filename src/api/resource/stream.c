/* SPDX-License-Identifier: Apache-2.0
 *
 * The live stream: what is committed, as text/event-stream, as it happens. A stream lives on its call's loop. Ten times a
 * second it takes what its audience has gathered (stats/live.h), and a worker puts that into words, because ids are looked up
 * in the store; what comes faster than `sample` is counted and not shown. It ends with its token, at the server's stop, and
 * when its reader goes. A reader that was cut off sends the id of its last event and is told what came since, and how much
 * of that is not there any more.
 */
#include "api/resource/stream_priv.h"

#include "api/kit/mistakes.h"
#include "api/kit/proof.h"
#include "base/share.h"
#include "http/stream.h"
#include "metrics/metrics.h"

#include <stdio.h>

enum {
    TICK_US = 100000,
    TICKS_A_SECOND = 10,
    REPLAY_A_TICK = 50,
    BURST_TICKS = 5, /* what may gather of the rate while nothing happens */
    KEEP_ALIVE_TICKS = 150
};

struct stream {
    struct api *api;
    struct loop *loop;
    struct http_call *call; /* NULL: it is over */
    struct stats_looker looker;
    struct stats_resumed resumed;
    struct api_stream_ask ask;
    struct access_identity *who;
    char *proof; /* a token, or a session of the console */
    bool is_session;
    uint64_t owner; /* of its place */
    struct loop_timer timer;
    int64_t until_us; /* 0: none; monotonic */
    unsigned ticks, quiet_ticks;

    int64_t allowance; /* events that may be shown now, times TICKS_A_SECOND */
    struct stats_event pending[API_STREAM_PENDING_MAX];
    size_t pending_count;
    size_t replay_left,
        pending_replayed; /* of before this stream: not taken yet, and among `pending` */
    /* Since the last summary: */
    struct stats_seen seen;
    uint64_t shown;
    uint64_t dropped; /* not told yet */

    /* The worker's while is_working: */
    bool is_working, checks_token;
    bool is_ended; /* the token is */
    struct work_job job;
    struct loop_task task;
    struct stats_event working[API_STREAM_PENDING_MAX];
    size_t working_count, working_replayed;
    struct buf text;
    size_t ends[API_STREAM_PENDING_MAX];
    struct api_stream_names names;
};

/* --- life ------------------------------------------------------------------------------------------- */

static void free_stream(struct stream *s)
{
    access_identity_unref(s->who);
    mem_wipe(s->proof, strlen(s->proof));
    xfree(s->proof);
    buf_fini(&s->text);
    api_stream_names_fini(&s->names);
    xfree(s);
}

/* The call is not ours any more. */
static void stream_leave(struct stream *s)
{
    stats_live_remove(s->api->o.stats, &s->looker);
    loop_timer_stop(s->loop, &s->timer);
    share_give(s->api->streams, s->owner, 1);
    s->call = NULL;
    if (!s->is_working)
        free_stream(s);
}

static void stream_say(struct stream *s, struct str text)
{
    if (http_stream_write(s->call, text))
        s->quiet_ticks = 0;
}

static void stream_end(struct stream *s, const char *reason)
{
    char text[96];
    int len = snprintf(text, sizeof(text), "event: bye\ndata: {\"reason\":\"%s\"}\n\n", reason);
    stream_say(s, str_of(text, (size_t)len));
    http_stream_end(s->call);
    stream_leave(s);
}

static void on_gone(void *arg)
{
    stream_leave(arg);
}

static void on_stop(void *arg)
{
    stream_end(arg, "stopping");
}

static const struct http_stream_kind stream_kind = { .gone = on_gone, .stop = on_stop };

/* --- events ------------------------------------------------------------------------------------------- */

/* Told by the next `lag`. */
static void stream_drop(struct stream *s, uint64_t count)
{
    s->dropped += count;
    if (count > 0)
        metrics_add(METRIC_STREAM_DROPPED, (int64_t)count);
}

/* What was there before this stream is shown beside the rate, and as fast as it is read, so that none of it is dropped. */
static size_t replay_room(struct stream *s, size_t room)
{
    if (http_stream_room(s->call) < HTTP_STREAM_BUFFER / 2)
        return 0;
    return room < REPLAY_A_TICK ? room : REPLAY_A_TICK;
}

static bool may_show(struct stream *s)
{
    if (s->replay_left > 0) {
        s->replay_left--;
        s->pending_replayed++;
        return true;
    }
    if (s->allowance < TICKS_A_SECOND)
        return false;
    s->allowance -= TICKS_A_SECOND;
    return true;
}

/* What has come since the last tick. What finds no place here waits with the audience. */
static void stream_look(struct stream *s, int64_t now_us)
{
    struct stats_event *events = s->pending + s->pending_count;
    uint64_t lost = 0;
    size_t room = API_STREAM_PENDING_MAX - s->pending_count, kept = 0;
    if (s->replay_left > 0)
        room = replay_room(s, room);
    size_t count = stats_live_take(&s->looker, now_us, events, room, &s->seen, &lost);
    stream_drop(s, lost);
    s->replay_left -= lost < s->replay_left ? (size_t)lost : s->replay_left;
    while (kept < count && may_show(s))
        kept++;
    s->pending_count += kept;
    s->seen.left_out += count - kept;
}

/* --- words, by a worker ---------------------------------------------------------------------------------- */

/* What there is room for; the rest is dropped, whole events. */
static void send_text(struct stream *s)
{
    size_t room = http_stream_room(s->call), fit = 0;
    while (fit < s->working_count && s->ends[fit] <= room)
        fit++;
    size_t bytes = fit == 0 ? 0 : s->ends[fit - 1];
    stream_drop(s, s->working_count - fit);
    s->shown += fit < s->working_replayed ? 0 : fit - s->working_replayed; /* of the summary's */
    if (bytes > 0)
        stream_say(s, str_of(s->text.ptr, bytes));
}

static void come_back(void *arg)
{
    struct stream *s = arg;
    s->is_working = false;
    if (s->call == NULL) {
        free_stream(s);
        return;
    }
    send_text(s);
    if (s->is_ended)
        stream_end(s, "token");
}

static struct access_proof proof_of(const struct stream *s)
{
    return (struct access_proof){ .text = str_from(s->proof), .is_session = s->is_session };
}

static void stream_work(void *arg)
{
    struct stream *s = arg;
    struct access_identity *who = NULL;
    buf_reset(&s->text);
    api_stream_text(s->api, &s->names, &s->resumed.at, s->working, s->working_count, &s->text,
                    s->ends);
    if (s->checks_token) {
        enum rc rc = access_load(s->api->o.access, proof_of(s), &who, NULL);
        s->is_ended = rc == RC_DENIED || rc == RC_NOT_FOUND;
        access_identity_unref(who);
    }
    s->task = (struct loop_task){ .fn = come_back, .arg = s };
    loop_post(s->loop, &s->task);
}

/* Workers that have no time now are asked again at the next tick. */
static void start_work(struct stream *s)
{
    if (s->is_working || (s->pending_count == 0 && !s->checks_token))
        return;
    memcpy(s->working, s->pending, s->pending_count * sizeof(s->pending[0]));
    s->working_count = s->pending_count;
    s->working_replayed = s->pending_replayed;
    s->job = (struct work_job){ .fn = stream_work, .arg = s };
    if (work_submit_for(s->api->o.pool, (uint64_t)s->ask.want.org, &s->job) != RC_OK)
        return;
    s->is_working = true;
    s->pending_count = s->pending_replayed = 0;
}

/* --- seconds ------------------------------------------------------------------------------------------------ */

static void say_lag(struct stream *s)
{
    char text[96];
    if (s->dropped == 0)
        return;
    int len = snprintf(text, sizeof(text), "event: lag\ndata: {\"dropped\":%llu}\n\n",
                       (unsigned long long)s->dropped);
    if (!http_stream_write(s->call, str_of(text, (size_t)len)))
        return; /* later */
    s->dropped = 0;
    s->quiet_ticks = 0;
}

/* Whatever is left out, everything is counted. A second without anything has no summary. */
static void say_summary(struct stream *s)
{
    char text[320];
    uint64_t all = 0;
    for (size_t i = 0; i < STATS_EVENT_KINDS; i++)
        all += s->seen.kinds[i];
    if (all == 0)
        return;
    int len = snprintf(
        text, sizeof(text),
        "event: summary\ndata: {\"messages\":%llu,\"attempts\":%llu,\"requests\":%llu,\"runs\":%llu,\"tasks\":%llu,"
        "\"shown\":%llu,\"leftOut\":%llu}\n\n",
        (unsigned long long)s->seen.kinds[STATS_EVENT_MESSAGE],
        (unsigned long long)s->seen.kinds[STATS_EVENT_ATTEMPT],
        (unsigned long long)s->seen.kinds[STATS_EVENT_REQUEST],
        (unsigned long long)s->seen.kinds[STATS_EVENT_RUN],
        (unsigned long long)s->seen.kinds[STATS_EVENT_TASK], (unsigned long long)s->shown,
        (unsigned long long)s->seen.left_out);
    if (!http_stream_write(s->call, str_of(text, (size_t)len)))
        return; /* its numbers go into the next */
    s->seen = (struct stats_seen){ .left_out = 0 };
    s->shown = 0;
    s->quiet_ticks = 0;
}

/* False: it is over. A token that is not cached any more was changed, or is old: a worker looks. */
static bool mind_token(struct stream *s)
{
    struct access_identity *who = NULL;
    enum rc rc = access_find(s->api->o.access, proof_of(s), &who);
    if (!s->is_working)
        s->checks_token = rc == RC_NOT_FOUND;
    access_identity_unref(who);
    return rc != RC_DENIED;
}

static void stream_tick(void *arg)
{
    struct stream *s = arg;
    int64_t now_us = loop_now_us(s->loop);
    bool is_second = ++s->ticks % TICKS_A_SECOND == 0;
    if (s->until_us != 0 && now_us >= s->until_us) {
        stream_end(s, "time");
        return;
    }
    if (is_second && !mind_token(s)) {
        stream_end(s, "token");
        return;
    }
    s->allowance += s->ask.sample;
    if (s->allowance > s->ask.sample * BURST_TICKS + TICKS_A_SECOND)
        s->allowance = s->ask.sample * BURST_TICKS + TICKS_A_SECOND;
    stream_look(s, now_us);
    start_work(s);
    if (is_second) {
        say_lag(s);
        say_summary(s);
    }
    if (++s->quiet_ticks >= KEEP_ALIVE_TICKS)
        stream_say(s, STR(": keep-alive\n\n"));
    loop_timer_set(s->loop, &s->timer, now_us + TICK_US);
}

/* --- opening -------------------------------------------------------------------------------------------------- */

struct opening {
    struct http_request *req;
    struct api_ctx c;
    struct api_stream_ask ask;
    bool is_ready;
    struct work_job job;
    struct loop_task task;
};

static struct stream *new_stream(struct opening *o)
{
    struct stream *s = XNEW(struct stream);
    struct access_proof proof = api_proof_of(&o->c.api->door, o->req->call);
    s->api = o->c.api;
    s->loop = o->req->call->loop;
    s->call = o->req->call;
    s->ask = o->ask;
    s->who = access_identity_ref(o->c.who);
    s->proof = xmemdup(proof.text.ptr, proof.text.len);
    s->is_session = proof.is_session;
    s->owner = str_hash(proof.text);
    s->timer = (struct loop_timer){ .fn = stream_tick, .arg = s };
    s->allowance = o->ask.sample * BURST_TICKS + TICKS_A_SECOND;
    if (o->ask.seconds > 0)
        s->until_us = loop_now_us(s->loop) + o->ask.seconds * 1000000;
    buf_init(&s->text, API_STREAM_TEXT_MAX);
    api_stream_names_init(&s->names);
    return s;
}

/* False: answered. */
static bool take_place(struct opening *o)
{
    struct access_proof proof = api_proof_of(&o->c.api->door, o->req->call);
    enum rc rc = share_take(o->c.api->streams, str_hash(proof.text), 1);
    if (rc == RC_LIMIT)
        http_error(o->req, 429, "too_many_streams",
                   "This token has %d streams open already. Close one of them.",
                   API_STREAMS_A_TOKEN);
    else if (rc != RC_OK)
        http_error(o->req, 503, "too_many_streams",
                   "This server has %d streams open already. Try again later.", API_STREAMS_MAX);
    if (rc != RC_OK)
        http_add_header(o->req, STR("Retry-After"), STR("5"));
    return rc == RC_OK;
}

/* What there was between the reader's last event and the next one, and is not told. */
static void say_gap(struct stream *s, int64_t now_us)
{
    buf_reset(&s->text);
    api_stream_gap_text(&s->resumed, s->ask.from_us, now_us, &s->text);
    stream_say(s, buf_str(&s->text));
}

/* The id of where the stream begins belongs to the last event that says so: whoever is cut before it asks once more. */
static void say_open(struct stream *s)
{
    char text[64 + API_STREAM_ID_TEXT], id[API_STREAM_ID_TEXT];
    int64_t now_us = clock_wall_us(s->api->o.clock);
    if (s->resumed.hole != STATS_HOLE_NONE) {
        stream_say(s, STR("event: open\ndata: {}\n\n"));
        say_gap(s, now_us);
        return;
    }
    int64_t at_us = s->ask.resumes ? s->ask.from_us : now_us;
    int len = snprintf(text, sizeof(text), "event: open\nid: %.*s\ndata: {}\n\n",
                       STR_ARGS(api_stream_id(s->resumed.at, at_us, id)));
    stream_say(s, str_of(text, (size_t)len));
}

_Static_assert((int)API_STREAMS_MAX <= (int)STATS_AUDIENCES_MAX,
               "every stream may want something else");

/* On the loop. */
static void open_stream(void *arg)
{
    struct opening *o = arg;
    struct http_request *req = o->req;
    if (!o->is_ready || !take_place(o)) {
        http_answer(req);
        return;
    }
    struct stream *s = new_stream(o);
    req->reply.status = 200; /* there may be a warning among the headers */
    req->reply.content_type = STR("text/event-stream");
    http_add_header(req, STR("Cache-Control"), STR("no-store"));
    http_add_header(req, STR("X-Accel-Buffering"), STR("no")); /* proxies that hold back answers */
    if (!http_stream_answer(req, &stream_kind, s)) {
        share_give(s->api->streams, s->owner, 1);
        free_stream(s);
        return;
    }
    MUST(stats_live_resume(s->api->o.stats, &s->ask.want, s->ask.resumes ? &s->ask.from : NULL,
                           &s->looker, &s->resumed) == RC_OK); /* there are places enough */
    s->replay_left = s->resumed.told;
    loop_timer_set(s->loop, &s->timer, loop_now_us(s->loop) + TICK_US);
    say_open(s);
}

static void stream_prepare(void *arg)
{
    struct opening *o = arg;
    struct api_ctx *c = &o->c;
    if (api_begin(o->req, c) && api_tx_read(c)) {
        o->is_ready = api_stream_ask(c, &o->ask);
        api_tx_end(c);
    }
    o->task = (struct loop_task){ .fn = open_stream, .arg = o };
    loop_post(o->req->call->loop, &o->task);
}

static void get_stream(struct http_request *req)
{
    struct api *api = req->ctx;
    struct opening *o = ARENA_NEW(req->arena, struct opening);
    uint64_t owner;
    o->req = req;
    o->job = (struct work_job){ .fn = stream_prepare, .arg = o };
    if (!api_request_owner(req, &owner) || work_submit_for(api->o.pool, owner, &o->job) == RC_OK)
        return;
    api_refuse(req, api_refusal_of(api, RC_BUSY));
    http_answer(req);
}

static const struct api_route routes[] = {
    { .http = { HTTP_GET, "/api/v1/stream", HTTP_INLINE, get_stream,
                API_ANY | API_CAN(ACCESS_MAY_VIEW), "v1.stream.get",
                "What happens, as it happens (text/event-stream)" },
      .status = 200,
      .is_stream = true,
      .query = "kinds app endpoint source status sample seconds" },
};
API_ROUTES(stream, routes);
