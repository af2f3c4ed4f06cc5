/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole life of messages in the store: publish (1 KiB, idempotency key, one delivery), then a
 * success. Prints key=value lines. `--rows` puts that many lives in the store before measuring.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "metrics/metrics.h"
#include "store/flow.h"

struct bench {
    struct store *store;
    struct loop *loop;
    int64_t count, rows, endpoints, apps, in_flight, group, segment;
    bool accept_only, no_key, no_sync;
    int64_t started, ended, goal;
    const char *dir;
};

struct life {
    struct store_publish publish;
    struct store_outcome outcome;
    struct bench *bench;
    int64_t endpoint;
};

static char payload[1024];

static int64_t now_us(void)
{
    return clock_mono_us(clock_system());
}

static void begin(struct life *l);

static void ended(struct life *l)
{
    struct bench *b = l->bench;
    store_message_unref(l->publish.message);
    l->publish.message = NULL;
    if (++b->ended == b->goal)
        loop_stop(b->loop);
    else if (b->started < b->goal)
        begin(l);
}

static void outcome_done(struct store_job *job)
{
    MUST(job->rc == RC_OK);
    ended(CONTAINER_OF(job, struct life, outcome.job));
}

static void publish_done(struct store_job *job)
{
    struct life *l = CONTAINER_OF(job, struct life, publish.job);
    MUST(job->rc == RC_OK && l->publish.result == STORE_CREATED);
    if (l->bench->accept_only) {
        ended(l);
        return;
    }
    int64_t wall_us = clock_wall_us(clock_system());
    l->outcome = (struct store_outcome){
        .job = { .loop = l->bench->loop, .done = outcome_done },
        .message = l->publish.message->id,
        .app = l->publish.message->app,
        .endpoint = l->endpoint,
        .was_due_us = l->publish.message->created_us,
        .from = STORE_PENDING,
        .to = STORE_SUCCESS,
        .attempt_count = 1,
        .has_attempt = true,
        .attempt = id_new(store_ids(l->bench->store)),
        .success = true,
        .http_status = 200,
        .started_us = wall_us,
        .took_us = 1500,
        .url = STR("https://receiver.example/hooks/webhook"),
        .response = STR("{\"ok\":true}"),
        .response_headers = STR("content-type: application/json\r\n"),
        .request_headers =
            STR("content-type: application/json\r\nwebhook-timestamp: 1700000000\r\n"),
    };
    store_submit_outcome(l->bench->store, &l->outcome);
}

static void begin(struct life *l)
{
    struct bench *b = l->bench;
    int64_t n = b->started++;
    l->endpoint = 1 + n * 7919 % b->endpoints;
    struct store_message from = {
        .id = id_new(store_ids(b->store)),
        .org = 1,
        .app = 1 + l->endpoint % b->apps,
        .created_us = clock_wall_us(clock_system()),
        .event_type = STR("invoice.paid"),
        .payload = str_of(payload, sizeof payload),
    };
    l->publish = (struct store_publish){
        .job = { .loop = b->loop, .done = publish_done },
        .message = store_message_new(&from),
        .endpoints = &l->endpoint,
        .endpoint_count = 1,
        .has_key = !b->no_key,
    };
    rng_fill(rng_system(), l->publish.key, sizeof l->publish.key);
    enum rc rc = store_submit_publish(b->store, &l->publish);
    MUST(rc == RC_OK);
}

/* Nanoseconds of CPU the thread of that name had. */
static int64_t thread_cpu_ns(const char *name)
{
    char path[300], text[64];
    int64_t ns = 0;
    DIR *dir = opendir("/proc/self/task");
    MUST(dir != NULL);
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        FILE *f = fopen(path, "r");
        bool is_it = f != NULL && fgets(text, sizeof text, f) != NULL &&
                     strcspn(text, "\n") == strlen(name) && strncmp(text, name, strlen(name)) == 0;
        if (f != NULL)
            (void)fclose(f);
        if (!is_it)
            continue;
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", e->d_name);
        f = fopen(path, "r");
        if (f != NULL && fgets(text, sizeof text, f) != NULL)
            ns = strtoll(text, NULL, 10);
        if (f != NULL)
            (void)fclose(f);
    }
    (void)closedir(dir);
    return ns;
}

static void run(struct bench *b, int64_t goal)
{
    struct life *lives = xcalloc((size_t)b->in_flight, sizeof *lives);
    b->started = b->ended = 0;
    b->goal = goal;
    for (int64_t i = 0; i < b->in_flight && i < goal; i++) {
        lives[i].bench = b;
        begin(&lives[i]);
    }
    loop_run(b->loop);
    xfree(lives);
}

/* A line of /proc/self/status, in KiB. */
static int64_t memory_kib(const char *name)
{
    char text[128];
    int64_t kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    MUST(f != NULL);
    while (fgets(text, sizeof text, f) != NULL) {
        if (strncmp(text, name, strlen(name)) == 0)
            kib = strtoll(text + strlen(name) + 1, NULL, 10);
    }
    (void)fclose(f);
    return kib;
}

static void measure(struct bench *b)
{
    struct store_stats stats;
    int64_t groups = metrics_value(METRIC_STORE_GROUPS), jobs = metrics_value(METRIC_STORE_JOBS);
    int64_t cpu = thread_cpu_ns("store"), keeper = thread_cpu_ns("store-keeper"), start = now_us();
    run(b, b->count);
    int64_t took = now_us() - start;
    cpu = thread_cpu_ns("store") - cpu;
    keeper = thread_cpu_ns("store-keeper") - keeper;
    groups = metrics_value(METRIC_STORE_GROUPS) - groups;
    jobs = metrics_value(METRIC_STORE_JOBS) - jobs;
    store_stats(b->store, &stats);
    printf("lives=%" PRId64 "\nrows_before=%" PRId64 "\nendpoints=%" PRId64
           "\napplications=%" PRId64 "\n",
           b->count, b->rows, b->endpoints, b->apps);
    printf("lives_per_s=%.0f\nstore_us_per_life=%.2f\nkeeper_us_per_life=%.2f\n",
           (double)b->count * 1e6 / (double)took, (double)cpu / 1e3 / (double)b->count,
           (double)keeper / 1e3 / (double)b->count);
    printf("groups_per_s=%.0f\njobs_per_group=%.1f\n", (double)groups * 1e6 / (double)took,
           (double)jobs / (double)groups);
    printf("commit_p50_us=%" PRId64 "\ncommit_p99_us=%" PRId64 "\ncommit_max_us=%" PRId64 "\n",
           metrics_quantile_us(METRIC_STORE_COMMIT, 0.5),
           metrics_quantile_us(METRIC_STORE_COMMIT, 0.99),
           metrics_quantile_us(METRIC_STORE_COMMIT, 1));
    printf("segments=%" PRId64 "\nbytes_per_life=%.0f\npending=%" PRId64 "\nrss_anon_kib=%" PRId64
           "\nrss_file_kib=%" PRId64 "\n",
           stats.segments, (double)stats.bytes / (double)(stats.messages > 0 ? stats.messages : 1),
           stats.pending, memory_kib("RssAnon"), memory_kib("RssFile"));
}

static int64_t number(const char *arg, const char *name, int64_t now)
{
    size_t len = strlen(name);
    return strncmp(arg, name, len) == 0 && arg[len] == '=' ? strtoll(arg + len + 1, NULL, 10) : now;
}

int main(int argc, char **argv)
{
    struct bench b = { .count = 200000,
                       .endpoints = 100,
                       .apps = 1,
                       .in_flight = 512,
                       .group = 256,
                       .segment = 500000 };
    struct store_options o;
    struct buf why;
    char dir[] = "/tmp/grapnel-bench-XXXXXX";
    buf_init(&why, 1024);
    for (int i = 1; i < argc; i++) {
        b.count = number(argv[i], "--count", b.count);
        b.rows = number(argv[i], "--rows", b.rows);
        b.endpoints = number(argv[i], "--endpoints", b.endpoints);
        b.apps = number(argv[i], "--apps", b.apps);
        b.in_flight = number(argv[i], "--in-flight", b.in_flight);
        b.group = number(argv[i], "--group", b.group);
        b.segment = number(argv[i], "--segment", b.segment);
        b.accept_only = number(argv[i], "--accept-only", b.accept_only) != 0;
        b.no_key = number(argv[i], "--no-key", b.no_key) != 0;
        b.no_sync = number(argv[i], "--no-sync", b.no_sync) != 0;
        if (strncmp(argv[i], "--dir=", 6) == 0)
            b.dir = argv[i] + 6;
    }
    if (b.dir == NULL)
        b.dir = mkdtemp(dir);
    rng_fill(rng_system(), payload, sizeof payload);
    store_options_defaults(&o);
    o.dir = b.dir;
    o.group_max = (size_t)b.group;
    o.segment_messages = b.segment;
    o.no_sync = b.no_sync;
    enum rc rc = store_open(&o, &b.store, &why);
    if (rc != RC_OK) {
        (void)fprintf(stderr, "%s: %.*s\n", rc_name(rc), STR_ARGS(buf_str(&why)));
        return 1;
    }
    b.loop = loop_new("bench", clock_system());
    if (b.rows > 0)
        run(&b, b.rows);
    measure(&b);
    thread_set_kind(THREAD_MAIN);
    store_close(b.store);
    loop_free(b.loop);
    return 0;
}
