/* SPDX-License-Identifier: Apache-2.0
 *
 * Names to addresses: the cache and the short cuts; c-ares is driven by the loop through its socket
 * callback and one timer.
 */
#include "fetch/resolve_priv.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/stat.h>

enum {
    ENTRIES_MAX = 4096,
    TTL_MIN_S = 1,
    TTL_MAX_S = 60,
    QUERY_TIMEOUT_MS = 2000,
    QUERY_TRIES = 3,
    CHECK_EVERY_S = 5,
    SECOND_US = 1000000
};

#define RESOLV_CONF "/etc/resolv.conf"

/* A name that is being asked for or is known. */
struct resolve_entry {
    struct fetch_resolver *resolver;
    struct fetch_lookup *waiting;
    struct resolve_entry *next; /* in order of asking */
    struct resolve_entry *prev;
    bool busy; /* a query or its answering is under way */
    int64_t expires_us;
    struct fetch_addresses found;
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
    const char *fixed;   /* borrowed */
    const char *servers; /* borrowed; NULL: the system's */
    ares_channel channel;
    bool is_open;
    size_t busy_count;   /* queries under way */
    int64_t changed_us;  /* the system's configuration, as read */
    int64_t check_at_us; /* not before: whether it changed */
    struct loop_timer timer;
    struct resolve_socket *sockets;
    struct map *entries;
    struct resolve_entry *oldest;
    struct resolve_entry *newest;
};

socklen_t fetch_address_sockaddr(const struct fetch_address *a, uint16_t port,
                                 struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (a->family == AF_INET) {
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
        memcpy(&v4.sin_addr, a->bytes, sizeof(v4.sin_addr));
        memcpy(out, &v4, sizeof(v4));
        return sizeof(v4);
    }
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    memcpy(&v6.sin6_addr, a->bytes, sizeof(v6.sin6_addr));
    memcpy(out, &v6, sizeof(v6));
    return sizeof(v6);
}

void fetch_address_text(const struct fetch_address *a, char *out, size_t size)
{
    MUST(inet_ntop(a->family, a->bytes, out, (socklen_t)size) != NULL);
}

bool fetch_address_parse(struct str text, struct fetch_address *out)
{
    char copy[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    memset(out, 0, sizeof(*out));
    out->family = AF_INET;
    if (inet_pton(AF_INET, copy, out->bytes) == 1)
        return true;
    out->family = AF_INET6;
    return inet_pton(AF_INET6, copy, out->bytes) == 1;
}

static void addresses_add(struct fetch_addresses *list, const struct fetch_address *a)
{
    if (list->count < FETCH_ADDRESSES_MAX)
        list->items[list->count++] = *a;
}

/* --- short cuts ---------------------------------------------------------------------------- */

static bool find_fixed(const struct fetch_resolver *r, struct str name, struct fetch_addresses *out)
{
    struct str rest = str_from(r->fixed);
    struct str part;
    struct fetch_address address;

    while (str_split(&rest, ',', &part)) {
        size_t equals = str_find(part, '=');
        if (equals < part.len && str_ieq(str_sub(part, 0, equals), name) &&
            fetch_address_parse(str_sub(part, equals + 1, part.len), &address))
            addresses_add(out, &address);
    }
    return out->count > 0;
}

static bool is_localhost(struct str name)
{
    static const struct str local = { "localhost", 9 };

    if (str_ends(name, STR(".")))
        name.len--;
    if (name.len < local.len)
        return false;
    size_t start = name.len - local.len;
    return str_ieq(str_sub(name, start, local.len), local) &&
           (start == 0 || name.ptr[start - 1] == '.');
}

static bool find_without_dns(const struct fetch_resolver *r, struct str name,
                             struct fetch_addresses *out)
{
    struct fetch_address literal;

    out->count = 0;
    if (fetch_address_parse(name, &literal)) {
        addresses_add(out, &literal);
        return true;
    }
    if (find_fixed(r, name, out))
        return true;
    if (!is_localhost(name))
        return false;
    MUST(fetch_address_parse(STR("127.0.0.1"), &literal));
    addresses_add(out, &literal);
    MUST(fetch_address_parse(STR("::1"), &literal));
    addresses_add(out, &literal);
    return true;
}

/* --- c-ares on the loop -------------------------------------------------------------------- */

static void arm(struct fetch_resolver *r)
{
    struct timeval wait;

    if (ares_timeout(r->channel, NULL, &wait) == NULL) {
        loop_timer_stop(r->loop, &r->timer);
        return;
    }
    int64_t wait_us = (int64_t)wait.tv_sec * SECOND_US + wait.tv_usec;
    loop_timer_set(r->loop, &r->timer, loop_now_us(r->loop) + wait_us);
}

static void on_timer(void *arg)
{
    struct fetch_resolver *r = arg;

    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm(r);
}

static void on_socket(void *arg, uint32_t events)
{
    struct resolve_socket *s = arg;
    struct fetch_resolver *r = s->resolver;
    bool in = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    bool out = (events & EPOLLOUT) != 0;
    int fd = s->io.fd;

    ares_process_fd(r->channel, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
    arm(r);
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
        s->next = r->sockets;
        r->sockets = s;
        loop_io_start(r->loop, &s->io, events);
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
    while (e != NULL && e->busy)
        e = e->next;
    if (e == NULL)
        return false;
    entry_free(e);
    return true;
}

static struct resolve_entry *entry_new(struct fetch_resolver *r, struct str name)
{
    struct resolve_entry *e = XNEW(struct resolve_entry);

    e->resolver = r;
    e->name_len = name.len;
    memcpy(e->name, name.ptr, name.len);
    entry_append(e);
    map_set(r->entries, name, e);
    return e;
}

/* Takes addresses of one family off the answer, in its order; returns the least TTL seen. */
static int collect(const struct ares_addrinfo *answer, int family, struct fetch_addresses *out)
{
    int ttl = TTL_MAX_S;

    for (const struct ares_addrinfo_node *n = answer->nodes; n != NULL; n = n->ai_next) {
        struct fetch_address a = { .family = (sa_family_t)n->ai_family };
        if (n->ai_family != family)
            continue;
        if (family == AF_INET) {
            struct sockaddr_in v4;
            memcpy(&v4, n->ai_addr, sizeof(v4));
            memcpy(a.bytes, &v4.sin_addr, sizeof(v4.sin_addr));
        } else {
            struct sockaddr_in6 v6;
            memcpy(&v6, n->ai_addr, sizeof(v6));
            memcpy(a.bytes, &v6.sin6_addr, sizeof(v6.sin6_addr));
        }
        addresses_add(out, &a);
        if (n->ai_ttl < ttl)
            ttl = n->ai_ttl;
    }
    return ttl;
}

static void entry_fill(struct resolve_entry *e, const struct ares_addrinfo *answer)
{
    struct fetch_addresses v6 = { 0 };
    struct fetch_addresses v4 = { 0 };
    int ttl6 = collect(answer, AF_INET6, &v6);
    int ttl4 = collect(answer, AF_INET, &v4);
    int ttl = ttl6 < ttl4 ? ttl6 : ttl4;

    e->found.count = 0;
    for (size_t i = 0; i < FETCH_ADDRESSES_MAX; i++) {
        if (i < v6.count)
            addresses_add(&e->found, &v6.items[i]);
        if (i < v4.count)
            addresses_add(&e->found, &v4.items[i]);
    }
    if (ttl < TTL_MIN_S)
        ttl = TTL_MIN_S;
    e->expires_us = loop_now_us(e->resolver->loop) + (int64_t)ttl * SECOND_US;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *answer)
{
    struct resolve_entry *e = arg;
    const char *why = NULL;
    struct fetch_lookup *lookup;

    (void)timeouts;
    e->found.count = 0;
    if (status == ARES_SUCCESS)
        entry_fill(e, answer);
    ares_freeaddrinfo(answer);
    if (e->found.count == 0)
        why = status == ARES_SUCCESS ? "the name has no address" : ares_strerror(status);

    while ((lookup = e->waiting) != NULL) {
        e->waiting = lookup->_next;
        lookup->_entry = NULL;
        lookup->done(lookup->arg, why == NULL ? &e->found : NULL, why);
    }
    e->busy = false;
    e->resolver->busy_count--;
    if (why != NULL)
        entry_free(e);
}

/* --- the resolver -------------------------------------------------------------------------- */

static void library_start(void)
{
    MUST(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
}

static void channel_open(struct fetch_resolver *r)
{
    struct ares_options options = { .timeout = QUERY_TIMEOUT_MS,
                                    .tries = QUERY_TRIES,
                                    .sock_state_cb = on_socket_state,
                                    .sock_state_cb_data = r };
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;

    r->is_open = ares_init_options(&r->channel, &options, mask) == ARES_SUCCESS;
    if (r->is_open && r->servers != NULL)
        MUST(ares_set_servers_ports_csv(r->channel, r->servers) == ARES_SUCCESS);
}

/* When the system's name servers were last changed; 0: unknown. */
static int64_t system_changed_us(void)
{
    struct stat st;

    return stat(RESOLV_CONF, &st) == 0
               ? (int64_t)st.st_mtim.tv_sec * SECOND_US + st.st_mtim.tv_nsec / 1000
               : 0;
}

/* c-ares reads the system's configuration once; a server that runs for months outlives it. */
static void refresh(struct fetch_resolver *r)
{
    int64_t now_us = loop_now_us(r->loop);

    if (r->servers != NULL || r->busy_count > 0 || now_us < r->check_at_us)
        return;
    r->check_at_us = now_us + CHECK_EVERY_S * (int64_t)SECOND_US;
    int64_t changed_us = system_changed_us();
    if (changed_us == r->changed_us && r->is_open)
        return;
    r->changed_us = changed_us;
    if (r->is_open)
        ares_destroy(r->channel);
    channel_open(r);
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
    channel_open(r);
    return r;
}

void fetch_resolver_free(struct fetch_resolver *r)
{
    if (r == NULL)
        return;
    for (struct resolve_entry *e = r->oldest; e != NULL; e = e->next)
        while (e->waiting != NULL)
            fetch_resolve_cancel(e->waiting);
    if (r->is_open)
        ares_destroy(r->channel);
    while (r->oldest != NULL)
        entry_free(r->oldest);
    loop_timer_stop(r->loop, &r->timer);
    map_free(r->entries);
    xfree(r);
}

static void ask(struct fetch_resolver *r, struct resolve_entry *e)
{
    /* Sorting by RFC 6724 would open sockets to learn routes; connecting tells the same. */
    struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
                                         .ai_socktype = SOCK_STREAM,
                                         .ai_flags = ARES_AI_NOSORT };

    e->busy = true;
    r->busy_count++;
    ares_getaddrinfo(r->channel, e->name, NULL, &hints, on_answer, e);
    arm(r);
}

/* The entry to wait at, with its query under way or about to start; NULL: no room. */
static struct resolve_entry *entry_to_ask(struct fetch_resolver *r, struct resolve_entry *known,
                                          struct str name)
{
    if (known == NULL)
        return entries_make_room(r) ? entry_new(r, name) : NULL;
    if (!known->busy) {
        entry_unlink(known);
        entry_append(known);
    }
    return known;
}

static void find_with_dns(struct fetch_resolver *r, struct str name, struct fetch_lookup *lookup)
{
    struct resolve_entry *e = map_get(r->entries, name);

    if (e != NULL && e->expires_us > loop_now_us(r->loop) && e->found.count > 0) {
        lookup->done(lookup->arg, &e->found, NULL);
        return;
    }
    e = entry_to_ask(r, e, name);
    if (e == NULL) {
        lookup->done(lookup->arg, NULL, "too many lookups at once");
        return;
    }
    lookup->_entry = e;
    lookup->_next = e->waiting;
    e->waiting = lookup;
    if (!e->busy)
        ask(r, e);
}

void fetch_resolve(struct fetch_resolver *r, struct str name, struct fetch_lookup *lookup)
{
    struct fetch_addresses found;
    char lower[FETCH_NAME_MAX];

    if (find_without_dns(r, name, &found)) {
        lookup->done(lookup->arg, &found, NULL);
        return;
    }
    if (name.len == 0 || name.len > FETCH_NAME_MAX) {
        lookup->done(lookup->arg, NULL, "not a host name");
        return;
    }
    refresh(r);
    if (!r->is_open) {
        lookup->done(lookup->arg, NULL, "the resolver cannot be set up");
        return;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    find_with_dns(r, str_of(lower, name.len), lookup);
}

void fetch_resolve_cancel(struct fetch_lookup *lookup)
{
    struct resolve_entry *e = lookup->_entry;

    if (e == NULL)
        return;
    struct fetch_lookup **at = &e->waiting;
    while (*at != lookup)
        at = &(*at)->_next;
    *at = lookup->_next;
    lookup->_entry = NULL;
}
