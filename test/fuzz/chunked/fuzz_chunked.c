/* SPDX-License-Identifier: Apache-2.0
 *
 * The first byte says in which pieces the rest is read; the outcome must not depend on it.
 */
#include "../fuzz.h"

#include "http/wire.h"

enum { BODY_MAX = 1024 };

struct outcome {
    enum http_parse result;
    size_t used;
    struct buf body;
};

static void read_all(struct str in, size_t step, struct outcome *o)
{
    struct http_chunked c = { 0 };
    struct http_parse_error error = { 0 };
    *o = (struct outcome){ .result = HTTP_PARSE_MORE };
    buf_init(&o->body, BODY_MAX);
    while (o->result == HTTP_PARSE_MORE && o->used < in.len) {
        struct str piece = str_sub(in, o->used, step);
        size_t used = 0;
        o->result = http_chunked_read(&c, piece, &used, &o->body, &error);
        if (o->result == HTTP_PARSE_BAD) {
            MUST(error.status == 400 || error.status == 413);
            return;
        }
        MUST(used <= piece.len && (o->result == HTTP_PARSE_OK || used == piece.len));
        o->used += used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str in = str_of((const char *)data + 1, size - 1);
    struct outcome whole, pieces;
    read_all(in, size, &whole);
    read_all(in, 1 + data[0] % 32, &pieces);
    MUST(whole.result == pieces.result);
    if (whole.result != HTTP_PARSE_BAD) {
        MUST(whole.used == pieces.used && str_eq(buf_str(&whole.body), buf_str(&pieces.body)));
    }
    buf_fini(&whole.body);
    buf_fini(&pieces.body);
    return 0;
}
