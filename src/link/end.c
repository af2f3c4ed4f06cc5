/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of the link at the node that is at work.
 */
#include "link/link.h"

#include "http/origin.h"
#include "http/router.h"

void link_end_handle(void *router, struct http_call *call)
{
    http_origin_read(call);
    http_router_handle(router, call);
}

void link_end_admit(void *router, struct http_call *call)
{
    http_origin_read(call);
    http_router_admit(router, call);
}
