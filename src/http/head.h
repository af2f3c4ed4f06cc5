/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of a request or a response once it is read, and how reading ends. Types only: the parsers (http/wire.h,
 * http/chunked.h) and what they are made of share them.
 */
#pragma once

#include "base/base.h"
#include "http/text.h"

enum {
    HTTP_HEADERS_MAX = 100,
    HTTP_HEADERS_MORE = 8 /* what a server adds to a request that it passes on: http/origin.h */
};

struct http_header {
    struct str name;  /* as sent */
    struct str value; /* without surrounding blanks */
};

struct http_head {
    /* request */
    enum http_method method;
    struct str method_text;
    struct str target; /* origin-form as sent; path and query split below */
    struct str path;
    struct str query; /* after '?', without it; empty if none */
    /* response */
    int status;
    struct str reason;
    /* both */
    int minor; /* 0 or 1 */
    size_t header_count;
    bool keep_alive; /* the sender lets the connection go on, as far as the head says */
    bool chunked;
    bool has_length;
    uint64_t length; /* Content-Length, when has_length */
    bool expects_continue;
    bool upgrade;
    struct http_header headers[HTTP_HEADERS_MAX +
                               HTTP_HEADERS_MORE]; /* last: those past header_count are not touched */
};

enum http_parse { HTTP_PARSE_OK, HTTP_PARSE_MORE, HTTP_PARSE_BAD };

struct http_parse_error {
    int status;         /* what a server should answer: 400, 413, 414, 417, 431, 501, 505 */
    const char *reason; /* literal, in words */
};
