/* SPDX-License-Identifier: Apache-2.0
 *
 * Logins by a proxy that has asked already who somebody is, and says so in a header. Everybody can write a header, so it
 * is believed from the proxy's own addresses only. Never changes once made; any thread.
 */
#pragma once

#include "http/server.h"
#include "login/roles.h"

struct login_proxy;

/* Texts as the options have them; all are copied. */
struct login_proxy_options {
    const char *user_header;  /* empty: there is no such proxy */
    const char *from;         /* its addresses and networks */
    const char *role;         /* of everybody it lets through; empty: by roles_header */
    const char *roles_header; /* values, separated by commas */
    const char *roles;        /* what they mean (login/roles.h) */
};
/* *out is NULL when there is no such proxy. RC_INVALID: `why` names the option. */
MUST_USE enum rc login_proxy_new(const struct login_proxy_options *o, struct login_proxy **out, struct buf *why);
void login_proxy_free(struct login_proxy *p); /* NULL is fine */

enum login_proxy_verdict {
    LOGIN_PROXY_KNOWN,   /* *out is who it is */
    LOGIN_PROXY_SILENT,  /* the header is not there, or not once, or empty */
    LOGIN_PROXY_FOREIGN, /* the header is there, but not from the proxy */
    LOGIN_PROXY_NO_ROLE  /* *out has the name; no role is mapped */
};

struct login_proxy_user {
    struct str name; /* borrowed from the call */
    enum access_role role;
};
enum login_proxy_verdict login_proxy_ask(const struct login_proxy *p, const struct http_call *call, struct login_proxy_user *out);
