/* SPDX-License-Identifier: Apache-2.0
 *
 * See http/coding.h.
 */
#include "http/coding.h"

enum { WEIGHT_ONE = 1000 };

static const char *const names[HTTP_CODINGS] = {
    [HTTP_CODING_NONE] = "identity", [HTTP_CODING_BROTLI] = "br", [HTTP_CODING_GZIP] = "gzip"
};

struct str http_coding_name(enum http_coding coding)
{
    return coding == HTTP_CODING_NONE ? STR_NONE : str_from(names[coding]);
}

/* "0.5" is 500. What is no weight counts as 0: whoever cannot say it gets what everybody can read. */
static int read_weight(struct str text)
{
    static const int scale[] = { 100, 10, 1 };
    if (text.len == 0 || (text.ptr[0] != '0' && text.ptr[0] != '1') || text.len > 5)
        return 0;
    int weight = (text.ptr[0] - '0') * WEIGHT_ONE;
    if (text.len > 1 && text.ptr[1] != '.')
        return 0;
    for (size_t i = 2; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        weight += (text.ptr[i] - '0') * scale[i - 2];
    }
    return weight <= WEIGHT_ONE ? weight : 0;
}

/* Of ";q=0.5" and other parameters, which have no meaning here. */
static int weight_of(struct str params)
{
    struct str part;
    while (str_split(&params, ';', &part)) {
        part = str_trim(part);
        if (part.len >= 2 && (part.ptr[0] == 'q' || part.ptr[0] == 'Q') && part.ptr[1] == '=')
            return read_weight(str_sub(part, 2, part.len));
    }
    return WEIGHT_ONE;
}

static bool is_named(struct str name, enum http_coding coding)
{
    return str_ieq(name, str_from(names[coding])) ||
           (coding == HTTP_CODING_GZIP && str_ieq(name, STR("x-gzip")));
}

enum http_coding http_coding_pick(struct str accept_encoding, unsigned has)
{
    static const enum http_coding by_size[] = { HTTP_CODING_BROTLI, HTTP_CODING_GZIP,
                                                HTTP_CODING_NONE };
    int weights[HTTP_CODINGS] = { -1, -1, -1 };
    int other = -1;
    struct str item;
    while (str_split(&accept_encoding, ',', &item)) {
        size_t end = str_find(item, ';');
        struct str name = str_trim(str_sub(item, 0, end));
        int weight = weight_of(end < item.len ? str_sub(item, end + 1, item.len) : STR_NONE);
        if (str_eq(name, STR("*")))
            other = weight;
        for (unsigned c = 0; c < HTTP_CODINGS; c++)
            if (is_named(name, (enum http_coding)c))
                weights[c] = weight;
    }
    enum http_coding best = HTTP_CODING_NONE;
    int best_weight = 0;
    for (size_t i = 0; i < COUNT_OF(by_size); i++) {
        enum http_coding c = by_size[i];
        int weight = weights[c] >= 0         ? weights[c]
                     : other >= 0            ? other
                     : c == HTTP_CODING_NONE ? 1
                                             : 0;
        if ((has & (1u << c)) != 0 && weight > best_weight) {
            best = c;
            best_weight = weight;
        }
    }
    return best;
}
