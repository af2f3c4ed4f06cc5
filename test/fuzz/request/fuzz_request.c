/* SPDX-License-Identifier: Apache-2.0
 *
 * A head that is taken stays inside its bytes, is taken alike with more bytes behind it, and is not
 * complete in any beginning of it.
 */
#include "../fuzz.h"

#include "http/wire.h"

enum { HEAD_MAX = 4096 };

static void inside(struct str part, struct str whole)
{
    MUST(part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

static void check_taken(struct str in, const struct http_head *head, size_t used)
{
    MUST(used > 0 && used <= in.len && used <= HEAD_MAX);
    MUST(!(head->chunked && head->has_length) && head->header_count <= HTTP_HEADERS_MAX);
    MUST(head->minor == 0 || http_count(head, STR("host")) == 1);
    MUST(http_count(head, STR("content-length")) == (head->has_length ? 1 : 0));
    inside(head->path, in);
    inside(head->query, in);
    for (size_t i = 0; i < head->header_count; i++) {
        inside(head->headers[i].name, in);
        inside(head->headers[i].value, in);
        MUST(http_is_token(head->headers[i].name) && http_is_field_value(head->headers[i].value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head, again;
    struct str in = str_of((const char *)data, size);
    struct http_parse_error error = { 0 };
    size_t used = 0, used_again = 0;
    enum http_parse p = http_parse_request(in, HEAD_MAX, &head, &used, &error);
    if (p == HTTP_PARSE_BAD)
        MUST(error.status >= 400 && error.reason != NULL);
    if (p != HTTP_PARSE_OK)
        return 0;
    check_taken(in, &head, used);
    MUST(http_parse_request(str_sub(in, 0, used), HEAD_MAX, &again, &used_again, &error) ==
         HTTP_PARSE_OK);
    MUST(used_again == used && again.header_count == head.header_count &&
         again.length == head.length);
    for (size_t len = 0; len < used; len += 1 + used / 16) {
        MUST(http_parse_request(str_sub(in, 0, len), HEAD_MAX, &again, &used_again, &error) ==
             HTTP_PARSE_MORE);
    }
    return 0;
}
