/* SPDX-License-Identifier: Apache-2.0
 *
 * The world's frame: a plan becomes the server's configuration, tasks and phases. See workload.h.
 */
#include "workload.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct workload *workload;
struct plan workload_plan;

/* --- the plan -------------------------------------------------------------------------------------------- */

static char *read_whole_file(const char *path)
{
    FILE *in = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    if (in != NULL && getdelim(&text, &size, 0, in) < 0) {
        free(text);
        text = NULL;
    }
    if (in != NULL)
        (void)fclose(in);
    return text;
}

/* Beside the report, for whoever has only the seed. */
static void keep_plan(const char *text)
{
    char path[400];
    (void)snprintf(path, sizeof path, "%s/plan", sim_folder());
    FILE *out = fopen(path, "we");
    if (out == NULL || fputs(text, out) < 0 || fclose(out) != 0)
        sim_fail(SIM_BROKEN, 0, "%s cannot be written", path);
}

static void take_plan(void)
{
    const char *path = sim_setting("plan", NULL);
    bool is_quiet = strcmp(sim_setting("profile", ""), "quiet") == 0;
    char why[PLAN_WHY_BYTES], *text = path != NULL ? read_whole_file(path)
                                      : is_quiet   ? plan_make_quiet(sim_seed())
                                                   : plan_make(sim_seed());
    if (text == NULL)
        sim_fail(SIM_BROKEN, 0, "the plan %s cannot be read", path);
    if (!plan_parse(text, &workload_plan, why))
        sim_fail(SIM_BROKEN, 0, "the plan is wrong: %s", why);
    if (sim_life() == 0)
        keep_plan(text);
    free(text);
}

/* The value of an option in the plan, or the server's own. */
static const char *option_of(const char *name, const char *otherwise)
{
    for (size_t i = 0; i < workload_plan.count; i++) {
        const struct plan_line *l = &workload_plan.lines[i];
        const char *value = l->word == PLAN_OPTION ? plan_text(l, name, NULL) : NULL;
        if (value != NULL)
            return value;
    }
    return otherwise;
}

static int64_t option_us(const char *name, const char *otherwise)
{
    struct plan_line line = { .field_count = 1,
                              .fields = { { "for", option_of(name, otherwise) } } };
    return plan_us(&line, "for", 0);
}

/* The sum of the delays of a schedule, the shortest one, and how many attempts it has. */
static int64_t schedule_us(int64_t *shortest_us, int64_t *attempts)
{
    char *copy = strdup(option_of("deliver.retry", "5s,5m,30m,2h,5h,10h,10h")), *rest = NULL;
    int64_t sum_us = 0;
    *shortest_us = MODEL_NEVER;
    *attempts = 1;
    for (char *delay = copy == NULL ? NULL : strtok_r(copy, ",", &rest); delay != NULL;
         delay = strtok_r(NULL, ",", &rest)) {
        struct plan_line line = { .field_count = 1, .fields = { { "for", delay } } };
        int64_t us = plan_us(&line, "for", 0);
        sum_us += us;
        ++*attempts;
        *shortest_us = us < *shortest_us ? us : *shortest_us;
    }
    free(copy);
    return sum_us;
}

/* What may be under way between the server and the world at most, if a slow way takes its delay so many times. */
static int64_t plan_lag_us(int64_t times)
{
    int64_t lag_us = 100 * SIM_MS;
    for (size_t i = 0; i < workload_plan.count; i++) {
        const struct plan_line *l = &workload_plan.lines[i];
        if (l->word == PLAN_NET_SLOW)
            lag_us += times * plan_us(l, "by", 0);
        if (l->word == PLAN_NET_CHOP)
            lag_us += 2 * SIM_SECOND;
    }
    return lag_us;
}

static void take_limits(struct model_limits *l)
{
    int64_t jitter = strtoll(option_of("deliver.jitter", "10"), NULL, 10);
    l->retry_sum_us = schedule_us(&l->retry_min_us, &l->attempts);
    l->retry_min_us = l->retry_min_us / 100 * (100 - jitter);
    l->window_max = strtoll(option_of("deliver.window_max", "64"), NULL, 10);
    l->kept_us = option_us("store.retention", "2160h");
    l->remembered_us = option_us("store.idempotency", "12h");
    if (l->kept_us < l->remembered_us)
        l->kept_us = l->remembered_us; /* a key is remembered with its message */
    l->timeout_us = option_us("deliver.timeout", "15s");
    l->breaker_max_us = option_us("deliver.breaker_time_max", "5m");
    l->brokers_max = strtoll(option_of("amqp.connections_max", "64"), NULL, 10);
    l->lag_us = plan_lag_us(20);
    l->answer_lag_us = plan_lag_us(4); /* up to twice, there and back */
}

static void take_sizes(void)
{
    const struct plan_line *run = plan_find(&workload_plan, PLAN_RUN);
    struct workload *w = workload;
    w->safety_us = plan_us(run, "safety", 30 * SIM_SECOND);
    w->tenants = (int)plan_int(run, "tenants", 1);
    w->clients = (int)plan_int(run, "clients", 1);
    if (w->tenants < 1 || w->tenants > MODEL_TENANTS || w->clients < 1 ||
        w->clients > WORKLOAD_CLIENTS)
        sim_fail(SIM_BROKEN, 0, "the plan has more tenants or clients than there can be");
    w->model.tenants = w->tenants;
    take_limits(&w->model.limits);
}

static void write_config(void)
{
    FILE *out = fopen(sim_config_path(), "we");
    if (out == NULL)
        sim_fail(SIM_BROKEN, 0, "%s cannot be written", sim_config_path());
    (void)fprintf(
        out,
        "store.dir = %s/store\nserver.listen = %s\nstore.free_min = 0\nhttp.connections_max = 200\n",
        sim_folder(), SIM_SERVER);
    workload_configure_sites(out);
    for (size_t i = 0; i < workload_plan.count; i++) {
        const struct plan_line *l = &workload_plan.lines[i];
        for (size_t f = 0; l->word == PLAN_OPTION && f < l->field_count; f++)
            (void)fprintf(out, "%s = %s\n", l->fields[f].name, l->fields[f].value);
    }
    if (fclose(out) != 0)
        sim_fail(SIM_BROKEN, 0, "%s cannot be written", sim_config_path());
}

void world_prepare(void)
{
    take_plan();
    workload = sim_keep("workload", sizeof *workload);
    if (sim_life() == 0)
        take_sizes();
    (void)model_life(&workload->model, sim_now_us());
    write_config();
}

/* --- the log ----------------------------------------------------------------------------------------------- */

void world_log_line(const char *line, size_t len)
{
    static const char started[] = "event=server.started";
    struct model *m = &workload->model;
    model_log_line(m, sim_now_us(), line, len);
    workload_judge_line(line, len);
    if (memmem(line, len, started, sizeof started - 1) != NULL)
        model_life_now(m)->started_us = sim_now_us();
}

/* How long a supervisor waits before the next start: the longer starts have failed, the longer. A fault may last for half
 * a day, in which a start every five seconds would make thousands of lives. */
static int64_t supervisor_us(const struct model_life *l, int64_t now_us)
{
    enum { PATIENCE = 8, LEAST_S = 5 };
    int64_t between_us = l->started_us != 0 ? 0 : (now_us - l->tried_us) / PATIENCE;
    return between_us > LEAST_S * SIM_SECOND ? between_us : LEAST_S * SIM_SECOND;
}

/* What a supervisor does: it starts the server again. Only what the disk or the system refuses may end it. */
int64_t world_left(int code)
{
    static const char faults[] =
        "disk.full disk.error disk.sync disk.open fd.out thread.out memory.out";
    int64_t now_us = sim_now_us();
    struct model_life *life = model_life_now(&workload->model);
    bool is_explained = model_had_fault(&workload->model, faults, now_us - 2 * SIM_SECOND, now_us);
    life->end_us = now_us;
    return is_explained && (code == 1 || code == 2) ? supervisor_us(life, now_us) : -1;
}

/* --- asking -------------------------------------------------------------------------------------------------- */

void workload_judge(bool holds, const struct check_broken *broken)
{
    if (!holds)
        sim_fail(broken->invariant == 9 ? SIM_NO_PROGRESS : SIM_UNSAFE, broken->invariant, "%s",
                 broken->words);
}

struct http_client *workload_client(const char *token)
{
    return http_client_new(SIM_SERVER, NULL, token != NULL ? token : sim_admin_token());
}

/* What a 5xx did is not known: it says that it did nothing, but the model takes nobody's word for that. */
static enum model_answer answer_of_status(int status)
{
    if (status == HTTP_REFUSED)
        return MODEL_REFUSED;
    if (status < 0 || status >= 500)
        return MODEL_UNANSWERED;
    if (status < 300)
        return MODEL_DONE;
    return status == 409 ? MODEL_CONFLICT : status == 404 ? MODEL_MISSING : MODEL_REFUSED;
}

struct workload_answer workload_ask(struct http_client *c, int tenant, const char *method,
                                    const char *path, const char *headers, const char *body)
{
    char where[WORKLOAD_PATH + 16], value[8];
    struct check_broken broken;
    const struct model *m = &workload->model;
    struct workload_answer a = { .begin_us = sim_now_us() };
    struct http_answer got =
        http_ask(c, method, path, headers, body, strlen(body), a.begin_us + SIM_MINUTE);
    a.end_us = sim_now_us();
    a.status = got.status;
    a.answer = answer_of_status(got.status);
    if (got.status > 0) {
        (void)snprintf(where, sizeof where, "%s %s", method, path);
        workload_judge(check_answer_time(m, where, a.begin_us, a.end_us, &broken), &broken);
        workload_judge(tenant == 0 || check_leak(m, tenant, got.body, got.len, where, &broken),
                       &broken);
        a.is_replay = http_header(got.head, "idempotency-replayed", value, sizeof value);
        a.json = json_loadb(got.body, got.len, 0, NULL);
    }
    http_answer_free(&got);
    return a;
}

void workload_answer_free(struct workload_answer *a)
{
    json_decref(a->json);
    a->json = NULL;
}

const char *workload_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* --- phases --------------------------------------------------------------------------------------------------- */

static bool line_is_of_client(const struct plan_line *l, int64_t client)
{
    return plan_is_op(l->word) && plan_int(l, "client", 1) == client;
}

/* The lines of one client, one after another; what a kill interrupted is not begun again. */
static void play_client(void *arg)
{
    int64_t number = (int64_t)(intptr_t)arg;
    size_t *at = &workload->client_at[number];
    struct http_client *c = workload_client(NULL);
    while (*at < workload_plan.count) {
        const struct plan_line *l = &workload_plan.lines[(*at)++];
        if (!line_is_of_client(l, number))
            continue;
        if (l->at_us > sim_now_us())
            sim_sleep(l->at_us - sim_now_us());
        workload_operate(c, l);
    }
    http_client_free(c);
}

static bool clients_are_done(void *arg)
{
    (void)arg;
    for (int i = 1; i <= workload->clients; i++)
        if (workload->client_at[i] < workload_plan.count)
            return false;
    return true;
}

static void judge_all(void)
{
    struct check_broken broken;
    if (workload->model.lost > 0)
        sim_fail(SIM_BROKEN, 0, "the model has no room for %llu things",
                 (unsigned long long)workload->model.lost);
    workload_judge(check_all(&workload->model, sim_now_us(), &broken), &broken);
}

static bool life_has_started(void *arg)
{
    const struct model_life *l = arg;
    return l->started_us != 0;
}

void world_run(void)
{
    struct workload *w = workload;
    struct model_life *life = model_life_now(&w->model);
    struct http_client *c = workload_client(NULL);
    workload_start_receivers();
    workload_start_brokers();
    workload_start_processors();
    workload_start_sites();
    (void)sim_wait(life_has_started, life, sim_now_us() + SIM_MINUTE);
    while (!workload_set_up(c) && w->model.quiet_us == 0)
        sim_sleep(SIM_SECOND);
    if (life->fds_started == 0)
        life->fds_started = sim_server_fds();
    for (int i = 1; i <= w->clients; i++)
        sim_spawn("client", play_client, (void *)(intptr_t)i);
    workload_play_faults();
    (void)sim_wait(clients_are_done, NULL, sim_now_us() + 10 * SIM_MINUTE);
    workload_heal();
    workload_settle(c);
    http_client_free(c);
    judge_all();
    sim_stop(-1);
}
