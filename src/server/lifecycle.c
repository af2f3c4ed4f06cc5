/* SPDX-License-Identifier: Apache-2.0
 *
 * The composition root: what the server is made of, in the order it is started. Stopping is the same
 * table read backwards, also when starting fails half-way. Nothing else makes or frees these parts.
 */
#include "server/logins_priv.h"
#include "server/loops_priv.h"
#include "server/moves_priv.h"

#include "server/cells_priv.h"
#include "server/clients_priv.h"
#include "server/folder_priv.h"
#include "server/listen_priv.h"
#include "server/notify_priv.h"
#include "server/options_priv.h"
#include "server/reload_priv.h"
#include "server/secret_priv.h"
#include "server/signals_priv.h"
#include "server/standby_priv.h"
#include "server/system_priv.h"
#include "server/urls_priv.h"
#include "server/watchdog_priv.h"

#include "base/files.h"

#include <errno.h>
#include <stdio.h>

/* --- process --------------------------------------------------------------------------------------- */

/* Every connection is a descriptor: take all the system lets us have. */
static enum rc start_process(struct server *s)
{
    files_raise_limit();
    if (files_limit() < server_files_wanted(s->conf))
        LOG(SERVER_FEW_DESCRIPTORS, F_INT("limit", files_limit()),
            F_INT("wanted", server_files_wanted(s->conf)),
            F_INT("clients_max", server_clients_max(s->conf, files_limit())));
    panic_set_directory(server_text(s->conf->crash_dir) ? s->conf->crash_dir : s->conf->data_dir);
    return RC_OK;
}

/* --- loops ------------------------------------------------------------------------------------------ */

static enum rc start_loops(struct server *s)
{
    size_t wanted = server_count_loops(s->conf);

    s->main = loop_new("main", clock_system());
    for (size_t i = 0; s->main != NULL && i < wanted; i++) {
        struct server_loop *l = &s->loops[i];
        l->server = s;
        snprintf(l->name, sizeof l->name, "loop-%zu", i);
        l->loop = s->loop_list[i] = loop_new(l->name, clock_system());
        if (l->loop == NULL)
            break;
        s->loop_count++;
    }
    if (s->loop_count == wanted)
        s->signals = server_signals_new(s);
    if (s->signals != NULL)
        return RC_OK;
    buf_say(&s->why, "cannot make the loops: %s; raise the limit on open files (LimitNOFILE)",
            strerrordesc_np(errno));
    return RC_LIMIT;
}

static void stop_loops(struct server *s)
{
    server_signals_free(s->signals);
    for (size_t i = 0; i < s->loop_count; i++)
        loop_free(s->loops[i].loop);
    loop_free(s->main);
}

/* --- store and what stands on it -------------------------------------------------------------------- */

/* The store commits what is left when it closes; then the statistics are complete, too. */
static void stop_store(struct server *s)
{
    server_standby_end(s);
    stats_stop(s->stats);
    store_close(s->store);
    stats_close(s->stats);
    server_drain_loops(s);
}

static enum rc start_stats(struct server *s)
{
    struct stats_options o = { .dir = s->conf->data_dir,
                               .url = server_text(s->conf->store_url),
                               .clock = clock_system(),
                               .own = store_clock(s->store),
                               .rng = rng_system(),
                               .size_max = s->conf->stats_size_max };

    s->stats = stats_open(&o);
    if (s->stats == NULL)
        return server_no_threads(s);
    store_watch(s->store, stats_watcher(s->stats));
    return RC_OK;
}

static enum rc start_vault(struct server *s)
{
    enum rc rc = server_vault_open(s->conf, s->store, &s->vault, &s->why);
    if (rc == RC_OK)
        server_seal_urls(s->store, s->vault);
    return rc;
}

static void stop_vault(struct server *s)
{
    sign_vault_free(s->vault);
}

static enum rc start_workers(struct server *s)
{
    s->pool = work_pool_new((unsigned)s->conf->workers, (size_t)s->conf->worker_queue);
    return s->pool != NULL ? RC_OK : server_no_threads(s);
}

static void stop_workers(struct server *s)
{
    work_pool_free(s->pool); /* NULL when the loops' threads had been started, see their stop */
}

/* --- transforms ------------------------------------------------------------------------------- */

enum { TRANSFORMS_WAITING_MAX = 4096 };

static struct transform_limits transform_limits(const struct conf *c)
{
    struct transform_limits limits = transform_limits_default;
    limits.time_us = c->transform_time;
    limits.output_max = (size_t)c->transform_output_max;
    return limits;
}

static enum rc start_transforms(struct server *s)
{
    static const int64_t wait_us = 2000000;
    struct transform_options o = { .processes = (size_t)s->conf->transform_processes,
                                   .memory_max = (size_t)s->conf->transform_memory,
                                   .wait_us = wait_us };

    if (o.processes == 0)
        return RC_OK;
    s->transforms = transform_pool_new(&o);
    s->transform_threads = work_pool_new((unsigned)o.processes, TRANSFORMS_WAITING_MAX);
    return s->transform_threads != NULL ? RC_OK : server_no_threads(s);
}

static void stop_transforms(struct server *s)
{
    work_pool_free(s->transform_threads); /* NULL as the workers' */
    transform_pool_free(s->transforms);
}

static enum rc start_directory(struct server *s)
{
    struct core_directory_options directory = { .store = s->store,
                                                .vault = s->vault,
                                                .clock = store_clock(s->store),
                                                .apps_max = (size_t)s->conf->core_apps_max,
                                                .targets = dest_targets(dialect_envelopes) };
    struct access_options access = { .store = s->store,
                                     .clock = clock_system(),
                                     .rng = rng_system(),
                                     .jwt_secret = str_from(s->conf->jwt_secret),
                                     .is_one_cell_of_several =
                                         server_text(s->conf->cell_name) != NULL,
                                     .cached_max = (size_t)s->conf->core_tokens_max };
    struct arena arena;
    struct str id;

    s->directory = core_directory_new(&directory);
    s->access = access_new(&access);
    arena_init(&arena);
    enum rc rc = access_default_org(s->access, STR("default"), &arena, &s->org, &id);
    arena_fini(&arena);
    if (rc != RC_OK)
        buf_say(&s->why, "cannot read or make the first organisation: %s", rc_name(rc));
    return rc;
}

static void stop_directory(struct server *s)
{
    access_free(s->access);
    core_directory_free(s->directory);
}

/* --- publishing and delivering ------------------------------------------------------------------------ */

/* The publisher is made before deliver, which needs its events: the circle closes here. */
static void lifecycle_hand_over(void *ctx, struct store_message *message, const int64_t *endpoints,
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
                                                .hand_over = lifecycle_hand_over,
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
                                 .clients = s->dest_clients,
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

static enum rc start_filters(struct server *s)
{
    struct webfilter_engine_options o = { .store = s->store,
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
    s->webfilter_sets = webfilter_sets_new(s->store, s->vault, (size_t)s->conf->core_apps_max);
    enum rc rc = webfilter_sets_warm(s->webfilter_sets);
    if (rc != RC_OK)
        LOG(FILTER_CHAINS_COLD, F_TEXT("rc", rc_name(rc)));
    s->webfilter_engine = webfilter_engine_new(&o);
    return RC_OK;
}

static void stop_filters(struct server *s)
{
    webfilter_engine_free(s->webfilter_engine);
    webfilter_sets_free(s->webfilter_sets);
}

/* --- the API ------------------------------------------------------------------------------------------ */

static enum rc start_inbound(struct server *s)
{
    server_find_urls(s);
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

static enum sign_kind default_key(const struct conf *c)
{
    return str_eq(str_from(c->default_signature), STR("ed25519")) ? SIGN_ED25519 : SIGN_HMAC256;
}

static enum rc start_api(struct server *s)
{
    struct api_options o = { .store = s->store,
                             .stats = s->stats,
                             .operator_org = s->org,
                             .cell = server_text(s->conf->cell_name),
                             .directory = s->directory,
                             .access = s->access,
                             .publisher = s->publisher,
                             .events = s->events,
                             .deliver = s->deliver,
                             .transforms = s->transforms,
                             .transform_limits = transform_limits(s->conf),
                             .handshaker = s->handshaker,
                             .handshakes = dialect_handshakes,
                             .envelopes = dialect_envelopes,
                             .vault = s->vault,
                             .pool = s->pool,
                             .loops = s->loop_list,
                             .loop_count = s->loop_count,
                             .clock = clock_system(),
                             .rng = rng_system(),
                             .public_url = s->public_url,
                             .endpoint_https_only = s->conf->fetch_https_only,
                             .default_key = default_key(s->conf),
                             .retention_us = s->conf->store_retention,
                             .inbound = s->inbound,
                             .book = s->book,
                             .webfilter_sets = s->webfilter_sets,
                             .webfilter_engine = s->webfilter_engine,
                             .owner = s };

    enum rc rc = server_logins_start(s);
    if (rc != RC_OK)
        return rc;
    server_api_faces(s->conf, &o);
    o.console_url = s->console_url;
    o.oidc = s->login_oidc;
    o.proxy = s->login_proxy;
    s->api = api_new(&o);
    struct http_router_options router = { .pool = s->pool };
    api_router_options(s->api, &router);
    if (s->cells != NULL)
        router.elsewhere = (struct http_elsewhere){ s->cells, cells_knows, cells_asks };
    s->router = http_router_new(&router);
    api_add_routes(s->api, s->router);
    dialect_add_routes(s->api, s->router);
    server_system_start(s);
    struct face_options face = server_face_options(s->conf, s->public_url, s->console_url);
    face.api = s->api;
    rc = face_new(&face, &s->face, &s->why);
    if (rc == RC_OK)
        face_add_routes(s->face, s->router);
    return rc;
}

static void stop_api(struct server *s)
{
    http_router_free(s->router);
    http_router_free(s->admin_router);
    server_system_stop(s);
    face_free(s->face);
    api_free(s->api);
    server_logins_stop(s);
}

static enum rc start_dialects(struct server *s)
{
    struct dialect_options o = { .conf = s->conf,
                                 .public_url = s->public_url,
                                 .api = s->api,
                                 .store = s->store,
                                 .directory = s->directory,
                                 .publisher = s->publisher,
                                 .deliver = s->deliver,
                                 .pool = s->pool,
                                 .vault = s->vault,
                                 .clock = clock_system(),
                                 .rng = rng_system(),
                                 .org = s->org,
                                 .retention_us = s->conf->store_retention,
                                 .handshaker = s->handshaker,
                                 .events = s->events };

    enum rc rc = dialect_set_new(&o, &s->dialects, &s->why);
    if (rc == RC_OK)
        dialect_set_add_routes(s->dialects, s->router);
    return rc;
}

static void stop_dialects(struct server *s)
{
    dialect_set_free(s->dialects);
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
    if (s->watchdog == NULL)
        buf_say(&s->why, "no descriptor or no thread left for it");
    return s->watchdog != NULL ? RC_OK : RC_LIMIT;
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
    { "store", server_folder_for_server, stop_store },
    { "stats", start_stats, NULL },
    { "vault", start_vault, stop_vault },
    { "cell", server_cells_claim, NULL },
    { "directory", start_directory, stop_directory },
    { "workers", start_workers, stop_workers },
    { "transforms", start_transforms, stop_transforms },
    { "fetch", server_fetch_start, server_fetch_stop },
    { "destinations", server_dest_start, server_dest_stop },
    { "publisher", start_publisher, stop_publisher },
    { "deliver", start_deliver, stop_deliver },
    { "filters", start_filters, stop_filters },
    { "inbound", start_inbound, stop_inbound },
    { "handshaker", server_handshaker_start, server_handshaker_stop },
    { "cells", server_cells_start, server_cells_stop },
    { "api", start_api, stop_api },
    { "dialects", start_dialects, stop_dialects },
    { "other cells", server_cells_watch, server_cells_unwatch },
    { "watchdog", start_watchdog, stop_watchdog },
    { "listeners", server_listen, server_unlisten },
    { "threads", server_threads_start, server_threads_stop },
    { "tasks", start_tasks, stop_tasks },
    { "moves", server_moves_start, server_moves_stop },
    { "announce", start_announce, stop_announce },
    { "nodes", server_standby_leave, NULL },
};

/* To be asked to stop while standing by is no failure. */
static bool is_standby_ended(const struct server *s)
{
    return s->stands_by && s->store == NULL && s->stop_asked;
}

/* Starts the parts; *started is how many stand, also when one fails. */
static enum rc start_all(struct server *s, size_t *started)
{
    for (*started = 0; *started < COUNT_OF(parts); (*started)++) {
        enum rc rc = parts[*started].start(s);
        if (rc != RC_OK) {
            const struct part *failed = &parts[*started];
            if (s->why.len == 0)
                buf_say(&s->why, "%s", rc_name(rc));
            if (!is_standby_ended(s))
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

/* Signals say so, on the main loop itself: nothing has to be looked at again and again. */
static bool something_asked(const struct server *s)
{
    return s->stop_asked || s->reload_asked;
}

static void lifecycle_serve(struct server *s)
{
    while (!s->stop_asked) {
        while (!something_asked(s))
            loop_turn(s->main, INT64_MAX);
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
    enum rc rc;
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
    rc = start_all(s, &started);
    if (rc != RC_OK && !is_standby_ended(s)) {
        fprintf(stderr, "grapnel: %.*s\n", STR_ARGS(buf_str(&s->why)));
        code = 1;
    } else if (rc == RC_OK) {
        lifecycle_serve(s);
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
