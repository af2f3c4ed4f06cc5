/* SPDX-License-Identifier: Apache-2.0
 *
 * The sockets that are open, because curl does not say which one it is about to use again. Nor does it
 * say that it closes one which was still connecting: then its number comes back in another.
 */
#include "fetch/curl_sockets_priv.h"

#include "base/files.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

curl_socket_t fetch_curl_socket_note(struct curl_client *client, curl_socket_t fd)
{
    struct curl_open *open = client->open;

    if (fd < 0)
        return CURL_SOCKET_BAD;
    if (files_is_kept(fd)) {
        (void)close(fd);
        return CURL_SOCKET_BAD;
    }
    while (open != NULL && open->fd != fd)
        open = open->next;
    if (open == NULL) {
        open = XNEW(struct curl_open);
        open->next = client->open;
        client->open = open;
    }
    open->fd = fd;
    open->port = 0;
    return fd;
}

int fetch_curl_socket_close(void *arg, curl_socket_t fd)
{
    struct curl_client *client = arg;
    struct curl_open **at = &client->open;

    while (*at != NULL && (*at)->fd != fd)
        at = &(*at)->next;
    MUST(*at != NULL);
    struct curl_open *gone = *at;
    *at = gone->next;
    xfree(gone);
    return close(fd);
}

static int port_of(curl_socket_t fd)
{
    struct sockaddr_storage here = { 0 };
    socklen_t len = sizeof(here);

    (void)getsockname(fd, (struct sockaddr *)&here, &len);
    return ntohs(here.ss_family == AF_INET6
                     ? ((const struct sockaddr_in6 *)(void *)&here)->sin6_port
                     : ((const struct sockaddr_in *)(void *)&here)->sin_port);
}

curl_socket_t fetch_curl_socket_find(const struct curl_client *client, int port)
{
    for (struct curl_open *open = client->open; open != NULL; open = open->next) {
        if (open->port == 0)
            open->port = port_of(open->fd);
        if (open->port == port)
            return open->fd;
    }
    return CURL_SOCKET_BAD;
}
