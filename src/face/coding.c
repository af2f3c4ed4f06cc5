/* SPDX-License-Identifier: Apache-2.0
 *
 * See face/coding_priv.h.
 */
#include "face/coding_priv.h"

#include <arpa/inet.h>

enum { WEIGHT_ONE = 1000, ADDRESS_TEXT_MAX = 64 };

static const char *const names[FACE_CODINGS] = {
    [FACE_RAW] = "identity", [FACE_BROTLI] = "br", [FACE_GZIP] = "gzip"
};

struct str face_coding_name(enum face_coding coding)
{
    return coding == FACE_RAW ? STR_NONE : str_from(names[coding]);
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

static bool is_named(struct str name, enum face_coding coding)
{
    return str_ieq(name, str_from(names[coding])) ||
           (coding == FACE_GZIP && str_ieq(name, STR("x-gzip")));
}

enum face_coding face_coding_pick(struct str accept_encoding, unsigned has)
{
    static const enum face_coding by_size[] = { FACE_BROTLI, FACE_GZIP, FACE_RAW };
    int weights[FACE_CODINGS] = { -1, -1, -1 };
    int other = -1;
    struct str item;
    while (str_split(&accept_encoding, ',', &item)) {
        size_t end = str_find(item, ';');
        struct str name = str_trim(str_sub(item, 0, end));
        int weight = weight_of(end < item.len ? str_sub(item, end + 1, item.len) : STR_NONE);
        if (str_eq(name, STR("*")))
            other = weight;
        for (unsigned c = 0; c < FACE_CODINGS; c++)
            if (is_named(name, (enum face_coding)c))
                weights[c] = weight;
    }
    enum face_coding best = FACE_RAW;
    int best_weight = 0;
    for (size_t i = 0; i < COUNT_OF(by_size); i++) {
        enum face_coding c = by_size[i];
        int weight = weights[c] >= 0 ? weights[c] : other >= 0 ? other : c == FACE_RAW ? 1 : 0;
        if ((has & (1u << c)) != 0 && weight > best_weight) {
            best = c;
            best_weight = weight;
        }
    }
    return best;
}

bool face_etag_matches(struct str if_none_match, struct str etag)
{
    struct str item;
    while (str_split(&if_none_match, ',', &item)) {
        item = str_trim(item);
        (void)str_skip_prefix(&item, STR("W/"));
        if (str_eq(item, etag) || str_eq(item, STR("*")))
            return true;
    }
    return false;
}

struct str face_host_bare(struct str host)
{
    if (host.len > 0 && host.ptr[0] == '[') {
        size_t end = str_find(host, ']');
        return end < host.len ? str_sub(host, 1, end - 1) : STR_NONE;
    }
    return str_sub(host, 0, str_find(host, ':'));
}

static bool is_address(struct str host)
{
    char text[ADDRESS_TEXT_MAX];
    uint8_t address[16];
    if (host.len == 0 || host.len >= sizeof(text) || memchr(host.ptr, '\0', host.len) != NULL)
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

bool face_host_is_ours(struct str host, struct str own)
{
    struct str bare = face_host_bare(host);
    size_t tail = sizeof(".localhost") - 1;
    return str_ieq(bare, STR("localhost")) ||
           (bare.len > tail &&
            str_ieq(str_sub(bare, bare.len - tail, bare.len), STR(".localhost"))) ||
           (own.len > 0 && str_ieq(bare, own)) || is_address(bare);
}
