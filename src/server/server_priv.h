/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the composition root share.
 */
#pragma once

#include "access/access.h"
#include "api/api.h"
#include "conf/conf.h"
#include "db/db.h"
#include "core/directory.h"
#include "core/events.h"
#include "core/publish.h"
#include "deliver/deliver.h"
#include "dialect/dialect.h"
#include "deliver/handshake.h"
#include "face/face.h"
#include "fetch/fetch.h"
#include "http/router.h"
#include "http/server.h"
#include "inbound/inbound.h"
#include "login/oidc.h"
#include "login/proxy.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "server/server.h"
#include "sign/sign.h"
#include "stats/stats.h"
#include "store/flow.h"
#include "store/store.h"
#include "tls/tls.h"
#include "webfilter/chain.h"
#include "work/work.h"

#define SERVER_USER_AGENT "Grapnel/" GRAPNEL_VERSION

enum {
    SERVER_LOOPS_MAX = 64,
    SERVER_LISTENERS_MAX = 16,
    SERVER_ADDRESS_MAX = 128,
    SERVER_WHY_MAX = 4096 /* bytes of an explanation */
};

/* A loop with its thread and what belongs to that thread. */
struct server_loop {
    struct server *server;
    struct loop *loop;
    struct thread *thread;
    struct fetch *fetch;
    struct http_server *http[SERVER_LISTENERS_MAX];
    struct http_server *link; /* for other nodes; NULL: the store is not in a database */
    struct loop_task stop_http, stop_loop, set_limits;
    int64_t stop_until_us;
    char name[16];
};

struct cells; /* cells/cells.h */

struct server {
    const struct server_sources *sources;
    const struct conf *conf; /* what the server was started with */
    struct conf *reloaded;   /* owned; the latest reload, or NULL; changed under the lock */
    struct mutex reloaded_lock; /* whoever is not the main thread reads it under this */
    int64_t started_us, started_mono_us; /* when the API was made */
    atomic_bool doctor_is_in;
    struct buf why;

    struct loop *main; /* signals and waiting; turned by the main thread */
    struct server_loop loops[SERVER_LOOPS_MAX];
    struct loop *loop_list[SERVER_LOOPS_MAX];
    struct fetch *fetch_list[SERVER_LOOPS_MAX];
    size_t loop_count;
    size_t listener_count, public_count; /* those of the console alone come after the public ones */
    char addresses[SERVER_LISTENERS_MAX][SERVER_ADDRESS_MAX]; /* with the real port */

    struct store *store;
    struct stats *stats;
    struct sign_vault *vault;
    struct work_pool *pool;
    struct transform_pool *transforms;  /* NULL: none */
    struct work_pool *transform_threads;       /* one for each of its processes */
    struct core_directory *directory;
    struct access *access;
    struct core_publisher *publisher;
    struct core_events *events;
    struct fetch_policy *policy;
    struct dest_pools dest_pools;
    struct dest_clients dest_clients[SERVER_LOOPS_MAX];
    SSL_CTX *client_tls, *server_tls;
    struct share *bodies; /* memory for request bodies, shared by all listeners */
    struct deliver *deliver;
    struct deliver_handshaker *handshaker;
    struct verify_book *book;
    struct inbound *inbound;
    struct fetch_options fetch_options; /* as the loops' clients have them, for calls of workers */
    struct webfilter_sets *webfilter_sets;
    struct webfilter_engine *webfilter_engine;
    struct login_oidc *login_oidc;   /* NULL: none */
    struct login_proxy *login_proxy; /* the same */
    struct api *api;
    struct cells *cells;               /* the others; NULL: there are none */
    SSL_CTX *cells_tls;                /* towards their nodes */
    struct fetch_policy *cells_policy;
    struct face *face;
    struct dialect_set *dialects;
    struct http_router *router, *admin_router;
    char link_address[SERVER_ADDRESS_MAX]; /* of the loops' links, with the real port */
    SSL_CTX *link_tls;                     /* theirs; NULL: there are none */
    struct server_moves *moves;            /* NULL: there are no cells */
    struct server_standby *standby;        /* NULL: this node has never stood by, or does no more */
    struct http_server *admin; /* the socket in the store's folder, on the first loop */
    struct server_signals *signals;
    struct server_watchdog *watchdog;

    char public_url[256], console_url[256];
    int64_t retry_us[2][CORE_RETRY_MAX]; /* parsed deliver.retry, of this and the last reload */
    unsigned retry_turn;
    int64_t org;              /* the default organisation */
    atomic_int stopping_left; /* completions a stop waits for */
    struct loop_task stopped_task;
    bool has_served;                   /* the loops' threads were started */
    bool stands_by; /* another node was at work when this one started */
    bool stop_asked, reload_asked; /* set by signals, looked at by the main thread */
    bool reload_missed; /* asked for while this node stood by */
};
