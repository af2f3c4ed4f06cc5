/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the head of an answer, strict or, behind a good status line, for that line alone.
 */
#pragma once

#include "http/wire.h"

enum {
    FETCH_HEAD_MAX = 16 * 1024, /* bytes of one response head */
    FETCH_INTERIM_MAX = 8       /* 1xx answers before the final one */
};

/* How a head was read, beside what stands in it. */
struct fetch_head {
    size_t used;        /* its bytes, with the empty line */
    const char *sloppy; /* why only its status line counts, in words; NULL: all of it does */
    bool is_body_lost;  /* a sloppy head does not tell where its body ends */
    struct http_parse_error error; /* when it is refused */
};

/* Reads the head at the start of `in`; `is_all`: no more bytes will come. A sloppy head comes out
 * with its status, a body by length or until the close (none when that is lost), and keep_alive
 * false. MORE: not complete yet. BAD: no HTTP/1.0 or 1.1 status line. */
enum http_parse fetch_head_read(struct str in, bool is_all, struct http_head *head,
                                struct fetch_head *out);
