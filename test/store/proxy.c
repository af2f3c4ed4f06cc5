/* SPDX-License-Identifier: Apache-2.0
 *
 * See proxy.h. One thread for all connections.
 */
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PAIRS = 64, CHUNK = 16384, NEVER = -1 };

struct pair {
    int client, server;  /* -1: an empty place */
    ssize_t answer_left; /* bytes of the answer until the cut; NEVER: no cut */
    bool is_mute;        /* it was cut and stays open: nothing more is passed on */
};

struct proxy {
    char path[108], url[256];
    int listener;
    struct thread *thread;
    atomic_bool stop;
    atomic_int cuts;
    struct mutex lock;
    bool is_armed, is_after, stays_open;
    size_t bytes;
    struct pair pairs[PAIRS];
};

static void read_server(struct proxy *p, const char *server_url)
{
    const char *host = "", *port = "", *user = "", *name = "";
    char *error = NULL;
    PQconninfoOption *all = PQconninfoParse(server_url, &error);
    MUST(all != NULL);
    for (const PQconninfoOption *o = all; o->keyword != NULL; o++) {
        const char *value = o->val == NULL ? "" : o->val;
        host = strcmp(o->keyword, "host") == 0 ? value : host;
        port = strcmp(o->keyword, "port") == 0 ? value : port;
        user = strcmp(o->keyword, "user") == 0 ? value : user;
        name = strcmp(o->keyword, "dbname") == 0 ? value : name;
    }
    MUST(host[0] == '/');
    (void)snprintf(p->path, sizeof p->path, "%s/.s.PGSQL.%s", host,
                   port[0] == '\0' ? "5432" : port);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof at;
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(p->listener >= 0 && bind(p->listener, (struct sockaddr *)&at, sizeof at) == 0);
    MUST(listen(p->listener, PAIRS) == 0 &&
         getsockname(p->listener, (struct sockaddr *)&at, &len) == 0);
    (void)snprintf(p->url, sizeof p->url,
                   "postgresql://%s@127.0.0.1:%d/%s?sslmode=disable&gssencmode=disable", user,
                   ntohs(at.sin_port), name);
    PQconninfoFree(all);
}

static void pair_close(struct pair *pair)
{
    if (pair->client >= 0)
        (void)close(pair->client);
    if (pair->server >= 0)
        (void)close(pair->server);
    *pair = (struct pair){ -1, -1, NEVER, false };
}

static void pair_open(struct proxy *p)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t at = 0;
    int client = accept(p->listener, NULL, NULL);
    if (client < 0)
        return;
    while (at < PAIRS && p->pairs[at].client >= 0)
        at++;
    MUST(at < PAIRS);
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", p->path);
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    p->pairs[at] = (struct pair){ client, server, NEVER, false };
    if (connect(server, (struct sockaddr *)&to, sizeof to) != 0)
        pair_close(&p->pairs[at]);
}

static bool pass_on(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static void cut_pair(struct proxy *p, struct pair *pair)
{
    atomic_fetch_add(&p->cuts, 1);
    mutex_lock(&p->lock);
    pair->is_mute = p->stays_open;
    mutex_unlock(&p->lock);
    if (!pair->is_mute)
        pair_close(pair);
}

/* Where this piece is to be cut; its length: nowhere. */
static size_t cut_place(struct proxy *p, struct pair *pair, const char *bytes, size_t len)
{
    static const char word[] = "COMMIT";
    size_t at = len;
    mutex_lock(&p->lock);
    const char *found = p->is_armed ? memmem(bytes, len, word, sizeof word - 1) : NULL;
    if (found != NULL && p->is_after)
        pair->answer_left = (ssize_t)p->bytes;
    else if (found != NULL && (size_t)(found - bytes) + p->bytes < len)
        at = (size_t)(found - bytes) + p->bytes;
    if (found != NULL && (p->is_after || at < len))
        p->is_armed = false;
    mutex_unlock(&p->lock);
    return at;
}

static void from_client(struct proxy *p, struct pair *pair)
{
    char bytes[CHUNK];
    ssize_t n = recv(pair->client, bytes, sizeof bytes, 0);
    if (n <= 0)
        pair_close(pair);
    if (n <= 0 || pair->is_mute)
        return;
    size_t at = cut_place(p, pair, bytes, (size_t)n);
    if (!pass_on(pair->server, bytes, at))
        pair_close(pair);
    else if (at < (size_t)n || pair->answer_left == 0)
        cut_pair(p, pair);
}

static void from_server(struct proxy *p, struct pair *pair)
{
    char bytes[CHUNK];
    ssize_t n = recv(pair->server, bytes, sizeof bytes, 0);
    if (n <= 0)
        pair_close(pair);
    if (n <= 0 || pair->is_mute)
        return;
    bool is_cut = pair->answer_left != NEVER && n >= pair->answer_left;
    size_t len = is_cut ? (size_t)pair->answer_left : (size_t)n;
    if (pair->answer_left != NEVER)
        pair->answer_left -= (ssize_t)len;
    if (!pass_on(pair->client, bytes, len))
        pair_close(pair);
    else if (is_cut)
        cut_pair(p, pair);
}

static void proxy_run(void *arg)
{
    struct proxy *p = arg;
    struct pollfd all[2 * PAIRS + 1];
    while (!atomic_load(&p->stop)) {
        all[0] = (struct pollfd){ .fd = p->listener, .events = POLLIN };
        for (size_t i = 0; i < PAIRS; i++) {
            all[2 * i + 1] = (struct pollfd){ .fd = p->pairs[i].client, .events = POLLIN };
            all[2 * i + 2] = (struct pollfd){ .fd = p->pairs[i].server, .events = POLLIN };
        }
        if (poll(all, COUNT_OF(all), 20) <= 0)
            continue;
        for (size_t i = 0; i < PAIRS; i++) {
            struct pair *pair = &p->pairs[i];
            if (pair->client >= 0 && all[2 * i + 1].revents != 0)
                from_client(p, pair);
            if (pair->client >= 0 && all[2 * i + 2].revents != 0)
                from_server(p, pair);
        }
        if (all[0].revents != 0)
            pair_open(p);
    }
}

struct proxy *proxy_new(const char *server_url)
{
    struct proxy *p = XNEW(struct proxy);
    mutex_init(&p->lock);
    for (size_t i = 0; i < PAIRS; i++)
        p->pairs[i] = (struct pair){ -1, -1, NEVER, false };
    read_server(p, server_url);
    p->thread = thread_start("proxy", THREAD_OTHER, proxy_run, p);
    MUST(p->thread != NULL);
    return p;
}

void proxy_free(struct proxy *p)
{
    atomic_store(&p->stop, true);
    thread_join(p->thread);
    for (size_t i = 0; i < PAIRS; i++)
        pair_close(&p->pairs[i]);
    (void)close(p->listener);
    mutex_fini(&p->lock);
    xfree(p);
}

const char *proxy_url(const struct proxy *p)
{
    return p->url;
}

void proxy_cut(struct proxy *p, size_t bytes, bool is_after, bool stays_open)
{
    mutex_lock(&p->lock);
    p->is_armed = true;
    p->is_after = is_after;
    p->stays_open = stays_open;
    p->bytes = bytes;
    mutex_unlock(&p->lock);
}

int proxy_cut_count(struct proxy *p)
{
    return atomic_load(&p->cuts);
}
