/* SPDX-License-Identifier: Apache-2.0
 *
 * What flows: messages, their deliveries, attempts. Writes are jobs: any thread submits one, the
 * store thread commits them in groups (a job that fails for itself fails alone), and
 * after the commit each job's done() runs on the loop it names, a whole group per wake-up. Reads block: worker threads.
 *
 * A message lives in the segment its id's time falls into, with everything about it.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>

#include "store/config.h"

enum store_state {
#define DELIVERY_STATE(id, number, svix, text) STORE_##id = number,
#define DELIVERY_MOVE(from, to)
#include "tables/delivery_states.def"
#undef DELIVERY_STATE
#undef DELIVERY_MOVE
};
const char *store_state_text(enum store_state s); /* "pending", ... */
int store_state_svix(enum store_state s);
/* Does a state fall under a status number of the API? Clients that do not know "canceled" (not `expanded`) see it
 * as failed: nobody received the message. */
bool store_state_is(enum store_state s, int svix, bool expanded);
bool store_state_may(enum store_state from, enum store_state to);

/* Why a delivery ended without success; 0: it did not, or nobody said. */
enum store_reason {
    STORE_REASON_NONE = 0,
#define END_REASON(id, number, name, text) STORE_REASON_##id = number,
#include "tables/end_reasons.def"
#undef END_REASON
};
struct str store_reason_name(enum store_reason r); /* "endpoint_deleted", ...; ptr NULL: none */

enum { STORE_DESTINATIONS_MAX = 10000 };

/* A message: counted, immutable once committed, shared by the store job and all its deliveries. */
struct store_message {
    atomic_int _refs;
    struct id id;
    int64_t org, app; /* numbers */
    int64_t created_us;         /* wall clock, to be shown */
    int64_t deliver_at_us;      /* wall clock, as asked for; 0: at once */
    int64_t due_us;             /* store_clock(): of its first attempts; not kept */
    int64_t payload_expires_us; /* store_clock() */
    struct str event_type;
    struct str event_id;     /* ptr NULL: none */
    struct str channels;     /* JSON array text; ptr NULL: none */
    struct str tags;         /* JSON array text; ptr NULL: none */
    struct str content_type; /* ptr NULL: application/json */
    struct str headers; /* extra header lines for delivery, "Name: value\r\n"...; ptr NULL: none */
    struct str payload; /* the bytes as sent; ptr NULL: expired or expunged */
};
/* Copies everything `from` points to into one allocation, with one reference. */
struct store_message *store_message_new(const struct store_message *from);
struct store_message *store_message_ref(struct store_message *m);
void store_message_unref(struct store_message *m); /* NULL is fine */
/* Gives a message its id and times: accepted now, due at deliver_at_us or at once, its payload kept
 * for keep_us from then on. Any thread. */
void store_stamp(struct store *s, struct store_message *m, int64_t keep_us);

enum { STORE_JOB_ROOM = 96 };

struct store_job {
    struct loop *loop; /* where done() runs; NULL: on a thread of the store */
    void (*done)(struct store_job *job);
    enum rc rc; /* RC_OK: durable. Else nothing of it was written */
    /* Of an outcome. In: it is written in a group of its own, so that it fails alone. Out, with RC_IO or RC_CORRUPT: it
     * failed by itself (the rows it touches cannot be read or written), not because its group did. */
    bool is_alone, is_own_fault;
    _Alignas(max_align_t) unsigned char room[STORE_JOB_ROOM]; /* the backend's, while the job is submitted */
};

struct store_request; /* store/request.h */

enum store_published {
    STORE_CREATED,
    STORE_REPLAYED, /* the idempotency key was used before with the same body: `first` is that message */
    STORE_KEY_REUSED, /* ... with another body */
    STORE_EVENT_ID_TAKEN
};
/* What becomes of a publish and those of its `also`. */
enum store_rule {
    STORE_RULE_FOLLOW, /* those of `also` have no keys and event ids: they are written if the first is CREATED */
    STORE_RULE_BATCH,  /* each has keys and event ids, and gets a `result`; nothing is written unless all are CREATED. Two
                        * of them must not have the same */
    STORE_RULE_ITEMS   /* the events of one request: the first and those that lead are judged each by itself. What was
                        * there before is left out with those that follow it (they share its `result`), and what is new
                        * is written together. Two of them must not have the same key or event id */
};
struct store_publish {
    struct store_job job;
    struct store_message *message; /* a reference, the submitter's */
    const int64_t *endpoints;      /* numbers of the destinations; borrowed until done */
    size_t endpoint_count;
    bool has_key;
    uint8_t key[16]; /* hash of scope, idempotency key and path */
    uint8_t body_hash[16];
    struct store_request *request; /* its row, with the message's id; NULL: none. Borrowed until done */
    struct store_publish **also; /* messages committed with this one, by `rule`. Where a new segment began between their
                                  * ids, all of them and the request's row get new ones (and created_us): look after done() */
    size_t also_count;
    enum store_rule rule;
    bool leads; /* of one in `also`, with STORE_RULE_ITEMS: has a key or event id of its own; else it follows the last that leads */
    /* out */
    enum store_published result;
    struct id first; /* STORE_REPLAYED, STORE_EVENT_ID_TAKEN: the earlier message */
    int64_t first_created_us;
};

enum store_trigger { STORE_SCHEDULED = 0, STORE_MANUAL = 1 };

/* A delivery that waits. It is sent in the order of `due_us`, and not before it. */
struct store_due {
    struct id message;
    int64_t app, endpoint;
    int64_t due_us; /* store_clock(), as all times here */
    int attempt_count;
    enum store_state state;
    enum store_trigger trigger; /* of the next attempt. Manual: somebody asked for it now */
    int64_t retry_at_us;        /* when the schedule has its next attempt, if `due_us` is another time: at an ordered
                                 * endpoint, where it keeps the delivery's place, or as one was asked for before; 0: it is not */
    int64_t asked_us;           /* when that was; 0: not since the last outcome. Tells one such request from another */
    int ahead_count;            /* attempts that were asked for while the schedule had others to come, and do not count there */
};

/* One attempt and what it means for its delivery. Recorded together or not at all. */
struct store_outcome {
    struct store_job job;
    struct id message;
    int64_t app, endpoint;
    int64_t was_due_us;    /* the due time it was pending under */
    enum store_state from; /* as the caller knows it; RC_CONFLICT if it is not so (any more) */
    enum store_state to;
    int64_t was_asked_us; /* asked_us of the delivery as the caller knows it. Asked for since then: an attempt that
                           * failed is followed by one more, by hand and at once */
    int64_t next_due_us; /* for PENDING and SENDING; store_clock() */
    int64_t retry_at_us; /* ... and then, if that is later */
    int attempt_count;   /* attempts made, this one included */
    int ahead_count;
    enum store_reason reason; /* with FAILED and CANCELED: why */
    bool has_attempt;    /* false: state change only (put off, canceled) */
    struct id attempt;
    enum store_trigger trigger;
    bool success;
    int http_status;    /* 0: none came */
    int64_t started_us; /* wall clock */
    int64_t took_us;
    struct str error;  /* "" or fetch_error_name */
    struct str detail; /* words */
    struct str url;
    struct str response;         /* kept bytes */
    struct str response_headers; /* raw lines */
    struct str request_headers;  /* as sent, without secrets */
    /* Not kept; for whoever watches (store/watch.h). 0 and ptr NULL: not known. */
    int64_t org;
    struct str event_type;
    size_t sent_bytes; /* of payload */
    /* out, when RC_OK */
    struct store_due after; /* how the delivery stands now */
};

/* An attempt asked for by hand, now. A finished delivery is pending again, for one attempt; one that waits is
 * due at once, and goes on by its schedule if that fails; one that is being sent is sent once more if it fails.
 * An endpoint that had no delivery gets one (replay-missing).
 * RC_NOT_FOUND: no such message; RC_INVALID: its payload is gone; RC_LIMIT: the disk is full. */
struct store_requeue {
    struct store_job job;
    struct id message;
    int64_t app, endpoint;
    int64_t now_us; /* store_clock() */
    bool create_missing;
    int64_t task; /* number of the background task that asks; 0: none. It gets each delivery once */
    /* out, when RC_OK */
    struct store_message *message_out; /* loaded, with a reference for the submitter; NULL: was_done */
    struct store_due due;
    bool was_done; /* the task had it before */
};

/* Expunge: payload of a message, or response of an attempt (attempt set). With the payload, what of the
 * message's deliveries still waits is canceled. */
struct store_expunge {
    struct store_job job;
    struct id message;
    int64_t app;
    bool has_attempt;
    struct id attempt;
    /* out */
    int64_t *canceled; /* endpoints whose delivery waited; owned by the submitter: xfree() */
    size_t canceled_count;
};

/* Any thread. RC_BUSY: the queue is full; RC_LIMIT: disk nearly full (publish only). The job is untouched then. */
MUST_USE enum rc store_submit_publish(struct store *s, struct store_publish *p);
/* Several at once, in order: all are taken or none. */
MUST_USE enum rc store_submit_publishes(struct store *s, struct store_publish **list, size_t count);
/* Outcomes are never refused: losing one would mean sending again. */
void store_submit_outcome(struct store *s, struct store_outcome *o);
MUST_USE enum rc store_submit_requeue(struct store *s, struct store_requeue *r);
MUST_USE enum rc store_submit_expunge(struct store *s, struct store_expunge *e);

/* --- reads: worker threads; results in the arena ------------------------------------------------ */

struct store_message_filter {
    int64_t app;
    struct str channel; /* empty: any */
    struct str tag;     /* empty: any */
    const struct str *event_types;
    size_t event_type_count;
    int64_t before_us, after_us; /* 0: open */
    bool with_payload;
};
struct store_message_row {
    struct store_message message; /* payload ptr NULL unless asked for and there */
};
/* Newest first (oldest first when page->descending is false). page->after: a "msg_..." id. RC_INVALID: not an id. */
MUST_USE enum rc store_message_list(struct store *s, const struct store_message_filter *f,
                                    const struct store_page *page, struct arena *a,
                                    struct store_message_row *out, struct store_page_end *end);
MUST_USE enum rc store_message_get(struct store *s, int64_t app, const struct id *id,
                                   struct arena *a, struct store_message_row *out);
MUST_USE enum rc store_message_by_event_id(struct store *s, int64_t app, struct str event_id,
                                           struct arena *a, struct store_message_row *out);

struct store_delivery_row {
    struct id message;
    int64_t endpoint;
    enum store_state state;
    int64_t due_us;      /* store_clock(); 0: none */
    int64_t retry_at_us; /* see struct store_due */
    enum store_trigger trigger;
    int64_t task; /* the last one that had it sent again; 0: none */
    int attempt_count;
    enum store_reason reason;             /* of FAILED and CANCELED */
    int64_t last_at_us;                   /* of the last attempt; 0: none */
    struct store_message_row message_row; /* when listed by endpoint */
};
/* The deliveries of a message, by endpoint number. */
MUST_USE enum rc store_delivery_by_message(struct store *s, int64_t app, const struct id *message,
                                           struct arena *a, struct store_delivery_row **out,
                                           size_t *count);

struct store_attempt_row {
    struct id id;
    struct id message;
    int64_t endpoint;
    int number; /* from 1 */
    bool success;
    enum store_state state_after; /* SENDING: another one was planned */
    enum store_reason reason;     /* of the delivery's end, if this is its last attempt */
    enum store_trigger trigger;
    int http_status;
    int64_t started_us;
    int64_t took_us;
    int64_t next_due_us; /* wall clock */
    struct str error, detail, url, response, response_headers, request_headers;
};
struct store_attempt_filter {
    int64_t app;
    int64_t endpoint;         /* 0: any; one of endpoint and message must be set */
    const struct id *message; /* NULL: any */
    int status; /* -1: any; else the API's numbers: 0 success, 2 failed, 3 failed with another one planned, 4 canceled */
    bool expanded; /* 2 does not include 4 */
    int status_class; /* -1: any; 0, 100, ... 500 */
    struct str channel, tag;
    const struct str *event_types;
    size_t event_type_count;
    int64_t before_us, after_us;
};
/* page->after: an "atmpt_..." id. */
MUST_USE enum rc store_attempt_list(struct store *s, const struct store_attempt_filter *f,
                                    const struct store_page *page, struct arena *a,
                                    struct store_attempt_row *out, struct store_page_end *end);
MUST_USE enum rc store_attempt_get(struct store *s, int64_t app, const struct id *message,
                                   const struct id *attempt, struct arena *a,
                                   struct store_attempt_row *out);

/* Messages that have a delivery to the endpoint, newest first, in any of these states (bit n: state n; 0: any).
 * page->after: "msg_..." */
MUST_USE enum rc store_delivery_by_endpoint(struct store *s, const struct store_message_filter *f,
                                            int64_t endpoint, unsigned states,
                                            const struct store_page *page, struct arena *a,
                                            struct store_delivery_row *out,
                                            struct store_page_end *end);

/* Deliveries of an application, newest message first and by endpoint number within one, whose payload, last answer or
 * error contains a text. Bounded: after so many rows, bytes of payload, or at that time the search stops where it is. */
struct store_delivery_search {
    int64_t app;
    int64_t endpoint;     /* 0: any */
    unsigned states;      /* bit n: state n; 0: any */
    int http_status;      /* of the last attempt, 0: no answer; -1: any */
    struct str text;      /* bytes as they are; empty: any */
    const struct str *event_types;
    size_t event_type_count;
    int64_t before_us, after_us; /* of the message; 0: open */
    struct id after;             /* go on after this message, or within it: */
    int64_t after_endpoint;      /* ... after this endpoint's delivery; 0: the whole message was looked at */
    bool has_after;
    int64_t rows_max, bytes_max;
    int64_t until_us;            /* monotonic clock */
};
struct store_delivery_found {
    struct store_delivery_row row; /* with message_row, without payload */
    struct store_attempt_row last; /* without headers */
    bool has_last;
    const char *matched;           /* literal: "payload", "response", "error"; NULL: no text was asked for */
};
struct store_delivery_search_end {
    size_t count;
    bool done;           /* there is nothing older */
    struct id resume;    /* not done: where to go on, as `after` and `after_endpoint` */
    int64_t resume_endpoint;
    int64_t row_count;   /* looked at */
    int64_t looked_us;   /* wall clock: everything of messages newer than this one was looked at; 0: nothing was */
};
MUST_USE enum rc store_delivery_search(struct store *s, const struct store_delivery_search *f, struct arena *a,
                                       struct store_delivery_found *out, size_t max, struct store_delivery_search_end *end);

struct store_counts {
    int64_t by_state[6]; /* indexed by enum store_state */
};
/* Deliveries of an endpoint by state, messages created in [since, until). */
MUST_USE enum rc store_delivery_counts(struct store *s, int64_t app, int64_t endpoint,
                                       int64_t since_us, int64_t until_us,
                                       struct store_counts *out);

/* --- for deliver ---------------------------------------------------------------------------------- */

/* Pending deliveries of an endpoint in order of due time, starting after (after_due_us, after_message) when that
 * message is not NULL; at most `max`. */
MUST_USE enum rc store_due_list(struct store *s, int64_t endpoint, int64_t after_due_us,
                                const struct id *after_message, size_t max, struct store_due *out,
                                size_t *count);
/* How many deliveries of an endpoint are pending, counted to `max`, and when the oldest message among those was made
 * (wall clock, to 4 ms; 0: there is none). Reads no row: the index has it all. */
MUST_USE enum rc store_due_count(struct store *s, int64_t endpoint, size_t max, size_t *count, int64_t *oldest_us);
/* Every endpoint that has pending deliveries: its number, application, how many, the earliest due time.
 * The earliest first. */
struct store_due_endpoint {
    int64_t endpoint, app, count, first_due_us;
};
MUST_USE enum rc store_due_endpoints(struct store *s, struct arena *a,
                                     struct store_due_endpoint **out, size_t *count);
/* The message with its payload, counted. RC_NOT_FOUND; payload ptr NULL if it is gone. */
MUST_USE enum rc store_message_load(struct store *s, const struct id *id,
                                    struct store_message **out);

/* --- what operators see ---------------------------------------------------------------------------- */
struct store_stats {
    int64_t messages, attempts, pending; /* in all segments; estimates */
    int64_t segments, bytes;
    size_t queued; /* jobs waiting */
};
void store_stats(struct store *s, struct store_stats *out);

/* A segment: everything of a stretch of time, in one file. */
struct store_piece {
    int64_t from_us;                     /* of its first message at the earliest; 0: not known */
    int64_t messages, attempts, pending; /* estimates */
    int64_t bytes;                       /* without its log */
};
/* The newest ones, newest first; how many of `max`. */
size_t store_pieces(struct store *s, struct store_piece *out, size_t max);
