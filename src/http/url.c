/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict because two readers of one URL must not disagree on its host: what one takes for a name
 * another may take for an address.
 */
#include "http/url.h"

#include "http/text_priv.h"

#include <arpa/inet.h>

enum { NAME_MAX_LEN = 253, LABEL_MAX_LEN = 63, PORT_DIGITS_MAX = 5 };

static enum rc url_invalid(struct buf *why, const char *text)
{
    buf_say(why, "%s", text);
    return RC_INVALID;
}

static bool is_digits(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    }
    return s.len > 0;
}

/* inet_pton() stops at a NUL. */
static bool is_plain(struct str host)
{
    return http_span(host.ptr, host.len, HTTP_CHAR_HOST) == host.len;
}

/* Readers differ on "0177.0.0.1", "127.1", "0x7f000001", "2130706433": all end like a number. */
static bool ends_in_number(struct str host)
{
    if (str_ends(host, STR(".")))
        host.len--;
    size_t start = host.len;
    while (start > 0 && host.ptr[start - 1] != '.') {
        start--;
    }
    struct str last = str_sub(host, start, host.len);
    return is_digits(last) || str_starts(last, STR("0x")) || str_starts(last, STR("0X"));
}

static bool is_dotted_decimal(struct str host)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr addr;
    if (host.len >= sizeof(text) || !is_plain(host))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, &addr) == 1; /* refuses leading zeros and short forms */
}

static bool is_label(struct str label)
{
    if (label.len == 0 || label.len > LABEL_MAX_LEN)
        return false;
    if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.ptr[i];
        if (!http_char_is(c, HTTP_CHAR_HOST) || c == ':' || c == '[' || c == ']')
            return false;
    }
    return true;
}

static enum rc check_name(struct str host, struct buf *why)
{
    if (host.len > NAME_MAX_LEN)
        return url_invalid(why, "the host name is longer than 253 characters");
    if (ends_in_number(host)) {
        return is_dotted_decimal(host)
                   ? RC_OK
                   : url_invalid(why, "an IPv4 address must be written as four decimal numbers");
    }
    struct str rest = host, label;
    if (str_ends(rest, STR(".")))
        rest.len--; /* the root's dot */
    if (rest.len == 0 || str_ends(rest, STR(".")))
        return url_invalid(why, "the host name has an empty part");
    while (str_split(&rest, '.', &label)) {
        if (!is_label(label)) {
            return url_invalid(
                why, "the host name may hold letters, digits, '-' and '_', in parts of up to 63");
        }
    }
    return RC_OK;
}

static enum rc parse_ipv6(struct str *authority, struct http_url *out, struct buf *why)
{
    size_t end = str_find(*authority, ']');
    char text[INET6_ADDRSTRLEN];
    struct in6_addr addr;
    if (end == authority->len || end - 1 >= sizeof(text))
        return url_invalid(why, "malformed IPv6 address");
    out->host = str_sub(*authority, 1, end - 1);
    memcpy(text, out->host.ptr, out->host.len);
    text[out->host.len] = '\0';
    if (!is_plain(out->host) || inet_pton(AF_INET6, text, &addr) != 1)
        return url_invalid(why, "malformed IPv6 address");
    out->host_is_ipv6 = true;
    *authority = str_sub(*authority, end + 1, authority->len);
    return RC_OK;
}

static enum rc parse_port(struct str text, struct http_url *out, struct buf *why)
{
    uint64_t port = 0;
    if (text.len > PORT_DIGITS_MAX || str_to_u64(text, &port) != RC_OK || port == 0 ||
        port > UINT16_MAX) {
        return url_invalid(why, "the port must be a number from 1 to 65535");
    }
    out->port = (uint16_t)port;
    out->port_given = true;
    return RC_OK;
}

static enum rc parse_authority(struct str authority, struct http_url *out, struct buf *why)
{
    size_t at = str_find(authority, '@');
    if (at < authority.len) {
        out->userinfo = str_sub(authority, 0, at);
        authority = str_sub(authority, at + 1, authority.len);
    }
    if (str_starts(authority, STR("["))) {
        enum rc rc = parse_ipv6(&authority, out, why);
        if (rc != RC_OK)
            return rc;
    } else {
        size_t colon = str_find(authority, ':');
        out->host = str_sub(authority, 0, colon);
        authority = str_sub(authority, colon, authority.len);
        if (out->host.len == 0)
            return url_invalid(why, "the host is missing");
        enum rc rc = check_name(out->host, why);
        if (rc != RC_OK)
            return rc;
    }
    out->port = out->tls ? 443 : 80;
    if (authority.len == 0)
        return RC_OK;
    if (authority.ptr[0] != ':')
        return url_invalid(why, "malformed host");
    return parse_port(str_sub(authority, 1, authority.len), out, why);
}

/* RFC 3986 characters only, and every '%' with two hexadecimal digits. */
static enum rc check_escapes(struct str s, struct buf *why)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!http_char_is(s.ptr[i], HTTP_CHAR_URI)) {
            buf_say(why, "byte 0x%02x must be percent-encoded in a URL",
                    (unsigned)(uint8_t)s.ptr[i]);
            return RC_INVALID;
        }
        if (s.ptr[i] != '%')
            continue;
        bool is_escape = i + 2 < s.len && http_char_is(s.ptr[i + 1], HTTP_CHAR_HEX) &&
                         http_char_is(s.ptr[i + 2], HTTP_CHAR_HEX);
        if (!is_escape)
            return url_invalid(why, "'%' must be followed by two hexadecimal digits");
    }
    return RC_OK;
}

static bool skip_scheme(struct str *text, struct http_url *out)
{
    if (str_ieq(str_sub(*text, 0, 7), STR("http://"))) {
        *text = str_sub(*text, 7, text->len);
        return true;
    }
    if (str_ieq(str_sub(*text, 0, 8), STR("https://"))) {
        out->tls = true;
        *text = str_sub(*text, 8, text->len);
        return true;
    }
    return false;
}

enum rc http_url_parse(struct str text, struct http_url *out, struct buf *why)
{
    *out = (struct http_url){ 0 };
    if (text.len > HTTP_URL_MAX)
        return url_invalid(why, "the URL is longer than 65536 bytes");
    if (!skip_scheme(&text, out))
        return url_invalid(why, "the URL must start with http:// or https://");
    text.len = str_find(text, '#');
    size_t end = 0;
    while (end < text.len && text.ptr[end] != '/' && text.ptr[end] != '?') {
        end++;
    }
    enum rc rc = parse_authority(str_sub(text, 0, end), out, why);
    if (rc != RC_OK)
        return rc;
    out->target = str_sub(text, end, text.len);
    rc = check_escapes(out->target, why);
    return rc == RC_OK ? check_escapes(out->userinfo, why) : rc;
}
