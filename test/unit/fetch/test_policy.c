/* SPDX-License-Identifier: Apache-2.0
 *
 * The address guard: every special range and every disguise of one, then the lists.
 */
#include <stddef.h>
#include <stdint.h>

#include "fetch/policy_priv.h"
#include "fetch/resolve_priv.h"
#include "support.h"

struct row {
    const char *address;
    const char *why; /* NULL: allowed */
};

static const struct row DEFAULTS[] = {
    { "1.1.1.1", NULL },
    { "8.8.8.8", NULL },
    { "0.0.0.0", "this network" },
    { "0.255.255.255", "this network" },
    { "1.0.0.0", NULL },
    { "9.255.255.255", NULL },
    { "10.0.0.0", "private" },
    { "10.255.255.255", "private" },
    { "11.0.0.0", NULL },
    { "100.63.255.255", NULL },
    { "100.64.0.0", "carrier-grade NAT" },
    { "100.127.255.255", "carrier-grade NAT" },
    { "100.100.100.200", "metadata" },
    { "100.128.0.0", NULL },
    { "126.255.255.255", NULL },
    { "127.0.0.1", "loopback" },
    { "127.255.255.255", "loopback" },
    { "128.0.0.0", NULL },
    { "168.63.129.16", "metadata" },
    { "168.63.129.17", NULL },
    { "169.253.255.255", NULL },
    { "169.254.0.1", "link-local" },
    { "169.254.169.254", "metadata" },
    { "169.254.170.2", "metadata" },
    { "169.255.0.0", NULL },
    { "172.15.255.255", NULL },
    { "172.16.0.0", "private" },
    { "172.31.255.255", "private" },
    { "172.32.0.0", NULL },
    { "192.0.0.1", "protocol assignments" },
    { "192.0.0.192", "metadata" },
    { "192.0.1.0", NULL },
    { "192.0.2.1", "documentation" },
    { "192.88.99.1", "6to4 relay" },
    { "192.167.255.255", NULL },
    { "192.168.0.1", "private" },
    { "192.169.0.0", NULL },
    { "198.17.255.255", NULL },
    { "198.18.0.1", "benchmarking" },
    { "198.19.255.255", "benchmarking" },
    { "198.20.0.0", NULL },
    { "198.51.100.7", "documentation" },
    { "203.0.113.7", "documentation" },
    { "223.255.255.255", NULL },
    { "224.0.0.1", "multicast" },
    { "239.255.255.255", "multicast" },
    { "240.0.0.1", "reserved" },
    { "255.255.255.254", "reserved" },
    { "255.255.255.255", "broadcast" },
    { "2606:4700:4700::1111", NULL },
    { "2a00:1450:4001::5", NULL },
    { "::", "unspecified" },
    { "::1", "loopback" },
    { "::2", "IPv4-compatible" },
    { "::8.8.8.8", "IPv4-compatible" },
    { "::127.0.0.1", "IPv4-compatible" },
    { "::ffff:8.8.8.8", NULL },
    { "::ffff:127.0.0.1", "loopback" },
    { "::ffff:10.1.2.3", "private" },
    { "::ffff:169.254.169.254", "metadata" },
    { "::ffff:0.0.0.0", "this network" },
    { "::ffff:0:127.0.0.1", "IPv4-translated" },
    { "64:ff9b::8.8.8.8", NULL },
    { "64:ff9b::127.0.0.1", "loopback" },
    { "64:ff9b::10.0.0.1", "private" },
    { "64:ff9b::169.254.169.254", "metadata" },
    { "64:ff9b:1::8.8.8.8", "local NAT64" },
    { "64:ff9b:1:ffff::10.0.0.1", "local NAT64" },
    { "64:ff9b:2::1", "reserved" },
    { "100::1", "discard" },
    { "2001::1", "Teredo" },
    { "2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo" },
    { "2001:2::1", "benchmarking" },
    { "2001:10::1", "ORCHID" },
    { "2001:20::1", "ORCHID" },
    { "2001:1::1", "protocol assignments" },
    { "2001:200::1", NULL },
    { "2001:db8::1", "documentation" },
    { "2001:db9::1", NULL },
    { "2002:808:808::1", "6to4" },
    { "2002:7f00:1::1", "6to4" },
    { "2003::1", NULL },
    { "3fff:1::1", "documentation" },
    { "3fff:1000::1", NULL },
    { "4000::1", "reserved" },
    { "5f00::1", "segment routing" },
    { "fc00::1", "unique-local" },
    { "fdff::1", "unique-local" },
    { "fd00:ec2::254", "metadata" },
    { "fd20:ce::254", "metadata" },
    { "fe80::1", "link-local" },
    { "febf::1", "link-local" },
    { "fec0::1", "site-local" },
    { "ff02::1", "multicast" },
    { "2a00::5efe:10.0.0.1", "private" },
    { "2a00::200:5efe:127.0.0.1", "loopback" },
    { "2a00::5efe:8.8.8.8", NULL },
};

static int judge_rows(const struct fetch_policy *p, const struct row *rows, size_t count)
{
    int wrong = 0;

    for (size_t i = 0; i < count; i++) {
        struct fetch_address a;
        struct sockaddr_storage to;
        const char *why = NULL;
        assert_true(fetch_address_parse(str_from(rows[i].address), &a));
        (void)fetch_address_sockaddr(&a, 80, &to);
        bool ok = fetch_policy_allows(p, (const struct sockaddr *)&to, &why);
        if (ok == (rows[i].why == NULL) && (ok || strcmp(why, rows[i].why) == 0))
            continue;
        print_error("%s: %s\n", rows[i].address, ok ? "allowed" : why);
        wrong++;
    }
    return wrong;
}

static void special_addresses_are_refused_in_every_disguise(void **state)
{
    struct fetch_policy *p = policy_of("", "");

    (void)state;
    assert_int_equal(judge_rows(p, DEFAULTS, COUNT_OF(DEFAULTS)), 0);
    fetch_policy_unref(p);
}

static void allowed_networks_open_what_they_name_and_no_more(void **state)
{
    static const struct row rows[] = {
        { "127.0.0.1", NULL },
        { "127.0.0.2", "loopback" },
        { "::ffff:127.0.0.1", NULL },
        { "64:ff9b::127.0.0.1", NULL },
        { "::1", NULL },
        { "::127.0.0.1", "IPv4-compatible" },
        { "10.1.2.3", NULL },
        { "11.0.0.1", NULL },
        { "192.168.0.1", "private" },
        { "fd12::1", NULL },
        { "2002:a00:1::1", NULL },                     /* carries 10.0.0.1, allowed too */
        { "2002:c0a8:1::1", "private" },               /* carries 192.168.0.1 */
        { "2001:0:c0a8:1::", "private" },              /* Teredo, the server's address */
        { "2001:0:808:808:0:0:3f57:fffe", "private" }, /* Teredo, the client's, inverted */
    };
    struct fetch_policy *p =
        policy_of("127.0.0.1, 10.0.0.0/8,::1/128,fd00::/8,2002::/16, 2001::/32", "");

    (void)state;
    assert_int_equal(judge_rows(p, rows, COUNT_OF(rows)), 0);
    fetch_policy_unref(p);
}

static void everything_in_ipv6_does_not_mean_ipv4(void **state)
{
    static const struct row rows[] = {
        { "::1", NULL },
        { "fe80::1", NULL },
        { "127.0.0.1", "loopback" },
        { "::ffff:127.0.0.1", "loopback" },
        { "::127.0.0.1", "loopback" },
        { "64:ff9b::127.0.0.1", "loopback" },
    };
    struct fetch_policy *p = policy_of("::/0", "");

    (void)state;
    assert_int_equal(judge_rows(p, rows, COUNT_OF(rows)), 0);
    fetch_policy_unref(p);
}

static void deny_wins_over_allow_and_over_public(void **state)
{
    static const struct row rows[] = {
        { "10.0.0.1", NULL },
        { "10.9.0.1", "denied by configuration" },
        { "::ffff:10.9.0.1", "denied by configuration" },
        { "64:ff9b::10.9.0.1", "denied by configuration" },
        { "8.8.8.8", "denied by configuration" },
        { "64:ff9b::8.8.8.8", "denied by configuration" },
        { "1.1.1.1", NULL },
    };
    struct fetch_policy *p = policy_of("10.0.0.0/8", "10.9.0.0/16,8.8.8.8");

    (void)state;
    assert_int_equal(judge_rows(p, rows, COUNT_OF(rows)), 0);
    fetch_policy_unref(p);
}

static void other_address_families_are_refused(void **state)
{
    struct fetch_policy *p = policy_of("0.0.0.0/0,::/0", "");
    struct sockaddr local = { .sa_family = AF_UNIX };

    (void)state;
    assert_false(fetch_policy_allows(p, &local, NULL));
    fetch_policy_unref(p);
}

static void malformed_networks_are_refused_with_the_reason(void **state)
{
    static const char *const bad[] = { "10.0.0.0/33", "10.0.0.0/",     "10.0.0.0/x",   "10.0.0.1/8",
                                       "300.0.0.0/8", "10.0.0/8",      "010.0.0.0/8",  "localhost",
                                       "::1/129",     "::1/64",        "10.0.0.0/8,,", "/8",
                                       "10.0.0.0/-1", "10.0.0.0/0008", "1::2::3",      "127.1" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct fetch_policy *p = NULL;
        struct buf why;
        buf_init(&why, 200);
        assert_int_equal(fetch_policy_new(str_from(bad[i]), STR_NONE, false, &p, &why), RC_INVALID);
        assert_int_equal(fetch_policy_new(STR_NONE, str_from(bad[i]), false, &p, NULL), RC_INVALID);
        assert_true(why.len > 0);
        assert_null(p);
        buf_fini(&why);
    }
}

static void a_list_holds_at_most_256_networks(void **state)
{
    struct fetch_policy *p = NULL;
    struct buf list;

    (void)state;
    buf_init(&list, 4096);
    for (int i = 0; i < 256; i++)
        assert_int_equal(buf_addf(&list, "%s10.0.0.%d", i == 0 ? "" : ",", i), RC_OK);
    assert_int_equal(fetch_policy_new(buf_str(&list), STR_NONE, false, &p, NULL), RC_OK);
    fetch_policy_unref(p);
    assert_int_equal(buf_addf(&list, ",10.0.1.0"), RC_OK);
    assert_int_equal(fetch_policy_new(buf_str(&list), STR_NONE, false, &p, NULL), RC_LIMIT);
    buf_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_addresses_are_refused_in_every_disguise),
        cmocka_unit_test(allowed_networks_open_what_they_name_and_no_more),
        cmocka_unit_test(everything_in_ipv6_does_not_mean_ipv4),
        cmocka_unit_test(deny_wins_over_allow_and_over_public),
        cmocka_unit_test(other_address_families_are_refused),
        cmocka_unit_test(malformed_networks_are_refused_with_the_reason),
        cmocka_unit_test(a_list_holds_at_most_256_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
