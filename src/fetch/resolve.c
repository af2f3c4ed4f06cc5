/* SPDX-License-Identifier: Apache-2.0
 *
 * Names to addresses: the cache and the short cuts; c-ares is driven by the loop through its socket
 * callback and one timer.
 */
#include "fetch/resolve_priv.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/stat.h>

enum {
    ENTRIES_MAX = 4096,
    TTL_MIN_S = 1,
    TTL_MAX_S = 60,
    QUERY_TIMEOUT_MS = 1000, /* doubles each time; whoever waits has a deadline of his own */
    QUERY_TRIES = 3,
    ASK_AGAIN_MAX = 2,
    CHECK_EVERY_S = 5,
    SECOND_US = 1000000
};

/* How long an answer in one family waits for the other (RFC 8305, 3). Longer when only IPv6 is there,
 * because a host without it cannot do anything with that. */
static const int64_t wait_for_v6_us = 50 * 1000;
static const int64_t wait_for_v4_us = 500 * 1000;

#define RESOLV_CONF "/etc/resolv.conf"

enum { V6, V4, FAMILIES };

/* What is known of a name in one family. */
struct resolve_family {
    struct resolve_entry *entry;
    bool is_asking;
    int again_count;
    int status; /* c-ares's, of the last answer */
    int ttl_s;
    struct fetch_addresses found;
};

/* A name that is being asked for or is known. */
struct resolve_entry {
    struct fetch_resolver *resolver;
    struct fetch_lookup *waiting;
    struct fetch_lookup *told;  /* those being told; what they start anew waits for a new answer */
    struct resolve_entry *next; /* in order of asking */
    struct resolve_entry *prev;
    int hold_count;          /* queries under way, and callbacks of ours: it may not be freed */
    struct loop_timer timer; /* one family has answered */
    int64_t expires_us;
    struct resolve_family families[FAMILIES];
    struct fetch_addresses found; /* of both */
    size_t name_len;
    char name[FETCH_NAME_MAX + 1];
};

/* A socket of c-ares that the loop watches. */
struct resolve_socket {
    struct fetch_resolver *resolver;
    struct loop_io io;
    struct resolve_socket *next;
};

struct fetch_resolver {
    struct loop *loop;
    const char *fixed;    /* borrowed */
    const char *servers;  /* borrowed; NULL: the system's */
    ares_channel channel; /* asks name servers */
    ares_channel hosts;   /* reads /etc/hosts */
    bool is_open;
    bool is_closing;
    int ares_depth;      /* inside c-ares, which must not be closed then */
    int64_t changed_us;  /* the system's configuration, as read */
    int64_t check_at_us; /* not before: whether it changed */
    struct loop_timer timer;
    struct resolve_socket *sockets;
    struct map *entries;
    struct resolve_entry *oldest;
    struct resolve_entry *newest;
};

/* --- c-ares on the loop -------------------------------------------------------------------- */

static void resolve_arm(struct fetch_resolver *r)
{
    struct timeval wait;

    if (ares_timeout(r->channel, NULL, &wait) == NULL) {
        loop_timer_stop(r->loop, &r->timer);
        return;
    }
    int64_t wait_us = (int64_t)wait.tv_sec * SECOND_US + wait.tv_usec;
    loop_timer_set(r->loop, &r->timer, loop_now_us(r->loop) + wait_us);
}

static void resolve_process(struct fetch_resolver *r, ares_socket_t in, ares_socket_t out)
{
    r->ares_depth++;
    ares_process_fd(r->channel, in, out);
    r->ares_depth--;
    resolve_arm(r);
}

static void on_timer(void *arg)
{
    resolve_process(arg, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_socket(void *arg, uint32_t events)
{
    struct resolve_socket *s = arg;
    struct fetch_resolver *r = s->resolver;
    bool in = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    bool out = (events & EPOLLOUT) != 0;
    int fd = s->io.fd;

    resolve_process(r, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
}

/* c-ares says what it waits for on a socket of its; neither: it is about to close it. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct fetch_resolver *r = arg;
    struct resolve_socket **at = &r->sockets;
    uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);

    while (*at != NULL && (*at)->io.fd != fd)
        at = &(*at)->next;
    struct resolve_socket *s = *at;
    if (events == 0) {
        if (s == NULL)
            return;
        *at = s->next;
        loop_io_stop(r->loop, &s->io);
        xfree(s);
    } else if (s != NULL) {
        loop_io_change(r->loop, &s->io, events);
    } else {
        s = XNEW(struct resolve_socket);
        s->resolver = r;
        s->io = (struct loop_io){ .fn = on_socket, .arg = s, .fd = fd };
        if (loop_io_start(r->loop, &s->io, events) != RC_OK) {
            xfree(s); /* unwatched, its query runs into its time limit */
            return;
        }
        s->next = r->sockets;
        r->sockets = s;
    }
}

/* --- entries ------------------------------------------------------------------------------- */

static void entry_unlink(struct resolve_entry *e)
{
    struct fetch_resolver *r = e->resolver;

    *(e->prev != NULL ? &e->prev->next : &r->oldest) = e->next;
    *(e->next != NULL ? &e->next->prev : &r->newest) = e->prev;
    e->next = e->prev = NULL;
}

static void entry_append(struct resolve_entry *e)
{
    struct fetch_resolver *r = e->resolver;

    e->prev = r->newest;
    *(r->newest != NULL ? &r->newest->next : &r->oldest) = e;
    r->newest = e;
}

static void entry_free(struct resolve_entry *e)
{
    loop_timer_stop(e->resolver->loop, &e->timer);
    entry_unlink(e);
    map_remove(e->resolver->entries, str_of(e->name, e->name_len));
    xfree(e);
}

/* Room for one more name; false when all of them are being asked for. */
static bool entries_make_room(struct fetch_resolver *r)
{
    if (map_count(r->entries) < ENTRIES_MAX)
        return true;
    struct resolve_entry *e = r->oldest;
    while (e != NULL && e->hold_count > 0)
        e = e->next;
    if (e == NULL)
        return false;
    entry_free(e);
    return true;
}

static void on_waited(void *arg);

static struct resolve_entry *entry_new(struct fetch_resolver *r, struct str name)
{
    struct resolve_entry *e = XNEW(struct resolve_entry);

    e->resolver = r;
    e->timer = (struct loop_timer){ .fn = on_waited, .arg = e };
    for (int i = 0; i < FAMILIES; i++)
        e->families[i].entry = e;
    e->name_len = name.len;
    memcpy(e->name, name.ptr, name.len);
    entry_append(e);
    map_set(r->entries, name, e);
    return e;
}

/* --- answers ------------------------------------------------------------------------------- */

/* Takes addresses of one family off the answer, in its order, and the least TTL on the way to them. */
static void resolve_collect(const struct ares_addrinfo *answer, int family,
                            struct resolve_family *out)
{
    out->ttl_s = TTL_MAX_S;
    for (const struct ares_addrinfo_cname *c = answer->cnames; c != NULL; c = c->next)
        if (c->ttl < out->ttl_s)
            out->ttl_s = c->ttl;
    for (const struct ares_addrinfo_node *n = answer->nodes; n != NULL; n = n->ai_next) {
        if (n->ai_family != family)
            continue;
        fetch_addresses_take(&out->found, n);
        if (n->ai_ttl < out->ttl_s)
            out->ttl_s = n->ai_ttl;
    }
}

/* Both families, alternating. */
static void entry_join(struct resolve_entry *e)
{
    int64_t ttl_s = TTL_MAX_S;

    e->found.count = 0;
    for (size_t i = 0; i < FETCH_ADDRESSES_MAX; i++)
        for (int k = 0; k < FAMILIES; k++)
            if (i < e->families[k].found.count)
                fetch_addresses_add(&e->found, &e->families[k].found.items[i]);
    for (int k = 0; k < FAMILIES; k++)
        if (e->families[k].found.count > 0 && e->families[k].ttl_s < ttl_s)
            ttl_s = e->families[k].ttl_s;
    if (ttl_s < TTL_MIN_S)
        ttl_s = TTL_MIN_S;
    e->expires_us = loop_now_us(e->resolver->loop) + ttl_s * SECOND_US;
}

/* Of two failures the one that says more: that there is no such name, or no address in one family,
 * says nothing when the other family could not be asked for. */
static const char *explain_failure(const struct resolve_entry *e)
{
    int status = e->families[V4].status;
    int other = e->families[V6].status;

    if (status == ARES_SUCCESS || status == ARES_ENODATA ||
        (status == ARES_ENOTFOUND && other != ARES_SUCCESS && other != ARES_ENODATA))
        status = other;
    if (status == ARES_SUCCESS || status == ARES_ENODATA)
        return "the name has no address";
    if (status == ARES_ECONNREFUSED) /* c-ares says so of all of these */
        return "the name servers failed, refused to answer or cannot be reached";
    return status == ARES_ETIMEOUT ? "the name servers did not answer" : ares_strerror(status);
}

/* Tells all that wait; the entry is held by the caller. */
static void entry_answer(struct resolve_entry *e)
{
    const char *why = NULL;
    struct fetch_lookup *lookup;

    loop_timer_stop(e->resolver->loop, &e->timer);
    if (e->found.count == 0)
        why = explain_failure(e);
    MUST(e->told == NULL);
    e->told = e->waiting;
    e->waiting = NULL;
    while ((lookup = e->told) != NULL) {
        e->told = lookup->_next;
        lookup->_entry = NULL;
        lookup->done(lookup->arg, why == NULL ? &e->found : NULL, why);
    }
}

static void on_waited(void *arg)
{
    struct resolve_entry *e = arg;

    e->hold_count++;
    entry_answer(e);
    e->hold_count--;
}

static bool entry_is_asking(const struct resolve_entry *e)
{
    return e->families[V4].is_asking || e->families[V6].is_asking;
}

/* A family has answered, or failed. */
static void entry_judge(struct resolve_entry *e)
{
    struct loop *loop = e->resolver->loop;

    if (!entry_is_asking(e)) {
        entry_answer(e);
    } else if (e->found.count > 0 && !loop_timer_is_set(&e->timer)) {
        int64_t wait_us = e->families[V4].found.count > 0 ? wait_for_v6_us : wait_for_v4_us;
        loop_timer_set(loop, &e->timer, loop_now_us(loop) + wait_us);
    }
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *answer);

static void family_ask(struct resolve_family *f)
{
    struct resolve_entry *e = f->entry;
    struct ares_addrinfo_hints hints = fetch_hints_of(f == &e->families[V4] ? AF_INET : AF_INET6);

    e->resolver->ares_depth++;
    ares_getaddrinfo(e->resolver->channel, e->name, NULL, &hints, on_answer, f);
    e->resolver->ares_depth--;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *answer)
{
    struct resolve_family *f = arg;
    struct resolve_entry *e = f->entry;
    struct fetch_resolver *r = e->resolver;

    (void)timeouts;
    /* The name servers have changed; or one broke a connection, on which c-ares gives up all that was
     * asked there. */
    bool is_broken = status == ARES_ECONNREFUSED && f->again_count++ < ASK_AGAIN_MAX;
    if ((status == ARES_EDESTRUCTION || is_broken) && !r->is_closing) {
        family_ask(f);
        return;
    }
    f->is_asking = false;
    f->status = status;
    f->found.count = 0;
    if (status == ARES_SUCCESS)
        resolve_collect(answer, f == &e->families[V4] ? AF_INET : AF_INET6, f);
    ares_freeaddrinfo(answer);
    entry_join(e);
    if (!r->is_closing)
        entry_judge(e);
    if (--e->hold_count == 0 && e->found.count == 0)
        entry_free(e);
}

/* --- the resolver -------------------------------------------------------------------------- */

static void library_start(void)
{
    MUST(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
}

/* A name is looked up as it is written. The search domains of a machine are for its users; with them,
 * a customer's host name could turn into one of the operator's. `sources`: as in ARES_OPT_LOOKUPS. */
static bool channel_open(struct fetch_resolver *r, const char *sources, ares_channel *out)
{
    char lookups[2] = { sources[0], '\0' };
    struct ares_options options = { .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
                                    .timeout = QUERY_TIMEOUT_MS,
                                    .tries = QUERY_TRIES,
                                    .lookups = lookups,
                                    .sock_state_cb = on_socket_state,
                                    .sock_state_cb_data = r };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_DOMAINS |
               ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;

    return ares_init_options(out, &options, mask) == ARES_SUCCESS;
}

static void channels_open(struct fetch_resolver *r)
{
    r->is_open = channel_open(r, "b", &r->channel);
    if (r->is_open && !channel_open(r, "f", &r->hosts)) {
        ares_destroy(r->channel);
        r->is_open = false;
    }
    if (r->is_open && r->servers != NULL)
        MUST(ares_set_servers_ports_csv(r->channel, r->servers) == ARES_SUCCESS);
}

static void channels_close(struct fetch_resolver *r, ares_channel channel, ares_channel hosts)
{
    r->ares_depth++;
    ares_destroy(channel);
    ares_destroy(hosts);
    r->ares_depth--;
}

/* When the system's name servers were last changed; 0: unknown. */
static int64_t system_changed_us(void)
{
    struct stat st;

    return stat(RESOLV_CONF, &st) == 0
               ? (int64_t)st.st_mtim.tv_sec * SECOND_US + st.st_mtim.tv_nsec / 1000
               : 0;
}

/* c-ares reads the system's configuration once; a server that runs for months outlives it. What the old
 * name servers were asked, and may never answer, the new ones are asked again. */
static void resolve_refresh(struct fetch_resolver *r)
{
    int64_t now_us = loop_now_us(r->loop);
    ares_channel old[] = { r->channel, r->hosts };
    bool was_open = r->is_open;

    if (r->servers != NULL || r->ares_depth > 0 || now_us < r->check_at_us)
        return;
    r->check_at_us = now_us + CHECK_EVERY_S * (int64_t)SECOND_US;
    int64_t changed_us = system_changed_us();
    if (changed_us == r->changed_us && r->is_open)
        return;
    channels_open(r);
    if (!r->is_open) {
        r->channel = old[0];
        r->hosts = old[1];
        r->is_open = was_open;
        return;
    }
    r->changed_us = changed_us;
    if (was_open)
        channels_close(r, old[0], old[1]);
    resolve_arm(r);
}

struct fetch_resolver *fetch_resolver_new(struct loop *loop, const char *fixed, const char *servers)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct fetch_resolver *r = XNEW(struct fetch_resolver);

    pthread_once(&once, library_start);
    r->loop = loop;
    r->fixed = fixed;
    r->servers = servers;
    r->entries = map_new();
    r->timer = (struct loop_timer){ .fn = on_timer, .arg = r };
    r->changed_us = system_changed_us();
    r->check_at_us = loop_now_us(loop) + CHECK_EVERY_S * (int64_t)SECOND_US;
    channels_open(r);
    return r;
}

void fetch_resolver_free(struct fetch_resolver *r)
{
    if (r == NULL)
        return;
    for (struct resolve_entry *e = r->oldest; e != NULL; e = e->next)
        while (e->waiting != NULL)
            fetch_resolve_cancel(e->waiting);
    r->is_closing = true;
    if (r->is_open)
        channels_close(r, r->channel, r->hosts);
    while (r->oldest != NULL)
        entry_free(r->oldest);
    loop_timer_stop(r->loop, &r->timer);
    map_free(r->entries);
    xfree(r);
}

/* Asks for what is not being asked for already. A query may end before this returns. */
static void entry_ask(struct resolve_entry *e)
{
    bool is_due[FAMILIES];

    /* Both are under way before either answers, so that neither is taken for the last. */
    for (int i = 0; i < FAMILIES; i++) {
        is_due[i] = !e->families[i].is_asking;
        if (is_due[i])
            e->families[i].found.count = 0;
        e->families[i].is_asking = true;
    }
    e->hold_count++;
    for (int i = FAMILIES - 1; i >= 0; i--) {
        if (!is_due[i])
            continue;
        e->families[i].again_count = 0;
        e->hold_count++;
        family_ask(&e->families[i]);
    }
    resolve_arm(e->resolver);
    if (--e->hold_count == 0 && e->found.count == 0)
        entry_free(e);
}

/* The entry to wait at; NULL: no room. */
static struct resolve_entry *entry_to_ask(struct fetch_resolver *r, struct resolve_entry *known,
                                          struct str name)
{
    if (known == NULL)
        return entries_make_room(r) ? entry_new(r, name) : NULL;
    entry_unlink(known);
    entry_append(known);
    return known;
}

/* `name` ends in a NUL. */
static void find_or_ask(struct fetch_resolver *r, struct str name, struct fetch_lookup *lookup)
{
    struct resolve_entry *e = map_get(r->entries, name);
    struct fetch_addresses hosts;

    if (e != NULL && e->expires_us > loop_now_us(r->loop) && e->found.count > 0) {
        lookup->done(lookup->arg, &e->found, NULL);
        return;
    }
    if (fetch_hosts_find(r->hosts, name.ptr, &hosts)) {
        lookup->done(lookup->arg, &hosts, NULL);
        return;
    }
    bool is_first = e == NULL || e->waiting == NULL;
    e = entry_to_ask(r, e, name);
    if (e == NULL) {
        lookup->done(lookup->arg, NULL, "too many lookups at once");
        return;
    }
    e->found.count = 0;
    lookup->_entry = e;
    lookup->_next = e->waiting;
    e->waiting = lookup;
    if (is_first)
        entry_ask(e);
}

void fetch_resolve(struct fetch_resolver *r, struct str name, struct fetch_lookup *lookup)
{
    struct fetch_addresses found;
    char lower[FETCH_NAME_MAX + 1];

    if (fetch_resolve_at_once(r->fixed, name, &found)) {
        lookup->done(lookup->arg, &found, NULL);
        return;
    }
    if (name.len == 0 || name.len > FETCH_NAME_MAX) {
        lookup->done(lookup->arg, NULL, "not a host name");
        return;
    }
    resolve_refresh(r);
    if (!r->is_open) {
        lookup->done(lookup->arg, NULL, "the resolver cannot be set up");
        return;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    lower[name.len] = '\0';
    find_or_ask(r, str_of(lower, name.len), lookup);
}

void fetch_resolve_cancel(struct fetch_lookup *lookup)
{
    struct resolve_entry *e = lookup->_entry;

    if (e == NULL)
        return;
    struct fetch_lookup **at = &e->waiting;
    while (*at != lookup && *at != NULL)
        at = &(*at)->_next;
    if (*at == NULL) {
        at = &e->told;
        while (*at != lookup)
            at = &(*at)->_next;
    }
    *at = lookup->_next;
    lookup->_entry = NULL;
}
