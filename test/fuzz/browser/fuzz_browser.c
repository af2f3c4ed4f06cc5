/* SPDX-License-Identifier: Apache-2.0
 *
 * What browsers send with requests for pages and sessions: a line a header, in this order: Cookie, X-Grapnel-CSRF,
 * Origin, Host, Accept-Encoding, If-None-Match. What is found lies in the header, and nobody passes by chance.
 */
#include "../fuzz.h"

#include "access/browser.h"
#include "face/coding_priv.h"

enum { LINES = 6 };

static void check_cookie(struct str header, struct str csrf)
{
    struct str cookie = access_cookie_find(header, STR(ACCESS_COOKIE));
    char text[ACCESS_CSRF_TEXT + 1];
    if (cookie.len == 0)
        return;
    MUST(cookie.ptr >= header.ptr && cookie.ptr + cookie.len <= header.ptr + header.len);
    MUST(memchr(cookie.ptr, ';', cookie.len) == NULL);
    access_csrf_of(cookie, text);
    MUST(access_csrf_is(cookie, csrf) == str_eq(csrf, str_from(text)));
}

static void check_origin(struct str origin, struct str host)
{
    struct access_origin o = { .origin = origin,
                               .host = host,
                               .public_url = STR("https://out.example/x") };
    if (access_origin_is_ours(&o) && origin.len > 0 && !str_eq(origin, STR("https://out.example")))
        MUST(origin.len > host.len &&
             str_ieq(str_sub(origin, origin.len - host.len, host.len), host));
    (void)access_origin_keeps_secure(origin);
    struct str bare = face_host_bare(host);
    MUST(bare.len <= host.len);
    if (face_host_is_ours(host, STR("out.example")))
        MUST(bare.len > 0);
}

static void check_wishes(struct str accept, struct str tags)
{
    for (unsigned more = 0; more < 4; more++) {
        unsigned has = 1u << HTTP_CODING_NONE | more << 1;
        MUST((has & 1u << http_coding_pick(accept, has)) != 0);
    }
    if (face_etag_matches(tags, STR("\"0123456789abcdef\"")))
        MUST(str_contains(tags, STR("0123456789abcdef")) || str_contains(tags, STR("*")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_of((const char *)data, size);
    struct str lines[LINES] = { STR(""), STR(""), STR(""), STR(""), STR(""), STR("") };
    for (size_t i = 0; i < LINES && str_split(&rest, '\n', &lines[i]); i++)
        continue;
    check_cookie(lines[0], lines[1]);
    check_origin(lines[2], lines[3]);
    check_wishes(lines[4], lines[5]);
    return 0;
}
