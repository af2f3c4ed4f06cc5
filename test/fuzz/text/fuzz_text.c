/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoders: never past their limits, and what they take is what their encoder writes, in the
 * encoder's own form. JSON strings made of anything are UTF-8.
 */
#include "../fuzz.h"
#include "base/base.h"

enum { INPUT_MAX = 1 << 16 };

static void try_hex(struct str text)
{
    char *bytes = xmalloc(text.len);
    size_t len = 0;
    if (hex_decode(text, bytes, text.len / 2, &len) == RC_OK) {
        char *back = xmalloc(HEX_LEN(len) + 1);
        MUST(len == text.len / 2);
        hex_encode(bytes, len, back);
        MUST(str_ieq(str_from(back), text));
        xfree(back);
    }
    xfree(bytes);
}

static void try_base64(struct str text)
{
    size_t cap = text.len / 4 * 3 + 2;
    char *bytes = xmalloc(cap);
    size_t len = 0;
    if (base64_decode(text, bytes, cap, &len) == RC_OK) {
        char *back = xmalloc(BASE64_LEN(len) + 1);
        base64_encode(bytes, len, back);
        MUST(strlen(back) >= text.len);
        for (size_t i = 0; i < text.len; i++) {
            char c = text.ptr[i];
            MUST(back[i] == (c == '-' ? '+' : c == '_' ? '/' : c));
        }
        xfree(back);
    }
    xfree(bytes);
}

static void try_percent(struct str text, bool form)
{
    struct buf decoded;
    struct buf encoded;
    struct buf again;
    buf_init(&decoded, INPUT_MAX);
    buf_init(&encoded, INPUT_MAX * 3);
    buf_init(&again, INPUT_MAX);
    if (percent_decode(text, form, &decoded) == RC_OK) {
        MUST(decoded.len <= text.len);
        MUST(percent_encode(buf_str(&decoded), &encoded) == RC_OK);
        MUST(percent_decode(buf_str(&encoded), form, &again) == RC_OK);
        MUST(str_eq(buf_str(&decoded), buf_str(&again)));
    } else {
        MUST(decoded.len == 0);
    }
    buf_fini(&decoded);
    buf_fini(&encoded);
    buf_fini(&again);
}

static void try_utf8(struct str text)
{
    struct buf json;
    buf_init(&json, INPUT_MAX * 6 + 2);
    MUST(buf_add_json(&json, text) == RC_OK);
    MUST(str_is_utf8(buf_str(&json)));
    if (str_is_utf8(text))
        for (size_t max = 0; max <= text.len && max < 16; max++)
            MUST(str_is_utf8(str_cut_utf8(text, max)));
    buf_fini(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of((const char *)data, size);
    if (size > INPUT_MAX)
        return 0;
    try_hex(text);
    try_base64(text);
    try_percent(text, false);
    try_percent(text, true);
    try_utf8(text);
    return 0;
}
