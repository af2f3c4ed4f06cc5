/* SPDX-License-Identifier: Apache-2.0
 *
 * The address guard: three lines, the allowed networks, the denied ones, and a URL. Whatever they are,
 * the guard agrees with a second, plainer reading of the rules on IPv4, with itself on every
 * disguise of an IPv4 address, and a denied network is never let through.
 */
#include "fetch/policy_priv.h"
#include "fetch/resolve_priv.h"

#include "../fuzz.h"

static bool allows(const struct fetch_policy *p, const struct fetch_address *a)
{
    struct sockaddr_storage to;
    const char *why = NULL;

    (void)fetch_address_sockaddr(a, 443, &to);
    bool ok = fetch_policy_allows(p, (const struct sockaddr *)&to, &why);
    MUST(ok || why != NULL);
    return ok;
}

static bool in(uint32_t address, uint32_t net, unsigned bits)
{
    return (address ^ net) >> (32 - bits) == 0;
}

/* True if the IPv4 address can only be meant for someone inside. */
static bool is_inside(uint32_t a)
{
    return in(a, 0x00000000, 8) || in(a, 0x0a000000, 8) || in(a, 0x64400000, 10) ||
           in(a, 0x7f000000, 8) || in(a, 0xa9fe0000, 16) || in(a, 0xac100000, 12) ||
           in(a, 0xc0a80000, 16) || in(a, 0xc6120000, 15) || in(a, 0xe0000000, 3);
}

static uint32_t number_of(const struct fetch_address *a)
{
    return (uint32_t)a->bytes[0] << 24 | (uint32_t)a->bytes[1] << 16 | (uint32_t)a->bytes[2] << 8 |
           a->bytes[3];
}

/* An IPv6 address with the IPv4 one at its end. */
static struct fetch_address carried(const char *prefix, const struct fetch_address *v4)
{
    struct fetch_address a;

    MUST(fetch_address_parse(str_from(prefix), &a));
    memcpy(a.bytes + 12, v4->bytes, 4);
    return a;
}

static void check_v4(const struct fetch_policy *strict, const struct fetch_policy *given,
                     const struct fetch_address *v4)
{
    struct fetch_address mapped = carried("::ffff:0:0", v4);
    struct fetch_address nat64 = carried("64:ff9b::", v4);

    MUST(!is_inside(number_of(v4)) || !allows(strict, v4));
    MUST(allows(strict, &mapped) == allows(strict, v4));
    MUST(allows(strict, &nat64) == allows(strict, v4));
    MUST(allows(given, &mapped) == allows(given, v4));
    MUST(allows(given, v4) || !allows(given, &nat64));
}

static bool is_denied(struct str deny, const struct fetch_address *a)
{
    struct sockaddr_storage to;
    struct str part;

    (void)fetch_address_sockaddr(a, 443, &to);
    deny = str_trim(deny);
    while (str_split(&deny, ',', &part)) {
        bool is_v6 = str_find(part, ':') < part.len;
        if (is_v6 == (a->family == AF_INET6) &&
            fetch_network_has(str_trim(part), (const struct sockaddr *)&to))
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_of((const char *)data, size);
    struct str allow = STR_NONE;
    struct str deny = STR_NONE;
    struct fetch_policy *strict = NULL;
    struct fetch_policy *given = NULL;
    struct fetch_address address;
    struct http_url url;

    MUST(fetch_policy_new(STR_NONE, STR_NONE, false, &strict, NULL) == RC_OK);
    (void)str_split(&rest, '\n', &allow);
    (void)str_split(&rest, '\n', &deny);
    if (fetch_policy_new(allow, deny, false, &given, NULL) == RC_OK &&
        http_url_parse(rest, &url, NULL) == RC_OK && fetch_address_parse(url.host, &address)) {
        if (address.family == AF_INET)
            check_v4(strict, given, &address);
        MUST(address.family == AF_INET || url.host_is_ipv6);
        bool is_mapped = address.family == AF_INET6 &&
                         memcmp(address.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;
        MUST(is_mapped || !is_denied(deny, &address) || !allows(given, &address));
    }
    fetch_policy_unref(given);
    fetch_policy_unref(strict);
    return 0;
}
