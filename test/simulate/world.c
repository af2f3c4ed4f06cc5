/* SPDX-License-Identifier: Apache-2.0
 *
 * The first world: an application with one endpoint, whose receiver takes what is published; what was accepted has
 * to arrive, in every life.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world_http.h"

enum { MESSAGES = 20, RECEIVED_MAX = 64 };

#define RECEIVER "93.184.216.34:80"

struct state {
    char app[64];
    size_t accepted, received;
};

static struct state *state;

void world_log_line(const char *line, size_t len)
{
    (void)line;
    (void)len;
}

void world_prepare(void)
{
    FILE *conf = fopen(sim_config_path(), "we");
    if (conf == NULL)
        sim_fail(SIM_BROKEN, 0, "the configuration cannot be written");
    (void)fprintf(conf, "[store]\ndir = %s/store\nfree_min = 0\n[server]\nlisten = %s\n",
                  sim_folder(), SIM_SERVER);
    (void)fclose(conf);
    state = sim_keep("first world", sizeof *state);
}

static void receive_one(void *ctx, struct http_exchange *x, const struct http_request *req)
{
    (void)ctx;
    (void)req;
    sim_sleep((int64_t)sim_dice(SIM_RECEIVERS, 20 * SIM_MS));
    if (sim_once_in(SIM_RECEIVERS, 4)) {
        http_reply(x, 503, "", "busy");
        return;
    }
    state->received++;
    http_reply(x, 200, "", "");
}

static struct http_answer post(struct http_client *c, const char *path, const char *body)
{
    struct http_answer a;
    for (;;) {
        a = http_ask(c, "POST", path, "content-type: application/json\r\n", body, strlen(body),
                     SIM_FOREVER);
        if (a.status > 0)
            return a;
        sim_sleep(100 * SIM_MS);
    }
}

static bool has_all(void *arg)
{
    (void)arg;
    return state->received >= state->accepted;
}

void world_run(void)
{
    char path[160];
    struct http_client *c = http_client_new(SIM_SERVER, NULL, sim_admin_token());
    (void)http_receiver_start(RECEIVER, receive_one, NULL);
    struct http_answer a = post(c, "/api/v1/app", "{\"name\":\"first\"}");
    if (a.status != 201 || !http_json_text(a.body, "id", state->app, sizeof state->app))
        sim_fail(SIM_UNSAFE, 0, "no application: %d %s", a.status, a.body);
    http_answer_free(&a);
    (void)snprintf(path, sizeof path, "/api/v1/app/%s/endpoint", state->app);
    a = post(c, path, "{\"url\":\"http://93.184.216.34/hook\"}");
    if (a.status != 201)
        sim_fail(SIM_UNSAFE, 0, "no endpoint: %d %s", a.status, a.body);
    http_answer_free(&a);
    (void)snprintf(path, sizeof path, "/api/v1/app/%s/msg", state->app);
    for (size_t i = 0; i < MESSAGES; i++) {
        a = post(c, path, "{\"eventType\":\"user.created\",\"payload\":{\"n\":1}}");
        if (a.status != 202)
            sim_fail(SIM_UNSAFE, 0, "not accepted: %d %s", a.status, a.body);
        state->accepted++;
        http_answer_free(&a);
    }
    if (!sim_wait(has_all, NULL, sim_now_us() + 30 * SIM_HOUR))
        sim_fail(SIM_NO_PROGRESS, 1, "%zu of %zu have arrived", state->received, state->accepted);
    sim_stop(-1);
}
