/* SPDX-License-Identifier: Apache-2.0
 *
 * One transfer of the libcurl client. Heads are collected line by line and go through the same
 * reader as in our own client, so that both take and refuse the same answers; the policy is asked
 * about the very address of each socket curl opens.
 */
#include "fetch/curl_call_priv.h"

#include "fetch/curl_sockets_priv.h"
#include "fetch/policy_priv.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_SIZE = 16 * 1024, URL_MAX = 2 * HTTP_URL_MAX };

/* --- what curl calls ----------------------------------------------------------------------- */

static size_t curl_call_refuse(struct curl_exchange *ex, enum fetch_error error, const char *why)
{
    ex->abort = error;
    fetch_call_say(ex->call, "%s", why);
    return 0; /* fewer bytes than were given: curl breaks the transfer off */
}

/* Where a sloppy answer ends is decided here, not by curl, and its connection ends with it. False: it
 * is over. */
static bool begin_sloppy(struct curl_exchange *ex, const struct fetch_head *read)
{
    const struct http_head *head = &ex->client->parsed;
    bool has_body = http_response_has_body(head, ex->call->method);

    ex->is_sloppy = true;
    ex->left = !has_body ? 0 : head->has_length ? head->length : UINT64_MAX;
    ex->is_complete = ex->left == 0 && !read->is_body_lost;
    (void)curl_easy_setopt(ex->easy, CURLOPT_FORBID_REUSE, 1L);
    return ex->left > 0;
}

/* The status of an HTTP/1.x head; `is_all`: all of it that will come. 0: it is refused. */
static int judge_text(struct curl_exchange *ex, bool is_all, struct fetch_head *read)
{
    struct http_head *head = &ex->client->parsed;

    if (fetch_head_read(buf_str(&ex->call->_head), is_all, head, read) == HTTP_PARSE_OK)
        return head->status;
    (void)curl_call_refuse(ex, read->error.status == 431 ? FETCH_TOO_LARGE : FETCH_PROTOCOL,
                           read->error.reason != NULL ? read->error.reason : "malformed head");
    return 0;
}

/* A receiver that writes head and body apart sends the body only when the head has been acknowledged, for
 * which the kernel would wait 40 ms on a connection that has been used. */
static void acknowledge_at_once(const struct curl_exchange *ex)
{
    long port = 0;
    int on = 1;

    (void)curl_easy_getinfo(ex->easy, CURLINFO_LOCAL_PORT, &port);
    curl_socket_t fd = fetch_curl_socket_find(ex->client, (int)port);
    if (fd != CURL_SOCKET_BAD)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static bool begin_final(struct curl_exchange *ex, int status, const struct fetch_head *read)
{
    struct fetch_call *c = ex->call;

    c->status = status;
    ex->has_head = true;
    acknowledge_at_once(ex);
    if (!fetch_call_spares_connection(c))
        (void)curl_easy_setopt(ex->easy, CURLOPT_FORBID_REUSE, 1L);
    fetch_call_note_sloppy(c, read);
    fetch_call_keep_headers(c, buf_str(&c->_head));
    return read->sloppy == NULL || begin_sloppy(ex, read);
}

/* HTTP/2 has no sloppy heads, only heads that are too long. */
static void cut_head(struct curl_exchange *ex, struct fetch_head *read)
{
    *read = (struct fetch_head){ .sloppy = "longer than 16 KiB", .is_body_lost = true };
    ex->client->parsed.has_length = true;
    ex->client->parsed.length = 0;
}

/* The head is whole, or (`is_over`) as much of it as is read. False: it is refused, or over with it. */
static bool judge_head(struct curl_exchange *ex, bool is_over)
{
    struct fetch_head read = { 0 };
    long status = 0;

    ex->is_in_head = false;
    if (!ex->client->http2 || str_starts(buf_str(&ex->call->_head), STR("HTTP/1.")))
        status = judge_text(ex, true, &read);
    else
        (void)curl_easy_getinfo(ex->easy, CURLINFO_RESPONSE_CODE, &status);
    if (read.sloppy == NULL && is_over)
        cut_head(ex, &read);
    if (status == 0)
        return false;
    if (status == 101)
        return curl_call_refuse(ex, FETCH_PROTOCOL, "switched protocols without being asked") != 0;
    if (status < 200) {
        if (++ex->interim_count > FETCH_INTERIM_MAX)
            return curl_call_refuse(ex, FETCH_PROTOCOL, "too many interim answers") != 0;
        return true;
    }
    return begin_final(ex, (int)status, &read);
}

bool fetch_curl_call_settle(struct curl_exchange *ex)
{
    struct http_head *head = &ex->client->parsed;
    struct fetch_head read;

    if (!ex->is_in_head || ex->has_head || ex->abort != FETCH_OK ||
        fetch_head_read(buf_str(&ex->call->_head), true, head, &read) != HTTP_PARSE_OK ||
        head->status < 200)
        return false;
    (void)begin_final(ex, head->status, &read);
    ex->call->response_cut = true;
    return true;
}

/* curl reads trailers without end, and takes any line for one: they go through our own reader, which
 * needs to hear of a last chunk first. */
static bool judge_trailer(struct curl_exchange *ex, struct str line)
{
    static const struct str last_chunk = { "0\r\n", 3 };
    struct http_parse_error error = { 0 };
    size_t used = 0;

    if (!ex->has_trailers)
        (void)http_chunked_read(&ex->trailers, last_chunk, &used, NULL, &error);
    ex->has_trailers = true;
    if (http_chunked_read(&ex->trailers, line, &used, NULL, &error) != HTTP_PARSE_BAD)
        return true;
    fetch_call_say(ex->call, "%s", error.reason);
    return false;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct curl_exchange *ex = arg;
    struct fetch_call *c = ex->call;
    struct str line = str_of(bytes, size * count);

    if (ex->has_head)
        return judge_trailer(ex, line) ? line.len : 0;
    if (!ex->is_in_head)
        buf_reset(&c->_head);
    ex->is_in_head = true;
    if (c->_head.len + line.len > FETCH_HEAD_MAX) {
        /* What is over the limit only says that it is. */
        MUST(buf_add_str(&c->_head, str_sub(line, 0, FETCH_HEAD_MAX - c->_head.len)) == RC_OK);
        return judge_head(ex, true)
                   ? curl_call_refuse(ex, FETCH_TOO_LARGE, "the answer's head is too large")
                   : 0;
    }
    MUST(buf_add_str(&c->_head, line) == RC_OK);
    bool is_end = line.len > 0 && (line.ptr[0] == '\r' || line.ptr[0] == '\n');
    return !is_end || judge_head(ex, false) ? line.len : 0;
}

/* Bytes past a sloppy answer's end are nobody's. */
static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct curl_exchange *ex = arg;
    size_t len = size * count;
    size_t mine = ex->is_sloppy && len > ex->left ? (size_t)ex->left : len;

    if (!fetch_call_take_body(ex->call, str_of(bytes, mine), &ex->body_read))
        return 0;
    if (!ex->is_sloppy)
        return len;
    ex->left -= mine;
    ex->is_complete = ex->left == 0;
    return ex->is_complete ? 0 : len;
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct curl_exchange *ex = arg;
    const char *why = "";

    (void)purpose;
    ex->connect_count++;
    /* A proxy is the operator's choice; what it may reach was judged before it is asked. */
    if (!ex->is_proxied && !fetch_policy_allows(ex->client->policy, &a->addr, &why)) {
        ex->refused_count++;
        fetch_call_say(ex->call, "the address may not be connected to: %s", why);
        return CURL_SOCKET_BAD;
    }
    return fetch_curl_socket_note(ex->client,
                                  socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol));
}

/* A kept connection must stand between two answers. This version of curl looks only whether it is open,
 * and would take what a receiver said unasked for the answer to this request. */
static int on_before_request(void *arg, char *peer, char *here, int peer_port, int here_port)
{
    struct curl_exchange *ex = arg;
    long connects = 0;
    char byte;

    (void)peer, (void)here, (void)peer_port;
    ex->is_connected = true;
    loop_timer_set(ex->client->loop, &ex->timer, ex->started_us + ex->call->deadline_us);
    (void)curl_easy_getinfo(ex->easy, CURLINFO_NUM_CONNECTS, &connects);
    if (connects > 0 || ex->client->http2) /* which has frames for such words */
        return CURL_PREREQFUNC_OK;
    curl_socket_t fd = fetch_curl_socket_find(ex->client, here_port);
    if (fd == CURL_SOCKET_BAD)
        return CURL_PREREQFUNC_OK;
    ex->is_stale = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
    return ex->is_stale ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* curl makes a context per connection; what costs (the parsed CA certificates) or what curl cannot
 * be told from memory (the client certificate) comes from ours. */
static CURLcode on_ssl_context(CURL *easy, void *ssl_ctx, void *arg)
{
    SSL_CTX *ours = arg;
    SSL_CTX *ctx = ssl_ctx;
    X509 *cert = SSL_CTX_get0_certificate(ours);
    STACK_OF(X509) *chain = NULL;

    (void)easy;
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set1_cert_store(ctx, SSL_CTX_get_cert_store(ours));
    if (cert == NULL)
        return CURLE_OK;
    SSL_CTX_get0_chain_certs(ours, &chain);
    return SSL_CTX_use_cert_and_key(ctx, cert, SSL_CTX_get0_privatekey(ours), chain, 1) == 1
               ? CURLE_OK
               : CURLE_SSL_CERTPROBLEM;
}

/* --- proxies ------------------------------------------------------------------------------- */

static bool no_proxy_has(struct str entry, struct str host)
{
    struct fetch_address address;
    struct sockaddr_storage sockaddr;

    if (str_eq(entry, STR("*")))
        return true;
    if (fetch_address_parse(host, &address)) {
        (void)fetch_address_sockaddr(&address, 0, &sockaddr);
        return fetch_network_has(entry, (const struct sockaddr *)&sockaddr);
    }
    (void)str_skip_prefix(&entry, STR("."));
    if (entry.len == 0 || entry.len > host.len)
        return false;
    size_t start = host.len - entry.len;
    return str_ieq(str_sub(host, start, entry.len), entry) &&
           (start == 0 || host.ptr[start - 1] == '.');
}

bool fetch_curl_call_is_proxied(const struct curl_client *client, struct str host)
{
    struct str rest = str_from(client->no_proxy);
    struct str entry;

    if (client->proxy == NULL)
        return false;
    while (str_split(&rest, ',', &entry))
        if (no_proxy_has(str_trim(entry), host))
            return false;
    return true;
}

/* --- setting up ---------------------------------------------------------------------------- */

static void slist_add(struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);
    MUST(longer != NULL);
    *list = longer;
}

static bool has_header(struct str lines, const char *name)
{
    struct str line;

    while (str_split(&lines, '\n', &line))
        if (str_ieq(str_sub(line, 0, str_find(line, ':')), str_from(name)))
            return true;
    return false;
}

/* Each ready line becomes an entry; what curl would add by itself is taken off. */
static void add_headers(struct curl_exchange *ex)
{
    static const char *const unwanted[] = { "Content-Type", "User-Agent", "Expect" };
    const struct fetch_call *c = ex->call;
    struct buf lines;
    struct str line;
    char off[32];

    buf_init(&lines, FETCH_REQUEST_HEAD_MAX);
    fetch_add_accept(c, &lines);
    MUST(buf_add_str(&lines, c->headers) == RC_OK);
    fetch_add_authorization(c, &lines);
    for (size_t i = 0; i < COUNT_OF(unwanted); i++) {
        if (has_header(buf_str(&lines), unwanted[i]))
            continue;
        (void)snprintf(off, sizeof(off), "%s:", unwanted[i]);
        slist_add(&ex->headers, off);
    }
    struct str rest = buf_str(&lines);
    while (str_split(&rest, '\n', &line)) {
        if (str_ends(line, STR("\r")))
            line.len--;
        size_t colon = str_find(line, ':');
        bool is_empty = str_trim(str_sub(line, colon + 1, line.len)).len == 0;
        /* "Name;" is how curl is told of a header without a value. */
        char *text = is_empty ? xmemdup(line.ptr, colon + 1) : xmemdup(line.ptr, line.len);
        if (is_empty)
            text[colon] = ';';
        slist_add(&ex->headers, text);
        xfree(text);
    }
    if (c->chunked)
        slist_add(&ex->headers, "Transfer-Encoding: chunked");
    buf_fini(&lines);
    (void)curl_easy_setopt(ex->easy, CURLOPT_HTTPHEADER, ex->headers);
}

static bool add_url(struct curl_exchange *ex)
{
    const struct http_url *url = ex->call->url;
    struct buf text;

    buf_init(&text, URL_MAX);
    enum rc rc =
        buf_addf(&text, "%s://%s%.*s%s:%u%s%.*s", url->tls ? "https" : "http",
                 url->host_is_ipv6 ? "[" : "", STR_ARGS(url->host), url->host_is_ipv6 ? "]" : "",
                 url->port, str_starts(url->target, STR("/")) ? "" : "/", STR_ARGS(url->target));
    bool ok = rc == RC_OK && curl_easy_setopt(ex->easy, CURLOPT_URL, text.ptr) == CURLE_OK;
    buf_fini(&text);
    return ok;
}

void fetch_curl_call_add_addresses(struct curl_exchange *ex, struct str host, uint16_t port,
                                   const struct fetch_addresses *found)
{
    struct fetch_address literal;
    struct buf text;
    char one[INET6_ADDRSTRLEN];

    if (found == NULL || fetch_address_parse(host, &literal))
        return;
    buf_init(&text, FETCH_NAME_MAX + 16 + FETCH_ADDRESSES_MAX * (INET6_ADDRSTRLEN + 3));
    enum rc rc = buf_addf(&text, "+%.*s:%u:", STR_ARGS(host), port);
    for (size_t i = 0; i < found->count; i++) {
        fetch_address_text(&found->items[i], one, sizeof(one));
        rc |= buf_addf(&text, found->items[i].family == AF_INET6 ? "%s[%s]" : "%s%s",
                       i == 0 ? "" : ",", one);
    }
    MUST(rc == RC_OK);
    slist_add(&ex->resolve, text.ptr);
    buf_fini(&text);
}

static void add_method(struct curl_exchange *ex)
{
    const struct fetch_call *c = ex->call;
    struct str name = http_method_name(c->method);
    char *text = xmemdup(name.ptr, name.len);

    if (c->method == HTTP_HEAD) {
        (void)curl_easy_setopt(ex->easy, CURLOPT_NOBODY, 1L);
    } else if (fetch_has_body(c)) {
        (void)curl_easy_setopt(ex->easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(ex->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body.len);
        (void)curl_easy_setopt(ex->easy, CURLOPT_POSTFIELDS, c->body.len > 0 ? c->body.ptr : "");
        (void)curl_easy_setopt(ex->easy, CURLOPT_CUSTOMREQUEST, text);
    } else {
        (void)curl_easy_setopt(ex->easy, CURLOPT_CUSTOMREQUEST, text);
    }
    xfree(text);
}

static void add_tls(struct curl_exchange *ex)
{
    CURL *easy = ex->easy;
    bool verify = SSL_CTX_get_verify_mode(ex->tls) != SSL_VERIFY_NONE;

    /* Debian's curl names a CA folder by default, and then parses the bundle anew for each
     * connection: 27 ms instead of 1. */
    (void)curl_easy_setopt(easy, CURLOPT_CAPATH, (char *)NULL);
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO, (char *)NULL);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_context);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, ex->tls);
    if (ex->call->tls != NULL) {
        /* curl cannot tell connections made with different contexts apart. */
        (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    }
}

static void add_connection(struct curl_exchange *ex)
{
    const struct curl_client *client = ex->client;
    const struct fetch_call *c = ex->call;
    CURL *easy = ex->easy;
    int64_t left_us = ex->started_us + c->connect_us - loop_now_us(client->loop);

    (void)curl_easy_setopt(easy, CURLOPT_PROXY, ex->is_proxied ? client->proxy : "");
    (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, ex);
    (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, fetch_curl_socket_close);
    (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, ex->client);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_before_request);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, ex);
    (void)curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)(client->idle_us / 1000000 + 1));
    /* Whole seconds, counted from 0: a connection of exactly the limit is used again. */
    (void)curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)(client->age_us / 1000000));
    (void)curl_easy_setopt(easy, CURLOPT_PIPEWAIT, client->http2 ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                           client->http2 ? (long)CURL_HTTP_VERSION_2TLS
                                         : (long)CURL_HTTP_VERSION_1_1);
    /* Both deadlines are the loop's timer. From this one curl takes how long each of several addresses may need. */
    if (c->connect_us < c->deadline_us)
        (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                               left_us < 1000 ? 1L : (long)(left_us / 1000));
}

bool fetch_curl_call_setup(struct curl_exchange *ex, const struct fetch_addresses *found)
{
    CURL *easy = ex->easy;

    if (!add_url(ex)) {
        fetch_call_say(ex->call, "libcurl refuses the URL");
        return false;
    }
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, ex);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, ex->error);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_SIZE);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, ex);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, ex);
    add_method(ex);
    add_headers(ex);
    fetch_curl_call_add_addresses(ex, ex->call->url->host, ex->call->url->port, found);
    (void)curl_easy_setopt(easy, CURLOPT_RESOLVE, ex->resolve);
    add_connection(ex);
    if (ex->tls != NULL)
        add_tls(ex);
    return true;
}

/* --- results ------------------------------------------------------------------------------- */

static enum fetch_error curl_call_meaning(const struct curl_exchange *ex, CURLcode code)
{
    switch ((int)code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return FETCH_DNS;
    case CURLE_COULDNT_CONNECT:
        return ex->connect_count > 0 && ex->refused_count == ex->connect_count ? FETCH_ADDRESS
                                                                               : FETCH_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return FETCH_CONNECT_TIMEOUT; /* the only deadline that curl knows */
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR: return FETCH_TLS;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_OK: /* at the end of the bytes, without a whole head */ return FETCH_CLOSED;
    case CURLE_OUT_OF_MEMORY: /* what curl calls a header line over its limit */
        return FETCH_TOO_LARGE;
    case CURLE_URL_MALFORMAT: return FETCH_BAD_URL;
    default: return FETCH_PROTOCOL;
    }
}

void fetch_curl_call_note_connection(struct curl_exchange *ex)
{
    struct fetch_call *c = ex->call;
    const char *peer = NULL;
    long connects = 0;
    curl_off_t connect_us = 0;

    (void)curl_easy_getinfo(ex->easy, CURLINFO_PRIMARY_IP, &peer);
    (void)curl_easy_getinfo(ex->easy, CURLINFO_NUM_CONNECTS, &connects);
    (void)curl_easy_getinfo(ex->easy, CURLINFO_PRETRANSFER_TIME_T, &connect_us);
    if (peer != NULL)
        (void)snprintf(c->peer, sizeof(c->peer), "%s", peer);
    c->reused = connects == 0 && connect_us > 0;
    c->connect_took_us = c->reused ? 0 : (int64_t)connect_us;
}

/* "OpenSSL ...: error:0A00045C:SSL routines::tlsv13 alert certificate required, errno 0" */
static bool take_tls_words(struct curl_exchange *ex, struct str words)
{
    static const struct str mark = { "SSL routines::", 14 };

    for (size_t i = 0; i + mark.len < words.len; i++) {
        if (str_eq(str_sub(words, i, mark.len), mark)) {
            struct str reason = str_sub(words, i + mark.len, words.len);
            fetch_call_say_tls(ex->call, str_sub(reason, 0, str_find(reason, ',')));
            return true;
        }
    }
    return false;
}

enum fetch_error fetch_curl_call_result(struct curl_exchange *ex, CURLcode code)
{
    struct fetch_call *c = ex->call;

    fetch_curl_call_note_connection(ex);
    if (ex->abort != FETCH_OK)
        return ex->abort;
    const char *words = ex->error[0] != '\0' ? ex->error : curl_easy_strerror(code);
    if (ex->has_head || fetch_curl_call_settle(ex)) {
        if (code != CURLE_OK && !ex->is_complete) {
            c->response_cut = true;
            if (c->detail[0] == '\0')
                fetch_call_say(c, "%s", words);
        }
        return FETCH_OK;
    }
    enum fetch_error error = curl_call_meaning(ex, code);
    if (take_tls_words(ex, str_from(words)))
        return FETCH_TLS;
    if (error == FETCH_CLOSED && ex->is_proxied && c->connect_took_us == 0 && !c->reused)
        error = FETCH_CONNECT; /* the proxy makes no tunnel */
    if (error != FETCH_ADDRESS || c->detail[0] == '\0')
        fetch_call_say(c, "%s", words);
    return error;
}
