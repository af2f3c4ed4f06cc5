/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses, as they are written and as c-ares has them, and the names that need no name server.
 */
#pragma once

#include <ares.h>
#include <sys/socket.h>

#include "base/base.h"

enum { FETCH_ADDRESSES_MAX = 8, FETCH_NAME_MAX = 254 };

struct fetch_address {
    sa_family_t family; /* AF_INET or AF_INET6 */
    uint8_t bytes[16];
};

struct fetch_addresses {
    size_t count;
    struct fetch_address items[FETCH_ADDRESSES_MAX]; /* families alternate, IPv6 first */
};

/* The address with a port, as connect() wants it; returns its length. */
socklen_t fetch_address_sockaddr(const struct fetch_address *a, uint16_t port,
                                 struct sockaddr_storage *out);
/* Its text; `out` as in struct fetch_call's peer. */
void fetch_address_text(const struct fetch_address *a, char *out, size_t size);
/* Up to FETCH_ADDRESSES_MAX. */
void fetch_addresses_add(struct fetch_addresses *list, const struct fetch_address *a);
/* What needs no asking: literals, `fixed` names (as below), localhost. */
bool fetch_resolve_at_once(const char *fixed, struct str name, struct fetch_addresses *out);
void fetch_addresses_take(struct fetch_addresses *list, const struct ares_addrinfo_node *n);
/* What /etc/hosts says of a name, which is then all there is to say. `hosts` reads no other source. */
bool fetch_hosts_find(ares_channel hosts, const char *name, struct fetch_addresses *out);
struct ares_addrinfo_hints fetch_hints_of(int family);
/* A literal IPv4 or IPv6 address. */
bool fetch_address_parse(struct str text, struct fetch_address *out);
