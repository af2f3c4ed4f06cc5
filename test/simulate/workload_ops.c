/* SPDX-License-Identifier: Apache-2.0
 *
 * What clients do: each operation of a plan is one function. See workload.h.
 */
#include "workload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TRIES_MAX = 6, BATCH_MAX = 32, LIST_MAX = 8000 };

static struct model *books(void)
{
    return &workload->model;
}

/* --- endpoints' paths and switches ---------------------------------------------------------------------------- */

static int endpoint_of(const struct plan_line *l)
{
    int n = (int)plan_int(l, "endpoint", 0);
    return n > 0 && n <= MODEL_ENDPOINTS && workload->has_endpoint[n] ? n : 0;
}

static void path_to_endpoint(int endpoint, const char *behind, char path[static WORKLOAD_PATH])
{
    (void)snprintf(path, WORKLOAD_PATH, "/api/v1/app/t%d/endpoint/e%d%s",
                   books()->endpoints[endpoint].tenant, endpoint, behind);
}

/* A call that turns an endpoint on or off counts from its begin; from its end only when it was answered well. */
static struct model_switch *switch_begin(int endpoint, bool is_on)
{
    return model_switch(
        books(), endpoint,
        &(struct model_switch){ .begin_us = sim_now_us(), .end_us = MODEL_NEVER, .is_on = is_on });
}

static void switch_end(struct model_switch *s, const struct workload_answer *a)
{
    if (a->answer == MODEL_DONE)
        s->end_us = a->end_us;
}

/* --- setting up ------------------------------------------------------------------------------------------------ */

static bool tenant_make(struct http_client *c, int tenant)
{
    char canary[MODEL_CANARY_BYTES], body[160], path[WORKLOAD_PATH];
    (void)snprintf(body, sizeof body, "{\"name\":\"%s\",\"uid\":\"t%d\"}",
                   model_canary(tenant, canary), tenant);
    struct workload_answer a =
        workload_ask(c, tenant, "POST", "/api/v1/app?get_if_exists=true", "", body);
    bool is_made = a.answer == MODEL_DONE;
    workload_answer_free(&a);
    if (!is_made)
        return false;
    (void)snprintf(path, sizeof path, "/api/v1/auth/app-portal-access/t%d", tenant);
    a = workload_ask(c, tenant, "POST", path, "", "{}");
    (void)snprintf(workload->tokens[tenant], WORKLOAD_TOKEN, "%s", workload_text(a.json, "token"));
    is_made = a.answer == MODEL_DONE;
    workload_answer_free(&a);
    return is_made;
}

const char *workload_exchange(int exchange, char out[static 16])
{
    out[0] = '\0';
    if (exchange != 0)
        (void)snprintf(out, 16, "x%d", exchange);
    return out;
}

/* Where the endpoint's messages go, as members of its JSON. */
static void put_destination(FILE *out, int n, const struct model_endpoint *e, bool is_declared)
{
    char address[32], secret[64], exchange[16];
    unsigned char key[WORKLOAD_SECRET_BYTES + 1];
    if (e->broker == 0) {
        (void)fprintf(out, "\"url\":\"http://%s/e%d\",\"secret\":\"%s\"",
                      workload_address(n, address), n, workload_secret(n, secret, key));
        return;
    }
    (void)fprintf(out,
                  "\"url\":\"amqp://user-%d:secret@%s/\",\"amqp\":{\"exchange\":\"%s\","
                  "\"routingKey\":\"{app.uid}.e%d\",\"mandatory\":%s,\"declare\":%s}",
                  e->tenant, workload_broker_address(e->broker, address),
                  workload_exchange(e->exchange, exchange), n, e->is_mandatory ? "true" : "false",
                  is_declared ? "true" : "false");
}

static void endpoint_note(struct model_endpoint *e, const struct plan_line *l)
{
    e->tenant = (int)plan_int(l, "tenant", 1);
    e->is_ordered = plan_int(l, "ordered", 0) != 0;
    e->throttle = plan_int(l, "throttle", 0);
    e->broker = (int)plan_int(l, "broker", 0);
    e->exchange = (int)plan_int(l, "exchange", 0);
    e->is_mandatory = plan_int(l, "mandatory", 0) != 0;
    if (e->broker < 0 || e->broker > WORKLOAD_BROKERS)
        sim_fail(SIM_BROKEN, 0, "the plan has a broker %d; there are %d", e->broker,
                 WORKLOAD_BROKERS);
}

static char *endpoint_body(const struct plan_line *l, int n, const struct model_endpoint *e)
{
    char *body = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&body, &len);
    if (out == NULL)
        sim_fail(SIM_BROKEN, 0, "no memory");
    (void)fprintf(out, "{\"uid\":\"e%d\",", n);
    put_destination(out, n, e, plan_int(l, "declare", 0) != 0);
    (void)fprintf(out, ",\"description\":\"d0\",\"ordered\":%s", e->is_ordered ? "true" : "false");
    if (e->throttle > 0)
        (void)fprintf(out, ",\"throttleRate\":%lld", (long long)e->throttle);
    (void)fputs("}", out);
    (void)fclose(out);
    return body;
}

/* A repetition of a creation that took effect is answered 409: the uid exists. */
static bool endpoint_make(struct http_client *c, const struct plan_line *l)
{
    char path[WORKLOAD_PATH];
    int n = (int)plan_int(l, "n", 0);
    struct model_endpoint *e = &books()->endpoints[n];
    endpoint_note(e, l);
    (void)snprintf(path, sizeof path, "/api/v1/app/t%d/endpoint", e->tenant);
    char *body = endpoint_body(l, n, e);
    struct model_switch *on = e->switch_count > 0 ? &e->switches[0] : switch_begin(n, true);
    struct workload_answer a = workload_ask(c, e->tenant, "POST", path, "", body);
    bool is_made = a.answer == MODEL_DONE || a.answer == MODEL_CONFLICT;
    free(body);
    if (is_made)
        on->end_us = a.end_us;
    workload_answer_free(&a);
    return is_made;
}

static bool endpoint_find(struct http_client *c, int n)
{
    char path[WORKLOAD_PATH];
    path_to_endpoint(n, "", path);
    struct workload_answer a = workload_ask(c, books()->endpoints[n].tenant, "GET", path, "", "");
    (void)snprintf(books()->endpoints[n].id, MODEL_ID_BYTES, "%s", workload_text(a.json, "id"));
    bool is_found = a.answer == MODEL_DONE;
    workload_answer_free(&a);
    return is_found;
}

bool workload_set_up(struct http_client *c)
{
    for (int t = 1; t <= workload->tenants; t++)
        if (!workload->has_tenant[t] && !(workload->has_tenant[t] = tenant_make(c, t)))
            return false;
    for (size_t i = 0; i < workload_plan.count; i++) {
        const struct plan_line *l = &workload_plan.lines[i];
        int64_t n = l->word == PLAN_ENDPOINT ? plan_int(l, "n", 0) : 0;
        if (n < 1 || n > MODEL_ENDPOINTS || workload->has_endpoint[n])
            continue;
        if (!endpoint_make(c, l) || !endpoint_find(c, (int)n))
            return false;
        workload->has_endpoint[n] = true;
    }
    return workload_set_up_filters(c);
}

/* --- publishing ------------------------------------------------------------------------------------------------ */

char *workload_payload(const struct plan_line *line, int item, bool is_other)
{
    char canary[MODEL_CANARY_BYTES], *payload = NULL;
    int bytes = (int)plan_int(line, "bytes", 10);
    if (asprintf(&payload, "{\"op\":%lld,\"item\":%d,\"of\":\"%s\",\"fill\":\"%0*d\"%s}",
                 (long long)plan_int(line, "n", 0), item,
                 model_canary((int)plan_int(line, "tenant", 1), canary), bytes, 0,
                 is_other ? ",\"other\":true" : "") < 0)
        sim_fail(SIM_BROKEN, 0, "no memory");
    return payload;
}

/* What is known of one message of the call before it is answered. */
static struct model_publish *publish_begin(const struct plan_line *l, int item, const char *payload)
{
    struct model_publish p = { .op = (int)plan_int(l, "n", 0),
                               .item = item,
                               .tenant = (int)plan_int(l, "tenant", 1),
                               .key = l->word == PLAN_OP_PUBLISH ? plan_int(l, "key", 0) : 0,
                               .hash = model_hash(payload, strlen(payload)),
                               .begin_us = sim_now_us(),
                               .end_us = MODEL_NEVER };
    books()->published_bytes += strlen(payload);
    return model_publish(books(), &p);
}

static void publish_end(struct model_publish *p, const struct workload_answer *a,
                        const json_t *message)
{
    p->is_replay = a->is_replay;
    (void)snprintf(p->id, sizeof p->id, "%s", workload_text(message, "id"));
    p->end_us = a->end_us;
    p->answer = a->answer == MODEL_DONE && p->id[0] == 0 ? MODEL_REFUSED : a->answer;
}

static enum model_answer publish_once(struct http_client *c, const struct plan_line *l,
                                      bool is_other)
{
    char path[WORKLOAD_PATH], headers[80] = "", *body = NULL,
                              *payload = workload_payload(l, 0, is_other);
    int64_t key = plan_int(l, "key", 0), tenant = plan_int(l, "tenant", 1);
    (void)snprintf(path, sizeof path, "/api/v1/app/t%lld/msg", (long long)tenant);
    if (key != 0)
        (void)snprintf(headers, sizeof headers, "idempotency-key: key-%lld-%lld\r\n",
                       (long long)tenant, (long long)key);
    if (asprintf(&body, "{\"eventType\":\"simulated.event\",\"payload\":%s}", payload) < 0)
        sim_fail(SIM_BROKEN, 0, "no memory");
    struct model_publish *p = publish_begin(l, 0, payload);
    struct workload_answer a = workload_ask(c, (int)tenant, "POST", path, headers, body);
    publish_end(p, &a, a.json);
    workload_answer_free(&a);
    free(body);
    free(payload);
    return p->answer;
}

/* With a key a client tries again until it has an answer. */
static void publish_with_patience(struct http_client *c, const struct plan_line *l, bool is_other)
{
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        enum model_answer answer = publish_once(c, l, is_other);
        if (answer == MODEL_DONE || answer == MODEL_CONFLICT || plan_int(l, "key", 0) == 0)
            return;
        sim_sleep(300 * SIM_MS << tries);
    }
}

static void publish_batch(struct http_client *c, const struct plan_line *l)
{
    struct model_publish *items[BATCH_MAX];
    char path[WORKLOAD_PATH], *body = NULL;
    size_t len = 0, count = (size_t)plan_int(l, "count", 1);
    int tenant = (int)plan_int(l, "tenant", 1);
    FILE *out = open_memstream(&body, &len);
    count = count < BATCH_MAX ? count : BATCH_MAX;
    if (out == NULL)
        sim_fail(SIM_BROKEN, 0, "no memory");
    (void)fputs("{\"messages\":[", out);
    for (size_t i = 0; i < count; i++) {
        char *payload = workload_payload(l, (int)i, false);
        items[i] = publish_begin(l, (int)i, payload);
        (void)fprintf(out, "%s{\"eventType\":\"simulated.event\",\"payload\":%s}", i > 0 ? "," : "",
                      payload);
        free(payload);
    }
    (void)fputs("]}", out);
    (void)fclose(out);
    (void)snprintf(path, sizeof path, "/api/v1/app/t%d/msg/batch", tenant);
    struct workload_answer a = workload_ask(c, tenant, "POST", path, "", body);
    const json_t *results = json_object_get(a.json, "results");
    for (size_t i = 0; i < count; i++)
        publish_end(items[i], &a, json_object_get(json_array_get(results, i), "message"));
    workload_answer_free(&a);
    free(body);
}

/* The line that another refers to, if it publishes one message. */
static const struct plan_line *line_meant(const struct plan_line *l)
{
    return plan_numbered(&workload_plan, PLAN_OP_PUBLISH, plan_int(l, "op", 0));
}

/* The first accepted message of a publishing line. */
static const struct model_publish *message_meant(const struct plan_line *l)
{
    for (size_t i = 0; i < books()->publish_count; i++)
        if (books()->publishes[i].op == plan_int(l, "op", 0) &&
            books()->publishes[i].answer == MODEL_DONE)
            return &books()->publishes[i];
    return NULL;
}

static void publish_again(struct http_client *c, const struct plan_line *l, bool is_other)
{
    const struct plan_line *meant = line_meant(l);
    if (meant != NULL && plan_int(meant, "key", 0) != 0 && meant->at_us <= sim_now_us())
        publish_with_patience(c, meant, is_other);
}

/* --- sending again ---------------------------------------------------------------------------------------------- */

static void message_resend(struct http_client *c, const struct plan_line *l)
{
    char path[WORKLOAD_PATH];
    const struct model_publish *p = message_meant(l);
    int endpoint = endpoint_of(l);
    if (p == NULL || endpoint == 0 || books()->endpoints[endpoint].tenant != p->tenant)
        return;
    books()->endpoints[endpoint].was_replayed = true;
    (void)snprintf(path, sizeof path, "/api/v1/app/t%d/msg/%s/endpoint/e%d/resend", p->tenant,
                   p->id, endpoint);
    struct workload_answer a = workload_ask(c, p->tenant, "POST", path, "", "");
    workload_answer_free(&a);
}

/* All that failed, by a recovery or by a bulk replay of what has that status. */
static void endpoint_recover(struct http_client *c, const struct plan_line *l)
{
    enum { FAILED = 2 };
    char path[WORKLOAD_PATH], body[100];
    int endpoint = endpoint_of(l);
    int64_t span_us = plan_us(l, "since", SIM_MINUTE);
    time_t since = (time_t)((sim_wall_us() - span_us) / SIM_SECOND);
    struct tm utc;
    if (endpoint == 0 || gmtime_r(&since, &utc) == NULL)
        return;
    struct model_recovery recovery = { .endpoint = endpoint,
                                       .since_us = sim_now_us() - span_us + SIM_SECOND,
                                       .begin_us = sim_now_us(),
                                       .end_us = MODEL_NEVER };
    struct model_recovery *r = model_recovery(books(), &recovery);
    bool is_replay = l->word == PLAN_OP_REPLAY;
    size_t used = strftime(body, sizeof body, "{\"since\":\"%Y-%m-%dT%H:%M:%SZ\"", &utc);
    (void)snprintf(body + used, sizeof body - used, is_replay ? ",\"status\":%d}" : "}", FAILED);
    books()->endpoints[endpoint].was_replayed = true;
    path_to_endpoint(endpoint, is_replay ? "/bulk-replay" : "/recover", path);
    struct workload_answer a =
        workload_ask(c, books()->endpoints[endpoint].tenant, "POST", path, "", body);
    if (a.answer == MODEL_DONE)
        r->end_us = a.end_us;
    workload_answer_free(&a);
}

bool workload_tasks_are_over(struct http_client *c)
{
    struct workload_answer a =
        workload_ask(c, 0, "GET", "/api/v1/background-task?status=running", "", "");
    bool are_over = a.answer == MODEL_DONE && json_array_size(json_object_get(a.json, "data")) == 0;
    workload_answer_free(&a);
    return are_over;
}

/* --- erasing ---------------------------------------------------------------------------------------------------- */

static void message_expunge(struct http_client *c, const struct plan_line *l)
{
    char path[WORKLOAD_PATH];
    const struct model_publish *p = message_meant(l);
    struct model_erasure erasure = { .begin_us = sim_now_us(), .end_us = MODEL_NEVER };
    if (p == NULL)
        return;
    memcpy(erasure.id, p->id, sizeof erasure.id);
    struct model_erasure *e = model_erasure(books(), &erasure);
    (void)snprintf(path, sizeof path, "/api/v1/app/t%d/msg/%s/content", p->tenant, p->id);
    struct workload_answer a = workload_ask(c, p->tenant, "DELETE", path, "", "");
    if (a.answer == MODEL_DONE)
        e->end_us = a.end_us;
    workload_answer_free(&a);
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

/* One page; false: it could not be read, or was the last one. */
static bool list_page(struct http_client *c, int tenant, int64_t limit, char *iterator, size_t size,
                      char (*ids)[MODEL_ID_BYTES], size_t *count, bool *is_whole)
{
    char path[WORKLOAD_PATH];
    (void)snprintf(path, sizeof path, "/api/v1/app/t%d/msg?limit=%lld%s%s", tenant,
                   (long long)limit, iterator[0] != 0 ? "&iterator=" : "", iterator);
    struct workload_answer a = workload_ask(c, tenant, "GET", path, "", "");
    const json_t *data = json_object_get(a.json, "data");
    for (size_t i = 0; i < json_array_size(data) && *count < LIST_MAX; i++)
        (void)snprintf(ids[(*count)++], MODEL_ID_BYTES, "%s",
                       workload_text(json_array_get(data, i), "id"));
    *is_whole = a.answer == MODEL_DONE && json_is_true(json_object_get(a.json, "done"));
    (void)snprintf(iterator, size, "%s", workload_text(a.json, "iterator"));
    bool goes_on = a.answer == MODEL_DONE && !*is_whole && *count < LIST_MAX;
    workload_answer_free(&a);
    return goes_on;
}

void workload_list(struct http_client *c, int tenant, int64_t limit)
{
    struct check_broken broken;
    char iterator[100] = "";
    size_t count = 0;
    bool is_whole = false;
    int64_t begin_us = sim_now_us();
    char(*ids)[MODEL_ID_BYTES] = calloc(LIST_MAX, sizeof *ids);
    if (ids == NULL || !workload->has_tenant[tenant]) {
        free(ids);
        return;
    }
    while (list_page(c, tenant, limit, iterator, sizeof iterator, ids, &count, &is_whole))
        ;
    if (is_whole)
        workload_judge(check_list(books(), tenant, begin_us, sim_now_us(),
                                  (const char(*)[MODEL_ID_BYTES])ids, count, &broken),
                       &broken);
    free(ids);
}

static void message_get(struct http_client *c, const struct plan_line *l)
{
    char path[WORKLOAD_PATH];
    struct check_broken broken;
    const struct model_publish *p = message_meant(l);
    if (p == NULL)
        return;
    (void)snprintf(path, sizeof path, "/api/v1/app/t%d/msg/%s", p->tenant, p->id);
    struct workload_answer a = workload_ask(c, p->tenant, "GET", path, "", "");
    bool is_known = (a.answer != MODEL_MISSING || model_may_be_gone(books(), p, a.end_us)) &&
                    (a.answer != MODEL_DONE || strcmp(workload_text(a.json, "id"), p->id) == 0);
    workload_judge(
        is_known || check_break(&broken, 7, "%s was accepted, and GET answers %d", p->id, a.status),
        &broken);
    workload_answer_free(&a);
}

/* With the token of one tenant for what belongs to another. */
static void message_get_foreign(const struct plan_line *l)
{
    char path[WORKLOAD_PATH];
    struct check_broken broken;
    const struct model_publish *p = message_meant(l);
    int tenant = (int)plan_int(l, "tenant", 1);
    if (p == NULL || p->tenant == tenant || workload->tokens[tenant][0] == 0)
        return;
    struct http_client *own = workload_client(workload->tokens[tenant]);
    for (int under = 0; under < 2; under++) { /* under the other's path, and under its own */
        (void)snprintf(path, sizeof path, "/api/v1/app/t%d/msg/%s", under == 0 ? p->tenant : tenant,
                       p->id);
        struct workload_answer a = workload_ask(own, tenant, "GET", path, "", "");
        workload_judge(a.answer != MODEL_DONE ||
                           check_break(&broken, 6, "tenant %d reads %s of tenant %d", tenant, p->id,
                                       p->tenant),
                       &broken);
        workload_answer_free(&a);
    }
    http_client_free(own);
}

/* --- configuration ------------------------------------------------------------------------------------------------ */

static struct model_call *call_begin(int endpoint, enum model_act act, int text)
{
    struct model_call call = { .endpoint = endpoint,
                               .act = act,
                               .text = text,
                               .begin_us = sim_now_us(),
                               .end_us = MODEL_NEVER };
    return model_call(books(), &call);
}

static void call_end(struct model_call *call, const struct workload_answer *a)
{
    call->answer = a->answer;
    if (a->answer != MODEL_UNANSWERED)
        call->end_us = a->end_us;
}

void workload_read(struct http_client *c, int endpoint)
{
    char path[WORKLOAD_PATH];
    path_to_endpoint(endpoint, "", path);
    struct model_call *call = call_begin(endpoint, MODEL_READ, 0);
    struct workload_answer a =
        workload_ask(c, books()->endpoints[endpoint].tenant, "GET", path, "", "");
    call->text = atoi(workload_text(a.json, "description") + (a.answer == MODEL_DONE));
    call->is_disabled = json_is_true(json_object_get(a.json, "disabled"));
    call_end(call, &a);
    workload_answer_free(&a);
}

/* PATCH or DELETE of an endpoint. */
static void endpoint_change(struct http_client *c, int endpoint, enum model_act act, int text,
                            const char *method, const char *body)
{
    char path[WORKLOAD_PATH];
    path_to_endpoint(endpoint, "", path);
    struct model_switch *s =
        act == MODEL_DESCRIBE ? NULL : switch_begin(endpoint, act == MODEL_ENABLE);
    struct model_call *call = call_begin(endpoint, act, text);
    books()->endpoints[endpoint].is_deleted |= act == MODEL_DELETE;
    struct workload_answer a =
        workload_ask(c, books()->endpoints[endpoint].tenant, method, path, "", body);
    call_end(call, &a);
    if (s != NULL)
        switch_end(s, &a);
    workload_answer_free(&a);
}

static void endpoint_describe(struct http_client *c, int endpoint, const struct plan_line *l)
{
    char body[64];
    int text = atoi(plan_text(l, "text", "d0") + 1);
    (void)snprintf(body, sizeof body, "{\"description\":\"d%d\"}", text);
    endpoint_change(c, endpoint, MODEL_DESCRIBE, text, "PATCH", body);
}

static void endpoint_operate(struct http_client *c, const struct plan_line *l)
{
    int endpoint = endpoint_of(l);
    if (endpoint == 0)
        return;
    if (l->word == PLAN_OP_DESCRIBE)
        endpoint_describe(c, endpoint, l);
    else if (l->word == PLAN_OP_READ)
        workload_read(c, endpoint);
    else if (l->word == PLAN_OP_DELETE)
        endpoint_change(c, endpoint, MODEL_DELETE, 0, "DELETE", "");
    else if (l->word == PLAN_OP_DISABLE)
        endpoint_change(c, endpoint, MODEL_DISABLE, 0, "PATCH", "{\"disabled\":true}");
    else
        endpoint_change(c, endpoint, MODEL_ENABLE, 0, "PATCH", "{\"disabled\":false}");
}

void workload_operate(struct http_client *c, const struct plan_line *line)
{
    if (line->word == PLAN_OP_PUBLISH)
        publish_with_patience(c, line, false);
    else if (line->word == PLAN_OP_BATCH)
        publish_batch(c, line);
    else if (line->word == PLAN_OP_REPEAT || line->word == PLAN_OP_OTHER_BODY)
        publish_again(c, line, line->word == PLAN_OP_OTHER_BODY);
    else if (line->word == PLAN_OP_RESEND)
        message_resend(c, line);
    else if (line->word == PLAN_OP_RECOVER || line->word == PLAN_OP_REPLAY)
        endpoint_recover(c, line);
    else if (line->word == PLAN_OP_EXPUNGE)
        message_expunge(c, line);
    else if (line->word == PLAN_OP_LIST)
        workload_list(c, (int)plan_int(line, "tenant", 1), plan_int(line, "limit", 50));
    else if (line->word == PLAN_OP_GET)
        message_get(c, line);
    else if (line->word == PLAN_OP_FOREIGN)
        message_get_foreign(line);
    else if (line->word == PLAN_OP_ASK)
        workload_question(c, line);
    else if (line->word == PLAN_OP_ENTER)
        workload_enter(line);
    else
        endpoint_operate(c, line);
}
