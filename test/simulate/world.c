/* SPDX-License-Identifier: Apache-2.0
 *
 * The least world that there can be, to prove the machine by: clients publish to an application with one endpoint, whose
 * name is looked up, and its receiver takes what comes. Lives end as the dice say, faults come and go, and in the last life all is well again.
 * What was answered 202 has to have arrived then, and nothing else, and its history has to be there.
 *
 * Settings: lives, faults (yes or no), messages; what is not set is drawn.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <signal.h>

#include "world_dns.h"
#include "world_http.h"

enum { MESSAGES_MAX = 4000, CLIENTS = 3, ID_SIZE = 40 };

#define RECEIVER "93.184.216.34:80"

struct state {
    bool is_drawn, has_faults;
    long lives, messages;
    bool has_endpoint;
    bool is_sent[MESSAGES_MAX], is_accepted[MESSAGES_MAX], is_received[MESSAGES_MAX];
    char ids[MESSAGES_MAX][ID_SIZE];
};

static struct state *state;
static bool is_up; /* the server has answered in this life */

void world_log_line(const char *line, size_t len)
{
    if (memmem(line, len, "event=server.loop_silent", 24) != NULL)
        sim_fail(SIM_NO_PROGRESS, 11, "%.*s", (int)len, line);
}

int64_t world_left(int code)
{
    (void)code;
    return -1;
}

static long setting_or_draw(const char *name, uint64_t least, uint64_t most)
{
    long drawn = (long)(least + sim_dice(SIM_PLAN, most - least + 1));
    const char *set = sim_setting(name, "");
    return *set == '\0' ? drawn : strtol(set, NULL, 10);
}

static void draw_run(void)
{
    state->is_drawn = true;
    state->lives = setting_or_draw("lives", 1, 5);
    state->messages = setting_or_draw("messages", 10, 60);
    state->has_faults =
        strcmp(sim_setting("faults", sim_once_in(SIM_PLAN, 4) ? "no" : "yes"), "yes") == 0;
    if (state->messages > MESSAGES_MAX)
        sim_fail(SIM_BROKEN, 0, "%d messages are the most", MESSAGES_MAX);
}

void world_prepare(void)
{
    FILE *conf = fopen(sim_config_path(), "we");
    if (conf == NULL)
        sim_fail(SIM_BROKEN, 0, "the configuration cannot be written");
    (void)fprintf(
        conf,
        "[store]\ndir = %s/store\nfree_min = 0\nsegment_messages = 20\n[server]\nlisten = %s\n",
        sim_folder(), SIM_SERVER);
    (void)fclose(conf);
    sim_heal(); /* a start may be refused while a fault lasts */
    state = sim_keep("first world", sizeof *state);
    if (!state->is_drawn)
        draw_run();
}

static bool is_last_life(void)
{
    return sim_life() + 1 >= state->lives;
}

/* --- the receiver ----------------------------------------------------------------------------------------- */

static void receive_one(void *ctx, struct http_exchange *x, const struct http_request *req)
{
    const char *at = strstr(req->body, "\"n\":");
    long n = at == NULL ? -1 : strtol(at + 4, NULL, 10);
    (void)ctx;
    if (n < 0 || n >= state->messages || !state->is_sent[n])
        sim_fail(SIM_UNSAFE, 3, "the receiver got what nobody sent: %s", req->body);
    sim_sleep((int64_t)sim_dice(SIM_RECEIVERS, 20 * SIM_MS));
    if (sim_once_in(SIM_RECEIVERS, 6)) {
        http_reply(x, 503, "", "busy");
        return;
    }
    state->is_received[n] = true;
    http_reply(x, 200, "", "");
}

/* --- clients ------------------------------------------------------------------------------------------------ */

/* Until it is answered with `wanted`, or with 409: it is there already. The id that the answer names. */
static void insist(struct http_client *c, const char *path, const char *headers, const char *body,
                   int wanted, char id[static ID_SIZE])
{
    for (;;) {
        struct http_answer a =
            http_ask(c, "POST", path, headers, body, strlen(body), sim_now_us() + SIM_MINUTE);
        int status = a.status;
        is_up = is_up || status > 0;
        if (status >= 400 && status < 500 && status != 409 && status != 429)
            sim_fail(SIM_UNSAFE, 0, "%s: %d %s", path, status, a.body);
        if (status == wanted)
            (void)http_json_text(a.body, "id", id, ID_SIZE);
        http_answer_free(&a);
        if (status == wanted || status == 409)
            return;
        sim_sleep(50 * SIM_MS + (int64_t)sim_dice(SIM_WORKLOAD, 200 * SIM_MS));
    }
}

static void publish(struct http_client *c, long n)
{
    char headers[96], body[256];
    (void)snprintf(headers, sizeof headers,
                   "content-type: application/json\r\nidempotency-key: %ld\r\n", n);
    (void)snprintf(body, sizeof body, "{\"eventType\":\"user.created\",\"payload\":{\"n\":%ld}}",
                   n);
    state->is_sent[n] = true;
    insist(c, "/api/v1/app/first/msg", headers, body, 202, state->ids[n]);
    state->is_accepted[n] = true;
}

/* What a life left undone is done again in the next. */
static void run_client(void *arg)
{
    struct http_client *c = http_client_new(SIM_SERVER, NULL, sim_admin_token());
    for (long n = (long)(intptr_t)arg; n < state->messages; n += CLIENTS) {
        if (state->is_accepted[n])
            continue;
        publish(c, n);
        sim_sleep((int64_t)sim_dice(SIM_WORKLOAD, 300 * SIM_MS));
    }
    http_client_free(c);
}

static void configure(void)
{
    struct http_client *c = http_client_new(SIM_SERVER, NULL, sim_admin_token());
    const char *json = "content-type: application/json\r\n";
    char id[ID_SIZE];
    insist(c, "/api/v1/app", json, "{\"name\":\"first\",\"uid\":\"first\"}", 201, id);
    insist(c, "/api/v1/app/first/endpoint", json,
           "{\"uid\":\"only\",\"url\":\"http://hook.example.com/hook\"}", 201, id);
    state->has_endpoint = true;
    http_client_free(c);
}

/* --- what goes wrong ------------------------------------------------------------------------------------------- */

static void draw_fault(void)
{
    static const struct sim_fault faults[] = {
        { .kind = SIM_DISK_FAILS,
          .calls = SIM_WRITES,
          .error = ENOSPC,
          .once_in = 40,
          .path = "/segments/" },
        { .kind = SIM_DISK_FAILS,
          .calls = SIM_WRITES | SIM_READS | SIM_OPENS,
          .error = EIO,
          .once_in = 100 },
        { .kind = SIM_DISK_FAILS, .calls = SIM_SYNCS, .once_in = 8 },
        { .kind = SIM_DISK_SLOW, .calls = SIM_SYNCS, .once_in = 10, .amount = 2 * SIM_SECOND },
        { .kind = SIM_NO_FDS, .once_in = 3 },
        { .kind = SIM_NO_MEMORY, .once_in = 2 },
        { .kind = SIM_CONNECT_FAILS, .once_in = 2 },
        { .kind = SIM_CONNECT_SLOW, .amount = 20 * SIM_SECOND },
        { .kind = SIM_RESETS, .once_in = 50 },
        { .kind = SIM_CLOCK_STEPS, .amount = 3 * SIM_HOUR },
        { .kind = SIM_CLOCK_STEPS, .amount = -3 * SIM_HOUR },
        { .kind = SIM_CLOCK_DRIFTS, .amount = 200 * SIM_MS },
        { .kind = SIM_PREEMPTS, .once_in = 2 },
    };
    struct sim_fault f = faults[sim_dice(SIM_PLAN, sizeof faults / sizeof *faults)];
    f.for_us = 1 + (int64_t)sim_dice(SIM_PLAN, 3 * SIM_SECOND);
    sim_fault(&f);
}

static bool is_server_up(void *arg)
{
    (void)arg;
    return is_up;
}

/* Not before the server is up: a start may be refused while the disk fails. */
static void run_faults(void *arg)
{
    (void)arg;
    (void)sim_wait(is_server_up, NULL, SIM_FOREVER);
    for (;;) {
        sim_sleep((int64_t)sim_dice(SIM_PLAN, 600 * SIM_MS));
        draw_fault();
        dns_set_mood((enum dns_mood)sim_dice(SIM_PLAN, DNS_MOODS));
    }
}

static void run_end(void *arg)
{
    (void)arg;
    sim_sleep((int64_t)sim_dice(SIM_PLAN, 4 * SIM_SECOND));
    uint64_t how = sim_dice(SIM_PLAN, 4);
    if (how == 0)
        sim_stop(0);
    else
        sim_end_life(how == 1 ? SIM_KILL : SIM_POWER_CUT, (int64_t)sim_dice(SIM_PLAN, SIM_MINUTE));
}

/* --- the run ------------------------------------------------------------------------------------------------------- */

static bool has_all_arrived(void *arg)
{
    (void)arg;
    for (long n = 0; n < state->messages; n++)
        if (!state->is_accepted[n] || !state->is_received[n])
            return false;
    return true;
}

/* What was delivered from memory has to be in the store as well. */
static void judge_history(void)
{
    struct http_client *c = http_client_new(SIM_SERVER, NULL, sim_admin_token());
    char path[128];
    for (long n = 0; n < state->messages;) {
        (void)snprintf(path, sizeof path, "/api/v1/app/first/msg/%s", state->ids[n]);
        struct http_answer a = http_ask(c, "GET", path, "", NULL, 0, sim_now_us() + SIM_MINUTE);
        if (a.status > 0 && a.status != 200)
            sim_fail(SIM_UNSAFE, 7, "message %ld was accepted, and its history says %d %s", n,
                     a.status, a.body);
        n += a.status == 200;
        if (a.status <= 0)
            sim_sleep(100 * SIM_MS);
        http_answer_free(&a);
    }
    http_client_free(c);
}

static void judge(void)
{
    for (long n = 0; n < state->messages; n++)
        if (!state->is_accepted[n] || !state->is_received[n])
            sim_fail(SIM_NO_PROGRESS, 1, "message %ld was %s", n,
                     state->is_accepted[n] ? "accepted, and never arrived" : "never accepted");
}

void world_run(void)
{
    (void)http_receiver_start(RECEIVER, receive_one, NULL);
    dns_start();
    dns_add("hook.example.com", "93.184.216.34");
    if (!is_last_life())
        sim_spawn("end", run_end, NULL);
    if (state->has_faults && !is_last_life())
        sim_spawn("faults", run_faults, NULL);
    if (!state->has_endpoint)
        configure();
    for (intptr_t i = 0; i < CLIENTS; i++)
        sim_spawn("client", run_client, (void *)i);
    if (!is_last_life())
        return;
    (void)sim_wait(has_all_arrived, NULL, sim_now_us() + 40 * SIM_HOUR);
    judge();
    judge_history();
    if (dns_questions() == 0 && sim_life() == 0)
        sim_fail(SIM_BROKEN, 0, "nobody has asked for the receiver's name");
    sim_stop(-1);
}
