/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies that are forms. What is read of one, written again and read again is the same; and whatever
 * object is flattened into one, it is a form.
 */
#include "../fuzz.h"

#include "json/form.h"

enum { WRITTEN_MAX = 1 << 20 };

static void check_body(struct str text)
{
    struct buf written;
    json_t *first = NULL;
    json_t *second = NULL;
    if (json_form_read(text, &first) != RC_OK)
        return;
    buf_init(&written, WRITTEN_MAX);
    MUST(json_is_object(first));
    MUST(json_form_write(first, &written) == RC_OK);
    MUST(json_form_read(buf_str(&written), &second) == RC_OK);
    MUST(json_equal(first, second));
    json_decref(first);
    json_decref(second);
    buf_fini(&written);
}

static void check_object(struct str text)
{
    struct buf written;
    json_t *object = NULL;
    json_t *fields = NULL;
    if (json_parse(text, &object, NULL) != RC_OK)
        return;
    buf_init(&written, WRITTEN_MAX);
    enum rc rc = json_form_write(object, &written);
    MUST(rc == RC_OK || rc == RC_LIMIT || rc == RC_INVALID);
    MUST((rc == RC_INVALID) == !json_is_object(object));
    if (rc == RC_OK) {
        MUST(json_form_read(buf_str(&written), &fields) == RC_OK);
        json_decref(fields);
    }
    json_decref(object);
    buf_fini(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of((const char *)data, size);
    if (size > WRITTEN_MAX / 3)
        return 0;
    check_body(text);
    check_object(text);
    return 0;
}
