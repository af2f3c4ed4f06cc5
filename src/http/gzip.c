/* SPDX-License-Identifier: Apache-2.0
 *
 * See http/gzip.h. What is unpacked or packed goes through a small window, so that a body that would grow beyond
 * its limit costs no more than the limit.
 */
#include "http/gzip.h"

#define ZLIB_CONST /* its input is only read */
#include <zlib.h>

enum { WINDOW = 16 * 1024, GZIP_ONLY = 16 + MAX_WBITS, MEMORY_LEVEL = 8 };

/* One call of inflate() and what it gave. */
static enum rc unpack_some(z_stream *z, struct buf *out, bool *is_over)
{
    unsigned char window[WINDOW];
    z->next_out = window;
    z->avail_out = sizeof(window);
    int result = inflate(z, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR)
        return RC_LIMIT;
    if (result != Z_OK && result != Z_STREAM_END)
        return RC_INVALID;
    *is_over = result == Z_STREAM_END;
    return buf_add(out, window, sizeof(window) - z->avail_out);
}

static enum rc unpack_all(z_stream *z, struct buf *out)
{
    bool is_over = false;
    for (;;) {
        enum rc rc = unpack_some(z, out, &is_over);
        if (rc != RC_OK)
            return rc;
        if (is_over && z->avail_in == 0)
            return RC_OK;
        if (is_over && inflateReset(z) != Z_OK)
            return RC_INVALID;
    }
}

enum rc http_gunzip(struct str packed, struct buf *out)
{
    z_stream z = { .next_in = (z_const Bytef *)packed.ptr, .avail_in = (uInt)packed.len };
    if (packed.len == 0 || packed.len > UINT32_MAX)
        return RC_INVALID;
    if (inflateInit2(&z, GZIP_ONLY) != Z_OK)
        return RC_LIMIT;
    enum rc rc = unpack_all(&z, out);
    (void)inflateEnd(&z);
    return rc;
}

static enum rc pack_all(z_stream *z, struct buf *out)
{
    unsigned char window[WINDOW];
    enum rc rc = RC_OK;
    int result = Z_OK;
    while (rc == RC_OK && result == Z_OK) {
        z->next_out = window;
        z->avail_out = sizeof(window);
        result = deflate(z, Z_FINISH);
        rc = buf_add(out, window, sizeof(window) - z->avail_out);
    }
    MUST(rc != RC_OK || result == Z_STREAM_END); /* there is always room in the window */
    return rc;
}

enum rc http_gzip(struct str plain, struct buf *out)
{
    z_stream z = { .next_in = (z_const Bytef *)plain.ptr, .avail_in = (uInt)plain.len };
    if (plain.len > UINT32_MAX || deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_ONLY,
                                               MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return RC_LIMIT;
    enum rc rc = pack_all(&z, out);
    (void)deflateEnd(&z);
    return rc;
}
