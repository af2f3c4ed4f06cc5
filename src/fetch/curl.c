/* SPDX-License-Identifier: Apache-2.0
 *
 * The libcurl client: a multi handle driven by the loop (socket and timer callbacks), one easy
 * handle a call, used again. Names are looked up by our resolver and judged by the policy before
 * curl hears of them; the total deadline is a timer of ours.
 *
 * With a proxy the policy judges what the name resolves to here; a proxy that looks names up itself
 * may see another answer, so it has to guard its own network.
 */
#include "fetch/curl_call_priv.h"
#include "fetch/policy_priv.h"
#include "metrics/metrics.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { IDLE_US = 60 * 1000 * 1000, IDLE_MAX = 1024, PROXY_DNS_SHARE = 4 };

/* A socket of curl's that the loop watches, through a descriptor of our own: curl may close its one
 * before it says that it is no longer to be watched. */
struct curl_watch {
    struct curl_client *client;
    curl_socket_t fd;
    struct loop_io io;
};

/* --- ending calls -------------------------------------------------------------------------- */

static void handle_put_back(struct curl_client *client, CURL *easy)
{
    if (client->spare_count == CURL_SPARE_MAX) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    client->spare[client->spare_count++] = easy;
}

static void curl_finish(struct curl_exchange *ex, enum fetch_error error)
{
    struct curl_client *client = ex->client;
    struct fetch_call *c = ex->call;
    int64_t took_us = clock_mono_us(loop_clock(client->loop)) - ex->started_us;

    if (ex->is_added)
        MUST(curl_multi_remove_handle(client->multi, ex->easy) == CURLM_OK);
    if (ex->easy != NULL)
        handle_put_back(client, ex->easy);
    curl_slist_free_all(ex->headers);
    curl_slist_free_all(ex->resolve);
    loop_timer_stop(client->loop, &ex->timer);
    fetch_resolve_cancel(&ex->lookup);
    *(ex->prev != NULL ? &ex->prev->next : &client->running) = ex->next;
    if (ex->next != NULL)
        ex->next->prev = ex->prev;
    xfree(ex);
    c->_state = NULL;
    if (error != FETCH_OK)
        c->status = 0;
    fetch_call_end(c, error, took_us);
}

static void curl_launch(struct curl_exchange *ex, const struct fetch_addresses *found);

/* A proxy that is told names can do without our DNS; one that is told addresses cannot. */
static bool can_do_without_dns(const struct curl_exchange *ex)
{
    struct str proxy = str_from(ex->client->proxy);

    return ex->is_proxied && !str_starts(proxy, STR("socks5://")) &&
           !str_starts(proxy, STR("socks4://"));
}

static void curl_on_deadline(void *arg)
{
    struct curl_exchange *ex = arg;
    struct fetch_call *c = ex->call;
    const struct curl_client *client = ex->client;
    bool is_total = loop_now_us(ex->client->loop) >= ex->started_us + c->deadline_us;

    if (ex->has_head || fetch_curl_call_settle(ex)) {
        (void)fetch_curl_call_result(ex, CURLE_OPERATION_TIMEDOUT);
        curl_finish(ex, FETCH_OK);
    } else if (ex->is_resolving && ex->is_proxied && client->proxy_host != NULL &&
               !ex->is_proxy_known) {
        fetch_call_say(c, "the proxy %s: the name servers did not answer in time",
                       client->proxy_host);
        curl_finish(ex, FETCH_DNS);
    } else if (ex->is_resolving && !is_total && can_do_without_dns(ex)) {
        fetch_resolve_cancel(&ex->lookup);
        curl_launch(ex, NULL);
    } else if (ex->is_resolving) {
        curl_finish(ex, fetch_call_say_no_names(c, is_total ? c->deadline_us : c->connect_us));
    } else if (!ex->is_connected && !is_total) {
        curl_finish(ex, fetch_call_say_no_connection(c));
    } else {
        fetch_curl_call_note_connection(ex);
        fetch_call_say(c, "no answer within %lld ms", (long long)(c->deadline_us / 1000));
        curl_finish(ex, FETCH_TIMEOUT);
    }
}

/* --- the multi handle on the loop ---------------------------------------------------------- */

/* Until a connection stands the connect deadline counts, if it is the earlier one. curl 7.88 may let its own pass: its
 * timer can fire before it takes the time for over, and is not set again. */
static void curl_await_connection(struct curl_exchange *ex)
{
    ex->is_connected = false;
    loop_timer_set(ex->client->loop, &ex->timer,
                   ex->started_us + fetch_call_connect_within_us(ex->call));
}

/* Again, on a connection of its own; curl has closed the stale one. The deadlines go on. */
static void start_afresh(struct curl_exchange *ex)
{
    ex->is_stale = false;
    curl_await_connection(ex);
    metrics_add(METRIC_FETCH_STALE, 1);
    MUST(curl_multi_remove_handle(ex->client->multi, ex->easy) == CURLM_OK);
    (void)curl_easy_setopt(ex->easy, CURLOPT_FRESH_CONNECT, 1L);
    MUST(curl_multi_add_handle(ex->client->multi, ex->easy) == CURLM_OK);
}

static void take_results(struct curl_client *client)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        char *private = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct curl_exchange *ex = (struct curl_exchange *)(void *)private;
        if (ex->is_stale) {
            start_afresh(ex);
            continue;
        }
        curl_finish(ex, fetch_curl_call_result(ex, code));
    }
}

static void on_socket(void *arg, uint32_t events)
{
    struct curl_watch *watch = arg;
    struct curl_client *client = watch->client;
    int running;
    int bits = ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0) |
               ((events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
               ((events & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0);

    (void)curl_multi_socket_action(client->multi, watch->fd, bits, &running);
    take_results(client);
}

static void on_timer(void *arg)
{
    struct curl_client *client = arg;
    int running;

    (void)curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_results(client);
}

static int want_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct curl_client *client = arg;

    (void)multi;
    if (timeout_ms < 0)
        loop_timer_stop(client->loop, &client->timer);
    else
        loop_timer_set(client->loop, &client->timer,
                       clock_mono_us(loop_clock(client->loop)) + timeout_ms * 1000);
    return 0;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct curl_client *client = arg;
    struct curl_watch *watch = socket_arg;
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch == NULL)
            return 0;
        loop_io_stop(client->loop, &watch->io);
        (void)close(watch->io.fd);
        xfree(watch);
        (void)curl_multi_assign(client->multi, fd, NULL);
    } else if (watch != NULL) {
        loop_io_change(client->loop, &watch->io, events);
    } else {
        int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (own_fd < 0)
            return -1; /* out of descriptors: curl gives the transfer up */
        watch = XNEW(struct curl_watch);
        watch->client = client;
        watch->fd = fd;
        watch->io = (struct loop_io){ .fn = on_socket, .arg = watch, .fd = own_fd };
        if (loop_io_start(client->loop, &watch->io, events) != RC_OK) {
            (void)close(own_fd);
            xfree(watch);
            return -1;
        }
        (void)curl_multi_assign(client->multi, fd, watch);
    }
    return 0;
}

/* --- starting calls ------------------------------------------------------------------------ */

/* Leaves the addresses that may be connected to. */
static void curl_filter(struct curl_exchange *ex, struct fetch_addresses *found)
{
    size_t kept = 0;

    for (size_t i = 0; i < found->count; i++) {
        struct sockaddr_storage to;
        const char *why = "";
        char text[48];
        (void)fetch_address_sockaddr(&found->items[i], ex->call->url->port, &to);
        if (fetch_policy_allows(ex->client->policy, (const struct sockaddr *)&to, &why)) {
            found->items[kept++] = found->items[i];
            continue;
        }
        fetch_address_text(&found->items[i], text, sizeof(text));
        fetch_call_say(ex->call, "%s may not be connected to: %s", text, why);
    }
    found->count = kept;
    if (kept > 0)
        ex->call->detail[0] = '\0';
}

static void curl_launch(struct curl_exchange *ex, const struct fetch_addresses *found)
{
    ex->is_resolving = false;
    curl_await_connection(ex);
    if (!fetch_curl_call_setup(ex, found)) {
        curl_finish(ex, FETCH_BAD_URL);
        return;
    }
    if (curl_multi_add_handle(ex->client->multi, ex->easy) != CURLM_OK) {
        fetch_call_say(ex->call, "libcurl cannot take another transfer");
        curl_finish(ex, FETCH_CONNECT);
        return;
    }
    ex->is_added = true;
}

/* The target's name. */
static void on_resolved(void *arg, const struct fetch_addresses *found, const char *why)
{
    struct curl_exchange *ex = arg;
    struct fetch_call *c = ex->call;

    if (found == NULL) {
        if (can_do_without_dns(ex)) {
            curl_launch(ex, NULL);
            return;
        }
        fetch_call_say(c, "%.*s: %s", STR_ARGS(c->url->host), why);
        curl_finish(ex, FETCH_DNS);
        return;
    }
    struct fetch_addresses allowed = *found;
    curl_filter(ex, &allowed);
    if (allowed.count == 0)
        curl_finish(ex, FETCH_ADDRESS);
    else
        curl_launch(ex, &allowed);
}

static void resolve_target(struct curl_exchange *ex)
{
    ex->lookup = (struct fetch_lookup){ .done = on_resolved, .arg = ex };
    fetch_resolve(ex->client->resolver, ex->call->url->host, &ex->lookup);
}

/* The proxy's name. It is the operator's, so the policy has no say. */
static void on_proxy_resolved(void *arg, const struct fetch_addresses *found, const char *why)
{
    struct curl_exchange *ex = arg;
    struct curl_client *client = ex->client;

    if (found == NULL) {
        fetch_call_say(ex->call, "the proxy %s: %s", client->proxy_host, why);
        curl_finish(ex, FETCH_DNS);
        return;
    }
    ex->is_proxy_known = true;
    fetch_curl_call_add_addresses(ex, str_from(client->proxy_host), client->proxy_port, found);
    resolve_target(ex);
}

static void exchange_start(struct curl_client *client, struct fetch_call *c)
{
    struct curl_exchange *ex = XNEW(struct curl_exchange);
    int64_t until_us = fetch_call_connect_within_us(c);

    ex->client = client;
    ex->call = c;
    c->_state = ex;
    ex->easy = client->spare_count > 0 ? client->spare[--client->spare_count] : curl_easy_init();
    ex->started_us = clock_mono_us(loop_clock(client->loop));
    ex->timer = (struct loop_timer){ .fn = curl_on_deadline, .arg = ex };
    ex->next = client->running;
    if (ex->next != NULL)
        ex->next->prev = ex;
    client->running = ex;
    if (ex->easy == NULL) {
        fetch_call_say(c, "libcurl cannot make another transfer");
        curl_finish(ex, FETCH_CONNECT);
        return;
    }
    ex->is_proxied = fetch_curl_call_is_proxied(client, c->url->host);
    ex->tls = !c->url->tls ? NULL : c->tls != NULL ? c->tls : client->tls;
    if (c->url->tls && ex->tls == NULL) {
        fetch_call_say(c, "TLS is not set up");
        curl_finish(ex, FETCH_TLS);
        return;
    }
    ex->is_resolving = true;
    if (can_do_without_dns(ex))
        until_us /= PROXY_DNS_SHARE;
    loop_timer_set(client->loop, &ex->timer, ex->started_us + until_us);
    if (!ex->is_proxied || client->proxy_host == NULL) {
        resolve_target(ex);
        return;
    }
    ex->lookup = (struct fetch_lookup){ .done = on_proxy_resolved, .arg = ex };
    fetch_resolve(client->resolver, str_from(client->proxy_host), &ex->lookup);
}

static void client_start(struct fetch *f, struct fetch_call *c)
{
    struct curl_client *client = CONTAINER_OF(f, struct curl_client, base);

    if (fetch_call_begin(c, client->policy))
        exchange_start(client, c);
    else
        fetch_call_end(c, c->error, 0);
}

static void client_cancel(struct fetch *f, struct fetch_call *c)
{
    (void)f;
    if (c->_state == NULL)
        return;
    fetch_call_say(c, "canceled");
    curl_finish(c->_state, FETCH_CANCELED);
}

/* --- the client ---------------------------------------------------------------------------- */

static void client_free(struct fetch *f)
{
    struct curl_client *client = CONTAINER_OF(f, struct curl_client, base);

    while (client->running != NULL)
        client_cancel(f, client->running->call);
    while (client->spare_count > 0)
        curl_easy_cleanup(client->spare[--client->spare_count]);
    (void)curl_multi_cleanup(client->multi);
    for (struct curl_open *open = client->open, *next; open != NULL; open = next) {
        next = open->next; /* it was closed while it was connecting */
        xfree(open);
    }
    fetch_resolver_free(client->resolver);
    loop_timer_stop(client->loop, &client->timer);
    SSL_CTX_free(client->tls);
    fetch_policy_unref(client->policy);
    xfree(client->proxy);
    xfree(client->proxy_host);
    xfree(client->no_proxy);
    xfree(client->fixed);
    xfree(client);
}

static const struct fetch_ops CURL_OPS = { client_start, client_cancel, client_free };

static void library_start(void)
{
    MUST(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static char *curl_copy(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : xstrdup(text);
}

/* curl would look the proxy's name up by itself, with the search domains of this machine. */
static void find_proxy_name(struct curl_client *client)
{
    enum {
        FLAGS = CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME,
        PROXY_PORT = 1080,
        TLS_PORT = 443
    };
    struct fetch_address literal;
    CURLU *url = curl_url();
    char *host = NULL;
    char *port = NULL;

    MUST(url != NULL);
    if (client->proxy != NULL &&
        curl_url_set(url, CURLUPART_URL, client->proxy, FLAGS) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && host[0] != '[' &&
        !fetch_address_parse(str_from(host), &literal)) {
        uint64_t number =
            str_starts(str_from(client->proxy), STR("https://")) ? TLS_PORT : PROXY_PORT;
        if (curl_url_get(url, CURLUPART_PORT, &port, 0) == CURLUE_OK)
            MUST(str_to_u64(str_from(port), &number) == RC_OK); /* curl has parsed it */
        client->proxy_host = xstrdup(host);
        client->proxy_port = (uint16_t)number;
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
}

struct fetch *fetch_curl_new(struct loop *loop, const struct fetch_options *o)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct curl_client *client = XNEW(struct curl_client);
    size_t idle_max = o->idle_max != 0 ? o->idle_max : IDLE_MAX;

    MUST(o->policy != NULL);
    pthread_once(&once, library_start);
    client->base.ops = &CURL_OPS;
    client->loop = loop;
    client->policy = fetch_policy_ref(o->policy);
    client->tls = o->tls;
    if (client->tls != NULL)
        MUST(SSL_CTX_up_ref(client->tls) == 1);
    client->idle_us = o->idle_us != 0 ? o->idle_us : IDLE_US;
    client->age_us = o->age_us != 0 ? o->age_us : FETCH_AGE_US;
    client->proxy = curl_copy(o->proxy);
    find_proxy_name(client);
    client->no_proxy = curl_copy(o->no_proxy);
    client->http2 = o->http2;
    client->fixed = curl_copy(o->resolve);
    client->resolver = fetch_resolver_new(loop, client->fixed, NULL);
    client->timer = (struct loop_timer){ .fn = on_timer, .arg = client };
    client->multi = curl_multi_init();
    MUST(client->multi != NULL);
    (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    (void)curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)idle_max);
    return &client->base;
}
