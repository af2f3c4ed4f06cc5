/* SPDX-License-Identifier: Apache-2.0
 *
 * Growing buffers. Capacity doubles up to the limit; one byte more than the limit may be allocated,
 * for the final NUL.
 */
#include "base/buf.h"

#include "base/mem.h"
#include "base/panic.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

enum { CAP_LEAST = 64 };

void buf_init(struct buf *b, size_t max)
{
    MUST(max < SIZE_MAX / 4);
    *b = (struct buf){ ._max = max };
}

void buf_fini(struct buf *b)
{
    xfree(b->ptr);
    *b = (struct buf){ ._max = b->_max };
}

void buf_cut(struct buf *b, size_t len)
{
    MUST(len <= b->len);
    b->len = len;
    if (b->ptr != NULL)
        b->ptr[len] = '\0';
}

void buf_reset(struct buf *b)
{
    buf_cut(b, 0);
}

enum rc buf_reserve(struct buf *b, size_t more)
{
    if (more > b->_max - b->len)
        return RC_LIMIT;
    size_t need = b->len + more + 1;
    if (need <= b->_cap)
        return RC_OK;
    size_t cap = b->_cap < CAP_LEAST ? CAP_LEAST : b->_cap * 2;
    while (cap < need)
        cap *= 2;
    if (cap > b->_max + 1)
        cap = b->_max + 1;
    b->ptr = xrealloc(b->ptr, cap);
    b->_cap = cap;
    b->ptr[b->len] = '\0';
    return RC_OK;
}

enum rc buf_add(struct buf *b, const void *bytes, size_t len)
{
    if (b->len + len >= b->_cap || len >= b->_cap) {
        enum rc rc = buf_reserve(b, len);
        if (rc != RC_OK)
            return rc;
    }
    if (len > 0)
        memcpy(b->ptr + b->len, bytes, len);
    b->len += len;
    b->ptr[b->len] = '\0';
    return RC_OK;
}

enum rc buf_add_str(struct buf *b, struct str s)
{
    return buf_add(b, s.ptr, s.len);
}

enum rc buf_add_char(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

/* Formats after the content. Returns how long the text is; it was added whole if that fits. */
PRINTF_LIKE(2, 0) static size_t add_formatted(struct buf *b, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    size_t room = b->_cap == 0 ? 0 : b->_cap - b->len;
    int len = vsnprintf(room == 0 ? NULL : b->ptr + b->len, room, fmt, args);
    MUST(len >= 0);
    if ((size_t)len >= room && buf_reserve(b, (size_t)len) == RC_OK)
        (void)vsnprintf(b->ptr + b->len, (size_t)len + 1, fmt, again);
    va_end(again);
    return (size_t)len;
}

enum rc buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t len = add_formatted(b, fmt, args);
    va_end(args);
    if (len > b->_max - b->len) {
        if (b->ptr != NULL)
            b->ptr[b->len] = '\0';
        return RC_LIMIT;
    }
    b->len += len;
    return RC_OK;
}

/* How much of a text that was cut at `len` is left without a character cut in two at its end. */
static size_t whole_characters(const char *ptr, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)ptr;
    size_t start = len;
    while (start > 0 && len - start < 3) {
        start--;
        if (bytes[start] >= 0xC0)
            return str_utf8_sequence(bytes + start, len - start) == 0 ? start : len;
    }
    return len;
}

void buf_say(struct buf *b, const char *fmt, ...)
{
    if (b == NULL || buf_reserve(b, 0) != RC_OK)
        return;
    va_list args;
    va_start(args, fmt);
    size_t room = b->_max - b->len;
    va_list again;
    va_copy(again, args);
    size_t len = add_formatted(b, fmt, args);
    if (len > room && buf_reserve(b, room) == RC_OK) {
        (void)vsnprintf(b->ptr + b->len, room + 1, fmt, again);
        len = whole_characters(b->ptr + b->len, room);
    }
    va_end(again);
    va_end(args);
    b->len += len;
    b->ptr[b->len] = '\0';
}

void buf_consume(struct buf *b, size_t len)
{
    MUST(len <= b->len);
    if (len == 0)
        return;
    memmove(b->ptr, b->ptr + len, b->len - len);
    b->len -= len;
    b->ptr[b->len] = '\0';
}

static enum rc add_json_escape(struct buf *b, unsigned char c)
{
    static const char short_form[] = "btn\0fr"; /* from 0x08 on; 0x0b has none */
    if (c == '"' || c == '\\')
        return buf_add(b, (const char[]){ '\\', (char)c }, 2);
    if (c >= 0x08 && c <= 0x0d && c != 0x0b)
        return buf_add(b, (const char[]){ '\\', short_form[c - 0x08] }, 2);
    return buf_addf(b, "\\u%04x", c);
}

/* Bytes from `at` on that go into a JSON string as they are. */
static size_t plain_run(const unsigned char *at, size_t left)
{
    size_t run = 0;
    while (run < left) {
        unsigned char c = at[run];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
        size_t step = c < 0x80 ? 1 : str_utf8_sequence(at + run, left - run);
        if (step == 0)
            break;
        run += step;
    }
    return run;
}

static enum rc add_json_body(struct buf *b, struct str s)
{
    const unsigned char *at = (const unsigned char *)s.ptr;
    size_t left = s.len;
    enum rc rc = buf_add_char(b, '"');
    while (rc == RC_OK && left > 0) {
        size_t run = plain_run(at, left);
        rc = buf_add(b, at, run);
        at += run;
        left -= run;
        if (rc != RC_OK || left == 0)
            break;
        rc = *at < 0x80 ? add_json_escape(b, *at) : buf_add(b, "\xEF\xBF\xBD", 3);
        at++;
        left--;
    }
    return rc == RC_OK ? buf_add_char(b, '"') : rc;
}

enum rc buf_add_json(struct buf *b, struct str s)
{
    size_t before = b->len;
    enum rc rc = add_json_body(b, s);
    if (rc != RC_OK)
        buf_cut(b, before);
    return rc;
}

enum rc buf_add_json_list(struct buf *b, const struct str *items, size_t count)
{
    enum rc rc = buf_add_char(b, '[');
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        if (i > 0)
            rc = buf_add_char(b, ',');
        if (rc == RC_OK)
            rc = buf_add_json(b, items[i]);
    }
    return rc == RC_OK ? buf_add_char(b, ']') : rc;
}
