/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree of path segments behind the router.
 */
#pragma once

#include "http/router.h"

struct match_node;

struct match_node *http_match_new(void);
void http_match_free(struct match_node *root);
/* Panics on a malformed pattern and on a route that is there already. */
void http_match_add(struct match_node *root, const struct http_route *route);

struct match {
    const struct http_route *route;     /* NULL: see methods */
    unsigned methods;                   /* bit per http_method that the path has; 0: no such path */
    struct str params[HTTP_PARAMS_MAX]; /* as sent */
    size_t param_count;
};
/* `path` starts with '/'; one trailing slash is ignored. HEAD is served by GET. */
void http_match_find(const struct match_node *root, enum http_method method, struct str path,
                     struct match *out);
