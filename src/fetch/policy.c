/* SPDX-License-Identifier: Apache-2.0
 *
 * The address guard. Every address is judged as 128 bits: IPv4 stands in its mapped form
 * (::ffff:a.b.c.d), so one table and one matcher serve both families. An IPv6 address that carries
 * an IPv4 one (NAT64, 6to4, Teredo, ...) passes only if both pass: the outer one by the IPv6 rows,
 * the inner one by the IPv4 rows, whatever `allow` says about the outer.
 */
#include "fetch/policy_priv.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>

enum { CIDRS_MAX = 256, ADDRESS_BITS = 128, MAPPED_BITS = 96, ADDRESS_TEXT_MAX = 64 };

struct address {
    uint8_t bytes[16];
};

struct cidr {
    struct address net;
    unsigned bits;
};

struct cidr_list {
    struct cidr *items; /* owned */
    size_t count;
};

struct fetch_policy {
    atomic_int refs;
    bool https_only;
    struct cidr_list allow;
    struct cidr_list deny;
};

struct rule {
    const char *cidr;
    const char *why; /* NULL: public, or judged by the IPv4 address inside alone */
};

/* The first row that matches decides, so narrow rows stand before wide ones. Sources: the IANA
 * special-purpose registries, and the metadata addresses of the large clouds. */
static const struct rule RULES_V4[] = {
    { "169.254.169.254/32", "metadata" },
    { "169.254.170.2/32", "metadata" },
    { "169.254.170.23/32", "metadata" },
    { "100.100.100.200/32", "metadata" },
    { "168.63.129.16/32", "metadata" },
    { "192.0.0.192/32", "metadata" },
    { "0.0.0.0/8", "this network" },
    { "10.0.0.0/8", "private" },
    { "100.64.0.0/10", "carrier-grade NAT" },
    { "127.0.0.0/8", "loopback" },
    { "169.254.0.0/16", "link-local" },
    { "172.16.0.0/12", "private" },
    { "192.0.0.0/24", "protocol assignments" },
    { "192.0.2.0/24", "documentation" },
    { "192.88.99.0/24", "6to4 relay" },
    { "192.168.0.0/16", "private" },
    { "198.18.0.0/15", "benchmarking" },
    { "198.51.100.0/24", "documentation" },
    { "203.0.113.0/24", "documentation" },
    { "224.0.0.0/4", "multicast" },
    { "255.255.255.255/32", "broadcast" },
    { "240.0.0.0/4", "reserved" },
    { "0.0.0.0/0", NULL },
};

static const struct rule RULES_V6[] = {
    { "::/128", "unspecified" },
    { "::1/128", "loopback" },
    { "::/96", "IPv4-compatible" },
    { "::ffff:0:0:0/96", "IPv4-translated" },
    { "64:ff9b::/96", NULL }, /* NAT64 reaches the public internet from IPv6-only networks */
    { "64:ff9b:1::/48", "local NAT64" },
    { "100::/64", "discard" },
    { "2001::/32", "Teredo" },
    { "2001:2::/48", "benchmarking" },
    { "2001:10::/28", "ORCHID" },
    { "2001:20::/28", "ORCHID" },
    { "2001::/23", "protocol assignments" },
    { "2001:db8::/32", "documentation" },
    { "2002::/16", "6to4" },
    { "3fff::/20", "documentation" },
    { "2000::/3", NULL },
    { "5f00::/16", "segment routing" },
    { "fd00:ec2::254/128", "metadata" },
    { "fd00:ec2::23/128", "metadata" },
    { "fd20:ce::254/128", "metadata" },
    { "fd00:42::42/128", "metadata" },
    { "fc00::/7", "unique-local" },
    { "fe80::/10", "link-local" },
    { "fec0::/10", "site-local" },
    { "ff00::/8", "multicast" },
    { "::/0", "reserved" },
};

/* Where an IPv4 address sits inside an IPv6 one. */
struct carrier {
    const char *cidr;
    unsigned offset; /* byte */
    uint8_t mask;    /* each byte is XORed with this */
};

static const struct carrier CARRIERS[] = {
    { "::/96", 12, 0 },          { "::ffff:0:0:0/96", 12, 0 }, { "64:ff9b::/96", 12, 0 },
    { "64:ff9b:1::/48", 12, 0 }, { "2002::/16", 2, 0 },        { "2001::/32", 4, 0 },
    { "2001::/32", 12, 0xff },
};

static const uint8_t MAPPED_PREFIX[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static struct address address_from_v4(const uint8_t *v4, uint8_t mask)
{
    struct address a;
    memcpy(a.bytes, MAPPED_PREFIX, sizeof(MAPPED_PREFIX));
    for (size_t i = 0; i < 4; i++)
        a.bytes[12 + i] = (uint8_t)(v4[i] ^ mask);
    return a;
}

static bool address_is_v4(const struct address *a)
{
    return memcmp(a->bytes, MAPPED_PREFIX, sizeof(MAPPED_PREFIX)) == 0;
}

static bool cidr_has(const struct cidr *c, const struct address *a)
{
    size_t whole = c->bits / 8;
    unsigned rest = c->bits % 8;

    if (memcmp(c->net.bytes, a->bytes, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    uint8_t mask = (uint8_t)(0xffu << (8 - rest));
    return ((c->net.bytes[whole] ^ a->bytes[whole]) & mask) == 0;
}

/* True if no bit after the prefix is set. */
static bool cidr_is_clean(const struct cidr *c)
{
    for (unsigned bit = c->bits; bit < ADDRESS_BITS; bit++)
        if (c->net.bytes[bit / 8] & (0x80u >> (bit % 8)))
            return false;
    return true;
}

static enum rc address_parse(struct str text, struct address *out)
{
    char copy[ADDRESS_TEXT_MAX];
    uint8_t v4[4];

    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.ptr, '\0', text.len) != NULL)
        return RC_INVALID;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, v4) == 1) {
        *out = address_from_v4(v4, 0);
        return RC_OK;
    }
    return inet_pton(AF_INET6, copy, out->bytes) == 1 ? RC_OK : RC_INVALID;
}

/* "10.0.0.0/8", "fd00::/8", or a lone address. */
static enum rc cidr_parse(struct str text, struct cidr *out, struct buf *why)
{
    size_t slash = str_find(text, '/');
    struct str host = str_sub(text, 0, slash);
    bool dotted = str_find(host, ':') == host.len;
    uint64_t bits = dotted ? 32 : ADDRESS_BITS;

    if (address_parse(host, &out->net) != RC_OK) {
        buf_say(why, "\"%.*s\" is not an address", STR_ARGS(host));
        return RC_INVALID;
    }
    if (slash < text.len) {
        struct str number = str_sub(text, slash + 1, text.len);
        uint64_t given;
        if (number.len > 3 || str_to_u64(number, &given) != RC_OK || given > bits) {
            buf_say(why, "\"%.*s\" has no prefix length from 0 to %d", STR_ARGS(text), (int)bits);
            return RC_INVALID;
        }
        bits = given;
    }
    out->bits = (unsigned)bits + (dotted ? MAPPED_BITS : 0);
    if (!cidr_is_clean(out)) {
        buf_say(why, "\"%.*s\" has bits set after its prefix", STR_ARGS(text));
        return RC_INVALID;
    }
    return RC_OK;
}

static enum rc list_parse(struct str text, struct cidr_list *out, struct buf *why)
{
    struct str part;
    struct cidr parsed;

    text = str_trim(text);
    while (str_split(&text, ',', &part)) {
        if (out->count == CIDRS_MAX) {
            buf_say(why, "more than %d networks", CIDRS_MAX);
            return RC_LIMIT;
        }
        enum rc rc = cidr_parse(str_trim(part), &parsed, why);
        if (rc != RC_OK)
            return rc;
        out->items = xrealloc(out->items, (out->count + 1) * sizeof(parsed));
        out->items[out->count++] = parsed;
    }
    return RC_OK;
}

/* "::/0" and the like mean IPv6; IPv4 is named as such. */
static bool list_has(const struct cidr_list *l, const struct address *a)
{
    unsigned least = address_is_v4(a) ? MAPPED_BITS : 0;

    for (size_t i = 0; i < l->count; i++)
        if (l->items[i].bits >= least && cidr_has(&l->items[i], a))
            return true;
    return false;
}

/* Rows in binary, parsed once. */
static struct cidr g_v4[COUNT_OF(RULES_V4)];
static struct cidr g_v6[COUNT_OF(RULES_V6)];
static struct cidr g_carriers[COUNT_OF(CARRIERS)];
static pthread_once_t g_once = PTHREAD_ONCE_INIT;

static void tables_parse(void)
{
    for (size_t i = 0; i < COUNT_OF(RULES_V4); i++)
        MUST(cidr_parse(str_from(RULES_V4[i].cidr), &g_v4[i], NULL) == RC_OK);
    for (size_t i = 0; i < COUNT_OF(RULES_V6); i++)
        MUST(cidr_parse(str_from(RULES_V6[i].cidr), &g_v6[i], NULL) == RC_OK);
    for (size_t i = 0; i < COUNT_OF(CARRIERS); i++)
        MUST(cidr_parse(str_from(CARRIERS[i].cidr), &g_carriers[i], NULL) == RC_OK);
}

enum rc fetch_policy_new(struct str allow, struct str deny, bool https_only,
                         struct fetch_policy **out, struct buf *why)
{
    pthread_once(&g_once, tables_parse);

    struct fetch_policy *p = XNEW(struct fetch_policy);
    atomic_init(&p->refs, 1);
    p->https_only = https_only;
    enum rc rc = list_parse(allow, &p->allow, why);
    if (rc == RC_OK)
        rc = list_parse(deny, &p->deny, why);
    if (rc != RC_OK) {
        fetch_policy_unref(p);
        return rc;
    }
    *out = p;
    return RC_OK;
}

struct fetch_policy *fetch_policy_ref(struct fetch_policy *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void fetch_policy_unref(struct fetch_policy *p)
{
    if (p == NULL || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    xfree(p->allow.items);
    xfree(p->deny.items);
    xfree(p);
}

bool fetch_policy_https_only(const struct fetch_policy *p)
{
    return p != NULL && p->https_only;
}

/* The reason the table gives, or NULL. The last row of each table matches everything. */
static const char *table_reason(const struct address *a)
{
    bool v4 = address_is_v4(a);
    const struct rule *rules = v4 ? RULES_V4 : RULES_V6;
    const struct cidr *cidrs = v4 ? g_v4 : g_v6;

    size_t i = 0;
    while (!cidr_has(&cidrs[i], a))
        i++;
    return rules[i].why;
}

/* One address, without regard to what it carries. */
static const char *policy_judge(const struct fetch_policy *p, const struct address *a)
{
    if (list_has(&p->deny, a))
        return "denied by configuration";
    return list_has(&p->allow, a) ? NULL : table_reason(a);
}

/* Interface identifiers of ISATAP carry an IPv4 address under any prefix. */
static bool is_isatap(const struct address *a)
{
    return (a->bytes[8] & 0xfc) == 0 && a->bytes[9] == 0 && a->bytes[10] == 0x5e &&
           a->bytes[11] == 0xfe;
}

static const char *judge_carried(const struct fetch_policy *p, const struct address *a)
{
    struct address inner;
    const char *why = NULL;

    for (size_t i = 0; i < COUNT_OF(CARRIERS) && why == NULL; i++) {
        if (!cidr_has(&g_carriers[i], a))
            continue;
        inner = address_from_v4(a->bytes + CARRIERS[i].offset, CARRIERS[i].mask);
        why = policy_judge(p, &inner);
    }
    if (why == NULL && is_isatap(a)) {
        inner = address_from_v4(a->bytes + 12, 0);
        why = policy_judge(p, &inner);
    }
    return why;
}

/* ::1 and :: are addresses of their own, not IPv4 ones in disguise. */
static bool is_plain_v6(const struct address *a)
{
    static const uint8_t zero[15];
    return memcmp(a->bytes, zero, sizeof(zero)) == 0 && a->bytes[15] <= 1;
}

/* False: not an internet address. */
static bool address_of(const struct sockaddr *addr, struct address *out)
{
    if (addr->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, addr, sizeof(v4));
        *out = address_from_v4((const uint8_t *)&v4.sin_addr, 0);
        return true;
    }
    if (addr->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, addr, sizeof(v6));
        memcpy(out->bytes, &v6.sin6_addr, sizeof(out->bytes));
        return true;
    }
    return false;
}

enum rc fetch_network_check(struct str network, struct buf *why)
{
    struct cidr cidr;
    return cidr_parse(network, &cidr, why);
}

bool fetch_network_has(struct str network, const struct sockaddr *addr)
{
    struct cidr cidr;
    struct address a;

    return cidr_parse(network, &cidr, NULL) == RC_OK && address_of(addr, &a) && cidr_has(&cidr, &a);
}

bool fetch_policy_allows(const struct fetch_policy *p, const struct sockaddr *addr,
                         const char **why)
{
    struct address a;
    const char *reason = "not an internet address";

    if (address_of(addr, &a)) {
        reason = policy_judge(p, &a);
        if (reason == NULL && !address_is_v4(&a) && !is_plain_v6(&a))
            reason = judge_carried(p, &a);
    }
    if (reason != NULL && why != NULL)
        *why = reason;
    return reason == NULL;
}
