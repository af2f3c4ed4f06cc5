/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing byte buffer that states its limit when it is made. One owner; not thread-safe.
 */
#pragma once

#include "base/rc.h"
#include "base/str.h"

struct buf {
    char *ptr;  /* owned; NUL follows the last byte whenever ptr is not NULL */
    size_t len; /* bytes in use */
    size_t _cap;
    size_t _max;
};

/* An empty buffer that never holds more than `max` bytes. Allocates nothing yet. */
void buf_init(struct buf *b, size_t max);

/* Frees. Fine on a zeroed or finished buffer. */
void buf_fini(struct buf *b);

/* Forgets the content, keeps the memory. */
void buf_reset(struct buf *b);

/* Makes room for `more` bytes after len. RC_LIMIT: would outgrow max; content unchanged. */
MUST_USE enum rc buf_reserve(struct buf *b, size_t more);

/* Append. RC_LIMIT: would outgrow max; then nothing was added. */
MUST_USE enum rc buf_add(struct buf *b, const void *bytes, size_t len);
MUST_USE enum rc buf_add_str(struct buf *b, struct str s);
MUST_USE enum rc buf_add_char(struct buf *b, char c);
MUST_USE enum rc buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Appends `s` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
MUST_USE enum rc buf_add_json(struct buf *b, struct str s);
/* Appends the items as a JSON list of strings. RC_LIMIT may leave a part of it. */
MUST_USE enum rc buf_add_json_list(struct buf *b, const struct str *items, size_t count);

/* As buf_addf(), for texts that explain: cuts at the limit instead of failing. NULL b is fine. */
void buf_say(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Drops the first `len` bytes (len <= b->len). */
void buf_consume(struct buf *b, size_t len);

/* Keeps the first `len` bytes only (len <= b->len); how an append of several parts is undone. */
void buf_cut(struct buf *b, size_t len);

/* The content, borrowed until the next change. */
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){ b->ptr, b->len };
}
