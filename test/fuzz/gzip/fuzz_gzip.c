/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies with Content-Encoding: gzip. Whatever the bytes are, no more comes out than there is room for; what
 * does come out is the same with less room up to its size, and refused with a byte less.
 */
#include "../fuzz.h"

#include "http/gzip.h"

enum { PLAIN_MAX = 256 * 1024 };

static enum rc unpack(struct str packed, size_t room, struct buf *out)
{
    buf_init(out, room);
    enum rc rc = http_gunzip(packed, out);
    MUST(out->len <= room);
    MUST(rc == RC_OK || rc == RC_LIMIT || rc == RC_INVALID);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str packed = str_of((const char *)data, size);
    struct buf plain, again;
    if (unpack(packed, PLAIN_MAX, &plain) == RC_OK) {
        MUST(unpack(packed, plain.len, &again) == RC_OK);
        MUST(str_eq(buf_str(&plain), buf_str(&again)));
        buf_fini(&again);
        if (plain.len > 0) {
            MUST(unpack(packed, plain.len - 1, &again) != RC_OK);
            buf_fini(&again);
        }
    }
    buf_fini(&plain);
    return 0;
}
