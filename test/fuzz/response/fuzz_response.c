/* SPDX-License-Identifier: Apache-2.0
 *
 * As for requests: a head that is taken stays inside its bytes, and none of its beginnings is one.
 */
#include "../fuzz.h"

#include "http/wire.h"

enum { HEAD_MAX = 4096 };

/* A receiver's name need not be a token (http/wire.c), but it cannot end its line or itself. */
static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f || name.ptr[i] == ':')
            return false;
    }
    return name.len > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head, again;
    struct str in = str_of((const char *)data, size);
    struct http_parse_error error = { 0 };
    size_t used = 0, used_again = 0;
    enum http_parse p = http_parse_response(in, HEAD_MAX, &head, &used, &error);
    if (p == HTTP_PARSE_BAD)
        MUST(error.status >= 400 && error.reason != NULL);
    if (p != HTTP_PARSE_OK)
        return 0;
    MUST(used > 0 && used <= size && head.status >= 100 && head.status <= 999);
    MUST(!(head.chunked && head.has_length));
    for (size_t i = 0; i < head.header_count; i++) {
        MUST(is_name(head.headers[i].name) && http_is_field_value(head.headers[i].value));
    }
    for (size_t len = 0; len < used; len += 1 + used / 16) {
        MUST(http_parse_response(str_sub(in, 0, len), HEAD_MAX, &again, &used_again, &error) ==
             HTTP_PARSE_MORE);
    }
    return 0;
}
