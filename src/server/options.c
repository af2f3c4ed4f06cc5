/* SPDX-License-Identifier: Apache-2.0
 *
 * From the options table to the structs that modules take. No module reads the configuration itself.
 */
#include "server/options_priv.h"

#include "db/db.h"

#include "server/cells_options_priv.h"
#include "server/logins_priv.h"

#include "base/files.h"

#include <unistd.h>

const char *server_text(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

int64_t server_files_wanted(const struct conf *c)
{
    static const int64_t others = FILES_KEPT_MAX + FILES_OWN;
    int64_t out = c->deliver_in_flight_max + others;
    int64_t clients = c->http_connections_max;

    return clients + (clients + others > out ? clients + others : out);
}

int64_t server_clients_max(const struct conf *c, int64_t limit)
{
    int64_t share = files_for_clients(limit);

    return c->http_connections_max < share ? c->http_connections_max : share;
}

size_t server_idle_max(const struct conf *c, int64_t limit, size_t loop_count)
{
    int64_t share = files_for_idle(limit) / (int64_t)loop_count;

    if (share > c->fetch_idle_max)
        share = c->fetch_idle_max;
    return share > 0 ? (size_t)share : 1;
}

struct http_limits server_http_limits(const struct conf *c, size_t loop_count)
{
    size_t all = (size_t)server_clients_max(c, files_limit());
    size_t connections = (all + loop_count - 1) / loop_count;

    return (struct http_limits){
        .head_max = (size_t)c->http_head_max,
        .body_max = (size_t)c->http_body_max,
        .any_body_max = (size_t)c->filter_body_max,
        .head_us = c->http_head_timeout,
        .body_us = c->http_body_timeout,
        .idle_us = c->http_idle_timeout,
        .write_us = c->http_write_timeout,
        .connections_max = connections,
    };
}

struct store_options server_store_options(const struct conf *c)
{
    struct store_options o;

    store_options_defaults(&o);
    o.dir = c->data_dir;
    o.url = server_text(c->store_url);
    if (o.url != NULL)
        o.backend = &store_postgres_backend;
    o.clock = clock_system();
    o.rng = rng_system();
    o.segment_messages = c->store_segment_messages;
    o.segment_bytes = c->store_segment_bytes;
    o.segment_us = c->store_segment_age;
    o.cell = (int)c->cell_number;
    o.retention_us = c->store_retention;
    o.idempotency_us = c->store_idempotency;
    o.audit_us = c->audit_keep;
    o.group_max = (size_t)c->store_group_max;
    o.queue_max = (size_t)c->store_queue_max;
    o.cache_bytes = c->store_cache;
    o.readers = (int)c->store_readers;
    o.free_min_bytes = c->store_free_min;
    return o;
}

static enum rc parse_delays(const char *text, int64_t delays[static CORE_RETRY_MAX], size_t *count,
                            struct buf *why)
{
    struct str rest = str_from(text);
    struct str part;

    *count = 0;
    while (str_split(&rest, ',', &part)) {
        if (*count == CORE_RETRY_MAX) {
            buf_say(why, "deliver.retry: more than %d delays", CORE_RETRY_MAX);
            return RC_INVALID;
        }
        part = str_trim(part);
        if (conf_duration(part, &delays[*count]) != RC_OK) {
            buf_say(why, "deliver.retry: \"%.*s\" is not a duration such as 5s, 30m or 2h",
                    STR_ARGS(part));
            return RC_INVALID;
        }
        (*count)++;
    }
    return RC_OK;
}

static enum rc parse_statuses(const char *text, struct core_statuses *out, struct buf *why)
{
    struct str rest = str_from(text);
    struct str part;
    uint64_t status = 0;

    while (str_split(&rest, ',', &part)) {
        part = str_trim(part);
        if (part.len > 3 || str_to_u64(part, &status) != RC_OK ||
            !core_statuses_add(out, (int64_t)status)) {
            buf_say(why, "deliver.retry_except_status: \"%.*s\" is not a status from 300 to 999",
                    STR_ARGS(part));
            return RC_INVALID;
        }
    }
    return RC_OK;
}

enum rc server_deliver_limits(const struct conf *c, int64_t delays[static CORE_RETRY_MAX],
                              struct deliver_limits *limits, struct buf *why)
{
    struct core_statuses except = { 0 };
    size_t count;
    enum rc rc = parse_delays(c->deliver_retry, delays, &count, why);

    if (rc == RC_OK)
        rc = parse_statuses(c->deliver_retry_except_status, &except, why);
    if (rc != RC_OK)
        return rc;
    *limits = (struct deliver_limits){
        .attempt_us = c->deliver_timeout,
        .connect_us = c->deliver_connect_timeout,
        .response_keep = (size_t)c->deliver_response_keep,
        .response_read = (size_t)c->deliver_response_read,
        .window_start = (int)c->deliver_window_start,
        .window_max = (int)c->deliver_window_max,
        .in_flight_max = (int)c->deliver_in_flight_max,
        .items_max = (size_t)c->deliver_items_max,
        .payload_max = (size_t)c->deliver_payload_max,
        .retry = { .delays_us = delays,
                   .count = count,
                   .jitter_percent = (int)c->deliver_jitter,
                   .retry_after_max_us = c->deliver_retry_after_max,
                   .except = except },
        .disable_after_us = c->deliver_disable_after,
        .breaker_failures = (int)c->deliver_breaker_failures,
        .breaker_us = c->deliver_breaker_time,
        .breaker_max_us = c->deliver_breaker_time_max,
    };
    return RC_OK;
}

void server_configure_log(const struct conf *c)
{
    /* The options table lists these words, and nothing else gets here. */
    static const char *const names[] = { "debug", "info", "warn", "error" };
    enum log_level level = LOG_LEVEL_INFO;

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_eq(str_from(c->log_level), str_from(names[i])))
            level = (enum log_level)i;
    }
    log_configure(STDERR_FILENO, level, str_eq(str_from(c->log_format), STR("json")));
}

static enum rc check_pair(const char *a, const char *a_name, const char *b, const char *b_name,
                          struct buf *why)
{
    if ((server_text(a) == NULL) == (server_text(b) == NULL))
        return RC_OK;
    buf_say(why, "%s is set and %s is not; they go together", server_text(a) ? a_name : b_name,
            server_text(a) ? b_name : a_name);
    return RC_INVALID;
}

static bool has_credentials(const char *url)
{
    struct arena scratch;
    struct str user;
    arena_init(&scratch);
    (void)text_url_split(str_from(url), &scratch, &user);
    bool has = user.ptr != NULL;
    arena_fini(&scratch);
    return has;
}

/* Both leave room for a port. */
static enum rc check_link(const struct conf *c, struct buf *why)
{
    char text[SERVER_ADDRESS_MAX + 16];
    struct http_url url;
    int len = snprintf(text, sizeof text, "https://%s/", c->cluster_address);
    if (server_text(c->cluster_listen) != NULL &&
        strlen(c->cluster_listen) >= SERVER_ADDRESS_MAX - 8) {
        buf_say(why, "cluster.listen: an address has at most %d bytes", SERVER_ADDRESS_MAX - 9);
        return RC_INVALID;
    }
    if (server_text(c->cluster_address) == NULL)
        return RC_OK;
    if (len < 0 || (size_t)len >= sizeof text ||
        strlen(c->cluster_address) >= SERVER_ADDRESS_MAX - 8 ||
        http_url_parse(str_of(text, (size_t)len), &url, NULL) != RC_OK || url.target.len != 1 ||
        url.userinfo.len > 0) {
        buf_say(why,
                "cluster.address: \"%s\" is not where nodes could reach this one: give a host, "
                "host:port or [IPv6]:port",
                c->cluster_address);
        return RC_INVALID;
    }
    return RC_OK;
}

static enum rc check_cluster(const struct conf *c, struct buf *why)
{
    const char *url = c->store_url;
    if (url[0] == '\0' || db_check_url(url, NULL) == RC_OK) {
        enum rc rc = check_link(c, why);
        return rc == RC_OK ? server_cells_check(c, why) : rc;
    }
    buf_say(why, "store.url");
    return db_check_url(url, why);
}

struct face_options server_face_options(const struct conf *c, const char *public_url,
                                        const char *console_url)
{
    return (struct face_options){
        .public_url = public_url,
        .console_url = console_url,
        .console = c->console_enabled,
        .portal = c->portal_enabled,
        .frame_ancestors = c->portal_frame_ancestors,
        .icon_origins = c->portal_icon_origins,
        .name = c->portal_name,
        .logo = c->portal_logo,
        .support_url = c->portal_support_url,
        .hide = c->portal_hide,
    };
}

void server_api_faces(const struct conf *c, struct api_options *o)
{
    o->has_console = c->console_enabled && face_has_pages();
    o->console_is_apart = server_console_is_apart(c);
    o->logins_at_once = (int)c->console_logins_at_once;
    o->has_portal = c->portal_enabled && face_has_pages();
    o->link_lifetime_us = c->portal_link_lifetime;
    o->link_once = c->portal_link_once;
    o->issue_look_us = c->alerts_interval;
}

enum rc server_check(const struct conf *c, struct buf *why)
{
    struct face_options face = server_face_options(c, c->public_url, c->public_url);
    size_t main_secret = strlen(c->main_secret);
    int64_t delays[CORE_RETRY_MAX];
    struct deliver_limits limits;

    if (server_deliver_limits(c, delays, &limits, why) != RC_OK ||
        face_check(&face, why) != RC_OK || server_logins_check(c, why) != RC_OK ||
        check_cluster(c, why) != RC_OK)
        return RC_INVALID;
    if (check_pair(c->tls_cert, "server.tls_cert", c->tls_key, "server.tls_key", why) != RC_OK ||
        check_pair(c->fetch_cert, "fetch.cert", c->fetch_key, "fetch.key", why) != RC_OK)
        return RC_INVALID;
    if (!str_eq(str_from(c->fetch_client), STR("curl")) &&
        (server_text(c->fetch_proxy) != NULL || c->fetch_http2)) {
        buf_say(why, "fetch.proxy and fetch.http2 need fetch.client = curl");
        return RC_INVALID;
    }
    if (has_credentials(c->public_url)) {
        buf_say(why, "server.public_url is told to everybody, so it must not hold credentials");
        return RC_INVALID;
    }
    if (main_secret > 0 && main_secret < 16) {
        buf_say(why, "server.main_secret: shorter than 16 bytes");
        return RC_INVALID;
    }
    if (c->debug_enabled && strlen(c->debug_token) < 16) {
        buf_say(why, "debug.enabled needs a debug.token of at least 16 bytes");
        return RC_INVALID;
    }
    return RC_OK;
}
