/* SPDX-License-Identifier: Apache-2.0
 *
 * A lookup for threads that may wait: the same resolver, on a loop of its own.
 */
#include "fetch/resolve_priv.h"

struct wait {
    struct loop *loop;
    struct fetch_addresses found;
    struct buf *why;
    bool is_done;
};

static void resolve_wait_on_done(void *arg, const struct fetch_addresses *found, const char *why)
{
    struct wait *w = arg;

    if (found != NULL)
        w->found = *found;
    else
        buf_say(w->why, "%s", why);
    w->is_done = true;
    loop_stop(w->loop);
}

static void resolve_wait_on_deadline(void *arg)
{
    struct wait *w = arg;

    buf_say(w->why, "the name servers did not answer in time");
    loop_stop(w->loop);
}

size_t fetch_look_up(struct str name, uint16_t port, int64_t timeout_us,
                     struct sockaddr_storage *out, struct buf *why)
{
    enum thread_kind kind = thread_kind();
    struct wait w = { .loop = loop_new("names", clock_system()), .why = why };
    struct fetch_lookup lookup = { .done = resolve_wait_on_done, .arg = &w };
    struct loop_timer timer = { .fn = resolve_wait_on_deadline, .arg = &w };

    MUST(kind != THREAD_LOOP);
    if (w.loop == NULL) {
        buf_say(why, "this server has too many files open (LimitNOFILE)");
        return 0;
    }
    struct fetch_resolver *resolver = fetch_resolver_new(w.loop, NULL, NULL);
    fetch_resolve(resolver, name, &lookup);
    if (!w.is_done) {
        loop_timer_set(w.loop, &timer, loop_now_us(w.loop) + timeout_us);
        loop_run(w.loop);
    }
    fetch_resolve_cancel(&lookup);
    loop_timer_stop(w.loop, &timer);
    fetch_resolver_free(resolver);
    loop_turn(w.loop, 0);
    loop_free(w.loop);
    thread_set_kind(kind);
    for (size_t i = 0; i < w.found.count; i++)
        (void)fetch_address_sockaddr(&w.found.items[i], port, &out[i]);
    return w.found.count;
}
