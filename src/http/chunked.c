/* SPDX-License-Identifier: Apache-2.0
 *
 * The chunked coding, byte by byte outside the data. Sizes are plain hexadecimal digits; extensions
 * are read over, trailers checked and dropped. What is not data has limits of its own, so that a
 * sender cannot keep us busy with tiny chunks in long lines.
 */
#include "http/chunked.h"

#include "http/text_priv.h"

enum {
    CHUNK_DIGITS_MAX = 16,         /* 64 bits; those past 63 are refused by their value */
    CHUNK_LINE_MAX = 256,          /* a size line with its extension */
    CHUNK_TRAILERS_MAX = 8192,     /* all trailers */
    CHUNK_OVERHEAD_FREE = 16,      /* framing a chunk may have at no charge */
    CHUNK_OVERHEAD_MAX = 16 * 1024 /* framing above that and above the data, in all */
};

enum state {
    AT_SIZE, /* first digit of a size */
    IN_SIZE,
    IN_EXTENSION,
    AT_SIZE_LF,
    IN_DATA,
    AT_DATA_CR,
    AT_DATA_LF,
    AT_TRAILER, /* first byte of a trailer line */
    IN_TRAILER_NAME,
    IN_TRAILER_VALUE,
    AT_TRAILER_LF,
    AT_END_LF,
    AT_DONE
};

static bool chunked_refuse(struct http_parse_error *error, const char *reason)
{
    *error = (struct http_parse_error){ 400, reason };
    return false;
}

static unsigned chunked_hex_value(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

static bool step_size(struct http_chunked *c, char b, struct http_parse_error *error)
{
    if (++c->_line > CHUNK_LINE_MAX)
        return chunked_refuse(error, "chunk size line too long");
    if (http_char_is(b, HTTP_CHAR_HEX)) {
        c->_left = c->_left * 16 + chunked_hex_value(b);
        if (c->_line > CHUNK_DIGITS_MAX || c->_left > INT64_MAX)
            return chunked_refuse(error, "chunk size too large");
        c->_state = IN_SIZE;
        return true;
    }
    if (c->_state == AT_SIZE)
        return chunked_refuse(error, "malformed chunk size");
    if (b == ';') {
        c->_state = IN_EXTENSION;
    } else if (b == '\r') {
        c->_state = AT_SIZE_LF;
    } else {
        return chunked_refuse(error, "malformed chunk size");
    }
    return true;
}

static bool step_extension(struct http_chunked *c, char b, struct http_parse_error *error)
{
    if (++c->_line > CHUNK_LINE_MAX)
        return chunked_refuse(error, "chunk size line too long");
    if (b == '\r') {
        c->_state = AT_SIZE_LF;
        return true;
    }
    return http_char_is(b, HTTP_CHAR_VALUE)
               ? true
               : chunked_refuse(error, "control byte in a chunk extension");
}

static bool step_size_lf(struct http_chunked *c, char b, struct http_parse_error *error)
{
    if (b != '\n')
        return chunked_refuse(error, "CR without LF in the chunked body");
    if (c->_line > CHUNK_OVERHEAD_FREE)
        c->_excess += c->_line - CHUNK_OVERHEAD_FREE;
    c->_excess -= c->_excess < c->_left ? c->_excess : (size_t)c->_left;
    if (c->_excess > CHUNK_OVERHEAD_MAX)
        return chunked_refuse(error, "too much chunk framing for the data");
    c->_line = 0;
    c->_state = c->_left > 0 ? IN_DATA : AT_TRAILER;
    return true;
}

static bool step_trailer(struct http_chunked *c, char b, struct http_parse_error *error)
{
    if (++c->_line > CHUNK_TRAILERS_MAX)
        return chunked_refuse(error, "trailers too large");
    switch (c->_state) {
    case AT_TRAILER:
        if (b == '\r') {
            c->_state = AT_END_LF;
            return true;
        }
        c->_state = IN_TRAILER_NAME;
        return http_char_is(b, HTTP_CHAR_TOKEN) ? true : chunked_refuse(error, "malformed trailer");
    case IN_TRAILER_NAME:
        if (b == ':') {
            c->_state = IN_TRAILER_VALUE;
            return true;
        }
        return http_char_is(b, HTTP_CHAR_TOKEN) ? true : chunked_refuse(error, "malformed trailer");
    case IN_TRAILER_VALUE:
        if (b == '\r') {
            c->_state = AT_TRAILER_LF;
            return true;
        }
        return http_char_is(b, HTTP_CHAR_VALUE)
                   ? true
                   : chunked_refuse(error, "control byte in a trailer");
    default: /* AT_TRAILER_LF, AT_END_LF */
        if (b != '\n')
            return chunked_refuse(error, "CR without LF in the trailers");
        c->_state = c->_state == AT_TRAILER_LF ? AT_TRAILER : AT_DONE;
        return true;
    }
}

/* One byte outside the data. */
static bool chunked_step(struct http_chunked *c, char b, struct http_parse_error *error)
{
    switch (c->_state) {
    case AT_SIZE:
    case IN_SIZE: return step_size(c, b, error);
    case IN_EXTENSION: return step_extension(c, b, error);
    case AT_SIZE_LF: return step_size_lf(c, b, error);
    case AT_DATA_CR:
        c->_state = AT_DATA_LF;
        return b == '\r' ? true : chunked_refuse(error, "no CR after the chunk's data");
    case AT_DATA_LF:
        c->_state = AT_SIZE;
        return b == '\n' ? true : chunked_refuse(error, "no LF after the chunk's data");
    default: return step_trailer(c, b, error);
    }
}

enum http_parse http_chunked_read(struct http_chunked *c, struct str in, size_t *used,
                                  struct buf *out, struct http_parse_error *error)
{
    size_t at = 0;
    while (at < in.len && c->_state != AT_DONE) {
        if (c->_state != IN_DATA) {
            if (!chunked_step(c, in.ptr[at], error))
                return HTTP_PARSE_BAD;
            at++;
            continue;
        }
        size_t take = in.len - at;
        if (take > c->_left)
            take = (size_t)c->_left;
        if (out != NULL && buf_add(out, in.ptr + at, take) != RC_OK) {
            *error = (struct http_parse_error){ 413, "body too large" };
            return HTTP_PARSE_BAD;
        }
        at += take;
        c->_left -= take;
        if (c->_left == 0)
            c->_state = AT_DATA_CR;
    }
    *used = at;
    return c->_state == AT_DONE ? HTTP_PARSE_OK : HTTP_PARSE_MORE;
}
