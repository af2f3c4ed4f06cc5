/* SPDX-License-Identifier: Apache-2.0
 *
 * The headers that decide where a message ends and what becomes of the connection. Two readers of
 * one byte stream must never disagree on them, so whatever could be read in two ways is refused.
 */
#pragma once

#include "http/head.h"

struct framing {
    bool is_request;
    bool has_coding; /* Transfer-Encoding came */
    bool has_host;
    bool says_close;
    bool says_keep_alive;
    struct str authority; /* of an absolute-form target, or empty */
    struct str host;
};

/* Takes in one header. False: *error says why the message is refused. */
bool http_framing_note(struct framing *f, struct http_head *head, const struct http_header *h,
                       struct http_parse_error *error);

/* After the last header: fills keep_alive and checks what only shows in the whole. */
bool http_framing_judge(const struct framing *f, struct http_head *head,
                        struct http_parse_error *error);
