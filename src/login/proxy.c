/* SPDX-License-Identifier: Apache-2.0
 *
 * See login/proxy.h.
 */
#include "login/proxy.h"

#include "fetch/fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { NETWORKS_MAX = 64, NAME_MAX_BYTES = 256 };

struct login_proxy {
    struct arena arena;
    struct str user_header, roles_header;
    struct str networks[NETWORKS_MAX];
    size_t network_count;
    bool has_role;
    enum access_role role;
    struct login_roles roles;
};

static enum rc proxy_refuse(struct buf *why, const char *option, const char *words)
{
    buf_say(why, "%s: %s", option, words);
    return RC_INVALID;
}

static enum rc read_network(struct login_proxy *p, struct str text, struct buf *why)
{
    struct buf wrong;
    if (p->network_count == NETWORKS_MAX)
        return proxy_refuse(why, "console.proxy_from", "more networks than 64");
    buf_init(&wrong, 256);
    enum rc rc = fetch_network_check(text, &wrong);
    if (rc == RC_OK)
        p->networks[p->network_count++] = text;
    else
        buf_say(why, "console.proxy_from: %.*s", STR_ARGS(buf_str(&wrong)));
    buf_fini(&wrong);
    return rc;
}

static enum rc read_networks(struct login_proxy *p, struct str text, struct buf *why)
{
    struct str part;
    enum rc rc = RC_OK;
    text = arena_str(&p->arena, str_trim(text));
    while (rc == RC_OK && str_split(&text, ',', &part))
        rc = read_network(p, str_trim(part), why);
    if (rc == RC_OK && p->network_count == 0)
        return proxy_refuse(why, "console.proxy_user_header",
                            "needs console.proxy_from, the addresses of the proxy: from others "
                            "the header is never believed");
    return rc;
}

static enum rc read_header(struct login_proxy *p, const char *option, const char *text,
                           struct str *out, struct buf *why)
{
    struct str name = str_trim(str_from(text));
    *out = arena_str(&p->arena, name);
    if (name.len == 0 || http_is_token(name))
        return RC_OK;
    return proxy_refuse(why, option, "this is no name of a header");
}

static enum rc read_role(struct login_proxy *p, const struct login_proxy_options *o,
                         struct buf *why)
{
    struct str role = str_trim(str_from(o->role));
    p->has_role = role.len > 0;
    if (p->has_role && access_role_find(role, &p->role) != RC_OK)
        return proxy_refuse(why, "console.proxy_role", "the roles are owner, operator and viewer");
    if (p->has_role == (p->roles_header.len > 0))
        return proxy_refuse(why, "console.proxy_user_header",
                            "needs one of console.proxy_role, the role of everybody, and "
                            "console.proxy_roles_header, which says the role of each");
    enum rc rc =
        login_roles_parse("console.proxy_roles", str_from(o->roles), &p->arena, &p->roles, why);
    if (rc == RC_OK && !p->has_role && p->roles.count == 0)
        return proxy_refuse(why, "console.proxy_roles_header",
                            "needs console.proxy_roles, which says what its values mean");
    return rc;
}

enum rc login_proxy_new(const struct login_proxy_options *o, struct login_proxy **out,
                        struct buf *why)
{
    *out = NULL;
    if (str_trim(str_from(o->user_header)).len == 0)
        return RC_OK;
    struct login_proxy *p = XNEW(struct login_proxy);
    arena_init(&p->arena);
    enum rc rc = read_header(p, "console.proxy_user_header", o->user_header, &p->user_header, why);
    if (rc == RC_OK)
        rc = read_header(p, "console.proxy_roles_header", o->roles_header, &p->roles_header, why);
    if (rc == RC_OK)
        rc = read_networks(p, str_from(o->from), why);
    if (rc == RC_OK)
        rc = read_role(p, o, why);
    if (rc == RC_OK)
        *out = p;
    else
        login_proxy_free(p);
    return rc;
}

void login_proxy_free(struct login_proxy *p)
{
    if (p == NULL)
        return;
    arena_fini(&p->arena);
    xfree(p);
}

/* --- asking -------------------------------------------------------------------------------------------- */

static bool peer_address(struct str peer, struct sockaddr_storage *out)
{
    char text[INET6_ADDRSTRLEN];
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof(*out));
    if (peer.len == 0 || peer.len >= sizeof(text))
        return false;
    memcpy(text, peer.ptr, peer.len);
    text[peer.len] = '\0';
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        out->ss_family = AF_INET;
        return true;
    }
    out->ss_family = AF_INET6;
    return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
}

static bool is_proxy(const struct login_proxy *p, struct str peer)
{
    struct sockaddr_storage address;
    if (!peer_address(peer, &address))
        return false;
    for (size_t i = 0; i < p->network_count; i++)
        if (fetch_network_has(p->networks[i], (const struct sockaddr *)&address))
            return true;
    return false;
}

/* The only header of that name; empty: there is none, or a second one, which a careless proxy may have let through. */
static struct str header_once(const struct http_call *call, struct str name, size_t *count)
{
    struct str value = STR_NONE;
    *count = 0;
    for (size_t i = 0; i < call->head->header_count; i++) {
        const struct http_header *h = &call->head->headers[i];
        if (!str_ieq(h->name, name))
            continue;
        value = str_trim(h->value);
        (*count)++;
    }
    return *count == 1 ? value : STR_NONE;
}

static bool find_role(const struct login_proxy *p, const struct http_call *call,
                      enum access_role *out)
{
    struct login_role role = { .has_one = p->has_role, .role = p->role };
    struct str value;
    size_t count;
    struct str values = STR_NONE;
    if (p->roles_header.len > 0)
        values = header_once(call, p->roles_header, &count);
    while (str_split(&values, ',', &value))
        login_role_add(&role, &p->roles, str_trim(value));
    *out = role.role;
    return role.has_one;
}

enum login_proxy_verdict login_proxy_ask(const struct login_proxy *p, const struct http_call *call,
                                         struct login_proxy_user *out)
{
    size_t count;
    *out = (struct login_proxy_user){ .name = header_once(call, p->user_header, &count) };
    if (count == 0)
        return LOGIN_PROXY_SILENT;
    if (!is_proxy(p, call->peer))
        return LOGIN_PROXY_FOREIGN;
    if (out->name.len == 0 || out->name.len > NAME_MAX_BYTES)
        return LOGIN_PROXY_SILENT;
    return find_role(p, call, &out->role) ? LOGIN_PROXY_KNOWN : LOGIN_PROXY_NO_ROLE;
}
