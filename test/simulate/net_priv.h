/* SPDX-License-Identifier: Apache-2.0
 *
 * The network: sockets of the server (net.c), what lies between (wire.c), and the world's side (world_net.c).
 *
 * A socket of the server is one end of a socket pair, "near"; the machine holds the other, "far". So the kernel says
 * truly when the server may read or write, and epoll need not be made anew. A connection that is not made yet has its
 * near end filled up, so that it is not writable.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "machine_priv.h"

enum { NET_ADDRESS_TEXT = 64, NET_WINDOW = 65536, NET_CONNECTIONS = 4096 };

struct net_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    };
    socklen_t len;
};

bool net_address_parse(const char *text, struct net_address *out);
void net_address_text(const struct net_address *a, char out[NET_ADDRESS_TEXT]);
uint16_t net_address_port(const struct net_address *a);
void net_address_set_port(struct net_address *a, uint16_t port);
/* Of what a listener was bound to: port 0 and the address 0 stand for all. */
bool net_address_matches(const struct net_address *bound, const struct net_address *to);

enum net_state { NET_FRESH, NET_LISTENS, NET_CONNECTS, NET_OPEN, NET_FAILED, NET_CLOSED };

/* A socket of the server, under one or more descriptors. */
struct net_socket {
    enum net_state state;
    int family, type;
    int near, near_count, far; /* far -1: closed */
    bool is_shared;            /* SO_REUSEPORT */
    int error;                 /* SO_ERROR */
    struct net_address own, peer;
    int refs; /* descriptors, and what is on its way */
    struct sim_sock *sock;                         /* open streams */
    struct sim_sock **waiting;                     /* listeners: to be accepted */
    size_t waiting_count;
    struct net_address senders[64]; /* of datagrams that lie in the socket, in order */
    size_t sender_count;
    uint64_t number; /* of datagram sockets */
};

struct packet {
    struct packet *next;
    struct sim_sock *sock;
    size_t len, at;
    bool to_server, is_end;
    unsigned char bytes[];
};

/* One direction of a connection. */
struct way {
    struct packet *first, **end; /* arrived, in order */
    size_t waiting;              /* bytes under way or arrived */
    int64_t last_us;             /* when the last packet arrives */
    bool is_hole, is_ending /* an end is under way, or has arrived */;
};

/* A connection; the world's handle of it. */
struct sim_sock {
    struct net_socket *socket; /* NULL: not accepted yet, or the server has closed it */
    struct sim_link link;
    struct way to_server, from_server;
    bool is_world_gone, is_broken;
    int refs; /* the world, the server, packets under way */
    char peer[NET_ADDRESS_TEXT];
    struct net_address from, to;
};

/* wire.c */
struct sim_sock *wire_new(const struct net_address *from, const struct net_address *to);
void wire_unref(struct sim_sock *s);
void wire_put(struct sim_sock *s, bool to_server, const void *bytes, size_t len, bool is_end);
void wire_pull(struct sim_sock *s);  /* what the server wrote */
void wire_flush(struct sim_sock *s); /* what the server may read */
void wire_break(struct sim_sock *s); /* both sides get errors, now */
int64_t wire_latency_us(const struct sim_link *link);

/* world_net.c: where the server connects to */
enum sim_reach world_net_reach(const struct net_address *to);
bool world_net_take(const struct net_address *to, struct sim_sock *s); /* false: nobody listens */
bool world_net_datagram(struct net_socket *from, const struct net_address *to, const void *bytes, size_t len);

/* net.c */
struct net_socket *net_listener(const struct net_address *to); /* one of those of the server, by dice */
struct net_socket *net_datagram_socket(uint64_t number);
void net_unref(struct net_socket *s);
