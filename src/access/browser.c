/* SPDX-License-Identifier: Apache-2.0
 *
 * See access/browser.h.
 */
#include "access/browser.h"

#include "sign/sign.h"

struct str access_cookie_find(struct str header, struct str name)
{
    struct str pair, found = STR_NONE;
    size_t count = 0;
    while (str_split(&header, ';', &pair)) {
        pair = str_trim(pair);
        if (!str_skip_prefix(&pair, name) || !str_skip_prefix(&pair, STR("=")))
            continue;
        found = pair;
        count++;
    }
    return count == 1 ? found : STR_NONE;
}

void access_csrf_of(struct str cookie, char out[static ACCESS_CSRF_TEXT + 1])
{
    struct buf text;
    uint8_t hash[32];
    char padded[ACCESS_CSRF_TEXT + 2];
    buf_init(&text, cookie.len + 8);
    enum rc rc = buf_add_str(&text, STR("csrf"));
    if (rc == RC_OK)
        rc = buf_add_str(&text, cookie);
    MUST(rc == RC_OK);
    sign_sha256(buf_str(&text), hash);
    mem_wipe(text.ptr, text.len);
    buf_fini(&text);
    base64_encode(hash, sizeof(hash), padded);
    for (size_t i = 0; i < ACCESS_CSRF_TEXT; i++)
        out[i] = padded[i] == '+' ? '-' : padded[i] == '/' ? '_' : padded[i];
    out[ACCESS_CSRF_TEXT] = '\0';
}

bool access_csrf_is(struct str cookie, struct str header)
{
    char expected[ACCESS_CSRF_TEXT + 1];
    access_csrf_of(cookie, expected);
    return str_eq_constant_time(str_from(expected), header);
}

/* "scheme://host:port" of a URL or an Origin. */
static struct str origin_of(struct str url)
{
    struct str rest = url;
    if (!str_skip_prefix(&rest, STR("https://")) && !str_skip_prefix(&rest, STR("http://")))
        return STR_NONE;
    size_t scheme = url.len - rest.len;
    return str_sub(url, 0, scheme + str_find(rest, '/'));
}

static struct str authority_of(struct str origin)
{
    struct str rest = origin;
    if (!str_skip_prefix(&rest, STR("https://")) && !str_skip_prefix(&rest, STR("http://")))
        return STR_NONE;
    return rest;
}

bool access_origin_is_ours(const struct access_origin *o)
{
    if (o->fetch_site.len > 0 && !str_ieq(o->fetch_site, STR("same-origin")))
        return false;
    if (o->origin.len == 0)
        return true;
    struct str authority = authority_of(o->origin);
    struct str outside = origin_of(o->public_url);
    return (authority.len > 0 && str_ieq(authority, o->host)) ||
           (outside.len > 0 && str_ieq(o->origin, outside));
}

static bool is_loopback(struct str host)
{
    for (size_t i = 0; i < host.len; i++)
        if (host.ptr[i] != '.' && (host.ptr[i] < '0' || host.ptr[i] > '9'))
            return false;
    return str_starts(host, STR("127."));
}

bool access_origin_keeps_secure(struct str origin)
{
    struct str host = origin;
    if (!str_skip_prefix(&host, STR("http://")))
        return true; /* https, or no browser */
    if (str_starts(host, STR("[::1]")))
        return true;
    host = str_sub(host, 0, str_find(host, ':'));
    return str_ieq(host, STR("localhost")) || str_ends(host, STR(".localhost")) ||
           is_loopback(host);
}
