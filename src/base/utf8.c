/* SPDX-License-Identifier: Apache-2.0
 *
 * See base/utf8.h.
 */
#include "base/utf8.h"

/* What the second byte may be, by first byte; a lead byte of 0 length cannot start a sequence. */
struct lead {
    unsigned char len, low, high;
};

static struct lead lead_of(unsigned char c)
{
    if (c < 0x80)
        return (struct lead){ 1, 0, 0 };
    if (c < 0xC2)
        return (struct lead){ 0, 0, 0 };
    if (c < 0xE0)
        return (struct lead){ 2, 0x80, 0xBF };
    if (c < 0xF0)
        return (struct lead){ 3, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF };
    if (c < 0xF5)
        return (struct lead){ 4, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF };
    return (struct lead){ 0, 0, 0 };
}

size_t str_utf8_sequence(const unsigned char *ptr, size_t len)
{
    struct lead lead = lead_of(ptr[0]);
    if (lead.len <= 1)
        return lead.len;
    if (len < lead.len || ptr[1] < lead.low || ptr[1] > lead.high)
        return 0;
    for (size_t i = 2; i < lead.len; i++)
        if ((ptr[i] & 0xC0) != 0x80)
            return 0;
    return lead.len;
}

bool str_is_utf8(struct str s)
{
    const unsigned char *at = (const unsigned char *)s.ptr;
    size_t left = s.len;
    while (left > 0) {
        uint64_t word;
        if (left >= sizeof(word)) { /* eight ASCII bytes at a time: the common case */
            memcpy(&word, at, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof(word);
                left -= sizeof(word);
                continue;
            }
        }
        size_t step = str_utf8_sequence(at, left);
        if (step == 0)
            return false;
        at += step;
        left -= step;
    }
    return true;
}

size_t str_utf8_length(struct str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    return count;
}

struct str str_cut_utf8(struct str s, size_t max)
{
    if (s.len <= max)
        return s;
    size_t cut = max;
    while (cut > 0 && max - cut < 3 && ((unsigned char)s.ptr[cut] & 0xC0) == 0x80)
        cut--;
    return str_of(s.ptr, cut);
}
