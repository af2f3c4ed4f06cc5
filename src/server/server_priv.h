/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the composition root share.
 */
#pragma once

#include "api/api.h"
#include "broker/broker.h"
#include "conf/conf.h"
#include "core/access.h"
#include "core/directory.h"
#include "core/events.h"
#include "core/publish.h"
#include "deliver/deliver.h"
#include "dialect/dialect.h"
#include "dialect/openedx.h"
#include "deliver/handshake.h"
#include "fetch/fetch.h"
#include "filter/chain.h"
#include "http/router.h"
#include "http/server.h"
#include "inbound/inbound.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "server/server.h"
#include "sign/sign.h"
#include "store/flow.h"
#include "store/store.h"
#include "tls/tls.h"
#include "work/work.h"

#define SERVER_USER_AGENT "Grapnel/" GRAPNEL_VERSION

enum {
    SERVER_LOOPS_MAX = 64,
    SERVER_LISTENERS_MAX = 16,
    SERVER_WHY_MAX = 4096 /* bytes of an explanation */
};

/* A loop with its thread and what belongs to that thread. */
struct server_loop {
    struct server *server;
    struct loop *loop;
    struct thread *thread;
    struct fetch *fetch;
    struct http_server *http[SERVER_LISTENERS_MAX];
    struct loop_task stop_http, stop_loop, set_limits;
    int64_t stop_until_us;
    char name[16];
};

struct server {
    const struct server_sources *sources;
    const struct conf *conf; /* what the server was started with */
    struct conf *reloaded;   /* owned; the latest reload, or NULL */
    struct buf why;

    struct loop *main; /* signals and waiting; turned by the main thread */
    struct server_loop loops[SERVER_LOOPS_MAX];
    struct loop *loop_list[SERVER_LOOPS_MAX];
    struct fetch *fetch_list[SERVER_LOOPS_MAX];
    size_t loop_count;
    size_t listener_count;
    char addresses[SERVER_LISTENERS_MAX][128]; /* with the real port */

    struct store *store;
    struct sign_vault *vault;
    struct work_pool *pool;
    struct filter_transform_pool *transforms;  /* NULL: none */
    struct work_pool *transform_threads;       /* one for each of its processes */
    struct core_directory *directory;
    struct core_access *access;
    struct core_publisher *publisher;
    struct core_events *events;
    struct fetch_policy *policy;
    struct broker_pool *brokers;
    struct broker_client *broker_list[SERVER_LOOPS_MAX];
    SSL_CTX *client_tls, *server_tls;
    struct deliver *deliver;
    struct deliver_handshaker *handshaker;
    struct verify_book *book;
    struct inbound *inbound;
    struct fetch_options fetch_options; /* as the loops' clients have them, for calls of workers */
    struct filter_sets *filter_sets;
    struct filter_engine *filter_engine;
    struct api *api;
    struct dialect_set *dialects;
    struct http_router *router, *admin_router;
    struct http_server *admin; /* the socket in the store's folder, on the first loop */
    struct server_signals *signals;
    struct server_watchdog *watchdog;

    char public_url[256];
    int64_t retry_us[2][CORE_RETRY_MAX]; /* parsed deliver.retry, of this and the last reload */
    unsigned retry_turn;
    int64_t org;              /* the default organisation */
    atomic_int stopping_left; /* completions a stop waits for */
    struct loop_task stopped_task;
    bool has_served;                   /* the loops' threads were started */
    bool stop_asked, reload_asked; /* set by signals, looked at by the main thread */
};

/* --- lifecycle.c ----------------------------------------------------------------------------------- */
/* Runs what was posted to the loops after their threads ended: completions free memory. */
void server_drain_loops(struct server *s);

/* --- clients.c ------------------------------------------------------------------------------------- */
MUST_USE enum rc server_fetch_start(struct server *s);
void server_fetch_stop(struct server *s);
MUST_USE enum rc server_brokers_start(struct server *s);
void server_brokers_stop(struct server *s);
MUST_USE enum rc server_handshaker_start(struct server *s);
void server_handshaker_stop(struct server *s);

/* --- dialects.c ------------------------------------------------------------------------------------ */
MUST_USE enum rc server_dialects_start(struct server *s); /* once there are routes */
void server_dialects_stop(struct server *s);

/* --- options.c: from options to what modules take ------------------------------------------------ */
struct http_limits server_http_limits(const struct conf *c, size_t loop_count);
struct store_options server_store_options(const struct conf *c);
/* Fills *limits; its retry delays point into `delays`. RC_INVALID: why. */
MUST_USE enum rc server_deliver_limits(const struct conf *c, int64_t delays[static CORE_RETRY_MAX],
                                       struct deliver_limits *limits, struct buf *why);
/* Level and format of the log. */
void server_configure_log(const struct conf *c);
/* What no single option's range can say, such as a certificate without its key, or the retry
 * schedule. What passes here cannot fail server_deliver_limits(). */
MUST_USE enum rc server_check(const struct conf *c, struct buf *why);
/* NULL for the empty text. */
const char *server_text(const char *text);

/* --- secret.c -------------------------------------------------------------------------------------- */
/* The operator's main secret, or the one kept beside the store (made if missing). */
MUST_USE enum rc server_main_secret(const struct conf *c, struct buf *out, struct buf *why);
/* Is there one already? False: it would be made. */
bool server_knows_main_secret(const struct conf *c);
/* What seals secrets under it. */
MUST_USE enum rc server_vault(const struct conf *c, struct sign_vault **out, struct buf *why);

/* --- listen.c: listeners and loops' threads ---------------------------------------------------------- */
MUST_USE enum rc server_listen(struct server *s);
void server_unlisten(struct server *s);
MUST_USE enum rc server_threads_start(struct server *s);
/* Stops accepting, lets calls and attempts under way finish, then ends the loops' threads. */
void server_threads_stop(struct server *s);
/* Gives the loops the limits of the latest reload and the certificate in s->server_tls; waits until they have it. */
void server_apply_http_limits(struct server *s, const struct conf *c);
/* Reads the listeners' certificate; *out stays NULL when there is none. RC_INVALID: why. */
MUST_USE enum rc server_open_tls(const struct server *s, SSL_CTX **out, struct buf *why);

/* --- signals.c --------------------------------------------------------------------------------------- */
/* Blocks the signals the server handles; before any thread starts. */
void server_signals_block(void);
struct server_signals *server_signals_new(struct server *s);
void server_signals_free(struct server_signals *signals);
/* Turns the main loop until done(arg), a second stop signal, or `until_us`; false: cut. */
bool server_wait(struct server *s, bool (*done)(struct server *s), int64_t until_us);

/* --- reload.c ---------------------------------------------------------------------------------------- */
void server_reload(struct server *s);

/* --- notify.c: systemd -------------------------------------------------------------------------------- */
void server_notify(const char *state); /* "READY=1"; nothing without $NOTIFY_SOCKET */

/* --- watchdog.c ---------------------------------------------------------------------------------------- */
/* Before the loops' threads start, and after they ended. */
struct server_watchdog *server_watchdog_new(struct server *s);
void server_watchdog_free(struct server_watchdog *w);
/* Appends a line a loop: its name and how long ago it turned. Any thread. */
void server_watchdog_describe(struct server_watchdog *w, struct buf *out);

/* --- ops.c, admin.c: routes ----------------------------------------------------------------------------- */
/* Their handlers find the server by api_owner() of the router's ctx. */
void server_ops_routes(struct http_router *router);
/* The socket for the command line, in the store's folder: whoever may read the store may use it. */
MUST_USE enum rc server_admin_open(struct server *s);
void server_admin_close(struct server *s); /* and removes its file; fine without one */
