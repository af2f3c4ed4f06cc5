/* SPDX-License-Identifier: Apache-2.0
 *
 * The live stream: stream_ask.c reads what is wanted, stream_text.c writes events, stream.c is the rest.
 */
#pragma once

#include "api/kit/kit_priv.h"
#include "base/map.h"
#include "stats/live.h"

enum {
    API_STREAM_SAMPLE_MAX = STATS_SAMPLE, /* events a second */
    API_STREAM_PENDING_MAX = 100,
    API_STREAM_NAMES_MAX = 4096, /* ids that are remembered by their numbers */
    API_STREAM_TEXT_MAX = 128 * 1024
};

struct api_stream_ask {
    struct stats_want want;
    int64_t sample;  /* events a second */
    int64_t seconds; /* then it ends; 0: never */
    bool resumes;    /* behind the event that the reader had last: */
    struct stats_place from;
    int64_t from_us; /* wall clock: when that was, as its id says */
};
/* Needs c->tx. False: answered. */
bool api_stream_ask(struct api_ctx *c, struct api_stream_ask *out);

/* Ids by numbers, remembered. One owner at a time. */
struct api_stream_names {
    struct map64 *map; /* to texts of their own */
};
void api_stream_names_init(struct api_stream_names *n);
void api_stream_names_fini(struct api_stream_names *n);
/* Events as text/event-stream, behind each other in `out`; ends[i] is where event i ends. `at`: of their audience. Worker. */
void api_stream_text(struct api *api, struct api_stream_names *names, const struct stats_place *at,
                     const struct stats_event *events, size_t count, struct buf *out, size_t *ends);

/* An event's id: its place, and when it was. Ids are what readers send back as Last-Event-ID. */
enum { API_STREAM_ID_TEXT = 4 * 21 };
struct str api_stream_id(struct stats_place at, int64_t at_us, char text[API_STREAM_ID_TEXT]);
/* RC_INVALID: not one that api_stream_id() made. */
MUST_USE enum rc api_stream_id_parse(struct str text, struct stats_place *at, int64_t *at_us);

/* The event that tells a reader who came back at `now_us` (wall clock) what it will not be told of the time since `from_us`. */
void api_stream_gap_text(const struct stats_resumed *r, int64_t from_us, int64_t now_us, struct buf *out);
