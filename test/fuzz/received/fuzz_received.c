/* SPDX-License-Identifier: Apache-2.0
 *
 * Payloads of JSON as the receiver reads and hands them on. What is read is valid JSON; written anew it is
 * valid, read again it is valid, and written once more it is the same text. Any text is a JSON string.
 */
#include "../fuzz.h"

#include "receive/payload_priv.h"

enum { WRITTEN_MAX = 64 << 20 };

static void check_written(struct arena *a, struct str valid)
{
    struct buf first, second;
    struct json_span span;
    buf_init(&first, WRITTEN_MAX);
    buf_init(&second, WRITTEN_MAX);
    enum rc rc = receive_json_write(a, valid, NULL, 0, &first);
    MUST(rc == RC_OK || rc == RC_LIMIT);
    if (rc == RC_OK) {
        MUST(json_validate(buf_str(&first), NULL) == RC_OK);
        MUST(receive_json_read(a, buf_str(&first), &span, NULL) == RC_OK);
        MUST(receive_json_write(a, span.text, NULL, 0, &second) == RC_OK);
        MUST(str_eq(buf_str(&first), buf_str(&second)));
    }
    buf_fini(&first);
    buf_fini(&second);
}

static void check_text(struct arena *a, struct str text)
{
    struct buf out;
    buf_init(&out, WRITTEN_MAX);
    MUST(receive_json_write_text(text, &out) == RC_OK);
    MUST(json_validate(buf_str(&out), NULL) == RC_OK);
    MUST(str_is_utf8(receive_text_clean(a, text)));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of((const char *)data, size);
    struct json_error error = { 0 };
    struct json_span span;
    struct arena a;
    arena_init(&a);
    enum rc rc = receive_json_read(&a, text, &span, &error);
    MUST(rc == RC_OK || (rc == RC_INVALID && error.reason != NULL));
    if (rc == RC_OK) {
        MUST(json_validate(span.text, NULL) == RC_OK);
        check_written(&a, span.text);
    }
    check_text(&a, text);
    arena_fini(&a);
    return 0;
}
