/* SPDX-License-Identifier: Apache-2.0
 *
 * A receiver's life: its configuration checked and copied, its socket, its threads, its end.
 */
#include "receiver.h"
#include "scheme.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 4096, HOST_MAX = 256, PORT_TEXT_MAX = 8 };

static int64_t clock_us(clockid_t which)
{
    struct timespec now;
    (void)clock_gettime(which, &now); /* these clocks cannot fail */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t gn_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t gn_steady_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

/* --- configuration -------------------------------------------------------------------------------- */

#define OTHERWISE(field, value) ((field) = (field) != 0 ? (field) : (value))

static void set_defaults(struct grapnel_receiver_config *c)
{
    OTHERWISE(c->handlers, GRAPNEL_RECEIVER_HANDLERS);
    OTHERWISE(c->workers, GRAPNEL_RECEIVER_WORKERS);
    OTHERWISE(c->connections_max, GRAPNEL_RECEIVER_CONNECTIONS_MAX);
    OTHERWISE(c->queue_max, GRAPNEL_RECEIVER_QUEUE_MAX);
    OTHERWISE(c->replay_max, GRAPNEL_RECEIVER_REPLAY_MAX);
    OTHERWISE(c->head_max, GRAPNEL_RECEIVER_HEAD_MAX);
    c->body_max = gn_body_max(c->scheme, c->body_max);
    OTHERWISE(c->memory_max, GRAPNEL_RECEIVER_MEMORY_MAX);
    OTHERWISE(c->request_ms, GRAPNEL_RECEIVER_REQUEST_MS);
    OTHERWISE(c->idle_ms, GRAPNEL_RECEIVER_IDLE_MS);
    OTHERWISE(c->write_ms, GRAPNEL_RECEIVER_WRITE_MS);
    OTHERWISE(c->replay_s, GRAPNEL_RECEIVER_REPLAY_S);
}

static const char *check_secrets(const struct grapnel_receiver_config *c)
{
    if (c->secret_count > GRAPNEL_SECRETS_MAX) {
        return "too many secrets";
    }
    for (size_t i = 0; i < c->secret_count && c->scheme != NULL; i++) {
        if (grapnel_check_secret(c->scheme, c->secrets[i]) != GRAPNEL_VERIFIED) {
            return "a secret has not the form that the scheme asks for";
        }
    }
    if (c->is_tentative && c->secret_count != 1) {
        return "a tentative secret is the only one";
    }
    return NULL;
}

static const char *check_config(const struct grapnel_receiver_config *c)
{
    if (c->listen == NULL) {
        return "no address to listen on";
    }
    if ((c->scheme == NULL) == (c->on_judge == NULL)) {
        return "either a scheme or on_judge is needed";
    }
    if (c->on_event == NULL && c->on_reply == NULL) {
        return "on_event or on_reply is needed";
    }
    if (c->handlers > GRAPNEL_RECEIVER_THREADS_MAX || c->workers > GRAPNEL_RECEIVER_RUNNING_MAX) {
        return "too many threads";
    }
    if (c->request_ms < 0 || c->idle_ms < 0 || c->write_ms < 0) {
        return "a time limit is negative";
    }
    return check_secrets(c);
}

static struct grapnel_bytes receiver_keep(char **at, struct grapnel_bytes text)
{
    struct grapnel_bytes kept = gn_bytes(*at, text.len);
    if (text.len > 0) {
        memcpy(*at, text.ptr, text.len);
    }
    *at += text.len;
    return kept;
}

static bool copy_texts(struct grapnel_receiver *r)
{
    struct grapnel_receiver_config *c = &r->config;
    r->texts_len = c->companion.len + c->public_url.len + 1;
    for (size_t i = 0; i < c->secret_count; i++) {
        r->texts_len += c->secrets[i].len;
    }
    char *at = r->texts = malloc(r->texts_len);
    if (at == NULL) {
        return false;
    }
    for (size_t i = 0; i < c->secret_count; i++) {
        r->secrets[i] = receiver_keep(&at, c->secrets[i]);
    }
    c->secrets = r->secrets;
    c->companion = receiver_keep(&at, c->companion);
    c->public_url = receiver_keep(&at, c->public_url);
    if (c->window != NULL) {
        r->window = *c->window;
        c->window = &r->window;
    }
    return true;
}

/* --- the socket ------------------------------------------------------------------------------------- */

static bool split_address(const char *address, char host[static HOST_MAX],
                          char port[static PORT_TEXT_MAX])
{
    struct grapnel_bytes text = gn_cstr(address);
    const char *colon = strrchr(address, ':');
    if (colon == NULL) {
        return false;
    }
    text.len = (size_t)(colon - address);
    if (text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']') {
        text = gn_bytes(text.ptr + 1, text.len - 2);
    }
    if (text.len >= HOST_MAX || strlen(colon + 1) == 0 || strlen(colon + 1) >= PORT_TEXT_MAX) {
        return false;
    }
    memcpy(host, text.ptr, text.len);
    host[text.len] = '\0';
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return true;
}

static int listen_at(const struct addrinfo *where)
{
    int on = 1;
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
                    bind(fd, where->ai_addr, where->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static bool open_socket(struct grapnel_receiver *r, char *why, size_t cap)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *where = NULL;
    struct sockaddr_storage bound;
    socklen_t len = sizeof(bound);
    char host[HOST_MAX], port[PORT_TEXT_MAX], service[PORT_TEXT_MAX];

    if (!split_address(r->config.listen, host, port)) {
        (void)snprintf(why, cap, "\"%s\" is not HOST:PORT", r->config.listen);
        return false;
    }
    int failed = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &where);
    if (failed != 0) {
        (void)snprintf(why, cap, "%s: %s", r->config.listen, gai_strerror(failed));
        return false;
    }
    r->listen_fd = listen_at(where);
    freeaddrinfo(where);
    if (r->listen_fd < 0 || getsockname(r->listen_fd, (struct sockaddr *)&bound, &len) != 0 ||
        getnameinfo((struct sockaddr *)&bound, len, NULL, 0, service, sizeof(service),
                    NI_NUMERICSERV) != 0) {
        (void)snprintf(why, cap, "%s: %s", r->config.listen, strerror(errno));
        return false;
    }
    r->port = (unsigned)strtoul(service, NULL, 10);
    return true;
}

/* --- start ------------------------------------------------------------------------------------------ */

static bool open_memory(struct grapnel_receiver *r, char *why, size_t cap)
{
    const struct grapnel_receiver_config *c = &r->config;
    r->budget.max = c->memory_max;
    if (c->spool != NULL && !gn_spool_open(&r->spool, c->spool, why, cap)) {
        return false;
    }
    if (c->replay_s >= 0 && (c->on_reply == NULL || c->remembers_replies)) {
        r->replay = gn_replay_new(c->replay_max, c->replay_s * 1000000, r->spool.fd, gn_wall_us());
        if (r->replay == NULL) {
            (void)snprintf(why, cap, "no memory for replays, or SPOOL/seen cannot be opened");
            return false;
        }
    }
    return c->spool == NULL || gn_queue_reload(r, why, cap);
}

static bool start_threads(struct grapnel_receiver *r)
{
    sigset_t all, before;
    bool ok = true;
    (void)sigfillset(&all); /* signals are the program's own threads' */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = (r->config.on_event == NULL && r->config.on_judge == NULL) || gn_queue_start(r);
    for (size_t i = 0; i < r->config.handlers && ok; i++) {
        ok = pthread_create(&r->threads[r->thread_count], NULL, gn_handler_run, r) == 0;
        r->thread_count += ok ? 1 : 0;
    }
    r->has_io = ok && pthread_create(&r->io, NULL, gn_io_run, r) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r->has_io;
}

static bool receiver_start(struct grapnel_receiver *r, char *why, size_t cap)
{
    const char *wrong = check_config(&r->config);
    if (wrong != NULL) {
        (void)snprintf(why, cap, "%s", wrong);
        return false;
    }
    if (!open_socket(r, why, cap) || !open_memory(r, why, cap)) {
        return false;
    }
    r->interrupt_fd = eventfd(0, EFD_CLOEXEC);
    if (r->interrupt_fd < 0 || !copy_texts(r) || !gn_io_open(r) || !start_threads(r)) {
        (void)snprintf(why, cap, "no memory, threads or descriptors left");
        return false;
    }
    return true;
}

struct grapnel_receiver *grapnel_receiver_start(const struct grapnel_receiver_config *config,
                                                char *why, size_t cap)
{
    struct grapnel_receiver *r = calloc(1, sizeof(*r));
    if (r == NULL || !gn_queue_init(&r->queue) || pthread_mutex_init(&r->mutex, NULL) != 0 ||
        pthread_mutex_init(&r->learning, NULL) != 0 || pthread_cond_init(&r->handed, NULL) != 0) {
        (void)snprintf(why, cap, "no memory");
        free(r);
        return NULL;
    }
    r->config = *config;
    r->spool.fd = r->spool.failed = -1;
    r->listen_fd = r->epoll_fd = r->wake_fd = r->interrupt_fd = -1;
    set_defaults(&r->config);
    if (!receiver_start(r, why, cap)) {
        grapnel_receiver_stop(r, false);
        return NULL;
    }
    return r;
}

/* --- life and end ----------------------------------------------------------------------------------- */

unsigned grapnel_receiver_port(const struct grapnel_receiver *r)
{
    return r->port;
}

size_t grapnel_receiver_waiting(struct grapnel_receiver *r)
{
    pthread_mutex_lock(&r->queue.mutex);
    size_t count = r->queue.count;
    pthread_mutex_unlock(&r->queue.mutex);
    return count;
}

void grapnel_receiver_interrupt(struct grapnel_receiver *r)
{
    uint64_t one = 1;
    (void)!write(r->interrupt_fd, &one, sizeof(one));
}

void grapnel_receiver_wait(struct grapnel_receiver *r)
{
    uint64_t count;
    while (read(r->interrupt_fd, &count, sizeof(count)) < 0 && errno == EINTR) {
    }
}

void grapnel_receiver_stop(struct grapnel_receiver *r, bool drain)
{
    if (r == NULL) {
        return;
    }
    pthread_mutex_lock(&r->mutex);
    r->is_stopping = true;
    pthread_mutex_unlock(&r->mutex);
    if (r->has_io) { /* first: what it still hands over is answered */
        gn_io_wake(r);
        (void)pthread_join(r->io, NULL);
    }
    pthread_mutex_lock(&r->mutex);
    r->handlers_end = true;
    pthread_cond_broadcast(&r->handed);
    pthread_mutex_unlock(&r->mutex);
    for (size_t i = 0; i < r->thread_count; i++) {
        (void)pthread_join(r->threads[i], NULL);
    }
    gn_queue_stop(&r->queue, drain);
    gn_io_close(r);
    gn_queue_fini(r);
    gn_replay_free(r->replay);
    gn_spool_close(&r->spool);
    if (r->interrupt_fd >= 0) {
        (void)close(r->interrupt_fd);
    }
    if (r->texts != NULL) {
        explicit_bzero(r->texts, r->texts_len);
    }
    free(r->texts);
    explicit_bzero(r->learned, sizeof(r->learned));
    (void)pthread_mutex_destroy(&r->learning);
    (void)pthread_mutex_destroy(&r->mutex);
    (void)pthread_cond_destroy(&r->handed);
    free(r);
}

int grapnel_receive(const char *listen, const char *preset, const char *secret,
                    grapnel_event_fn *work, void *ctx)
{
    struct grapnel_scheme *scheme = NULL;
    struct grapnel_bytes secrets[] = { gn_cstr(secret) };
    struct grapnel_receiver_config config = {
        .listen = listen, .secrets = secrets, .secret_count = 1, .on_event = work, .ctx = ctx
    };
    char why[256];
    sigset_t ends, before;
    int number;

    if (grapnel_scheme_preset(preset, &scheme) != GRAPNEL_VERIFIED) {
        (void)fprintf(stderr, "there is no preset \"%s\"\n", preset);
        return 1;
    }
    config.scheme = scheme;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &ends, &before);
    struct grapnel_receiver *r = grapnel_receiver_start(&config, why, sizeof(why));
    if (r == NULL) {
        (void)fprintf(stderr, "%s\n", why);
    } else {
        (void)fprintf(stderr, "listening on port %u\n", grapnel_receiver_port(r));
        (void)sigwait(&ends, &number);
    }
    grapnel_receiver_stop(r, true);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    grapnel_scheme_free(scheme);
    return r == NULL ? 1 : 0;
}
