/* SPDX-License-Identifier: Apache-2.0
 *
 * The quiet phase: faults are over, and everything that was accepted comes to its end. See workload.h.
 */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A read may open a segment, and with small ones very many: all at once they would look like a loop without end. */
enum { BETWEEN_US = 10000 };
enum {
    ROUND_S = 5,
    ROUNDS = 200 /* of a whole schedule, at most */,
    IDLE_S = 80 /* connections that nobody uses are closed by then */
};
enum {
    STEADY_FIRST = 900000 /* a number that no line of a plan has */,
    STEADY_BEFORE = 20,
    STEADY_US = 20000
};

static int endpoint_with_id(const char *id)
{
    for (int n = 1; n <= MODEL_ENDPOINTS; n++)
        if (strcmp(workload->model.endpoints[n].id, id) == 0)
            return n;
    return 0;
}

/* --- reading states ---------------------------------------------------------------------------------------------- */

/* What the API says of a message's deliveries; false: it could not be asked. */
static bool states_read(struct http_client *c, const struct model_publish *p, size_t *pending)
{
    char path[WORKLOAD_PATH];
    (void)snprintf(path, sizeof path,
                   "/api/v1/app/t%d/msg/%s/endpoint?limit=250&expanded_statuses=true", p->tenant,
                   p->id);
    struct workload_answer a = workload_ask(c, p->tenant, "GET", path, "", "");
    const json_t *data = json_object_get(a.json, "data");
    for (size_t i = 0; i < json_array_size(data); i++) {
        const json_t *row = json_array_get(data, i);
        struct model_state s = { .endpoint = endpoint_with_id(workload_text(row, "id")),
                                 .status = (int)json_integer_value(json_object_get(row, "status")),
                                 .has_reason = workload_text(row, "statusReason")[0] != 0 };
        memcpy(s.message, p->id, sizeof s.message);
        *pending += s.status == 1 || s.status == 3;
        if (s.endpoint != 0)
            (void)model_state(&workload->model, &s);
    }
    bool is_read = a.answer == MODEL_DONE || a.answer == MODEL_MISSING;
    struct check_broken broken;
    workload_judge(a.answer != MODEL_MISSING || model_may_be_gone(&workload->model, p, a.end_us) ||
                       check_break(&broken, 1, "%s was accepted, and is not known", p->id),
                   &broken);
    workload_answer_free(&a);
    return is_read;
}

/* Only a key leads to the same message again. */
static bool was_read_before(const struct model_publish *p)
{
    for (const struct model_publish *q = workload->model.publishes; p->key != 0 && q < p; q++)
        if (q->key == p->key && q->answer == MODEL_DONE && strcmp(q->id, p->id) == 0)
            return true;
    return false;
}

/* Of the messages from `first` on, with the states of those before them at the beginning of the list: how many
 * deliveries are pending; -1: not all could be read. */
static long states_read_since(struct http_client *c, size_t first, size_t states)
{
    size_t pending = 0;
    struct model *m = &workload->model;
    m->state_count = states;
    for (size_t i = first; i < m->publish_count; i++) {
        const struct model_publish *p = &m->publishes[i];
        if (p->answer != MODEL_DONE || was_read_before(p))
            continue;
        if (!states_read(c, p, &pending))
            return -1;
        sim_sleep(BETWEEN_US);
    }
    return (long)pending;
}

/* --- waiting ----------------------------------------------------------------------------------------------------- */

/* How long the slowest delivery may take from now on: its whole schedule and a breaker that has to open first, or the
 * place of a message behind all others at an endpoint. */
static int64_t quiet_max_us(void)
{
    const struct model *m = &workload->model;
    int64_t slowest_us = 0;
    for (int n = 1; n <= MODEL_ENDPOINTS; n++) {
        int64_t throttle = m->endpoints[n].throttle;
        int64_t each_us = throttle > 0 ? SIM_SECOND / throttle : 20 * SIM_MS;
        if (m->endpoints[n].tenant != 0 && each_us * (int64_t)m->publish_count > slowest_us)
            slowest_us = each_us * (int64_t)m->publish_count;
    }
    return 2 * (m->limits.retry_sum_us + m->limits.breaker_max_us + m->limits.timeout_us) +
           slowest_us + SIM_MINUTE;
}

static void read_configuration(struct http_client *c)
{
    for (int n = 1; n <= MODEL_ENDPOINTS; n++)
        if (workload->has_endpoint[n])
            workload_read(c, n);
    for (int t = 1; t <= workload->tenants; t++)
        workload_list(c, t, 100);
}

/* Until nothing from the message `first` on is pending, or for as long as that may take. */
static void wait_for_states(struct http_client *c, size_t first)
{
    size_t states = workload->model.state_count;
    int64_t until_us = sim_now_us() + quiet_max_us();
    int64_t round_us = ROUND_S * SIM_SECOND + workload->model.limits.retry_sum_us / ROUNDS;
    bool is_over;
    long pending;
    do {
        sim_sleep(round_us);
        is_over = workload_tasks_are_over(c);
        pending = states_read_since(c, first, states);
    } while ((pending != 0 || !is_over) && sim_now_us() < until_us);
    if (!is_over)
        sim_fail(SIM_NO_PROGRESS, 9, "background tasks still run long after all faults stopped");
    if (pending < 0)
        sim_fail(SIM_NO_PROGRESS, 9,
                 "the states of deliveries cannot be read long after all faults stopped");
}

/* --- memory ------------------------------------------------------------------------------------------------------ */

/* When connections that nobody uses are gone. */
static struct model_rest come_to_rest(struct http_client *c)
{
    http_client_hang_up(c);
    sim_sleep(IDLE_S * SIM_SECOND);
    struct sim_heap server = sim_heap(SIM_HEAP_SERVER), libraries = sim_heap(SIM_HEAP_LIBRARIES);
    return (struct model_rest){ .blocks = server.blocks + libraries.blocks,
                                .most_bytes = server.most_bytes + libraries.most_bytes +
                                              sim_heap(SIM_HEAP_SQLITE).most_bytes,
                                .segments = model_segments(&workload->model) };
}

/* Until all of them have arrived, and everything is at rest again. */
static struct model_rest publish_steadily(struct http_client *c, const struct plan_line *steady,
                                          int64_t from, int64_t to)
{
    char number[24];
    size_t first = workload->model.publish_count;
    struct plan_line line = { .word = PLAN_OP_PUBLISH,
                              .field_count = 2,
                              .fields = { { "n", number },
                                          { "tenant", plan_text(steady, "tenant", "1") } } };
    for (int64_t i = from; i < to; i++) {
        (void)snprintf(number, sizeof number, "%lld", (long long)(STEADY_FIRST + i));
        workload_operate(c, &line);
        sim_sleep(STEADY_US);
    }
    wait_for_states(c, first);
    return come_to_rest(c);
}

/* What a message takes it gives back. The first ones fill what is kept of the tenant and for the next attempts. */
static void measure_memory(struct http_client *c)
{
    struct model *m = &workload->model;
    const struct plan_line *steady = plan_find(&workload_plan, PLAN_STEADY);
    if (steady == NULL) {
        m->rest = m->rest_later = come_to_rest(c);
        return;
    }
    m->steady = (size_t)plan_int(steady, "messages", 0);
    m->rest = publish_steadily(c, steady, 0, STEADY_BEFORE);
    sim_heap_mark();
    m->rest_later = publish_steadily(c, steady, STEADY_BEFORE, STEADY_BEFORE + (int64_t)m->steady);
}

/* Of what failed where somebody had asked for all that failed to be sent again: whether it was cannot be seen at the
 * receiver alone, which attempts may not reach. */
static void read_attempts(struct http_client *c)
{
    struct model *m = &workload->model;
    char path[WORKLOAD_PATH];
    for (size_t i = 0; i < m->state_count; i++) {
        struct model_state *s = &m->states[i];
        const struct model_endpoint *e = &m->endpoints[s->endpoint];
        if (s->status != 2 || !e->was_replayed)
            continue;
        (void)snprintf(path, sizeof path,
                       "/api/v1/app/t%d/attempt/msg/%s?endpoint_id=e%d&limit=250", e->tenant,
                       s->message, s->endpoint);
        struct workload_answer a = workload_ask(c, e->tenant, "GET", path, "", "");
        s->attempts = a.answer == MODEL_DONE
                          ? (int64_t)json_array_size(json_object_get(a.json, "data"))
                          : INT64_MAX;
        workload_answer_free(&a);
        sim_sleep(BETWEEN_US);
    }
}

void workload_settle(struct http_client *c)
{
    struct model *m = &workload->model;
    m->state_count = 0;
    wait_for_states(c, 0);
    m->settled_us = sim_now_us();
    read_attempts(c);
    read_configuration(c);
    workload_read_runs(c);
    measure_memory(c);
    model_life_now(m)->fds_quiet = sim_server_fds();
}
