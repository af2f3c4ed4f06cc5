/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request costs the bare client: our own and libcurl's against an echoing receiver in a
 * process of its own. CPU time of the client's thread, so that the receiver's share does not count.
 * Prints one line of key=value per case. Argument: requests per plain case (default 50000).
 */
#include "base/base.h"
#include "fetch/fetch.h"
#include "http/server.h"

#include "certs.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    IN_FLIGHT = 64,
    BODY = 500,
    REQUESTS = 50000,
    TLS_SHARE = 50,
    SECOND_US = 1000000,
    DAY_S = 86400
};
enum { PLAIN, TLS, TLS_NO_TICKETS, LISTENERS };

static const char HEADERS[] =
    "Content-Type: application/json\r\n"
    "Webhook-Id: msg_2TqBv1hYbcvTn9ZdCkUQxkNVvQb\r\n"
    "Webhook-Timestamp: 1700000000\r\n"
    "Webhook-Signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=\r\n";

static char g_body[BODY];

/* --- receiver ------------------------------------------------------------------------------ */

static void answer(void *ctx, struct http_call *call)
{
    struct http_reply reply = { .status = 200, .body = STR("ok") };

    (void)ctx;
    reply.close = str_ieq(http_call_header(call, "connection"), STR("close"));
    http_call_reply(call, &reply);
}

static void pin(int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);
    (void)sched_setaffinity(0, sizeof(set), &set);
}

static pid_t receiver_fork(const int *fds, const struct cert *leaf)
{
    pid_t pid = fork();

    MUST(pid >= 0);
    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    pin(1);
    struct loop *loop = loop_new("receiver", clock_system());
    struct http_limits limits = { .head_max = 16384,
                                  .body_max = 1 << 20,
                                  .any_body_max = 1 << 20,
                                  .head_us = 60LL * SECOND_US,
                                  .body_us = 60LL * SECOND_US,
                                  .idle_us = 600LL * SECOND_US,
                                  .write_us = 60LL * SECOND_US,
                                  .connections_max = 10000 };
    SSL_CTX *tls[LISTENERS] = { NULL, cert_server(leaf, NULL), cert_server(leaf, NULL) };
    (void)SSL_CTX_set_num_tickets(tls[TLS_NO_TICKETS], 0);
    for (int i = 0; i < LISTENERS; i++)
        (void)http_server_new(loop, fds[i], tls[i], &limits, answer, NULL);
    loop_run(loop);
    _exit(0);
}

/* --- client -------------------------------------------------------------------------------- */

struct run {
    struct loop *loop;
    struct fetch *fetch;
    int to_start;
    int under_way;
    int failed;
    struct fetch_call calls[IN_FLIGHT];
};

static int64_t thread_cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * SECOND_US + t.tv_nsec / 1000;
}

static void on_done(struct fetch_call *c)
{
    struct run *run = c->owner;

    run->under_way--;
    if (c->error != FETCH_OK || c->status != 200) {
        if (run->failed++ == 0)
            (void)fprintf(stderr, "%s: %s\n", fetch_error_name(c->error), c->detail);
    }
    if (run->to_start > 0) {
        run->to_start--;
        run->under_way++;
        fetch_start(run->fetch, c);
    }
}

/* `in_flight` calls at a time until `count` are done; the CPU time and the wall time of it. */
static void run_calls(struct run *run, const struct http_url *url, struct str headers,
                      int in_flight, int count, int64_t *cpu_us, int64_t *wall_us)
{
    int64_t cpu_before = thread_cpu_us();
    int64_t wall_before = clock_mono_us(clock_system());

    run->to_start = count - in_flight;
    for (int i = 0; i < in_flight; i++) {
        struct fetch_call *c = &run->calls[i];
        fetch_call_init(c);
        c->url = url;
        c->headers = headers;
        c->body = str_of(g_body, sizeof(g_body));
        c->done = on_done;
        c->owner = run;
        run->under_way++;
        fetch_start(run->fetch, c);
    }
    while (run->under_way > 0)
        loop_turn(run->loop, SECOND_US);
    *cpu_us = thread_cpu_us() - cpu_before;
    *wall_us = clock_mono_us(clock_system()) - wall_before;
    for (int i = 0; i < in_flight; i++)
        fetch_call_fini(&run->calls[i]);
}

static void measure(const char *client, const char *what, const struct fetch_options *o,
                    const char *url_text, bool is_closing, int in_flight, int count)
{
    static char closing[sizeof(HEADERS) + 32];
    struct http_url url;
    struct run *run = XNEW(struct run);
    bool is_own = strcmp(client, "own") == 0;
    int64_t cpu_us;
    int64_t wall_us;

    MUST(http_url_parse(str_from(url_text), &url, NULL) == RC_OK);
    (void)snprintf(closing, sizeof(closing), "%sConnection: close\r\n", HEADERS);
    run->loop = loop_new("client", clock_system());
    run->fetch = is_own ? fetch_own_new(run->loop, o) : fetch_curl_new(run->loop, o);
    struct str headers = str_from(is_closing ? closing : HEADERS);
    run_calls(run, &url, headers, in_flight, in_flight * 2, &cpu_us, &wall_us); /* warms up */
    run_calls(run, &url, headers, in_flight, count, &cpu_us, &wall_us);
    printf(
        "client=%s case=%s requests=%d in_flight=%d failed=%d cpu_us_per_request=%.2f per_core_second=%.0f "
        "wall_per_second=%.0f\n",
        client, what, count, in_flight, run->failed, (double)cpu_us / count,
        count * 1e6 / (double)cpu_us, count * 1e6 / (double)wall_us);
    (void)fflush(stdout);
    fetch_free(run->fetch);
    loop_turn(run->loop, 0);
    loop_free(run->loop);
    xfree(run);
}

int main(int argc, char **argv)
{
    static const char *const clients[] = { "own", "curl" };
    int count = argc > 1 ? atoi(argv[1]) : REQUESTS;
    int fds[LISTENERS];
    char urls[LISTENERS][64];
    struct cert ca = cert_new(NULL, -DAY_S, DAY_S, NULL);
    struct cert leaf = cert_new("IP:127.0.0.1", -DAY_S, DAY_S, &ca);
    struct tls_client_options system_ca = { .verify = true };
    struct fetch_options o = { .idle_per_host = IN_FLIGHT };

    memset(g_body, 'x', sizeof(g_body));
    MUST(count >= IN_FLIGHT * TLS_SHARE);
    for (int i = 0; i < LISTENERS; i++) {
        MUST(http_listen("127.0.0.1:0", &fds[i], NULL) == RC_OK);
        (void)snprintf(urls[i], sizeof(urls[i]), "http%s://127.0.0.1:%u/hook",
                       i == PLAIN ? "" : "s", http_listen_port(fds[i]));
    }
    pid_t receiver = receiver_fork(fds, &leaf);
    pin(0);
    MUST(tls_client_context(&system_ca, &o.tls, NULL) == RC_OK);
    MUST(X509_STORE_add_cert(SSL_CTX_get_cert_store(o.tls), ca.x509) == 1);
    MUST(fetch_policy_new(STR("127.0.0.0/8"), STR_NONE, false, &o.policy, NULL) == RC_OK);
    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        measure(clients[i], "plain_kept", &o, urls[PLAIN], false, IN_FLIGHT, count);
        measure(clients[i], "plain_kept_one", &o, urls[PLAIN], false, 1, count / 5);
        measure(clients[i], "plain_new", &o, urls[PLAIN], true, IN_FLIGHT, count / 5);
        measure(clients[i], "tls_kept", &o, urls[TLS], false, IN_FLIGHT, count / 2);
        measure(clients[i], "tls_new_full", &o, urls[TLS_NO_TICKETS], true, 8, count / TLS_SHARE);
        measure(clients[i], "tls_new_resumed", &o, urls[TLS], true, 8, count / TLS_SHARE);
    }
    (void)kill(receiver, SIGKILL);
    (void)waitpid(receiver, NULL, 0);
    fetch_policy_unref(o.policy);
    SSL_CTX_free(o.tls);
    cert_free(&leaf);
    cert_free(&ca);
    return 0;
}
