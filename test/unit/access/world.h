/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of access share: a real store in a folder of its own, on a clock that the test sets.
 */
#pragma once

#include "access/access_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "on_server.h"

static struct world {
    char dir[64];
    struct clock_fake clock;
    struct store *store;
    struct access *access;
    int64_t org, app; /* app: for the test to fill */
    struct arena arena;
} w;

static void world_begin(size_t cached_max)
{
    struct buf why;
    struct store_options o;
    struct str id;
    memset(&w, 0, sizeof(w));
    thread_set_kind(THREAD_WORKER);
    arena_init(&w.arena);
    clock_fake_init(&w.clock, 1700000000 * INT64_C(1000000));
    snprintf(w.dir, sizeof(w.dir), "/tmp/grapnel-access-XXXXXX");
    assert_non_null(mkdtemp(w.dir));
    store_options_defaults(&o);
    o.dir = w.dir;
    o.clock = &w.clock.clock;
    o.rng = rng_system();
    o.url = on_server_url();
    o.no_sync = true;
    buf_init(&why, 256);
    assert_int_equal(store_open(&o, &w.store, &why), RC_OK);
    buf_fini(&why);
    w.access = access_new(&(struct access_options){ .store = w.store,
                                                    .clock = &w.clock.clock,
                                                    .rng = rng_system(),
                                                    .cached_max = cached_max });
    assert_int_equal(access_default_org(w.access, STR("org"), &w.arena, &w.org, &id), RC_OK);
}

static int world_end(void **state)
{
    (void)state;
    char command[96];
    access_free(w.access);
    store_close(w.store);
    arena_fini(&w.arena);
    snprintf(command, sizeof(command), "rm -rf %s", w.dir);
    return system(command);
}
