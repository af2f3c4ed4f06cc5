/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1.1 on the wire: one strict parser for request and response heads and for bodies, used by
 * the server and by the client. Pure functions on bytes; nothing is copied, spans point into the
 * input. Refused: CL+TE, repeated or malformed Content-Length, obs-fold, space before the colon,
 * bare CR or LF, NUL and control bytes, unknown transfer codings, HTTP versions but 1.0 and 1.1,
 * a missing or repeated Host in 1.1.
 */
#pragma once

#include "base/base.h"

enum { HTTP_HEADERS_MAX = 100 };

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER
};
struct str http_method_name(enum http_method m);

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
    struct http_header
        headers[HTTP_HEADERS_MAX]; /* last: those past header_count are not touched */
};

enum http_parse { HTTP_PARSE_OK, HTTP_PARSE_MORE, HTTP_PARSE_BAD };

struct http_parse_error {
    int status;         /* what a server should answer: 400, 413, 414, 417, 431, 501, 505 */
    const char *reason; /* literal, in words */
};

/* Parses a head of at most `max` bytes at the start of `in`. OK: *used is its length with the
 * empty line. MORE: not complete yet and not over the limit. BAD: *error is filled. */
enum http_parse http_parse_request(struct str in, size_t max, struct http_head *head, size_t *used,
                                   struct http_parse_error *error);
enum http_parse http_parse_response(struct str in, size_t max, struct http_head *head, size_t *used,
                                    struct http_parse_error *error);

/* False for answers to HEAD and for 1xx, 204 and 304, whatever their headers say. A body without
 * length and chunked coding ends with the connection. */
bool http_response_has_body(const struct http_head *head, enum http_method request);

/* The first header of that name (any case), or NULL; and the number of them. */
const struct http_header *http_find(const struct http_head *head, struct str name);
size_t http_count(const struct http_head *head, struct str name);

/* Incremental decoder of a chunked body. Zero it to start. */
struct http_chunked {
    int _state;
    uint64_t _left;
    size_t _line;
    size_t _excess;
};
/* Decodes from `in`: appends data to `out` (NULL: drops it), sets *used. OK: the last chunk and the
 * trailers are read. BAD: malformed, or out's limit reached (error->status 413). */
enum http_parse http_chunked_read(struct http_chunked *c, struct str in, size_t *used,
                                  struct buf *out, struct http_parse_error *error);

/* "Not Found" and the like; "" for unknown codes. */
const char *http_reason(int status);
/* "Sun, 06 Nov 1994 08:49:37 GMT" */
enum { HTTP_DATE_LEN = 29 };
void http_date(int64_t wall_us, char out[static HTTP_DATE_LEN + 1]);

/* A name that may stand in a header line; a value without CR, LF, NUL and other controls. */
bool http_is_token(struct str s);
bool http_is_field_value(struct str s);
