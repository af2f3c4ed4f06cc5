/* SPDX-License-Identifier: Apache-2.0
 *
 * The front's types. front.c decides where calls go and when; passing.c sends one and answers it.
 */
#pragma once

#include "link/link.h"

enum { LINK_ADDRESS_MAX = 256, LINK_CONNECT_US = 1000000 };

enum link_state {
    LINK_WAITS, /* for a node at work, or for another try */
    LINK_SENT,
    LINK_STREAMS, /* its answer has begun, and goes on as it comes */
};

/* A call of somebody's, until it is answered. */
struct link_call {
    struct link_front *front;
    struct link_call *prev, *next;
    struct http_call *call; /* NULL: a stream whose client is gone */
    enum link_state state;
    struct fetch_call fetch;
    struct http_url url;
    struct buf lines;      /* its header lines */
    int64_t until_us;      /* waits no longer */
    unsigned aim;          /* the front's when it was sent */
    int64_t sent_us;
    bool is_try;           /* sent while the front was failing, and not known to have got there */
    struct link_return back; /* fn NULL: none */
    bool is_live;          /* asks for a stream of events */
    bool is_cut;           /* a stream that ends with this turn */
    bool is_over;          /* nothing more comes of the node at work */
    struct loop_task cut;
    char words[224];       /* why the last try failed */
};

struct link_front {
    struct link_front_options o;
    struct fetch *fetch;
    struct link_call *calls;
    struct loop_timer again;
    char address[LINK_ADDRESS_MAX]; /* of the node at work, as last known */
    struct http_url url;            /* the same; spans lie in `address` */
    unsigned aim;                   /* changes with the address */
    bool has_aim;                   /* a node is at work there, as far as is known */
    bool is_closed;
    bool is_failing; /* the last try came to nothing, as the log says */
    size_t tries;    /* calls with is_try */
};

/* passing.c */
/* Sends a call that waits to the node at work. The call may be gone afterwards. */
void link_call_send(struct link_call *c);
/* Answers with 503 and ends. */
void link_call_refuse(struct link_call *c, const char *code, const char *why);
/* Takes a call; it waits. */
struct link_call *link_call_new(struct link_front *f, struct http_call *call);
/* Takes a call that is sent back: its answer will not come. It waits, or is answered, and may be gone afterwards. */
void link_call_recall(struct link_call *c);
/* The node at work has it: others may be sent, too. */
void link_call_reached(struct link_call *c);
/* front.c: a call waits again after a try that failed. */
void link_front_later(struct link_front *f);
/* front.c: a try failed before or after it was sent, or the first one since succeeded. */
void link_front_note(struct link_front *f, const char *why);
