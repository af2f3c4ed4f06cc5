/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that came in at sources: a row for each, accepted or not. A row lives in the segment its
 * id's time falls into. An accepted request has the id of its message (but for the prefix), and the
 * message holds its body; where both are small, its row holds the rest, too. Rows that have no message are bounded: each source keeps the newest
 * STORE_REQUESTS_BOUND of them a segment, and some more until they are next counted.
 */
#pragma once

#include "store/flow.h"

enum store_request_outcome {
    STORE_REQUEST_ACCEPTED = 0, /* it has a message */
    STORE_REQUEST_REJECTED = 1,
    STORE_REQUEST_DUPLICATE = 2, /* `original` is the request that was accepted */
    STORE_REQUEST_IGNORED = 3    /* a handshake, or it came while the source was paused */
};
const char *store_request_outcome_text(enum store_request_outcome o); /* "accepted", ... */
/* RC_NOT_FOUND: no such word. */
MUST_USE enum rc store_request_outcome_find(struct str text, enum store_request_outcome *out);

enum { STORE_REQUESTS_BOUND = 1000, STORE_REQUEST_BODY_MAX = 65536 };

/* Borrowed texts; ptr NULL: none. */
struct store_request {
    struct id id; /* "req_..." */
    int64_t source, app;
    int64_t org; /* not kept; for whoever watches (store/watch.h) */
    int64_t at_us;
    enum store_request_outcome outcome;
    bool has_message;  /* body and type are the message's of the same id */
    int status;        /* what was answered */
    struct str reason; /* why it was not accepted, a word */
    struct str method, url, peer;
    struct str headers; /* JSON array of [name, value], secrets taken out */
    struct str lines;   /* to write: each 0 in `headers` stands for the next of these */
    struct str body;    /* without message: cut to STORE_REQUEST_BODY_MAX */
    int64_t body_bytes; /* before it was cut */
    struct str event_type, dedupe_id; /* as the provider says */
    bool has_original;
    struct id original; /* DUPLICATE */
    size_t item_count;  /* events in the request; 0: it is one itself, and its message has its id */
    /* Of a request with several events: the messages that came of it, in order (those that were known before
     * have none of it). Filled by the store. */
    struct id *messages;
    size_t message_count;
};

/* A row by itself, for what has no message. */
struct store_record {
    struct store_job job;
    const struct store_request *request; /* borrowed until done */
};
/* Any thread. RC_BUSY, RC_LIMIT: as store_submit_publish(). */
MUST_USE enum rc store_submit_record(struct store *s, struct store_record *r);

/* --- reads: worker threads; results in the arena ------------------------------------------------ */

struct store_request_filter {
    int64_t source;
    unsigned outcomes;           /* bits 1 << outcome; 0: any */
    struct str reason;           /* empty: any */
    struct str event_type;       /* empty: any */
    struct str text;             /* in URL, headers, id or body; empty: any */
    int64_t before_us, after_us; /* 0: open */
    bool with_body;
};
/* Newest first unless page->descending is false. page->after: a "req_..." id. RC_INVALID: not one. */
MUST_USE enum rc store_request_list(struct store *s, const struct store_request_filter *f,
                                    const struct store_page *page, struct arena *a,
                                    struct store_request *out, struct store_page_end *end);
MUST_USE enum rc store_request_get(struct store *s, int64_t source, const struct id *id,
                                   struct arena *a, struct store_request *out);
