/* SPDX-License-Identifier: Apache-2.0
 *
 * The store that the directory's tests play: a few rows. `during_read` runs inside a load, to prove what
 * happens when something changes just then. Included once by a test.
 */
#pragma once

#include "core/directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "metrics/metrics.h"
#include "store/application.h"
#include "store/notes.h"
#include "json/json.h"

enum { S = 1000000, APPS = 8, ENDPOINTS_MAX = 2000 };

struct store_tx {
    int unused;
};

static struct world {
    struct store_endpoint endpoints[ENDPOINTS_MAX];
    size_t endpoint_count;
    char uids[APPS + 1][16];
    bool deleted[APPS + 1];
    enum rc read_rc;
    int reads;
    int rows; /* of endpoints, as they were read */
    int64_t failing_since_us;
    void (*during_read)(void);
    struct clock_fake clock;
    struct core_directory *directory;
    store_commit_fn on_commit;
    struct sign_vault *vault;
    struct arena arena;
    int64_t told, told_what;
} w;

enum rc store_read(struct store *s, struct store_tx **out)
{
    static struct store_tx tx;
    (void)s;
    w.reads++;
    *out = &tx;
    return w.read_rc;
}

void store_end(struct store_tx *tx)
{
    (void)tx;
}

enum rc store_application_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                                 struct store_application *out)
{
    (void)tx;
    if (num < 1 || num > APPS)
        return RC_NOT_FOUND;
    *out = (struct store_application){ .num = num,
                                       .org = 1,
                                       .id = arena_fmt(a, "app_%d", (int)num),
                                       .uid = arena_fmt(a, "%s", w.uids[num]),
                                       .throttle = 7,
                                       .deleted = w.deleted[num] };
    return RC_OK;
}

enum rc store_application_find(struct store_tx *tx, int64_t org, struct str name, struct arena *a,
                               struct store_application *out)
{
    for (int64_t num = 1; num <= APPS && org == 1; num++)
        if (str_eq(name, str_from(w.uids[num])) || str_eq(name, arena_fmt(a, "app_%d", (int)num)))
            return store_application_by_num(tx, num, a, out);
    return RC_NOT_FOUND;
}

enum rc store_org_by_num(struct store_tx *tx, int64_t num, struct arena *a, struct store_org *out)
{
    (void)tx;
    (void)a;
    *out = (struct store_org){ .num = num, .id = STR("org_1") };
    return RC_OK;
}

void store_on_commit(struct store *s, store_commit_fn fn, void *ctx)
{
    (void)s;
    (void)ctx;
    w.on_commit = fn;
}

void store_off_commit(struct store *s, store_commit_fn fn, void *ctx)
{
    (void)s;
    (void)ctx;
    assert_true(w.on_commit == fn);
    w.on_commit = NULL;
}

/* As the store says it; `what` is a number of an endpoint, or one of CORE_CHANGED_... */
static void commit(int64_t app, int64_t what)
{
    const struct store_note n = { what == CORE_CHANGED_ITSELF ? STORE_NOTE_APPLICATION
                                                              : STORE_NOTE_ENDPOINT,
                                  app,
                                  what == CORE_CHANGED_ITSELF ? app
                                  : what == CORE_CHANGED_ALL  ? 0
                                                              : what };
    w.on_commit(w.directory, &n, 1);
}

/* What a test has planned for the middle of a read. */
static void happen(void)
{
    void (*fn)(void) = w.during_read;
    w.during_read = NULL;
    if (fn != NULL)
        fn();
}

enum rc store_endpoint_all(struct store_tx *tx, int64_t app, struct arena *a,
                           struct store_endpoint **out, size_t *count)
{
    (void)tx;
    (void)app;
    *out = arena_array(a, w.endpoint_count + 1, sizeof(**out));
    memcpy(*out, w.endpoints, w.endpoint_count * sizeof(**out));
    *count = w.endpoint_count;
    w.rows += (int)w.endpoint_count;
    happen();
    return RC_OK;
}

static struct store_endpoint *row_of(int64_t num)
{
    for (size_t i = 0; i < w.endpoint_count; i++)
        if (w.endpoints[i].num == num)
            return &w.endpoints[i];
    return NULL;
}

enum rc store_endpoint_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                              struct store_endpoint *out)
{
    const struct store_endpoint *row = row_of(num);
    (void)tx;
    (void)a;
    w.rows++;
    if (row != NULL)
        *out = *row;
    happen();
    return row == NULL ? RC_NOT_FOUND : RC_OK;
}

enum rc store_endpoint_health(struct store_tx *tx, int64_t num, int64_t *failing_since_us,
                              int64_t *last_failure_us)
{
    (void)tx;
    (void)num;
    *failing_since_us = w.failing_since_us;
    *last_failure_us = w.failing_since_us + 1;
    return RC_OK;
}

static void listen_to(void *ctx, int64_t app, int64_t what)
{
    (void)ctx;
    w.told = app;
    w.told_what = what;
}

static int set_up(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    thread_set_kind(THREAD_WORKER);
    arena_init(&w.arena);
    clock_fake_init(&w.clock, 1000LL * S);
    for (int i = 1; i <= APPS; i++)
        (void)snprintf(w.uids[i], sizeof(w.uids[i]), "uid-%d", i);
    assert_int_equal(sign_vault_new(STR("a main secret of some length"), &w.vault), RC_OK);
    w.directory = core_directory_new(&(struct core_directory_options){
        .vault = w.vault, .clock = &w.clock.clock, .apps_max = 3 });
    core_directory_on_change(w.directory, listen_to, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    core_directory_free(w.directory);
    sign_vault_free(w.vault);
    arena_fini(&w.arena);
    return 0;
}

static struct str kept(struct buf *b)
{
    struct str copy = arena_str(&w.arena, buf_str(b));
    buf_fini(b);
    return copy;
}

static struct store_endpoint_key sealed_key(const char *endpoint_id, int64_t expires_us)
{
    struct sign_key key;
    struct buf out;
    buf_init(&out, 4096);
    sign_key_generate(SIGN_HMAC256, rng_system(), &key);
    assert_int_equal(core_seal_key(w.vault, str_from(endpoint_id), &key, &out), RC_OK);
    return (struct store_endpoint_key){ kept(&out), expires_us };
}

static struct store_endpoint *add_endpoint(int64_t num, const char *id)
{
    struct store_endpoint *ep = &w.endpoints[w.endpoint_count++];
    *ep = (struct store_endpoint){
        .num = num, .app = 1, .id = str_from(id), .url = STR("https://example.com/"), .key_count = 1
    };
    ep->keys[0] = sealed_key(id, 0);
    return ep;
}

static struct core_app *load(int64_t num)
{
    struct core_app *app = NULL;
    assert_int_equal(core_directory_load(w.directory, num, &app), RC_OK);
    return app;
}

