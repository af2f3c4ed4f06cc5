/* SPDX-License-Identifier: Apache-2.0
 *
 * A call that is waited for.
 */
#include "fetch/fetch.h"

#include "fetch/call_priv.h"

#include <errno.h>

struct run {
    struct loop *loop;
    void (*done)(struct fetch_call *c);
    void *owner;
};

static void run_done(struct fetch_call *c)
{
    struct run *run = c->owner;
    loop_stop(run->loop);
}

void fetch_run(const struct fetch_options *o, struct fetch_call *c)
{
    enum thread_kind kind = thread_kind();
    struct run run = { loop_new("fetch", clock_system()), c->done, c->owner };

    MUST(kind != THREAD_LOOP);
    if (run.loop == NULL) {
        fetch_call_say(c, "nothing can be asked now: %s", strerrordesc_np(errno));
        c->error = FETCH_CONNECT;
        return;
    }
    bool needs_curl = o->proxy != NULL || o->http2;
    struct fetch *f = needs_curl ? fetch_curl_new(run.loop, o) : fetch_own_new(run.loop, o);
    c->done = run_done;
    c->owner = &run;
    fetch_start(f, c);
    loop_run(run.loop);
    c->done = run.done;
    c->owner = run.owner;
    fetch_free(f);
    loop_turn(run.loop, 0);
    loop_free(run.loop);
    thread_set_kind(kind);
}
