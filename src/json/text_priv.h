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

/* The same for trees that hold everything (json/any.h): also takes a surrogate without its partner, as
 * three bytes, and spells U+0000 as C0 80. `out` must be given. */
size_t json_text_escape_any(struct str text, struct json_character *out);

/* Length of the multi-byte UTF-8 character at `at`, 0 if malformed (overlong, surrogate, past
 * U+10FFFF, cut off). */
size_t json_text_utf8(const unsigned char *at, size_t len);

/* Appends the shortest digits that read back as the same number; "1.0" and "1e+20" as Python has them. */
MUST_USE enum rc json_text_real(double d, struct buf *out);
