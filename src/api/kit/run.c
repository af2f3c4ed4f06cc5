/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/kit/run.h.
 */
#include "api/kit/run.h"

#include "api/kit/context.h"
#include "api/kit/find.h"
#include "api/kit/input.h"
#include "api/kit/pack.h"

static bool find_endpoint(struct api_ctx *c)
{
    return api_find_app(c, c->tx, &c->app) && api_find_endpoint(c, c->tx, c->app.num, &c->endpoint);
}

static bool find_objects(struct api_ctx *c, unsigned steps)
{
    if ((steps & API_FINDS_SOURCE) != 0 && !api_find_source(c, c->tx, &c->source))
        return false;
    if ((steps & API_FINDS_ENDPOINT) != 0)
        return find_endpoint(c);
    return (steps & API_FINDS_APP) == 0 || api_find_app(c, c->tx, &c->app);
}

static bool take_body(struct api_ctx *c, const struct api_route *route)
{
    if (route->in == NULL)
        return true;
    if ((route->steps & API_BODY_ANY) != 0)
        return api_body_any(c, route->in);
    return api_body(c, route->in, (route->steps & API_BODY_MAYBE) != 0);
}

static bool find_in_snapshot(struct api_ctx *c, unsigned steps)
{
    if (!api_tx_read(c))
        return false;
    bool found = find_objects(c, steps);
    api_tx_end(c);
    return found;
}

/* False: answered. */
static bool run_prepare(struct api_ctx *c, const struct api_route *route)
{
    const unsigned finds = API_FINDS_APP | API_FINDS_ENDPOINT | API_FINDS_SOURCE;
    unsigned steps = route->steps;
    if (!take_body(c, route) || (route->check != NULL && !route->check(c)))
        return false;
    if ((steps & API_WRITES) != 0)
        return api_tx_write(c) && find_objects(c, steps);
    if ((steps & API_READS) != 0)
        return api_tx_read(c) && find_objects(c, steps);
    return (steps & finds) == 0 || find_in_snapshot(c, steps);
}

static void run_once(struct api_ctx *c, const struct api_route *route)
{
    if (!api_first(c))
        return;
    route->run(c);
    api_remember(c);
}

void api_run(struct http_request *req)
{
    struct api_ctx c;
    if (!api_begin(req, &c))
        return;
    const struct api_route *route = c.route;
    if (run_prepare(&c, route)) {
        if ((route->steps & API_ONCE) != 0)
            run_once(&c, route);
        else
            route->run(&c);
    }
    if (c.is_writing && req->reply.status >= 200 && req->reply.status < 300)
        (void)api_tx_commit(&c);
    else
        api_tx_end(&c);
    api_pack(&c);
}
