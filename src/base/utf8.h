/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* Well-formed UTF-8 without surrogates or overlong forms. */
bool str_is_utf8(struct str s);

/* Code points of well-formed UTF-8: what contracts mean by the length of a text. */
size_t str_utf8_length(struct str s);

/* The longest prefix of at most `max` bytes that does not cut a UTF-8 sequence. */
struct str str_cut_utf8(struct str s, size_t max);

/* Bytes of the well-formed UTF-8 sequence that starts at `ptr` (`len` > 0 bytes are there): 1 to 4;
 * 0 if there is none. */
size_t str_utf8_sequence(const unsigned char *ptr, size_t len);
