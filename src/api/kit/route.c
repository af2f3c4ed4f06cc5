/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/kit/route.h.
 */
#include "api/kit/route.h"

#include "api/kit/ctx.h"

/* Found by the table whose memory it lies in. */
static const struct api_route *find_row(const struct api_route_table *const *tables, size_t count,
                                        const struct http_route *route)
{
    uintptr_t at = (uintptr_t)route;
    for (size_t i = 0; i < count; i++) {
        const struct api_route_table *t = tables[i];
        uintptr_t first = (uintptr_t)t->routes;
        if (at >= first && at < first + t->count * sizeof(struct api_route))
            return &t->routes[(at - first) / sizeof(struct api_route)];
    }
    return NULL;
}

const struct api_route *api_route_of(const struct api *api, const struct http_route *route)
{
    const struct api_route *own = find_row(api->tables, api->table_count, route);
    return own != NULL ? own : find_row(api->guests, api->guest_count, route);
}

void api_add_table(struct api *api, struct http_router *router, const struct api_route_table *table)
{
    MUST(api->guest_count < COUNT_OF(api->guests));
    api->guests[api->guest_count++] = table;
    for (size_t i = 0; i < table->count; i++)
        http_router_add(router, &table->routes[i].http, 1);
}
