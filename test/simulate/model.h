/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of a run from outside: what clients asked and were answered, what receivers got, what the server logged.
 * The world writes it down as it happens, in memory that outlives the lives of the server, and check.h judges it.
 * Nothing here knows how the server works, only what it has promised.
 *
 * Times are microseconds since the beginning of the run. Numbers of tenants and endpoints are the plan's, from 1. Plain
 * arrays without pointers, so that the whole is one piece of memory. What does not fit is counted in `lost`, and a run
 * that lost something is not judged as well. No locks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MODEL_TENANTS = 8,
    MODEL_ENDPOINTS = 64,
    MODEL_SWITCHES = 128,
    MODEL_PUBLISHES = 6000,
    MODEL_ATTEMPTS = 60000,
    MODEL_STATES = 60000,
    MODEL_CALLS = 6000,
    MODEL_FILTERS = 16,
    MODEL_QUESTIONS = 2000,
    MODEL_REPLIES = 20000,
    MODEL_SITES = 2,
    MODEL_USERS = 6,
    MODEL_ENTRIES = 2000,
    MODEL_VOUCHES = 8000,
    MODEL_ERASURES = 1000,
    MODEL_RECOVERIES = 1000,
    MODEL_FAULTS = 256,
    MODEL_LIVES = 256,
    MODEL_EVENTS = 192,
    MODEL_FOLLOWED = 64,
    MODEL_ID_BYTES = 40,
    MODEL_CANARY_BYTES = 32
};
#define MODEL_NEVER INT64_MAX
/* How long a start may take when nothing is wrong. */
#define MODEL_START_US INT64_C(30000000)
/* In the data of each question, where its chain redacts. */
#define MODEL_HIDDEN "hidden-from-records"

/* How a call ended. */
enum model_answer {
    MODEL_UNANSWERED, /* the connection or the process went: it may have taken effect or not */
    MODEL_DONE,       /* 2xx */
    MODEL_CONFLICT,   /* 409 */
    MODEL_MISSING,    /* 404 */
    MODEL_REFUSED     /* another 4xx, or 5xx: it says that it took no effect */
};

/* A change of whether an endpoint takes messages, from the call's begin to its answer. */
struct model_switch {
    int64_t begin_us, end_us; /* end MODEL_NEVER: not answered */
    bool is_on;
};

struct model_endpoint {
    int tenant; /* 0: no such number */
    bool is_ordered, is_deleted, was_replayed /* something was sent again by hand */;
    int64_t throttle; /* a second; 0: none */
    int broker, exchange; /* 0: an HTTP receiver; of the broker's exchanges */
    bool is_mandatory;
    char id[MODEL_ID_BYTES];
    size_t switch_count; /* the creation is the first one */
    struct model_switch switches[MODEL_SWITCHES];
};

/* One message of a call that published: each item of a batch, each repetition. */
struct model_publish {
    int op, item; /* the plan's line, and which of its batch */
    int tenant;
    int64_t key; /* of idempotency; 0: none */
    uint64_t hash; /* of the payload's bytes */
    int64_t begin_us, end_us;
    enum model_answer answer;
    bool is_replay; /* the answer said so */
    char id[MODEL_ID_BYTES];
};

/* A call that removed a message's payload. */
struct model_erasure {
    char id[MODEL_ID_BYTES];
    int64_t begin_us, end_us; /* end MODEL_NEVER: it was not answered well */
};

/* A call that has all sent again that failed at an endpoint and was published after `since_us`. */
struct model_recovery {
    int endpoint;
    int64_t since_us, begin_us, end_us; /* end MODEL_NEVER: it was not answered well */
};

/* A whole request that a receiver got, or a message that a broker got: confirmed is 200 then, nacked 503, returned 404. */
struct model_attempt {
    int endpoint, life;
    char id[MODEL_ID_BYTES]; /* webhook-id */
    int op, item, tenant;    /* what the payload says of itself */
    uint64_t hash;
    bool is_signed; /* with the endpoint's secret */
    int64_t begin_us, end_us; /* of the answer; MODEL_NEVER: there was none */
    int status;               /* answered; 0: none */
    int64_t retry_after_us;
};

/* What the API says of a delivery after the quiet phase. */
struct model_state {
    int endpoint;
    char message[MODEL_ID_BYTES];
    int status;      /* 0 success, 1 pending, 2 fail, 3 sending, 4 canceled */
    bool has_reason; /* why it ended without success */
    int64_t attempts; /* that are listed; only asked for what failed where all that had failed was to be sent again */
};

/* A call that reads or changes an endpoint. */
enum model_act { MODEL_READ, MODEL_DESCRIBE, MODEL_DISABLE, MODEL_ENABLE, MODEL_DELETE };
struct model_call {
    int endpoint;
    enum model_act act;
    int64_t begin_us, end_us;
    enum model_answer answer;
    int text;         /* DESCRIBE: the one that was set; READ: the one that was seen. 0: as it was created */
    bool is_disabled; /* READ */
};

/* A webfilter. Its processor's answers name it, and the question; the filters of a tenant, by number, are one chain. */
enum model_mode { MODEL_ORIGINAL, MODEL_CHAINED, MODEL_PARALLEL, MODEL_SHADOW };
struct model_filter {
    int tenant; /* 0: no such number */
    enum model_mode mode;
    int64_t timeout_us;
    bool is_closed, halts_on_4xx, halts_on_5xx, halts_on_exception;
};
enum model_keep { MODEL_KEEP_NONE, MODEL_KEEP_HEADERS, MODEL_KEEP_ALL };
struct model_chain {
    int64_t deadline_us;
    enum model_keep keep;
};

/* A question to a chain, and the verdict. Sets of filters are bits by their numbers. */
struct model_question {
    int op, tenant;
    int64_t begin_us, end_us;
    enum model_answer answer;
    char run[MODEL_ID_BYTES];
    unsigned data, exceptions; /* what the verdict has of this question */
    int last;                  /* the filter whose data came last; 0: none */
    bool has_strange;          /* ... and something that no filter said to this question */
    bool is_halt;
    int status; /* 0: none */
};

/* What a processor said to a question. */
enum model_said {
    MODEL_SAID_NOTHING, /* or not all of it */
    MODEL_SAID_DATA,
    MODEL_SAID_STOP,   /* an exception */
    MODEL_SAID_STATUS, /* with an empty object */
    MODEL_SAID_GARBAGE /* 200, and no JSON object */
};
struct model_reply {
    int filter, op;
    int64_t begin_us, end_us; /* all of it has left; MODEL_NEVER: it has not */
    enum model_said said;
    int status;
    unsigned saw; /* the filters whose data was in the question */
};

/* Whoever calls with a credential that not the server judges but a service outside: a CKAN site (1) or Gaia's tenant
 * service (2). Of the users the last two are never good. */
struct model_site {
    int64_t keep_us, timeout_us; /* of what it says, and for its answer; 0: there is no such site */
};
struct model_entry {
    int site, user, life;
    int64_t begin_us, end_us;
    int status;
    bool has_strange; /* something of another user was in the answer */
};
/* All of an answer by which a user is let in has left. */
struct model_vouch {
    int site, user, life;
    int64_t end_us;
};

/* Memory and descriptors when nothing has been going on for a while: how many blocks of the heap the server and its
 * libraries hold, and the most bytes that they and SQLite have held in this life. */
struct model_rest {
    size_t blocks, most_bytes, segments /* started so far, in all lives */;
};

struct model_fault {
    char word[24]; /* of the plan */
    int64_t begin_us, end_us;
};

/* A start that was refused within MODEL_START_US breaks no rule and is not kept: the next life takes its place. */
struct model_life {
    int64_t tried_us; /* when the starts in a row began of which this is the last: the ones before it never accepted requests */
    int64_t begin_us, started_us /* it accepts requests; 0: not yet */, end_us;
    size_t fds_started, fds_quiet; /* descriptors; 0: not looked at */
};

/* A log event: how often in all, and in the second that it was last seen in. */
struct model_event {
    char name[40], level[8];
    uint64_t count;
    int64_t second;
    unsigned in_second, most_in_second;
    int64_t first_us;
    char first[160]; /* the line */
};

/* The settings that bound what may be seen. */
struct model_limits {
    int64_t window_max, timeout_us, retry_min_us /* shortest delay, jitter taken off */, retry_sum_us, breaker_max_us;
    int64_t brokers_max; /* connected at the same time */
    int64_t attempts; /* of a message, before it is given up */
    int64_t kept_us, remembered_us; /* how long messages and idempotency keys are there at least; 0: always */
    int64_t lag_us; /* at most so long something is under way between server and world */
    int64_t answer_lag_us; /* and so much longer an answer takes on a connection that was made while the network was slow */
};

struct model {
    int tenants;
    struct model_limits limits;
    uint64_t lost;
    size_t published_bytes; /* of payloads, in all calls */
    struct model_rest rest, rest_later; /* in the end, and after `steady` more messages */
    size_t steady;
    int64_t quiet_us;   /* when faults stopped; 0: not yet */
    int64_t settled_us; /* when the states below were read after that; 0: not yet */
    int64_t followed_us[MODEL_FOLLOWED]; /* when the log said that the store's time was advanced to the system's clock */
    size_t publish_count, attempt_count, state_count, call_count, fault_count, life_count, event_count, question_count, reply_count, entry_count,
        vouch_count, followed_count, erasure_count, recovery_count;
    struct model_endpoint endpoints[MODEL_ENDPOINTS + 1]; /* by number */
    struct model_publish publishes[MODEL_PUBLISHES];
    struct model_attempt attempts[MODEL_ATTEMPTS];
    struct model_state states[MODEL_STATES];
    struct model_call calls[MODEL_CALLS];
    struct model_filter filters[MODEL_FILTERS + 1];
    struct model_chain chains[MODEL_TENANTS + 1];
    struct model_question questions[MODEL_QUESTIONS];
    struct model_reply replies[MODEL_REPLIES];
    struct model_site sites[MODEL_SITES + 1];
    struct model_entry entries[MODEL_ENTRIES];
    struct model_vouch vouches[MODEL_VOUCHES];
    struct model_fault faults[MODEL_FAULTS];
    struct model_life lives[MODEL_LIVES];
    struct model_event events[MODEL_EVENTS];
    struct model_erasure erasures[MODEL_ERASURES];
    struct model_recovery recoveries[MODEL_RECOVERIES];
};

/* Each copies what it is given and returns where it is now, to be filled in further; when there is no room it counts
 * that and returns a place that nobody reads. */
struct model_publish *model_publish(struct model *m, const struct model_publish *p);
struct model_attempt *model_attempt(struct model *m, const struct model_attempt *a);
struct model_state *model_state(struct model *m, const struct model_state *s);
struct model_call *model_call(struct model *m, const struct model_call *c);
struct model_question *model_question(struct model *m, const struct model_question *q);
struct model_reply *model_reply(struct model *m, const struct model_reply *r);
struct model_entry *model_entry(struct model *m, const struct model_entry *e);
struct model_vouch *model_vouch(struct model *m, const struct model_vouch *v);
struct model_fault *model_fault(struct model *m, const struct model_fault *f);
/* A life begins; the one before is over, if it was not yet. */
struct model_life *model_life(struct model *m, int64_t now_us);
/* The last one, of which there has to be one. */
struct model_life *model_life_now(struct model *m);
struct model_erasure *model_erasure(struct model *m, const struct model_erasure *e);
struct model_recovery *model_recovery(struct model *m, const struct model_recovery *r);
struct model_switch *model_switch(struct model *m, int endpoint, const struct model_switch *s);
/* A line of the server's log, logfmt; other lines (a panic's) count as the event "?". */
void model_log_line(struct model *m, int64_t now_us, const char *line, size_t len);

/* The earliest moment at which the message may have been made: that of the first call which was answered with it, or of
 * one before that was not answered. */
int64_t model_made_us(const struct model *m, const struct model_publish *p);
/* True when a time of `window_us` that began at `from_us` may be over at `to_us`, as the server counts: it is, or a clock
 * was wrong. */
bool model_may_be_over(const struct model *m, int64_t window_us, int64_t from_us, int64_t to_us);
/* True when the message is so old that it may have been removed. */
bool model_may_be_gone(const struct model *m, const struct model_publish *p, int64_t at_us);
/* The call that was to remove the message's payload, the first one that was answered well; NULL: there was none. */
const struct model_erasure *model_erasure_of(const struct model *m, const char *id);
/* From when the message's payload may have been gone: a call that was not answered may have removed it as well. MODEL_NEVER: nobody
 * asked for it. */
int64_t model_erased_us(const struct model *m, const char *id);

/* How many segments the log says were started. */
size_t model_segments(const struct model *m);
/* A text that only the tenant's own things carry. */
const char *model_canary(int tenant, char out[static MODEL_CANARY_BYTES]);
uint64_t model_hash(const void *bytes, size_t len);

/* True when the endpoint took messages during the whole time, whatever order the calls took effect in. */
bool model_is_surely_on(const struct model *m, int endpoint, int64_t begin_us, int64_t end_us);
/* True when it took none during the whole time. */
bool model_is_surely_off(const struct model *m, int endpoint, int64_t begin_us, int64_t end_us);
/* True when the store's time was advanced at some moment of the time. */
bool model_followed_clock(const struct model *m, int64_t begin_us, int64_t end_us);
/* True when a fault of one of these words (separated by blanks; "*": any) lasted at some moment of the time. */
bool model_had_fault(const struct model *m, const char *words, int64_t begin_us, int64_t end_us);
