/* SPDX-License-Identifier: Apache-2.0
 *
 * The load generator behind `grapnel bench`: one thread, keep-alive connections, one request under
 * way on each. With a rate, requests are due on a fixed schedule and latency counts from when a
 * request was due, so that a slow server cannot hide by slowing the generator down.
 */
#pragma once

#include "base/base.h"

enum { LOAD_CONNECTIONS_MAX = 10000, LOAD_BUCKETS = 64 * 16, LOAD_STATUS_MAX = 600 };

struct load_options {
    const char *host; /* address in dotted form */
    uint16_t port;
    const char *token;
    const char *event_type;
    int64_t event_types; /* 0: event_type as it is; else <event_type>.0, .1, ... in turn */
    const char *const *apps; /* used in turn */
    size_t app_count;
    int connections;
    int64_t rate;        /* requests a second; 0: as fast as answers come */
    int64_t duration_us; /* 0: until `count` */
    int64_t count;       /* requests; 0: until `duration_us` */
    size_t payload_bytes;
    const char *github_secret; /* not NULL: the apps are tokens of sources' URLs, and requests are GitHub's */
};

struct load_result {
    int64_t sent, accepted, refused, broken; /* broken: the connection ended before an answer */
    int64_t took_us;
    int64_t by_status[LOAD_STATUS_MAX];
    int64_t latency[LOAD_BUCKETS]; /* of accepted ones; see cli_load_quantile_us() */
    int64_t worst_us;
};

/* RC_IO: cannot connect, `why` says where. */
MUST_USE enum rc cli_load_run(const struct load_options *o, struct load_result *out, struct buf *why);

/* Within 7 % of the q-quantile. */
int64_t cli_load_quantile_us(const struct load_result *r, double q);
