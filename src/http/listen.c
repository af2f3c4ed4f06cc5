/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets. Every loop opens its own on the same address (SO_REUSEPORT).
 */
#include "http/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, HOST_MAX = 256, PORT_MAX = 6 };

/* "host:port" or "[v6]:port"; an empty host means all addresses. */
static bool split_address(struct str address, char host[static HOST_MAX],
                          char port[static PORT_MAX])
{
    size_t colon = address.len;
    while (colon > 0 && address.ptr[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0)
        return false;
    struct str h = str_sub(address, 0, colon - 1), p = str_sub(address, colon, address.len);
    uint64_t number = 0;
    if (str_to_u64(p, &number) != RC_OK || number > UINT16_MAX || p.len >= PORT_MAX)
        return false;
    if (str_starts(h, STR("[")) && str_ends(h, STR("]"))) {
        h = str_sub(h, 1, h.len - 2);
    } else if (str_find(h, ':') < h.len) {
        return false; /* IPv6 without brackets */
    }
    if (h.len >= HOST_MAX)
        return false;
    memcpy(host, h.ptr, h.len);
    host[h.len] = '\0';
    memcpy(port, p.ptr, p.len);
    port[p.len] = '\0';
    return true;
}

/* Shared: with others of this user that share, too, and nobody else. */
static int open_listener(const struct addrinfo *ai, bool is_shared)
{
    int on = 1, shared = is_shared;
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);
    if (fd < 0)
        return -1;
    bool ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
              setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &shared, sizeof(shared)) == 0 &&
              bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    if (ok)
        return fd;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static enum rc listen_at(const char *address, bool is_shared, int *fd, struct buf *why)
{
    char host[HOST_MAX], port[PORT_MAX];
    if (!split_address(str_from(address), host, port)) {
        buf_say(why, "'%s' is not an address: give host:port or [IPv6]:port", address);
        return RC_INVALID;
    }
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    int error = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &found);
    if (error != 0) {
        buf_say(why, "cannot resolve '%s': %s", address, gai_strerror(error));
        return RC_INVALID;
    }
    enum rc rc = RC_OK;
    *fd = open_listener(found, is_shared);
    if (*fd < 0) {
        rc = errno == EADDRINUSE ? RC_BUSY : RC_IO;
        buf_say(why, "cannot listen on '%s': %s", address, strerrordesc_np(errno));
    }
    freeaddrinfo(found);
    return rc;
}

enum rc http_listen(const char *address, int *fd, struct buf *why)
{
    return listen_at(address, true, fd, why);
}

enum rc http_listen_check(const char *address, struct buf *why)
{
    int fd = -1;
    enum rc rc = listen_at(address, false, &fd, why);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

uint16_t http_listen_port(int fd)
{
    struct sockaddr_storage addr = { 0 };
    socklen_t len = sizeof(addr);
    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
        return 0;
    if (addr.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)&addr)->sin6_port);
    return ntohs(((const struct sockaddr_in *)(const void *)&addr)->sin_port);
}
