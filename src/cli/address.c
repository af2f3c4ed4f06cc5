/* SPDX-License-Identifier: Apache-2.0
 *
 * Warning of addresses that a server does not send to by default. What its fetch.allow has cannot be seen from here,
 * so this says what must be in there, and fails nothing.
 */
#include "cli/cli_priv.h"
#include "fetch/fetch.h"

#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

enum { LOOK_UP_US = 2000000 };

static void address_note(const char *what, const struct http_url *url,
                         const struct sockaddr_storage *at, const char *kind)
{
    char text[NI_MAXHOST] = "";
    const struct sockaddr *address = (const struct sockaddr *)at;
    socklen_t len =
        at->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getnameinfo(address, len, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
        return;
    fprintf(
        stderr,
        "%s: %.*s is at %s (%s). The server asks nobody there, and it counts as not answering, unless "
        "fetch.allow has that address or its network: grapnel serve --fetch.allow=%s/%d ...\n",
        what, STR_ARGS(url->host), text, kind, text, at->ss_family == AF_INET6 ? 128 : 32);
}

void cli_note_address(const char *what, struct str text)
{
    struct sockaddr_storage found[FETCH_LOOK_UP_MAX];
    struct fetch_policy *policy = NULL;
    struct http_url url;
    struct buf why;
    buf_init(&why, 512);
    if (http_url_parse(text, &url, NULL) == RC_OK &&
        fetch_policy_new(STR(""), STR(""), false, &policy, &why) == RC_OK) {
        size_t count = fetch_look_up(url.host, url.port, LOOK_UP_US, found, &why);
        for (size_t i = 0; i < count; i++) {
            const char *kind = "";
            if (fetch_policy_allows(policy, (const struct sockaddr *)&found[i], &kind))
                continue;
            address_note(what, &url, &found[i], kind);
            break;
        }
    }
    fetch_policy_unref(policy);
    buf_fini(&why);
}
