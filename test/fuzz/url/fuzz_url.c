/* SPDX-License-Identifier: Apache-2.0
 *
 * A URL that is taken has a host without surprises and a target that fits in a request line, and
 * put together from its parts it is read as the same again.
 */
#include "../fuzz.h"

#include "http/url.h"
#include "http/wire.h"

static void check_host(const struct http_url *u)
{
    MUST(u->host.len > 0 && u->port > 0);
    for (size_t i = 0; i < u->host.len; i++) {
        char c = u->host.ptr[i];
        MUST(c > ' ' && c < 0x7f && c != '/' && c != '@' && c != '%' && c != '[' && c != ']');
        MUST(c != ':' || u->host_is_ipv6);
    }
}

static void check_in_request(const struct http_url *u)
{
    static struct http_head head;
    struct http_parse_error error;
    struct buf b;
    size_t used = 0;
    buf_init(&b, 1 << 20);
    MUST(buf_addf(&b, "GET %s%.*s HTTP/1.1\r\nHost: %s%.*s%s:%u\r\n\r\n",
                  http_url_lacks_slash(u) ? "/" : "", STR_ARGS(u->target),
                  u->host_is_ipv6 ? "[" : "", STR_ARGS(u->host), u->host_is_ipv6 ? "]" : "",
                  u->port) == RC_OK);
    MUST(http_parse_request(buf_str(&b), 1 << 20, &head, &used, &error) == HTTP_PARSE_OK);
    buf_fini(&b);
}

static void check_again(const struct http_url *u)
{
    struct http_url again;
    struct buf b;
    buf_init(&b, 1 << 20);
    MUST(buf_addf(&b, "%s://%s%.*s%s:%u%.*s", u->tls ? "https" : "http", u->host_is_ipv6 ? "[" : "",
                  STR_ARGS(u->host), u->host_is_ipv6 ? "]" : "", u->port,
                  STR_ARGS(u->target)) == RC_OK);
    if (b.len <= HTTP_URL_MAX) {
        MUST(http_url_parse(buf_str(&b), &again, NULL) == RC_OK);
        MUST(str_eq(again.host, u->host) && again.port == u->port &&
             str_eq(again.target, u->target));
    }
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_url url;
    struct buf why;
    buf_init(&why, 256);
    if (http_url_parse(str_of((const char *)data, size), &url, &why) == RC_OK) {
        check_host(&url);
        check_in_request(&url);
        check_again(&url);
    } else {
        MUST(why.len > 0);
    }
    buf_fini(&why);
    return 0;
}
