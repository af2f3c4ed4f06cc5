/* SPDX-License-Identifier: Apache-2.0
 *
 * A tree with a level per segment. At each level: literal children first, then the parameter, then
 * the rest. A wrong turn is taken back, so "/app/{id}/x" and "/app/new/y" live side by side; the
 * depth is that of the longest pattern, whatever clients send.
 */
#include "http/match_priv.h"

struct match_node {
    struct str segment; /* literal children only */
    struct match_node *next;
    struct match_node *children;
    struct match_node *param;
    struct match_node *rest;
    const struct http_route *routes[HTTP_OTHER];
};

struct match_node *http_match_new(void)
{
    return XNEW(struct match_node);
}

void http_match_free(struct match_node *node)
{
    while (node != NULL) {
        struct match_node *next = node->next;
        http_match_free(node->children);
        http_match_free(node->param);
        http_match_free(node->rest);
        xfree(node);
        node = next;
    }
}

static struct match_node *literal_child(const struct match_node *node, struct str segment)
{
    for (struct match_node *child = node->children; child != NULL; child = child->next) {
        if (str_eq(child->segment, segment))
            return child;
    }
    return NULL;
}

static struct match_node *step_to(struct match_node *node, struct str segment)
{
    MUST(segment.len > 0);
    if (segment.ptr[0] == '{') {
        MUST(segment.len > 2 && segment.ptr[segment.len - 1] == '}');
        struct match_node **slot = segment.ptr[1] == '*' ? &node->rest : &node->param;
        if (*slot == NULL)
            *slot = http_match_new();
        return *slot;
    }
    struct match_node *child = literal_child(node, segment);
    if (child == NULL) {
        child = http_match_new();
        child->segment = segment;
        child->next = node->children;
        node->children = child;
    }
    return child;
}

void http_match_add(struct match_node *root, const struct http_route *route)
{
    struct str path = str_from(route->pattern), segment;
    struct match_node *node = root;
    size_t param_count = 0;
    MUST(str_skip_prefix(&path, STR("/")) && route->method < HTTP_OTHER);
    while (str_split(&path, '/', &segment)) {
        if (segment.len > 0 && segment.ptr[0] == '{')
            param_count++;
        node = step_to(node, segment);
        MUST(!str_starts(segment, STR("{*")) || path.len == 0);
    }
    MUST(param_count <= HTTP_PARAMS_MAX);
    MUST(node->routes[route->method] == NULL); /* two routes that cannot be told apart */
    node->routes[route->method] = route;
}

static bool try_node(const struct match_node *node, enum http_method method, struct match *out)
{
    if (method < HTTP_OTHER)
        out->route = node->routes[method];
    if (out->route == NULL && method == HTTP_HEAD)
        out->route = node->routes[HTTP_GET];
    if (out->route != NULL)
        return true;
    for (unsigned m = 0; m < HTTP_OTHER; m++) {
        if (node->routes[m] != NULL)
            out->methods |= 1u << m;
    }
    return false;
}

static bool match_search(const struct match_node *node, enum http_method method, struct str path,
                         struct match *out)
{
    struct str rest = path, segment;
    if (!str_split(&rest, '/', &segment))
        return try_node(node, method, out);
    const struct match_node *child = literal_child(node, segment);
    if (child != NULL && match_search(child, method, rest, out))
        return true;
    if (node->param != NULL && segment.len > 0) {
        out->params[out->param_count++] = segment;
        if (match_search(node->param, method, rest, out))
            return true;
        out->param_count--;
    }
    if (node->rest == NULL)
        return false;
    out->params[out->param_count++] = path;
    if (try_node(node->rest, method, out))
        return true;
    out->param_count--;
    return false;
}

void http_match_find(const struct match_node *root, enum http_method method, struct str path,
                     struct match *out)
{
    *out = (struct match){ 0 };
    if (!str_skip_prefix(&path, STR("/")))
        return;
    if (str_ends(path, STR("/")))
        path.len--;
    (void)match_search(root, method, path, out);
    if ((out->methods & (1u << HTTP_GET)) != 0)
        out->methods |= 1u << HTTP_HEAD;
}
