/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks the same question at a fixed rate and says how long answers took. Requests are due on a
 * schedule and latency counts from when one was due, so that a slow server cannot hide by slowing us.
 * usage: bench_filter_chain URL TOKEN PER_S SECONDS; the token "-" is none
 * prints: p50_us <n> p99_us <n> failed <n>
 */
#include "base/base.h"
#include "fetch/fetch.h"

#include <stdio.h>
#include <stdlib.h>

enum { US_PER_S = 1000000, WARM_S = 1 };

struct question {
    struct fetch_call call;
    int64_t due_us;
    struct question *next; /* of the idle ones */
};

static struct bench {
    struct loop *loop;
    struct fetch *fetch;
    struct http_url url;
    struct str headers;
    struct loop_timer timer;
    struct question *idle;
    int64_t began_us, step_us, asked, wanted, warm, ended, failed;
    int64_t *took_us;
    size_t count;
} b;

static const char body[] =
    "{\"data\":{\"user\":{\"id\":4,\"username\":\"ann\",\"email\":\"ann@example.org\",\"is_staff\":false},"
    "\"profile\":{\"name\":\"Ann\",\"language\":\"en\",\"country\":\"NL\"}}}";

static void on_done(struct fetch_call *c)
{
    struct question *q = CONTAINER_OF(c, struct question, call);
    int64_t took_us = clock_mono_us(clock_system()) - q->due_us;
    b.ended++;
    if (c->error != FETCH_OK || c->status >= 300)
        b.failed++;
    else if (q->due_us >= b.began_us + b.warm * b.step_us)
        b.took_us[b.count++] = took_us;
    q->next = b.idle;
    b.idle = q;
    if (b.ended == b.wanted)
        loop_stop(b.loop);
}

static void ask(int64_t due_us)
{
    struct question *q = b.idle;
    if (q != NULL) {
        b.idle = q->next;
        fetch_call_fini(&q->call);
    } else {
        q = XNEW(struct question);
    }
    fetch_call_init(&q->call);
    q->due_us = due_us;
    q->call.method = HTTP_POST;
    q->call.url = &b.url;
    q->call.headers = b.headers;
    q->call.body = str_from(body);
    q->call.deadline_us = q->call.connect_us = 10 * US_PER_S;
    q->call.response_keep = q->call.response_read = 65536;
    q->call.done = on_done;
    fetch_start(b.fetch, &q->call);
}

static void on_time(void *arg)
{
    int64_t now_us = clock_mono_us(clock_system());
    (void)arg;
    while (b.asked < b.wanted && b.began_us + b.asked * b.step_us <= now_us) {
        ask(b.began_us + b.asked * b.step_us);
        b.asked++;
    }
    if (b.asked < b.wanted)
        loop_timer_set(b.loop, &b.timer, b.began_us + b.asked * b.step_us);
}

static int by_size(const void *left, const void *right)
{
    const int64_t x = *(const int64_t *)left, y = *(const int64_t *)right;
    return (x > y) - (x < y);
}

static long long quantile(double q)
{
    return b.count == 0 ? 0 : (long long)b.took_us[(size_t)((double)(b.count - 1) * q)];
}

static void forget_questions(void)
{
    while (b.idle != NULL) {
        struct question *q = b.idle;
        b.idle = q->next;
        fetch_call_fini(&q->call);
        xfree(q);
    }
}

int main(int argc, char **argv)
{
    struct fetch_policy *policy = NULL;
    char headers[512];
    if (argc != 5 || http_url_parse(str_from(argv[1]), &b.url, NULL) != RC_OK ||
        fetch_policy_new(STR("127.0.0.0/8"), STR(""), false, &policy, NULL) != RC_OK) {
        fprintf(stderr, "usage: bench_filter_chain URL TOKEN PER_S SECONDS\n");
        return 2;
    }
    int64_t per_s = strtoll(argv[3], NULL, 10), seconds = strtoll(argv[4], NULL, 10);
    (void)snprintf(headers, sizeof(headers),
                   "content-type: application/json\r\nauthorization: Bearer %s\r\n", argv[2]);
    b.headers = str_from(headers);
    b.step_us = US_PER_S / per_s;
    b.warm = per_s * WARM_S;
    b.wanted = per_s * (seconds + WARM_S);
    b.took_us = xcalloc((size_t)b.wanted, sizeof(*b.took_us));
    b.loop = loop_new("bench", clock_system());
    b.fetch =
        fetch_own_new(b.loop, &(struct fetch_options){ .policy = policy, .idle_per_host = 256 });
    b.timer.fn = on_time;
    b.began_us = clock_mono_us(clock_system());
    loop_timer_set(b.loop, &b.timer, b.began_us);
    loop_run(b.loop);
    qsort(b.took_us, b.count, sizeof(*b.took_us), by_size);
    printf("p50_us %lld p99_us %lld failed %lld\n", quantile(0.5), quantile(0.99),
           (long long)b.failed);
    forget_questions();
    fetch_free(b.fetch);
    loop_turn(b.loop, 0);
    loop_free(b.loop);
    fetch_policy_unref(policy);
    xfree(b.took_us);
    return 0;
}
