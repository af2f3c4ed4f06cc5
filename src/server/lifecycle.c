/* SPDX-License-Identifier: Apache-2.0
 *
 * The composition root: what the server is made of, in the order it is started. Stopping is the same
 * table read backwards, also when starting fails half-way. Nothing else makes or frees these parts.
 */
#include "server/server_priv.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LOOPS_BY_DEFAULT_MAX = 16 };

/* --- process --------------------------------------------------------------------------------------- */

/* Every connection is a descriptor: take all the system lets us have. */
static enum rc start_process(struct server *s)
{
    struct rlimit files;
    int64_t wanted = s->conf->http_connections_max + s->conf->deliver_in_flight_max + 256;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) == 0 && (int64_t)files.rlim_cur < wanted)
            LOG(SERVER_FEW_DESCRIPTORS, F_INT("limit", files.rlim_cur), F_INT("wanted", wanted));
    }
    panic_set_directory(server_text(s->conf->crash_dir) ? s->conf->crash_dir : s->conf->data_dir);
    return RC_OK;
}

/* --- loops ------------------------------------------------------------------------------------------ */

static size_t count_loops(const struct conf *c)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (c->loops > 0)
        return (size_t)c->loops;
    if (processors < 1)
        return 1;
    return processors > LOOPS_BY_DEFAULT_MAX ? LOOPS_BY_DEFAULT_MAX : (size_t)processors;
}

static enum rc start_loops(struct server *s)
{
    s->main = loop_new("main", clock_system());
    s->loop_count = count_loops(s->conf);
    for (size_t i = 0; i < s->loop_count; i++) {
        struct server_loop *l = &s->loops[i];
        l->server = s;
        snprintf(l->name, sizeof l->name, "loop-%zu", i);
        l->loop = s->loop_list[i] = loop_new(l->name, clock_system());
    }
    s->signals = server_signals_new(s);
    return RC_OK;
}

void server_drain_loops(struct server *s)
{
    for (size_t i = 0; i < s->loop_count; i++)
        loop_turn(s->loops[i].loop, 0);
}

static void stop_loops(struct server *s)
{
    server_signals_free(s->signals);
    for (size_t i = 0; i < s->loop_count; i++)
        loop_free(s->loops[i].loop);
    loop_free(s->main);
}

/* --- store and what stands on it -------------------------------------------------------------------- */

static enum rc start_store(struct server *s)
{
    struct store_options o = server_store_options(s->conf);

    return store_open(&o, &s->store, &s->why);
}

static void stop_store(struct server *s)
{
    store_close(s->store);
    server_drain_loops(s);
}

static enum rc start_vault(struct server *s)
{
    return server_vault(s->conf, &s->vault, &s->why);
}

static void stop_vault(struct server *s)
{
    sign_vault_free(s->vault);
}

static enum rc start_workers(struct server *s)
{
    s->pool = work_pool_new((unsigned)s->conf->workers, (size_t)s->conf->worker_queue);
    return RC_OK;
}

static void stop_workers(struct server *s)
{
    work_pool_free(s->pool); /* NULL when the loops' threads had been started, see their stop */
}

/* --- transforms ------------------------------------------------------------------------------- */

enum { TRANSFORMS_WAITING_MAX = 4096 };

static struct filter_transform_limits transform_limits(const struct conf *c)
{
    struct filter_transform_limits limits = filter_transform_limits_default;
    limits.time_us = c->transform_time;
    limits.output_max = (size_t)c->transform_output_max;
    return limits;
}

static enum rc start_transforms(struct server *s)
{
    static const int64_t wait_us = 2000000;
    struct filter_transform_options o = { .processes = (size_t)s->conf->transform_processes,
                                          .memory_max = (size_t)s->conf->transform_memory,
                                          .wait_us = wait_us };

    if (o.processes == 0)
        return RC_OK;
    s->transforms = filter_transform_pool_new(&o);
    s->transform_threads = work_pool_new((unsigned)o.processes, TRANSFORMS_WAITING_MAX);
    return RC_OK;
}

static void stop_transforms(struct server *s)
{
    work_pool_free(s->transform_threads); /* NULL as the workers' */
    filter_transform_pool_free(s->transforms);
}

static enum rc start_directory(struct server *s)
{
    struct core_directory_options directory = { .store = s->store,
                                                .vault = s->vault,
                                                .clock = clock_system(),
                                                .apps_max = (size_t)s->conf->core_apps_max };
    struct core_access_options access = { .store = s->store,
                                          .clock = clock_system(),
                                          .rng = rng_system(),
                                          .jwt_secret = str_from(s->conf->jwt_secret),
                                          .cached_max = (size_t)s->conf->core_tokens_max };
    struct arena arena;
    struct str id;

    s->directory = core_directory_new(&directory);
    s->access = core_access_new(&access);
    arena_init(&arena);
    enum rc rc = core_access_default_org(s->access, STR("default"), &arena, &s->org, &id);
    arena_fini(&arena);
    if (rc != RC_OK)
        buf_say(&s->why, "cannot read or make the first organisation: %s", rc_name(rc));
    return rc;
}

static void stop_directory(struct server *s)
{
    core_access_free(s->access);
    core_directory_free(s->directory);
}

/* --- publishing and delivering ------------------------------------------------------------------------ */

/* The publisher is made before deliver, which needs its events: the circle closes here. */
static void hand_over(void *ctx, struct store_message *message, const int64_t *endpoints,
                      size_t count)
{
    struct server *s = ctx;

    deliver_hand_over(s->deliver, message, endpoints, count);
}

static enum rc start_publisher(struct server *s)
{
    struct core_publisher_options publisher = { .store = s->store,
                                                .directory = s->directory,
                                                .clock = clock_system(),
                                                .loops = s->loop_list,
                                                .loop_count = s->loop_count,
                                                .hand_over = hand_over,
                                                .hand_over_ctx = s };
    struct core_events_options events = {
        .store = s->store, .directory = s->directory, .pool = s->pool, .clock = clock_system()
    };

    s->publisher = core_publisher_new(&publisher);
    events.publisher = s->publisher;
    s->events = core_events_new(&events);
    return RC_OK;
}

static void stop_publisher(struct server *s)
{
    core_events_free(s->events);
    core_publisher_free(s->publisher);
}

static enum rc start_deliver(struct server *s)
{
    struct deliver_options o = { .store = s->store,
                                 .directory = s->directory,
                                 .pool = s->pool,
                                 .transforms = s->transforms,
                                 .transform_threads = s->transform_threads,
                                 .transform_limits = transform_limits(s->conf),
                                 .clock = clock_system(),
                                 .rng = rng_system(),
                                 .loops = s->loop_list,
                                 .fetches = s->fetch_list,
                                 .brokers = s->broker_list,
                                 .loop_count = s->loop_count,
                                 .user_agent = server_text(s->conf->user_agent),
                                 .notice = core_events_notice,
                                 .notice_ctx = s->events };
    enum rc rc = server_deliver_limits(s->conf, s->retry_us[0], &o.limits, &s->why);

    if (rc != RC_OK)
        return rc;
    if (o.user_agent == NULL)
        o.user_agent = SERVER_USER_AGENT;
    s->deliver = deliver_new(&o);
    rc = deliver_start(s->deliver);
    if (rc != RC_OK)
        buf_say(&s->why, "cannot read the pending deliveries: %s", rc_name(rc));
    return rc;
}

static void stop_deliver(struct server *s)
{
    server_drain_loops(s);
    deliver_free(s->deliver);
}

/* --- webfilters --------------------------------------------------------------------------------------- */

/* Applications change, and go, without the webfilters' own routes. */
static void app_changed(void *ctx, int64_t app)
{
    filter_sets_changed(ctx, app);
}

static enum rc start_filters(struct server *s)
{
    struct filter_engine_options o = { .store = s->store,
                                       .ids = store_ids(s->store),
                                       .clock = clock_system(),
                                       .pool = s->pool,
                                       .loops = s->loop_list,
                                       .fetches = s->fetch_list,
                                       .loop_count = s->loop_count,
                                       .user_agent = server_text(s->conf->user_agent),
                                       .connect_us = s->conf->deliver_connect_timeout };

    if (o.user_agent == NULL)
        o.user_agent = SERVER_USER_AGENT;
    s->filter_sets =
        filter_sets_new(s->store, s->vault, clock_system(), (size_t)s->conf->core_apps_max);
    core_directory_on_change(s->directory, app_changed, s->filter_sets);
    s->filter_engine = filter_engine_new(&o);
    return RC_OK;
}

static void stop_filters(struct server *s)
{
    filter_engine_free(s->filter_engine);
    filter_sets_free(s->filter_sets);
}

/* --- the API ------------------------------------------------------------------------------------------ */

static void find_public_url(struct server *s)
{
    struct str first = str_from(s->conf->listen);

    if (server_text(s->conf->public_url) != NULL) {
        snprintf(s->public_url, sizeof s->public_url, "%s", s->conf->public_url);
        return;
    }
    first = str_trim(str_sub(first, 0, str_find(first, ',')));
    snprintf(s->public_url, sizeof s->public_url, "%s://%.*s",
             server_text(s->conf->tls_cert) ? "https" : "http", STR_ARGS(first));
}

static enum rc start_inbound(struct server *s)
{
    find_public_url(s);
    enum rc rc = verify_book_open(s->conf->inbound_presets, &s->book, &s->why);
    if (rc != RC_OK)
        return rc;
    struct inbound_options o = { .store = s->store,
                                 .directory = s->directory,
                                 .publisher = s->publisher,
                                 .vault = s->vault,
                                 .book = s->book,
                                 .pool = s->pool,
                                 .clock = clock_system(),
                                 .rng = rng_system(),
                                 .public_url = s->public_url,
                                 .fetch = &s->fetch_options,
                                 .transforms = s->transforms,
                                 .transform_limits = transform_limits(s->conf),
                                 .retention_us = s->conf->store_retention,
                                 .sources_max = (size_t)s->conf->inbound_sources_max };
    s->inbound = inbound_new(&o);
    return RC_OK;
}

static void stop_inbound(struct server *s)
{
    inbound_free(s->inbound);
    verify_book_free(s->book);
}

static enum rc start_api(struct server *s)
{
    struct api_options o = { .store = s->store,
                             .directory = s->directory,
                             .access = s->access,
                             .publisher = s->publisher,
                             .events = s->events,
                             .deliver = s->deliver,
                             .transforms = s->transforms,
                             .transform_limits = transform_limits(s->conf),
                             .handshaker = s->handshaker,
                             .vault = s->vault,
                             .pool = s->pool,
                             .loops = s->loop_list,
                             .loop_count = s->loop_count,
                             .clock = clock_system(),
                             .rng = rng_system(),
                             .public_url = s->public_url,
                             .endpoint_https_only = s->conf->fetch_https_only,
                             .default_key = SIGN_HMAC256,
                             .idempotency_us = s->conf->store_idempotency,
                             .retention_us = s->conf->store_retention,
                             .inbound = s->inbound,
                             .book = s->book,
                             .filter_sets = s->filter_sets,
                             .filter_engine = s->filter_engine,
                             .owner = s };

    s->api = api_new(&o);
    s->router = http_router_new(&(struct http_router_options){ .pool = s->pool, .ctx = s->api });
    api_add_routes(s->api, s->router);
    dialect_openedx_add_routes(s->router);
    server_ops_routes(s->router);
    return RC_OK;
}

static void stop_api(struct server *s)
{
    http_router_free(s->router);
    http_router_free(s->admin_router);
    api_free(s->api);
}

static enum rc start_tasks(struct server *s)
{
    api_start(s->api);
    return RC_OK;
}

static void stop_tasks(struct server *s)
{
    api_stop(s->api);
}

/* --- the table ---------------------------------------------------------------------------------------- */

static enum rc start_watchdog(struct server *s)
{
    s->watchdog = server_watchdog_new(s);
    return RC_OK;
}

static void stop_watchdog(struct server *s)
{
    server_watchdog_free(s->watchdog);
}

static enum rc start_announce(struct server *s)
{
    LOG(SERVER_STARTED, F_TEXT("version", GRAPNEL_VERSION), F_TEXT("address", s->addresses[0]),
        F_TEXT("store", s->conf->data_dir), F_INT("loops", s->loop_count));
    server_notify("READY=1");
    return RC_OK;
}

static void stop_announce(struct server *s)
{
    (void)s;
    server_notify("STOPPING=1");
}

static const struct part {
    const char *name;
    enum rc (*start)(struct server *s);
    void (*stop)(struct server *s); /* NULL: nothing to undo */
} parts[] = {
    { "process", start_process, NULL },
    { "loops", start_loops, stop_loops },
    { "store", start_store, stop_store },
    { "vault", start_vault, stop_vault },
    { "directory", start_directory, stop_directory },
    { "workers", start_workers, stop_workers },
    { "transforms", start_transforms, stop_transforms },
    { "fetch", server_fetch_start, server_fetch_stop },
    { "brokers", server_brokers_start, server_brokers_stop },
    { "publisher", start_publisher, stop_publisher },
    { "deliver", start_deliver, stop_deliver },
    { "filters", start_filters, stop_filters },
    { "inbound", start_inbound, stop_inbound },
    { "handshaker", server_handshaker_start, server_handshaker_stop },
    { "api", start_api, stop_api },
    { "dialects", server_dialects_start, server_dialects_stop },
    { "watchdog", start_watchdog, stop_watchdog },
    { "listeners", server_listen, server_unlisten },
    { "threads", server_threads_start, server_threads_stop },
    { "tasks", start_tasks, stop_tasks },
    { "announce", start_announce, stop_announce },
};

/* Starts the parts; *started is how many stand, also when one fails. */
static enum rc start_all(struct server *s, size_t *started)
{
    for (*started = 0; *started < COUNT_OF(parts); (*started)++) {
        enum rc rc = parts[*started].start(s);
        if (rc != RC_OK) {
            const struct part *failed = &parts[*started];
            if (s->why.len == 0)
                buf_say(&s->why, "%s", rc_name(rc));
            LOG(SERVER_FAILED, F_TEXT("part", failed->name), F_STR("why", buf_str(&s->why)));
            if (failed->stop != NULL) /* releases see what is NULL as not made */
                failed->stop(s);
            return rc;
        }
    }
    return RC_OK;
}

static void stop_all(struct server *s, size_t started)
{
    while (started-- > 0) {
        if (parts[started].stop != NULL)
            parts[started].stop(s);
    }
}

static bool something_asked(struct server *s)
{
    return s->stop_asked || s->reload_asked;
}

static void serve(struct server *s)
{
    while (!s->stop_asked) {
        (void)server_wait(s, something_asked, INT64_MAX);
        bool reload = s->reload_asked && !s->stop_asked;
        s->reload_asked = false; /* one that is asked for meanwhile is another one */
        if (reload)
            server_reload(s);
    }
}

static enum rc load_conf(const struct server_sources *from, struct conf **out, struct buf *why)
{
    enum rc rc = conf_load(from->file, from->argc, from->argv, from->envp, out, why);

    if (rc == RC_OK)
        rc = server_check(*out, why);
    if (rc == RC_OK)
        server_configure_log(*out);
    return rc;
}

int server_run(const struct server_sources *sources)
{
    struct server *s = XNEW(struct server);
    struct conf *conf = NULL;
    size_t started;
    int code = 0;

    buf_init(&s->why, SERVER_WHY_MAX);
    s->sources = sources;
    if (load_conf(sources, &conf, &s->why) != RC_OK) {
        fprintf(stderr, "grapnel: %.*s\n", STR_ARGS(buf_str(&s->why)));
        code = 2;
        goto out;
    }
    s->conf = conf;
    server_signals_block();
    if (start_all(s, &started) != RC_OK) {
        fprintf(stderr, "grapnel: %.*s\n", STR_ARGS(buf_str(&s->why)));
        code = 1;
    } else {
        serve(s);
    }
    stop_all(s, started);
    if (code == 0)
        LOG(SERVER_STOPPED, F_TEXT("store", conf->data_dir));
out:
    conf_free(s->reloaded);
    conf_free(conf);
    buf_fini(&s->why);
    xfree(s);
    return code;
}
