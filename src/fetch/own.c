/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own HTTP/1.1 client: making and freeing one, starting and canceling calls.
 */
#include "fetch/own_priv.h"

#include "fetch/exchange_priv.h"
#include "fetch/host_priv.h"
#include "fetch/pool_priv.h"

#include <signal.h>

enum {
    IDLE_US = 60 * 1000 * 1000,
    PEAK_US = 30 * 1000 * 1000,
    IDLE_MAX = 1024,
    IDLE_PER_HOST = 16
};

static void own_start(struct fetch *f, struct fetch_call *c)
{
    struct own *own = CONTAINER_OF(f, struct own, base);

    if (fetch_call_begin(c, own->policy))
        fetch_own_exchange_start(own, c);
    else
        fetch_call_end(c, c->error, 0);
}

static void own_cancel(struct fetch *f, struct fetch_call *c)
{
    (void)f;
    if (c->_state == NULL)
        return;
    fetch_call_say(c, "canceled");
    fetch_own_exchange_fail(c->_state, FETCH_CANCELED);
}

static void own_free(struct fetch *f)
{
    struct own *own = CONTAINER_OF(f, struct own, base);

    while (own->running != NULL)
        own_cancel(f, own->running->call);
    fetch_own_pool_clear(own);
    fetch_own_host_clear(own);
    fetch_resolver_free(own->resolver);
    loop_timer_stop(own->loop, &own->idle_timer);
    map_free(own->hosts);
    SSL_CTX_free(own->tls);
    fetch_policy_unref(own->policy);
    buf_fini(&own->spare);
    buf_fini(&own->decoded);
    xfree(own->fixed);
    xfree(own);
}

static const struct fetch_ops OWN_OPS = { own_start, own_cancel, own_free };

/* OpenSSL writes with write(), which raises SIGPIPE on a connection the peer has closed. */
static void ignore_broken_pipes(void)
{
    struct sigaction now;

    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
        now.sa_handler = SIG_IGN;
        MUST(sigaction(SIGPIPE, &now, NULL) == 0);
    }
}

struct fetch *fetch_own_new(struct loop *loop, const struct fetch_options *o)
{
    struct own *own = XNEW(struct own);

    MUST(o->policy != NULL);
    ignore_broken_pipes();
    own->base.ops = &OWN_OPS;
    own->loop = loop;
    own->policy = fetch_policy_ref(o->policy);
    own->tls = o->tls;
    if (own->tls != NULL)
        MUST(SSL_CTX_up_ref(own->tls) == 1);
    own->idle_max = o->idle_max != 0 ? o->idle_max : IDLE_MAX;
    own->idle_per_host = o->idle_per_host != 0 ? o->idle_per_host : IDLE_PER_HOST;
    own->idle_us = o->idle_us != 0 ? o->idle_us : IDLE_US;
    own->age_us = o->age_us != 0 ? o->age_us : FETCH_AGE_US;
    own->peak_us = o->peak_us != 0 ? o->peak_us : PEAK_US;
    own->fixed = o->resolve != NULL ? xstrdup(o->resolve) : NULL;
    own->resolver = fetch_resolver_new(loop, own->fixed, NULL);
    own->hosts = map_new();
    own->idle_timer = (struct loop_timer){ .fn = fetch_own_pool_expire, .arg = own };
    buf_init(&own->spare, FETCH_REQUEST_HEAD_MAX);
    buf_init(&own->decoded, OWN_READ_SIZE + FETCH_HEAD_BUFFER);
    return &own->base;
}
