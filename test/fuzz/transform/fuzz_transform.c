/* SPDX-License-Identifier: Apache-2.0
 *
 * Around a transform: a body and a header's value become a document, which is always JSON; a result, which
 * comes from a process that may do anything, is read, and what it says fits where it goes. The parts are
 * separated by zero bytes.
 */
#include "../fuzz.h"

#include "transform/message.h"

enum { DOCUMENT_MAX = 1 << 20 };

static struct str part(struct str *rest)
{
    struct str first = str_sub(*rest, 0, str_find(*rest, '\0'));
    *rest = str_sub(*rest, first.len + 1, rest->len);
    return first;
}

static void check_document(struct str body, struct str value)
{
    const struct filter_pair pairs[] = { { value, body }, { STR("x"), value }, { value, value } };
    struct transform_message m = { .body = body,
                                   .event_type = value,
                                   .headers = pairs,
                                   .header_count = COUNT_OF(pairs),
                                   .query = pairs,
                                   .query_count = COUNT_OF(pairs) };
    struct json_member member = { .name = STR("body") };
    struct buf out;
    buf_init(&out, DOCUMENT_MAX);
    if (transform_message_write(&m, &out) == RC_OK) {
        MUST(json_scan_object(buf_str(&out), &member, 1, NULL) == RC_OK);
        MUST(member.value.type != JSON_SPAN_NONE);
    }
    buf_fini(&out);
}

static void check_result(struct str text)
{
    struct transform_message_result r;
    struct arena a;
    struct buf why;
    arena_init(&a);
    buf_init(&why, 512);
    if (transform_message_read(text, &a, &r, &why) == RC_OK) {
        MUST(r.body.ptr == NULL || json_validate(r.body, NULL) == RC_OK);
        MUST(r.header_count <= TRANSFORM_RESULT_HEADERS_MAX);
        for (size_t i = 0; i < r.header_count; i++) {
            MUST(r.headers[i].name.len > 0 &&
                 str_find(r.headers[i].name, ':') == r.headers[i].name.len);
            MUST(str_find(r.headers[i].value, '\n') == r.headers[i].value.len);
            MUST(str_find(r.headers[i].value, '\r') == r.headers[i].value.len);
        }
    } else {
        MUST(why.len > 0);
    }
    buf_fini(&why);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_of((const char *)data, size);
    struct str body = part(&rest);
    struct str value = part(&rest);
    check_document(body, value);
    check_result(rest);
    return 0;
}
