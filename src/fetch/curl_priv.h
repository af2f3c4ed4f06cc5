/* SPDX-License-Identifier: Apache-2.0
 *
 * The libcurl client, inside: its types. curl.c drives a multi handle on the loop and ends calls, curl_call.c
 * says what a transfer is and what its result means.
 */
#pragma once

#include "fetch/call_priv.h"
#include "fetch/fetch.h"
#include "fetch/resolve_priv.h"

#include <arpa/inet.h>
#include <curl/curl.h>

enum { CURL_SPARE_MAX = 128 };

/* A socket of curl's. */
struct curl_open {
    struct curl_open *next;
    curl_socket_t fd;
    int port; /* local; 0: not looked up yet */
};

struct curl_client {
    struct fetch base;
    struct loop *loop;
    CURLM *multi;
    struct loop_timer timer;
    struct fetch_policy *policy; /* a reference */
    SSL_CTX *tls;                /* a reference */
    int64_t idle_us;
    int64_t age_us;
    char *proxy;      /* owned */
    char *proxy_host; /* owned; to be looked up; NULL: no proxy, or an address */
    uint16_t proxy_port;
    char *no_proxy; /* owned */
    bool http2;
    char *fixed; /* owned */
    struct fetch_resolver *resolver;
    struct curl_exchange *running;
    CURL *spare[CURL_SPARE_MAX]; /* easy handles to use again */
    size_t spare_count;
    struct curl_open *open;
    struct http_head parsed;
};

/* One call under way. */
struct curl_exchange {
    struct curl_client *client;
    struct fetch_call *call;
    CURL *easy;
    bool is_added; /* to the multi handle */
    bool is_proxied;
    bool is_proxy_known; /* its addresses */
    SSL_CTX *tls;        /* borrowed from the call or the client */
    struct curl_slist *headers;
    struct curl_slist *resolve;
    struct fetch_lookup lookup;
    struct loop_timer timer;
    struct curl_exchange *prev;
    struct curl_exchange *next;
    int64_t started_us;
    bool is_resolving;
    bool is_connected; /* and about to send: the total deadline counts from here on */
    bool is_in_head;   /* its first line has come, its end has not */
    bool has_head;     /* the final one */
    bool is_sloppy;    /* and only its status counts */
    bool is_complete;  /* we have broken the transfer off behind a whole answer */
    uint64_t left;     /* of a sloppy answer's body */
    bool is_stale;     /* the kept connection curl took has something to say already */
    bool has_trailers;
    struct http_chunked trailers; /* what our own client would say of them */
    int interim_count;
    size_t body_read;
    size_t connect_count;
    size_t refused_count;   /* by the policy, of connect_count */
    enum fetch_error abort; /* why a callback of ours broke the transfer off */
    char error[CURL_ERROR_SIZE];
};
