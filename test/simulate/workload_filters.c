/* SPDX-License-Identifier: Apache-2.0
 *
 * Webfilters: each tenant has one chain, whose filters are asked over HTTP. A processor's answer names the filter and the
 * question, so that a verdict shows whose answers it was made from.
 */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_NAME "Simulated.Question"

/* Secrets by number: those of the filters stand behind those of the endpoints. */
enum { SECRETS_FROM = 1000, NO_QUESTION = 990000, LATE_US = 5000, BETWEEN_US = 10000 };

static struct model *books(void)
{
    return &workload->model;
}

static const char *processor_address(int filter, char out[static 32])
{
    (void)snprintf(out, 32, "93.184.216.%d:%d", 100 + filter, WORKLOAD_PORT);
    return out;
}

/* --- setting up ------------------------------------------------------------------------------------------------ */

static const char *const mode_names[] = { "original", "chained", "parallel", "shadow" };
static const char *const keep_names[] = { "none", "headers", "all" };

static int name_find(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    sim_fail(SIM_BROKEN, 0, "the plan has '%s', which is not known", name);
}

static void filter_note(struct model_filter *f, const struct plan_line *l)
{
    int64_t halt = plan_int(l, "halt", 0);
    f->tenant = (int)plan_int(l, "tenant", 1);
    f->mode = (enum model_mode)name_find(mode_names, 4, plan_text(l, "mode", "original"));
    f->timeout_us = plan_us(l, "timeout", SIM_SECOND);
    f->is_closed = plan_int(l, "closed", 0) != 0;
    f->halts_on_4xx = (halt & 1) != 0;
    f->halts_on_5xx = (halt & 2) != 0;
    f->halts_on_exception = (halt & 4) != 0;
}

static const char *yes_or_no(bool is_so)
{
    return is_so ? "true" : "false";
}

/* With a key, so that what a kill left undecided is not made twice. */
static bool filter_make(struct http_client *c, int n, const struct plan_line *l)
{
    char body[700], path[WORKLOAD_PATH], key_line[60], address[32], secret[64];
    unsigned char key[WORKLOAD_SECRET_BYTES + 1];
    struct model_filter *f = &books()->filters[n];
    filter_note(f, l);
    (void)snprintf(path, sizeof path, "/api/v1/app/t%d/filter", f->tenant);
    (void)snprintf(key_line, sizeof key_line, "idempotency-key: filter-%d\r\n", n);
    (void)snprintf(
        body, sizeof body,
        "{\"event\":\"" EVENT_NAME "\",\"url\":\"http://%s/f%d\",\"order\":%d,\"mode\":\"%s\","
        "\"timeoutMs\":%lld,\"failClosed\":%s,\"haltOn4xx\":%s,\"haltOn5xx\":%s,"
        "\"haltOnRequestException\":%s,\"breakerFailures\":%lld,\"secret\":\"%s\"}",
        processor_address(n, address), n, n, mode_names[f->mode],
        (long long)(f->timeout_us / SIM_MS), yes_or_no(f->is_closed), yes_or_no(f->halts_on_4xx),
        yes_or_no(f->halts_on_5xx), yes_or_no(f->halts_on_exception),
        (long long)plan_int(l, "breaker", 0), workload_secret(SECRETS_FROM + n, secret, key));
    struct workload_answer a = workload_ask(c, f->tenant, "POST", path, key_line, body);
    bool is_made = a.answer == MODEL_DONE;
    workload_answer_free(&a);
    return is_made;
}

static bool chain_make(struct http_client *c, int tenant, const struct plan_line *l)
{
    char body[200], path[WORKLOAD_PATH];
    struct model_chain *chain = &books()->chains[tenant];
    chain->deadline_us = plan_us(l, "deadline", 9 * SIM_SECOND);
    chain->keep = (enum model_keep)name_find(keep_names, 3, plan_text(l, "keep", "headers"));
    (void)snprintf(path, sizeof path, "/api/v1/app/t%d/filter-chain/" EVENT_NAME, tenant);
    (void)snprintf(body, sizeof body,
                   "{\"deadlineMs\":%lld,\"keep\":\"%s\",\"redact\":[\"/user/password\"]}",
                   (long long)(chain->deadline_us / SIM_MS), keep_names[chain->keep]);
    struct workload_answer a = workload_ask(c, tenant, "PUT", path, "", body);
    bool is_made = a.answer == MODEL_DONE;
    workload_answer_free(&a);
    return is_made;
}

bool workload_set_up_filters(struct http_client *c)
{
    for (size_t i = 0; i < workload_plan.count; i++) {
        const struct plan_line *l = &workload_plan.lines[i];
        int64_t n = l->word == PLAN_FILTER ? plan_int(l, "n", 0) : 0;
        int64_t tenant = l->word == PLAN_CHAIN ? plan_int(l, "tenant", 1) : 0;
        if (n >= 1 && n <= MODEL_FILTERS && !workload->has_filter[n] &&
            !(workload->has_filter[n] = filter_make(c, (int)n, l)))
            return false;
        if (tenant >= 1 && tenant <= workload->tenants && !workload->has_chain[tenant] &&
            !(workload->has_chain[tenant] = chain_make(c, (int)tenant, l)))
            return false;
    }
    return true;
}

/* --- asking ----------------------------------------------------------------------------------------------------- */

/* The filters that a verdict names, in members such as "f3" or "X3"; what is not of this question is strange. */
static unsigned verdict_names(const json_t *object, char letter, int op, bool *has_strange)
{
    unsigned names = 0;
    size_t known = 0;
    for (int n = 1; n <= MODEL_FILTERS; n++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%c%d", letter, n);
        const json_t *value = json_object_get(object, name);
        if (value == NULL)
            continue;
        known++;
        const char *text = json_string_value(value);
        int64_t said = text != NULL ? atoi(text) : json_integer_value(value);
        if (said == op)
            names |= 1U << (unsigned)n;
    }
    known += json_object_get(object, "last") != NULL;
    size_t counted = (size_t)__builtin_popcount(names) + (json_object_get(object, "last") != NULL);
    *has_strange |= known != json_object_size(object) || counted != known;
    return names;
}

static void question_end(struct model_question *q, const struct workload_answer *a)
{
    struct check_broken broken;
    const json_t *data = json_object_get(a->json, "data");
    q->end_us = a->end_us;
    (void)snprintf(q->run, sizeof q->run, "%s", workload_text(a->json, "id"));
    q->data = verdict_names(data, 'f', q->op, &q->has_strange);
    q->last = (int)json_integer_value(json_object_get(data, "last"));
    q->exceptions =
        verdict_names(json_object_get(a->json, "exception"), 'X', q->op, &q->has_strange);
    q->is_halt = json_is_true(json_object_get(a->json, "halt"));
    q->status = (int)json_integer_value(json_object_get(a->json, "status"));
    q->answer = a->answer;
    workload_judge(a->answer != MODEL_DONE || check_verdict_time(books(), q, &broken), &broken);
}

void workload_question(struct http_client *c, const struct plan_line *l)
{
    char path[WORKLOAD_PATH], body[200], canary[MODEL_CANARY_BYTES];
    int tenant = (int)plan_int(l, "tenant", 1), op = (int)plan_int(l, "n", 0);
    if (tenant < 1 || tenant > workload->tenants || !workload->has_chain[tenant])
        return;
    struct model_question *q = model_question(
        books(), &(struct model_question){
                     .op = op, .tenant = tenant, .begin_us = sim_now_us(), .end_us = MODEL_NEVER });
    (void)snprintf(path, sizeof path, "/api/v1/app/t%d/filter-chain/" EVENT_NAME, tenant);
    (void)snprintf(body, sizeof body,
                   "{\"data\":{\"op\":%d,\"of\":\"%s\",\"user\":{\"password\":\"" MODEL_HIDDEN
                   "\"}}}",
                   op, model_canary(tenant, canary));
    struct workload_answer a = workload_ask(c, tenant, "POST", path, "", body);
    question_end(q, &a);
    workload_answer_free(&a);
}

/* --- processors --------------------------------------------------------------------------------------------------- */

static bool processor_does(enum plan_word word, int filter)
{
    return workload_line_that_hits(word, "filter", filter) != NULL;
}

/* The filters whose data is in the question. */
static unsigned filters_seen(const struct http_request *req)
{
    unsigned seen = 0;
    for (int n = 1; n <= MODEL_FILTERS; n++) {
        char name[16];
        (void)snprintf(name, sizeof name, "\"f%d\":", n);
        if (memmem(req->body, req->len, name, strlen(name)) != NULL)
            seen |= 1U << (unsigned)n;
    }
    return seen;
}

static void judge_request(int filter, const struct http_request *req)
{
    char id[MODEL_ID_BYTES] = "";
    struct check_broken broken;
    int tenant = books()->filters[filter].tenant;
    (void)http_header(req->head, "webhook-id", id, sizeof id);
    workload_judge(
        check_leak(books(), tenant, req->head, strlen(req->head), "a question's head", &broken),
        &broken);
    workload_judge(check_leak(books(), tenant, req->body, req->len, "a question", &broken),
                   &broken);
    workload_judge(
        workload_is_signed(SECRETS_FROM + filter, req, id) ||
            check_break(&broken, 3, "%s came to filter %d without a valid signature", id, filter),
        &broken);
}

static void make_data(int filter, int op, char *out, size_t size)
{
    (void)snprintf(out, size, "{\"data\":{\"f%d\":%d,\"last\":%d}}", filter, op, filter);
}

/* Less than was said, or more: then the rest is a whole answer to a question that was never put. */
static void reply_with_wrong_length(struct http_exchange *x, struct model_reply *r)
{
    char data[80], text[400];
    http_close_after(x);
    if (sim_once_in(SIM_RECEIVERS, 2)) {
        make_data(r->filter, r->op, data, sizeof data);
        http_reply_part(x, 200, "content-type: application/json\r\n", data, 90);
        return;
    }
    make_data(r->filter, NO_QUESTION, data, sizeof data);
    int len = snprintf(
        text, sizeof text,
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{\"datHTTP/1.1 200 OK\r\ncontent-length: %zu"
        "\r\n\r\n%s",
        strlen(data), data);
    r->said = MODEL_SAID_GARBAGE;
    r->status = 200;
    if (sim_send(http_socket(x), text, (size_t)len))
        r->end_us = sim_now_us();
    sim_sleep(SIM_MINUTE);
}

static void reply_in_part(struct http_exchange *x)
{
    if (sim_once_in(SIM_RECEIVERS, 2)) {
        http_reply_reset(x);
        return;
    }
    http_close_after(x);
    http_reply_part(x, 200, "content-type: application/json\r\n", "{\"data\":{}}", 30);
}

static void reply_whole(struct http_exchange *x, struct model_reply *r, const char *body)
{
    http_reply(x, r->status, "content-type: application/json\r\n", body);
    r->end_us = sim_now_us();
}

/* What a processor that answers at all says. */
static void reply_with_words(struct http_exchange *x, struct model_reply *r)
{
    static const char *const garbage[] = { ("{\"data\":{\"user\":{\"password\":\"" MODEL_HIDDEN),
                                           "[]", "\"stop\"", "\xff\xfe", "" };
    char body[120];
    const struct plan_line *status =
        workload_line_that_hits(PLAN_PROCESSOR_STATUS, "filter", r->filter);
    r->status = status != NULL ? (int)plan_int(status, "status", 500) : 200;
    if (status != NULL) {
        r->said = MODEL_SAID_STATUS;
        reply_whole(x, r, "{}");
    } else if (processor_does(PLAN_PROCESSOR_GARBAGE, r->filter)) {
        r->said = MODEL_SAID_GARBAGE;
        reply_whole(x, r, garbage[sim_dice(SIM_RECEIVERS, 5)]);
    } else if (processor_does(PLAN_PROCESSOR_STOP, r->filter)) {
        r->said = MODEL_SAID_STOP;
        (void)snprintf(body, sizeof body, "{\"exception\":{\"X%d\":\"%d\"}}", r->filter, r->op);
        reply_whole(x, r, body);
    } else {
        r->said = MODEL_SAID_DATA;
        make_data(r->filter, r->op, body, sizeof body);
        reply_whole(x, r, body);
    }
}

static void take_question(void *ctx, struct http_exchange *x, const struct http_request *req)
{
    int filter = (int)(intptr_t)ctx;
    judge_request(filter, req);
    struct model_reply *r = model_reply(
        books(), &(struct model_reply){ .filter = filter,
                                        .op = workload_number(req->body, req->len, "\"op\":"),
                                        .begin_us = sim_now_us(),
                                        .end_us = MODEL_NEVER,
                                        .saw = filters_seen(req) });
    const struct plan_line *slow = workload_line_that_hits(PLAN_PROCESSOR_SLOW, "filter", filter);
    sim_sleep((int64_t)sim_dice(SIM_RECEIVERS, LATE_US) +
              (slow != NULL ? plan_us(slow, "by", 0) : 0));
    if (processor_does(PLAN_PROCESSOR_SILENT, filter))
        sim_sleep(SIM_MINUTE);
    else if (processor_does(PLAN_PROCESSOR_CUT, filter))
        reply_in_part(x);
    else if (processor_does(PLAN_PROCESSOR_LIE, filter))
        reply_with_wrong_length(x, r);
    else
        reply_with_words(x, r);
}

void workload_start_processors(void)
{
    char address[32];
    for (int n = 1; n <= MODEL_FILTERS; n++)
        if (plan_numbered(&workload_plan, PLAN_FILTER, n) != NULL)
            (void)http_receiver_start(processor_address(n, address), take_question,
                                      (void *)(intptr_t)n);
}

/* --- what is kept ----------------------------------------------------------------------------------------------------- */

static void run_read(struct http_client *c, const struct model_question *q)
{
    char path[WORKLOAD_PATH];
    struct check_broken broken;
    (void)snprintf(path, sizeof path, "/api/v1/app/t%d/filter-run/%s", q->tenant, q->run);
    struct workload_answer a = workload_ask(c, q->tenant, "GET", path, "", "");
    char *text = a.json != NULL ? json_dumps(a.json, JSON_COMPACT) : NULL;
    workload_judge(
        (a.answer != MODEL_DONE && a.answer != MODEL_MISSING) ||
            check_run(books(), q, a.answer == MODEL_DONE, text != NULL ? text : "", &broken),
        &broken);
    free(text);
    workload_answer_free(&a);
}

void workload_read_runs(struct http_client *c)
{
    for (size_t i = 0; i < books()->question_count; i++) {
        if (books()->questions[i].answer != MODEL_DONE)
            continue;
        run_read(c, &books()->questions[i]);
        sim_sleep(BETWEEN_US);
    }
}

void workload_judge_line(const char *line, size_t len)
{
    static const char hidden[] = MODEL_HIDDEN;
    if (memmem(line, len, hidden, sizeof hidden - 1) != NULL)
        sim_fail(SIM_UNSAFE, 15, "the log has what is hidden: %.*s", (int)len, line);
}
