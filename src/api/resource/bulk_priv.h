/* SPDX-License-Identifier: Apache-2.0
 *
 * One action on everything that one filter finds: what is looked for, and looking for it, page by page. Counting and
 * doing look with the same function, so that what is done is what was counted.
 */
#pragma once

#include "api/kit/kit_priv.h"
#include "api/resource/task_steps_priv.h"
#include "store/request.h"

enum { API_BULK_ROWS_MAX = API_LIMIT_MAX };

enum api_bulk_deed { API_BULK_SENDS, API_BULK_CANCELS, API_BULK_ERASES };

/* What may be done. */
struct api_bulk_action {
    const char *name;  /* "recover" */
    const char *kind;  /* of its task: "bulk.recover" */
    unsigned states;   /* bits 1 << enum store_state: of deliveries, unless the filter says which. 0: it is about messages, or requests */
    unsigned may;      /* those that the filter may say */
    enum api_bulk_deed deed; /* endpoints that are sent to must be enabled; applications' tokens may not erase */
    bool needs_to;     /* another endpoint */
};
extern const struct api_bulk_action api_bulk_actions[];
extern const size_t api_bulk_action_count;
const struct api_bulk_action *api_bulk_action_find(struct str name); /* NULL: there is none */

/* What is looked for. Strings in the arena it was read into. */
struct api_bulk {
    const struct api_bulk_action *action;
    int64_t app, endpoint, to, source; /* numbers; 0: none. endpoint 0: all of the application's */
    unsigned states;                   /* 0: messages, or requests, instead of deliveries */
    int status_class;                  /* -1: any */
    struct store_message_filter messages;
    const json_t *channels, *tags;     /* arrays, borrowed from the JSON it was read from; NULL: any */
    unsigned outcomes;                 /* of requests */
    struct str reason, text;
};
/* From a task's input. RC_CORRUPT: not what api_bulk_write() made. */
MUST_USE enum rc api_bulk_read(const json_t *input, struct arena *a, struct api_bulk *out);

/* Something that was looked at. */
struct api_bulk_row {
    struct id id;             /* of the message, or of the request */
    int64_t endpoint;         /* 0: none */
    struct str endpoint_id;   /* "ep_..."; ptr NULL: none */
    enum store_state state;   /* 0: not a delivery */
    int64_t task;             /* the last one that had the delivery sent again */
    int64_t at_us;
    struct str event_type;
    const struct store_request *request; /* NULL: it is none */
    bool fits;
};
struct api_bulk_page {
    size_t limit;       /* in: at most so many rows, up to API_BULK_ROWS_MAX */
    bool with_body;     /* in: of requests */
    struct api_bulk_row rows[API_BULK_ROWS_MAX]; /* all of one endpoint */
    size_t count;
    struct str next;    /* where the next page begins */
    bool done;          /* there is none */
};
/* The page that begins at `cursor` ("": the first one). A page may be empty without being the last: it looks at a bounded
 * number of rows. Worker. RC_NOT_FOUND: the application is gone. */
MUST_USE enum rc api_bulk_look(struct api *api, const struct api_bulk *b, struct str cursor, struct arena *a, struct api_bulk_page *page);
/* Where a page goes on that ends with this row. */
struct str api_bulk_after(const struct api_bulk *b, const struct api_bulk_row *row, struct arena *a);

/* One step of a task that does it. */
MUST_USE enum rc api_bulk_step(struct api_step *s);
