/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths of requests: a byte that picks the method, then the path. The tree of routes finds one exactly
 * when a plain walk over the list does, and its parameters are of the path.
 */
#include "../fuzz.h"

#include "http/match_priv.h"
#include "http/query_priv.h"

static const struct http_route routes[] = {
    { .method = HTTP_GET, .pattern = "/" },
    { .method = HTTP_POST, .pattern = "/app" },
    { .method = HTTP_GET, .pattern = "/app/{a}" },
    { .method = HTTP_GET, .pattern = "/app/new/x" },
    { .method = HTTP_PUT, .pattern = "/app/{a}/{b}" },
    { .method = HTTP_GET, .pattern = "/app/{a}/msg/{b}/x" },
    { .method = HTTP_POST, .pattern = "/app/{a}/msg/{*rest}" },
    { .method = HTTP_GET, .pattern = "/f/{*rest}" },
};

/* A pattern against a path without its leading slash, as the manual has it. */
static bool fits(struct str pattern, struct str path)
{
    struct str wanted;
    struct str segment;
    while (str_split(&pattern, '/', &wanted)) {
        if (str_starts(wanted, STR("{*")))
            return path.ptr != NULL && path.len > 0;
        if (!str_split(&path, '/', &segment))
            return false;
        bool is_param = str_starts(wanted, STR("{"));
        if (is_param ? segment.len == 0 : !str_eq(wanted, segment))
            return false;
    }
    return !str_split(&path, '/', &segment);
}

static unsigned methods_of(struct str path)
{
    unsigned methods = 0;
    (void)str_skip_prefix(&path, STR("/"));
    path.len -= str_ends(path, STR("/")) ? 1 : 0;
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (fits(str_from(routes[i].pattern + 1), path))
            methods |= 1u << routes[i].method;
    }
    return methods | ((methods & 1u << HTTP_GET) != 0 ? 1u << HTTP_HEAD : 0);
}

static void check_params(const struct match *m, struct str path)
{
    struct arena a;
    struct str decoded;
    arena_init(&a);
    MUST(m->param_count <= HTTP_PARAMS_MAX);
    for (size_t i = 0; i < m->param_count; i++) {
        MUST(m->params[i].ptr > path.ptr);
        MUST(m->params[i].ptr + m->params[i].len <= path.ptr + path.len);
        if (http_decode(&a, m->params[i], false, &decoded))
            MUST(decoded.len <= m->params[i].len);
    }
    arena_fini(&a);
}

static const struct match_node *tree(void)
{
    static struct match_node *root;
    if (root != NULL)
        return root;
    root = http_match_new();
    for (size_t i = 0; i < COUNT_OF(routes); i++)
        http_match_add(root, &routes[i]);
    return root;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct match m;
    if (size < 2 || data[1] != '/') /* the parser of heads sees to that */
        return 0;
    struct str path = str_of((const char *)data + 1, size - 1);
    enum http_method method = (enum http_method)(data[0] % (HTTP_OTHER + 1));
    unsigned methods = methods_of(path);
    http_match_find(tree(), method, path, &m);
    MUST((m.route != NULL) == (method < HTTP_OTHER && (methods & 1u << method) != 0));
    MUST(m.route != NULL || m.methods == methods);
    if (m.route != NULL)
        check_params(&m, path);
    return 0;
}
