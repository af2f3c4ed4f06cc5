/* SPDX-License-Identifier: Apache-2.0
 *
 * See fetch/address_priv.h.
 */
#include "fetch/address_priv.h"

#include <arpa/inet.h>
#include <netinet/in.h>

socklen_t fetch_address_sockaddr(const struct fetch_address *a, uint16_t port,
                                 struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (a->family == AF_INET) {
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
        memcpy(&v4.sin_addr, a->bytes, sizeof(v4.sin_addr));
        memcpy(out, &v4, sizeof(v4));
        return sizeof(v4);
    }
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    memcpy(&v6.sin6_addr, a->bytes, sizeof(v6.sin6_addr));
    memcpy(out, &v6, sizeof(v6));
    return sizeof(v6);
}

void fetch_address_text(const struct fetch_address *a, char *out, size_t size)
{
    MUST(inet_ntop(a->family, a->bytes, out, (socklen_t)size) != NULL);
}

bool fetch_address_parse(struct str text, struct fetch_address *out)
{
    char copy[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    memset(out, 0, sizeof(*out));
    out->family = AF_INET;
    if (inet_pton(AF_INET, copy, out->bytes) == 1)
        return true;
    out->family = AF_INET6;
    return inet_pton(AF_INET6, copy, out->bytes) == 1;
}

void fetch_addresses_add(struct fetch_addresses *list, const struct fetch_address *a)
{
    if (list->count < FETCH_ADDRESSES_MAX)
        list->items[list->count++] = *a;
}

/* --- short cuts ---------------------------------------------------------------------------- */

static bool find_fixed(const char *fixed, struct str name, struct fetch_addresses *out)
{
    struct str rest = str_from(fixed);
    struct str part;
    struct fetch_address address;

    while (str_split(&rest, ',', &part)) {
        size_t equals = str_find(part, '=');
        if (equals < part.len && str_ieq(str_sub(part, 0, equals), name) &&
            fetch_address_parse(str_sub(part, equals + 1, part.len), &address))
            fetch_addresses_add(out, &address);
    }
    return out->count > 0;
}

static bool is_localhost(struct str name)
{
    static const struct str local = { "localhost", 9 };

    if (str_ends(name, STR(".")))
        name.len--;
    if (name.len < local.len)
        return false;
    size_t start = name.len - local.len;
    return str_ieq(str_sub(name, start, local.len), local) &&
           (start == 0 || name.ptr[start - 1] == '.');
}

bool fetch_resolve_at_once(const char *fixed, struct str name, struct fetch_addresses *out)
{
    struct fetch_address literal;

    out->count = 0;
    if (fetch_address_parse(name, &literal)) {
        fetch_addresses_add(out, &literal);
        return true;
    }
    if (find_fixed(fixed, name, out))
        return true;
    if (!is_localhost(name))
        return false;
    MUST(fetch_address_parse(STR("127.0.0.1"), &literal));
    fetch_addresses_add(out, &literal);
    MUST(fetch_address_parse(STR("::1"), &literal));
    fetch_addresses_add(out, &literal);
    return true;
}

/* --- from c-ares --------------------------------------------------------------------------- */

void fetch_addresses_take(struct fetch_addresses *out, const struct ares_addrinfo_node *n)
{
    struct fetch_address a = { .family = (sa_family_t)n->ai_family };

    if (n->ai_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, n->ai_addr, sizeof(v4));
        memcpy(a.bytes, &v4.sin_addr, sizeof(v4.sin_addr));
    } else {
        struct sockaddr_in6 v6;
        memcpy(&v6, n->ai_addr, sizeof(v6));
        memcpy(a.bytes, &v6.sin6_addr, sizeof(v6.sin6_addr));
    }
    fetch_addresses_add(out, &a);
}

struct ares_addrinfo_hints fetch_hints_of(int family)
{
    /* Sorting by RFC 6724 would open sockets to learn routes; connecting tells the same. */
    return (struct ares_addrinfo_hints){ .ai_family = family,
                                         .ai_socktype = SOCK_STREAM,
                                         .ai_flags = ARES_AI_NOSORT };
}

static void on_hosts(void *arg, int status, int timeouts, struct ares_addrinfo *answer)
{
    struct fetch_addresses *out = arg;

    (void)timeouts;
    if (status == ARES_SUCCESS)
        for (const struct ares_addrinfo_node *n = answer->nodes; n != NULL; n = n->ai_next)
            if (n->ai_family == AF_INET || n->ai_family == AF_INET6)
                fetch_addresses_take(out, n);
    ares_freeaddrinfo(answer);
}

bool fetch_hosts_find(ares_channel hosts, const char *name, struct fetch_addresses *out)
{
    struct ares_addrinfo_hints hints = fetch_hints_of(AF_UNSPEC);

    out->count = 0;
    ares_getaddrinfo(hosts, name, NULL, &hints, on_hosts, out);
    return out->count > 0;
}
