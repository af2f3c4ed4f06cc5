/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies that are not JSON: '<' begins an XML document; else a line is the Content-Type of a multipart
 * body, which is the rest. XML becomes JSON; parts are pieces of the body; and neither takes memory out of
 * proportion to what was sent.
 */
#include "../fuzz.h"

#include "receive/payload_priv.h"
#include "json/json.h"

enum { XML_SPREAD = 64, PARTS_SPREAD = 8, FREE_BYTES = 256 * 1024 };

static void check_xml(struct str xml)
{
    struct arena a;
    struct buf why;
    struct str json;
    arena_init(&a);
    buf_init(&why, 512);
    enum rc rc = receive_xml_to_json(&a, xml, &json, &why);
    MUST(rc == RC_OK || rc == RC_INVALID);
    MUST((rc == RC_OK) == (why.len == 0));
    if (rc == RC_OK) {
        struct json_span whole;
        MUST(json_scan(json, &whole, NULL) == RC_OK && whole.type == JSON_SPAN_OBJECT);
    }
    MUST(arena_used(&a) <= FREE_BYTES + xml.len * XML_SPREAD);
    buf_fini(&why);
    arena_fini(&a);
}

static void check_multipart(struct str type, struct str body)
{
    struct receive_part *parts;
    struct arena a;
    struct buf why;
    size_t count = 0;
    arena_init(&a);
    buf_init(&why, 512);
    enum rc rc = receive_multipart_read(&a, type, body, &parts, &count, &why);
    MUST(rc == RC_OK || rc == RC_INVALID);
    MUST((rc == RC_OK) == (why.len == 0) && count <= RECEIVE_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        MUST(parts[i].name.len > 0);
        MUST(parts[i].body.ptr > body.ptr);
        MUST(parts[i].body.ptr + parts[i].body.len <= body.ptr + body.len);
        MUST(i == 0 || parts[i].body.ptr > parts[i - 1].body.ptr + parts[i - 1].body.len);
    }
    MUST(arena_used(&a) <= FREE_BYTES + (type.len + body.len) * PARTS_SPREAD);
    buf_fini(&why);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of((const char *)data, size);
    if (str_starts(text, STR("<"))) {
        check_xml(text);
    } else {
        size_t end = str_find(text, '\n');
        check_multipart(str_sub(text, 0, end), str_sub(text, end + 1, text.len));
    }
    return 0;
}
