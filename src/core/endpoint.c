/* SPDX-License-Identifier: Apache-2.0
 *
 * See core/endpoint.h.
 */
#include "core/endpoint_priv.h"

struct core_endpoint *core_endpoint_new(void)
{
    struct core_endpoint *ep = XNEW(struct core_endpoint);
    arena_init_small(&ep->_arena);
    atomic_init(&ep->_refs, 1);
    ep->fresh_until_us = INT64_MAX;
    return ep;
}

/* Counting does not show: to everyone the endpoint stays the same. */
static struct core_endpoint *endpoint_counted(const struct core_endpoint *ep)
{
    return (struct core_endpoint *)(uintptr_t)ep;
}

const struct core_endpoint *core_endpoint_ref(const struct core_endpoint *ep)
{
    atomic_fetch_add_explicit(&endpoint_counted(ep)->_refs, 1, memory_order_relaxed);
    return ep;
}

void core_endpoint_unref(const struct core_endpoint *ep)
{
    if (ep == NULL ||
        atomic_fetch_sub_explicit(&endpoint_counted(ep)->_refs, 1, memory_order_acq_rel) != 1)
        return;
    arena_fini(&endpoint_counted(ep)->_arena); /* cleanups look at the endpoint */
    xfree(endpoint_counted(ep));
}

void core_endpoint_fares(const struct core_endpoint *ep, int64_t failing_since_us,
                         int64_t last_failure_us)
{
    atomic_store(&endpoint_counted(ep)->failing_since_us, failing_since_us);
    atomic_store(&endpoint_counted(ep)->last_failure_us, last_failure_us);
}
