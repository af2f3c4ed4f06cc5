/* SPDX-License-Identifier: Apache-2.0
 *
 * The characters of JSON strings: escapes and UTF-8. Pure.
 */
#pragma once

#include "json/json.h"

enum { JSON_UTF8_MAX = 4 };

/* One character in UTF-8. */
struct json_character {
    char bytes[JSON_UTF8_MAX];
    size_t len;
};

/* The escape that `text` begins with (at its backslash; a pair of surrogates is one escape). Returns
 * how many bytes it takes up, 0 if malformed. `out` may be NULL. */
size_t json_text_escape(struct str text, struct json_character *out);

/* Length of the multi-byte UTF-8 character at `at`, 0 if malformed (overlong, surrogate, past
 * U+10FFFF, cut off). */
size_t json_text_utf8(const unsigned char *at, size_t len);
