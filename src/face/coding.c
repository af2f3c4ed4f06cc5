/* SPDX-License-Identifier: Apache-2.0
 *
 * See face/coding_priv.h.
 */
#include "face/coding_priv.h"

#include <arpa/inet.h>

enum { ADDRESS_TEXT_MAX = 64 };

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
