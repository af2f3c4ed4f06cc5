/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's reader of requests and the receiver's, on the same bytes. Either may refuse what the other
 * takes; but what both take they take for the same request, to the last byte. Where two readers differ
 * is where requests are smuggled.
 */
#include "../../../lib/http_read.h"
#include "../fuzz.h"

#include "http/wire.h"

enum { HEAD_MAX = 4096, BODY_MAX = 4096 };

struct reading {
    bool taken;
    size_t used; /* head and body */
    struct buf body;
};

static bool is_same(struct str one, struct grapnel_bytes other)
{
    return one.len == other.len && (one.len == 0 || memcmp(one.ptr, other.ptr, one.len) == 0);
}

static void read_body(struct str in, const struct http_head *head, struct reading *out)
{
    struct http_chunked c = { 0 };
    struct http_parse_error error = { 0 };
    size_t used = 0;
    if (head->chunked) {
        out->taken = http_chunked_read(&c, in, &used, &out->body, &error) == HTTP_PARSE_OK;
        out->used += used;
        return;
    }
    size_t length = head->has_length && head->length < in.len ? (size_t)head->length : in.len;
    length = head->has_length ? length : 0;
    out->taken = !head->has_length || head->length == length;
    out->taken = out->taken && buf_add(&out->body, in.ptr, length) == RC_OK;
    out->used += length;
}

static void check_same(const struct http_head *head, const struct reading *one,
                       const struct gn_http *other, size_t used)
{
    MUST(one->used == used);
    MUST(is_same(head->method_text, other->method) && is_same(head->path, other->path));
    MUST(is_same(head->query, other->query) && (head->minor == 0) == other->is_old);
    MUST(head->header_count == other->header_count);
    for (size_t i = 0; i < head->header_count; i++) {
        MUST(is_same(head->headers[i].name, other->headers[i].name));
        MUST(is_same(head->headers[i].value, other->headers[i].value));
    }
    MUST(is_same(buf_str(&one->body), gn_bytes(other->body, other->body_len)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head;
    struct str in = str_of((const char *)data, size);
    struct http_parse_error error = { 0 };
    struct gn_budget budget = { .max = 1 << 20 };
    struct reading one = { 0 };
    struct gn_http other;
    size_t used = 0;

    buf_init(&one.body, BODY_MAX);
    gn_http_init(&other, HEAD_MAX, BODY_MAX, &budget);
    if (http_parse_request(in, HEAD_MAX, &head, &one.used, &error) == HTTP_PARSE_OK)
        read_body(str_sub(in, one.used, in.len), &head, &one);
    if (gn_http_push(&other, in.ptr, in.len, &used) == GN_HTTP_DONE && one.taken)
        check_same(&head, &one, &other, used);
    gn_http_reset(&other);
    buf_fini(&one.body);
    return 0;
}
