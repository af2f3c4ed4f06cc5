/* SPDX-License-Identifier: Apache-2.0
 *
 * The receivers: one for each endpoint, which checks what it gets, writes it down, and answers as the plan says.
 */
#include "workload.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *workload_address(int endpoint, char out[static 32])
{
    (void)snprintf(out, 32, "93.184.216.%d:%d", endpoint, WORKLOAD_PORT);
    return out;
}

const char *workload_secret(int endpoint, char text[static 64],
                            unsigned char key[static WORKLOAD_SECRET_BYTES + 1])
{
    (void)snprintf((char *)key, WORKLOAD_SECRET_BYTES + 1, "secret-of-endpoint-%05d", endpoint);
    memcpy(text, "whsec_", 6);
    (void)EVP_EncodeBlock((unsigned char *)text + 6, key, WORKLOAD_SECRET_BYTES);
    return text;
}

/* --- looking ------------------------------------------------------------------------------------------------- */

int workload_number(const char *body, size_t len, const char *before)
{
    const char *at = memmem(body, len, before, strlen(before));
    return at != NULL ? atoi(at + strlen(before)) : 0;
}

/* webhook-signature: v1,<base64 of HMAC-SHA256 over id.timestamp.body> */
bool workload_is_signed(int number, const struct http_request *req, const char *id)
{
    char secret[64], timestamp[32], signatures[256], wanted[64] = "v1,";
    unsigned char key[WORKLOAD_SECRET_BYTES + 1], mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    if (!http_header(req->head, "webhook-timestamp", timestamp, sizeof timestamp) ||
        !http_header(req->head, "webhook-signature", signatures, sizeof signatures))
        return false;
    char *content = malloc(req->len + 128);
    if (content == NULL)
        sim_fail(SIM_BROKEN, 0, "no memory");
    size_t len = (size_t)snprintf(content, 128, "%s.%s.", id, timestamp);
    memcpy(content + len, req->body, req->len);
    (void)workload_secret(number, secret, key);
    (void)HMAC(EVP_sha256(), key, WORKLOAD_SECRET_BYTES, (unsigned char *)content, len + req->len,
               mac, &mac_len);
    free(content);
    (void)EVP_EncodeBlock((unsigned char *)wanted + 3, mac, (int)mac_len);
    return strstr(signatures, wanted) != NULL;
}

struct model_attempt *workload_note_attempt(int endpoint, const char *id, const char *body,
                                            size_t len)
{
    struct model_attempt a = { .endpoint = endpoint,
                               .life = sim_life(),
                               .begin_us = sim_now_us(),
                               .end_us = MODEL_NEVER,
                               .op = workload_number(body, len, "\"op\":"),
                               .item = workload_number(body, len, "\"item\":"),
                               .tenant = workload_number(body, len, "canary-of-tenant-"),
                               .hash = model_hash(body, len) };
    (void)snprintf(a.id, sizeof a.id, "%s", id);
    return model_attempt(&workload->model, &a);
}

static struct model_attempt *request_note(int endpoint, const struct http_request *req)
{
    char id[MODEL_ID_BYTES] = "";
    (void)http_header(req->head, "webhook-id", id, sizeof id);
    struct model_attempt *a = workload_note_attempt(endpoint, id, req->body, req->len);
    a->is_signed = workload_is_signed(endpoint, req, id);
    return a;
}

/* --- answering ------------------------------------------------------------------------------------------------ */

const struct plan_line *workload_line_that_hits(enum plan_word word, const char *field, int number)
{
    const struct plan_line *end = workload_plan.lines + workload_plan.count;
    if (workload->model.quiet_us != 0)
        return NULL;
    for (const struct plan_line *l = workload_plan.lines; l < end && l->at_us <= sim_now_us();
         l++) {
        if (l->word != word || plan_int(l, field, 0) != number ||
            l->at_us + plan_us(l, "for", 0) <= sim_now_us())
            continue;
        if ((double)sim_dice(SIM_RECEIVERS, 1000000) < plan_real(l, "rate", 1) * 1e6)
            return l;
    }
    return NULL;
}

static const struct plan_line *line_that_hits(enum plan_word word, int endpoint)
{
    return workload_line_that_hits(word, "endpoint", endpoint);
}

/* 410 disables the endpoint, some time from now on. */
static void note_gone(int endpoint)
{
    struct model_switch off = { .begin_us = sim_now_us(), .end_us = MODEL_NEVER };
    struct model_call call = {
        .endpoint = endpoint, .act = MODEL_DISABLE, .begin_us = sim_now_us(), .end_us = MODEL_NEVER
    };
    (void)model_switch(&workload->model, endpoint, &off);
    (void)model_call(&workload->model, &call);
}

static void request_answer(int endpoint, struct http_exchange *x, struct model_attempt *a)
{
    char headers[48] = "";
    const struct plan_line *slow = line_that_hits(PLAN_RECEIVER_SLOW, endpoint);
    sim_sleep((int64_t)sim_dice(SIM_RECEIVERS, 5000) + (slow != NULL ? plan_us(slow, "by", 0) : 0));
    if (line_that_hits(PLAN_RECEIVER_RESET, endpoint) != NULL) {
        a->end_us = sim_now_us();
        http_reply_reset(x);
        return;
    }
    if (line_that_hits(PLAN_RECEIVER_HANG, endpoint) != NULL) {
        sim_sleep(SIM_MINUTE);
        return;
    }
    const struct plan_line *status = line_that_hits(PLAN_RECEIVER_STATUS, endpoint);
    a->status = status != NULL ? (int)plan_int(status, "status", 500) : 200;
    a->retry_after_us = status != NULL ? plan_us(status, "retry_after", 0) : 0;
    if (a->retry_after_us > 0)
        (void)snprintf(headers, sizeof headers, "retry-after: %lld\r\n",
                       (long long)(a->retry_after_us / SIM_SECOND));
    a->end_us = sim_now_us();
    if (a->status == 410)
        note_gone(endpoint);
    http_reply(x, a->status, headers, "ok");
}

static void receive_request(void *ctx, struct http_exchange *x, const struct http_request *req)
{
    struct check_broken broken;
    int endpoint = (int)(intptr_t)ctx, tenant = workload->model.endpoints[endpoint].tenant;
    workload_judge(check_leak(&workload->model, tenant, req->head, strlen(req->head),
                              "a delivery's head", &broken),
                   &broken);
    workload_judge(check_leak(&workload->model, tenant, req->body, req->len, "a delivery", &broken),
                   &broken);
    request_answer(endpoint, x, request_note(endpoint, req));
}

void workload_start_receivers(void)
{
    char address[32];
    for (int n = 1; n <= MODEL_ENDPOINTS; n++) {
        const struct plan_line *l = plan_numbered(&workload_plan, PLAN_ENDPOINT, n);
        if (l != NULL && plan_int(l, "broker", 0) == 0)
            (void)http_receiver_start(workload_address(n, address), receive_request,
                                      (void *)(intptr_t)n);
    }
}
