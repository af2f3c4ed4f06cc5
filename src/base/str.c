/* SPDX-License-Identifier: Apache-2.0
 *
 * Borrowed byte strings: comparing, cutting, numbers. Hashing is in hash.c, UTF-8 in utf8.c.
 */
#include "base/str.h"

static unsigned char str_lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool str_ieq(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (str_lower(a.ptr[i]) != str_lower(b.ptr[i]))
            return false;
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_of(s.ptr, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_sub(s, s.len - suffix.len, suffix.len), suffix);
}

size_t str_find(struct str s, char c)
{
    const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);
    return at == NULL ? s.len : (size_t)(at - s.ptr);
}

bool str_contains(struct str s, struct str needle)
{
    if (needle.len == 0)
        return true;
    return s.len >= needle.len && memmem(s.ptr, s.len, needle.ptr, needle.len) != NULL;
}

bool str_skip_prefix(struct str *s, struct str prefix)
{
    if (!str_starts(*s, prefix))
        return false;
    *s = str_sub(*s, prefix.len, s->len);
    return true;
}

struct str str_sub(struct str s, size_t start, size_t len)
{
    if (s.ptr == NULL)
        return s; /* adding to NULL is undefined, even 0 */
    if (start > s.len)
        start = s.len;
    if (len > s.len - start)
        len = s.len - start;
    return str_of(s.ptr + start, len);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = str_sub(s, 1, s.len);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* A rest with NULL pointer is used up; one with a pointer and no bytes follows a final separator. */
bool str_split(struct str *rest, char sep, struct str *part)
{
    if (rest->ptr == NULL)
        return false;
    size_t at = str_find(*rest, sep);
    if (at == rest->len) {
        *part = *rest;
        *rest = STR_NONE;
        return part->len > 0;
    }
    *part = str_sub(*rest, 0, at);
    *rest = str_sub(*rest, at + 1, rest->len);
    return true;
}

enum rc str_to_u64(struct str s, uint64_t *out)
{
    uint64_t number = 0;
    if (s.len == 0)
        return RC_INVALID;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)((unsigned char)s.ptr[i]) - '0';
        if (digit > 9 || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return RC_INVALID;
    }
    *out = number;
    return RC_OK;
}

enum rc str_to_i64(struct str s, int64_t *out)
{
    uint64_t number = 0;
    bool negative = str_skip_prefix(&s, STR("-"));
    enum rc rc = str_to_u64(s, &number);
    if (rc != RC_OK || number > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return RC_INVALID;
    *out = (int64_t)(negative ? 0 - number : number);
    return RC_OK;
}

bool str_eq_constant_time(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    volatile unsigned char difference = 0; /* volatile: no early way out may be compiled in */
    for (size_t i = 0; i < a.len; i++)
        difference = (unsigned char)(difference | (a.ptr[i] ^ b.ptr[i]));
    return difference == 0;
}

static size_t str_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t str_distance(struct str a, struct str b)
{
    size_t rows[3][STR_DISTANCE_MAX + 1];
    if (a.len > STR_DISTANCE_MAX || b.len > STR_DISTANCE_MAX)
        return SIZE_MAX;
    for (size_t k = 0; k <= b.len; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            bool is_same = a.ptr[i - 1] == b.ptr[k - 1];
            row[k] =
                str_least(str_least(above[k], row[k - 1]) + 1, above[k - 1] + (is_same ? 0 : 1));
            if (i > 1 && k > 1 && a.ptr[i - 1] == b.ptr[k - 2] && a.ptr[i - 2] == b.ptr[k - 1])
                row[k] = str_least(row[k], before[k - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}
