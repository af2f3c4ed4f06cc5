/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses as texts, and which of them a listener stands for.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net_priv.h"

bool net_address_parse(const char *text, struct net_address *out)
{
    char host[NET_ADDRESS_TEXT];
    const char *colon = strrchr(text, ':');
    *out = (struct net_address){ 0 };
    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        return false;
    bool is_v6 = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    size_t len = (size_t)(colon - text) - (is_v6 ? 2 : 0);
    memcpy(host, text + (is_v6 ? 1 : 0), len);
    host[len] = '\0';
    unsigned long port = strtoul(colon + 1, NULL, 10);
    if (is_v6) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons((uint16_t)port);
        out->len = sizeof out->v6;
        return inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1;
    }
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons((uint16_t)port);
    out->len = sizeof out->v4;
    return inet_pton(AF_INET, host, &out->v4.sin_addr) == 1;
}

void net_address_text(const struct net_address *a, char out[NET_ADDRESS_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "?";
    bool is_v6 = a->any.sa_family == AF_INET6;
    const void *bytes = is_v6 ? (const void *)&a->v6.sin6_addr : (const void *)&a->v4.sin_addr;
    (void)inet_ntop(a->any.sa_family, bytes, host, sizeof host);
    (void)snprintf(out, NET_ADDRESS_TEXT, is_v6 ? "[%s]:%u" : "%s:%u", host, net_address_port(a));
}

uint16_t net_address_port(const struct net_address *a)
{
    return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

void net_address_set_port(struct net_address *a, uint16_t port)
{
    if (a->any.sa_family == AF_INET6)
        a->v6.sin6_port = htons(port);
    else
        a->v4.sin_port = htons(port);
}

static bool is_any(const struct net_address *a)
{
    if (a->any.sa_family == AF_INET6)
        return memcmp(&a->v6.sin6_addr, &in6addr_any, sizeof in6addr_any) == 0;
    return a->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

static bool is_same_host(const struct net_address *a, const struct net_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET6)
        return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

bool net_address_matches(const struct net_address *bound, const struct net_address *to)
{
    uint16_t port = net_address_port(bound);
    return (port == 0 || port == net_address_port(to)) &&
           (is_any(bound) || is_same_host(bound, to));
}
