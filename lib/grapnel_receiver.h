/* SPDX-License-Identifier: Apache-2.0
 *
 * libgrapnel: a receiver of webhooks. One callback, called with verified events only:
 *
 *     static bool work(void *ctx, const struct grapnel_event *event)
 *     {
 *         printf("%.*s\n", (int)event->body.len, event->body.ptr);
 *         return true;
 *     }
 *     int main(void)
 *     {
 *         return grapnel_receive("127.0.0.1:8080", "standard-webhooks", "whsec_...", work, NULL);
 *     }
 *
 * What it does for each request: reads it (Content-Length or chunked, within limits: 400, 408, 413,
 * 431), answers handshakes, verifies (401 for a signature that is wrong, missing or too old), and
 * answers 2xx *before* the callback runs, on a thread of its own. An event that came before (by its
 * id, or by its body where the id is not signed or there is none) is answered 2xx and not run again.
 * With a spool folder an event is on disk before it is answered, and what has not run when the process ends
 * (kill -9 included) runs at the next start: at least once, never not at all.
 *
 * The processor form, `on_reply`, is called before the answer and makes it.
 *
 * Memory: bounded by `memory_max` and the counts below, whatever is sent. Threads: one that reads and
 * writes, `handlers` that verify, `workers` that run callbacks. All functions here may be called from
 * any thread, but not from a callback (grapnel_receiver_interrupt() may, and from a signal handler).
 * Workers beyond the first are started when events come that nobody is free for.
 * Plain HTTP: TLS belongs to a proxy before it.
 */
#pragma once

#include "grapnel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Defaults of a configuration's zeros. */
enum {
    GRAPNEL_RECEIVER_HEAD_MAX = 65536,       /* bytes of request line and headers: 431 */
    GRAPNEL_RECEIVER_CONNECTIONS_MAX = 4096, /* more wait to be accepted */
    GRAPNEL_RECEIVER_QUEUE_MAX = 10000,      /* accepted events that have not run: 503 */
    GRAPNEL_RECEIVER_REPLAY_MAX = 65536,     /* events remembered; the oldest are forgotten */
    GRAPNEL_RECEIVER_MEMORY_MAX = 268435456, /* bytes of requests and events: 503 */
    GRAPNEL_RECEIVER_REQUEST_MS = 60000,     /* from a request's first byte to its last: 408 */
    GRAPNEL_RECEIVER_IDLE_MS = 60000,        /* between requests of a connection */
    GRAPNEL_RECEIVER_WRITE_MS = 30000,       /* to take the answer */
    GRAPNEL_RECEIVER_REPLAY_S = 86400,       /* how long an event is remembered */
    GRAPNEL_RECEIVER_HANDLERS = 4,
    GRAPNEL_RECEIVER_WORKERS = 4,
    GRAPNEL_RECEIVER_THREADS_MAX = 256,
    GRAPNEL_RECEIVER_RUNNING_MAX = 2048,
    GRAPNEL_RECEIVER_ANSWER_MAX = 1048576 /* bytes of an answer's body */
};

/* One request. Everything is borrowed for the call of the function. */
struct grapnel_event {
    struct grapnel_bytes id;                        /* empty: none */
    struct grapnel_bytes type;                      /* empty: none */
    struct grapnel_bytes method, path, query, peer; /* peer: "192.0.2.1" or "2001:db8::1" */
    const struct grapnel_header *headers;
    size_t header_count;
    struct grapnel_bytes body;
    int64_t received_us; /* since 1970 */
    unsigned peer_port;  /* 0: not known */
    bool is_verified;    /* false: the scheme has no proof, or there is no scheme */
};

/* Does the work; false: it failed (a spooled event is put into SPOOL/failed). */
typedef bool grapnel_event_fn(void *ctx, const struct grapnel_event *event);

/* An answer: filled with 204 (nothing) or 401 and so on when a function gets it. */
struct grapnel_answer {
    unsigned status; /* 200 to 599 */
    struct grapnel_bytes content_type;
    const struct grapnel_header *headers;
    size_t header_count; /* at most GRAPNEL_REPLY_HEADERS_MAX more than the content type */
    struct grapnel_bytes body;
    void *owned; /* free()d after the answer was copied; for texts made for it */
    /* From on_judge, which returns false: the answer is made by on_reply, once a worker is free for the
     * request's lane. Nothing of it is in the spool. */
    bool is_deferred;
};

/* The processor form: gets the data, answers data or an exception. Runs on a handler thread; for a
 * deferred answer on a worker. */
typedef void grapnel_reply_fn(void *ctx, const struct grapnel_event *event,
                              struct grapnel_answer *answer);

/* Receivers without a scheme: judges a request itself and fills the answer. True: accepted, on_event
 * shall run (after the answer). */
typedef bool grapnel_judge_fn(void *ctx, const struct grapnel_event *event,
                              struct grapnel_answer *answer);

/* Which queue an event waits in. Events of one lane run `running_max` at a time, in order of coming. */
struct grapnel_lane {
    uint64_t id;
    size_t running_max; /* 0: no limit but `workers` */
    size_t queue_max;   /* 0: the receiver's */
};
typedef void grapnel_lane_fn(void *ctx, const struct grapnel_event *event,
                             struct grapnel_lane *lane);

/* A line for a log: what happened to a request. `reason` is a literal such as "accepted",
 * "duplicate", "missing_header" or "queue_full". */
typedef void grapnel_note_fn(void *ctx, const struct grapnel_event *event, unsigned status,
                             const char *reason);

/* A secret that a handshake brought; as on_learn: it is used from now on, keep it for the next start. As on_tentative:
 * a person has to see it and tell the provider, and a later one takes its place until an event verifies with it; then
 * on_learn is called with it. Calls are made one after another. */
typedef void grapnel_learn_fn(void *ctx, struct grapnel_bytes secret);

struct grapnel_receiver_config {
    const char *listen;                  /* "127.0.0.1:8080", "[::]:8080"; port 0: a free one */
    const struct grapnel_scheme *scheme; /* kept by the caller while the receiver lives */
    const struct grapnel_bytes *secrets; /* copied */
    size_t secret_count;
    struct grapnel_bytes companion;      /* copied */
    struct grapnel_bytes public_url;     /* copied; for schemes that sign the URL */
    const struct grapnel_window *window; /* NULL: the scheme's own; copied */

    grapnel_event_fn *on_event;
    grapnel_reply_fn *on_reply; /* instead of on_event: nothing is queued; with on_judge, beside it */
    bool remembers_replies; /* an event that on_reply answered with 2xx is not given to it again */
    grapnel_judge_fn *on_judge; /* instead of scheme */
    grapnel_lane_fn *on_lane;   /* may be NULL */
    grapnel_note_fn *on_note;   /* may be NULL */
    grapnel_learn_fn *on_learn; /* may be NULL */
    grapnel_learn_fn *on_tentative; /* may be NULL */
    bool is_tentative; /* the only secret given came by on_tentative, and on_learn was not called with it yet */
    void *ctx;                  /* of all of them; they are called from several threads */

    /* As in grapnel_config, for schemes that fetch certificates or keys; NULL: their requests get 503. Called by several
     * threads, of which each may block. */
    grapnel_certificate_fn *certificate;
    void *certificate_ctx;
    grapnel_certificate_fn *key_set;
    void *key_set_ctx;

    const char *spool; /* folder, made if missing; NULL: events wait in memory */
    unsigned success;  /* status of an accepted event; 0: the scheme's */
    /* 0: GRAPNEL_RECEIVER_*; of body_max: GRAPNEL_BODY_MAX_DEFAULT, or the scheme's own if it is larger */
    size_t handlers, workers, connections_max, queue_max, replay_max, head_max, body_max,
        memory_max;
    int64_t request_ms, idle_ms, write_ms;
    int64_t replay_s; /* negative: replays are not looked for */
};

struct grapnel_receiver;

/* Listens and starts the threads. NULL: `why` (NUL-terminated, cut to `cap`) says what is wrong. */
GRAPNEL_API struct grapnel_receiver *grapnel_receiver_start(
    const struct grapnel_receiver_config *config, char *why, size_t cap);
GRAPNEL_API unsigned grapnel_receiver_port(const struct grapnel_receiver *r);
/* Accepted events that wait or run. */
GRAPNEL_API size_t grapnel_receiver_waiting(struct grapnel_receiver *r);
/* Waits until grapnel_receiver_interrupt(). */
GRAPNEL_API void grapnel_receiver_wait(struct grapnel_receiver *r);
GRAPNEL_API void grapnel_receiver_interrupt(struct grapnel_receiver *r);
/* Stops listening, finishes the requests that have begun to be answered and the callbacks that run,
 * and frees all. What only waits is lost without a spool: `drain` runs it first. NULL is fine. */
GRAPNEL_API void grapnel_receiver_stop(struct grapnel_receiver *r, bool drain);

/* All of it with the defaults: runs until SIGINT or SIGTERM. The exit code for main(): 0; 1 after a
 * line on standard error. */
GRAPNEL_API int grapnel_receive(const char *listen, const char *preset, const char *secret,
                                grapnel_event_fn *work, void *ctx);

#ifdef __cplusplus
}
#endif
