/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers as they are written, compared exactly: no rounding to a double, no limit of digits. 0.1 is
 * 0.10 and 1e-1; 9007199254740993 is not 9007199254740992.
 */
#include "filter/operators_number_priv.h"

enum { EXPONENT_DIGITS_MAX = 9 };

struct number {
    bool negative;
    bool zero;
    struct str digits; /* from the first that is not 0; may hold a point */
    int64_t scale;     /* of the first digit: 123 has 2, 0.05 has -2 */
};

/* The digits after 'e', with their sign. False: more than can be told apart. */
static bool take_exponent(struct str text, int64_t *out)
{
    bool negative = str_skip_prefix(&text, STR("-"));
    uint64_t value = 0;
    if (!negative)
        (void)str_skip_prefix(&text, STR("+"));
    while (text.len > 1 && text.ptr[0] == '0')
        text = str_sub(text, 1, text.len);
    if (text.len > EXPONENT_DIGITS_MAX || str_to_u64(text, &value) != RC_OK)
        return false;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static size_t exponent_at(struct str text)
{
    size_t at = str_find(text, 'e');
    return at < text.len ? at : str_find(text, 'E');
}

static bool read_operand(struct str text, struct number *n)
{
    *n = (struct number){ .negative = str_skip_prefix(&text, STR("-")) };
    size_t end = exponent_at(text);
    int64_t exponent = 0;
    if (end < text.len && !take_exponent(str_sub(text, end + 1, text.len), &exponent))
        return false;
    struct str digits = str_sub(text, 0, end);
    size_t point = str_find(digits, '.');
    size_t first = 0;
    while (first < digits.len && (digits.ptr[first] == '0' || digits.ptr[first] == '.'))
        first++;
    n->zero = first == digits.len;
    n->digits = str_sub(digits, first, digits.len);
    int64_t place = (int64_t)point - (int64_t)first;
    n->scale = exponent + (place > 0 ? place - 1 : place);
    return true;
}

static char next_digit(const struct str *digits, size_t *at)
{
    if (*at < digits->len && digits->ptr[*at] == '.')
        (*at)++;
    return *at < digits->len ? digits->ptr[(*at)++] : '0';
}

/* Both above zero. */
static int compare_sizes(const struct number *a, const struct number *b)
{
    if (a->scale != b->scale)
        return a->scale < b->scale ? -1 : 1;
    size_t i = 0;
    size_t k = 0;
    while (i < a->digits.len || k < b->digits.len) {
        char left = next_digit(&a->digits, &i);
        char right = next_digit(&b->digits, &k);
        if (left != right)
            return left < right ? -1 : 1;
    }
    return 0;
}

bool filter_number_ok(struct str text)
{
    struct number n;
    return read_operand(text, &n);
}

bool filter_number_compare(struct str a, struct str b, int *order)
{
    struct number left, right;
    if (!read_operand(a, &left) || !read_operand(b, &right))
        return false;
    int left_sign = left.zero ? 0 : left.negative ? -1 : 1;
    int right_sign = right.zero ? 0 : right.negative ? -1 : 1;
    if (left_sign != right_sign)
        *order = left_sign < right_sign ? -1 : 1;
    else
        *order = left_sign * (left_sign == 0 ? 0 : compare_sizes(&left, &right));
    return true;
}
