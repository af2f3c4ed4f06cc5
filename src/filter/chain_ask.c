/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking one filter: what is sent, how long it may take, and what came of it.
 */
#include "filter/chain_priv.h"

#include "metrics/metrics.h"
#include "json/form.h"

#include <inttypes.h>
#include <stdio.h>

enum { HEAD_MAX = 16 * 1024, BODY_MAX = 64 * 1024 * 1024, US_PER_S = 1000000 };

void filter_part_init(struct filter_part *part, struct filter_run *run,
                      const struct filter_spec *spec)
{
    part->run = run;
    part->spec = spec;
    part->error = "";
    buf_init(&part->head, HEAD_MAX);
    buf_init(&part->body, BODY_MAX);
    fetch_call_init(&part->call);
}

void filter_part_fini(struct filter_part *part)
{
    json_decref(part->input);
    if (part->head.ptr != NULL)
        mem_wipe(part->head.ptr, part->head.len);
    if (part->body.ptr != NULL)
        mem_wipe(part->body.ptr, part->body.len);
    buf_fini(&part->head);
    buf_fini(&part->body);
    fetch_call_fini(&part->call);
}

/* --- what is sent ------------------------------------------------------------------------------------------ */

static enum rc build_body(struct filter_part *part)
{
    json_t *all = filter_rules_overlay(part->input, NULL);
    json_object_set(all, "event_metadata", part->run->metadata);
    enum rc rc =
        part->spec->is_form ? json_form_write(all, &part->body) : json_write(all, &part->body);
    json_decref(all);
    return rc;
}

static enum rc build_head(struct filter_part *part)
{
    const struct filter_run *run = part->run;
    struct buf *out = &part->head;
    int64_t now_s = clock_wall_us(run->engine->o.clock) / US_PER_S;
    struct sign_message message = { str_from(run->id_text), now_s, buf_str(&part->body) };
    enum rc rc = buf_addf(out,
                          "content-type: application/%s\r\naccept: text/plain, */*;q=0.9\r\n"
                          "user-agent: %s\r\nwebhook-id: %s\r\nwebhook-timestamp: %" PRId64
                          "\r\nwebhook-signature: ",
                          part->spec->is_form ? "x-www-form-urlencoded" : "json",
                          run->engine->o.user_agent, run->id_text, now_s);
    if (rc == RC_OK)
        rc = sign_header(part->spec->keyring, &message, out);
    return rc == RC_OK ? buf_add(out, "\r\n", 2) : rc;
}

/* --- what came --------------------------------------------------------------------------------------------- */

static void fail(struct filter_part *part, const char *error, struct str words)
{
    part->error = error;
    part->answer = (struct filter_answer){ .failure = words };
    part->state = FILTER_PART_DONE;
}

static void read_answer(struct filter_part *part, const struct fetch_call *c)
{
    if (c->error != FETCH_OK) {
        struct str words = str_from(c->detail[0] != '\0' ? c->detail : fetch_error_name(c->error));
        fail(part, fetch_error_name(c->error), words);
    } else if (c->response_cut) {
        fail(part, "cut", str_from(c->detail[0] != '\0' ? c->detail : "the answer was cut short"));
    } else {
        part->answer = (struct filter_answer){ true, c->status, c->response, STR_NONE };
        part->state = FILTER_PART_DONE;
    }
}

static void learn(struct filter_part *part)
{
    struct filter_memory *memory = part->run->engine->memory;
    const struct filter_spec *spec = part->spec;
    int64_t now_us = loop_now_us(part->run->_runner->loop);
    bool answered = part->answer.came && part->answer.status < 500;
    if (part->call.error == FETCH_CANCELED) {
        if (part->was_probe)
            filter_health_forget_probe(memory, spec, now_us);
        return;
    }
    filter_health_note(memory, spec, !answered, now_us);
    if (spec->cache_us > 0 && part->answer.came && part->answer.status >= 200 &&
        part->answer.status < 300)
        filter_cache_put(memory, part->cache_key, part->answer.status, part->answer.body,
                         now_us + spec->cache_us);
}

static void on_done(struct fetch_call *c)
{
    struct filter_part *part = CONTAINER_OF(c, struct filter_part, call);
    part->took_us = c->took_us;
    read_answer(part, c);
    if (!part->answer.came)
        metrics_add(METRIC_FILTER_CALLS_FAILED, 1);
    if (!part->run->is_trial)
        learn(part);
    part->done(part);
}

/* --- asking ------------------------------------------------------------------------------------------------ */

/* The answer of an earlier request about the same data, while it is good. */
static bool is_remembered(struct filter_part *part, int64_t now_us)
{
    struct filter_run *run = part->run;
    int status = 0;
    struct str body = STR_NONE;
    if (part->spec->cache_us == 0)
        return false;
    filter_cache_key(part->spec, part->input, part->cache_key);
    part->was_cached = filter_cache_find(run->engine->memory, part->cache_key, now_us, &run->arena,
                                         &status, &body);
    if (!part->was_cached)
        return false;
    part->answer = (struct filter_answer){ true, status, body, STR_NONE };
    part->state = FILTER_PART_DONE;
    metrics_add(METRIC_FILTER_CACHED, 1);
    return true;
}

/* Whether the answer is there without asking; a failure counts as one. */
static bool is_settled(struct filter_part *part, int64_t left_us)
{
    struct filter_run *run = part->run;
    const struct filter_spec *spec = part->spec;
    int64_t now_us = loop_now_us(run->_runner->loop);
    if (run->_runner->is_stopping)
        fail(part, "canceled", STR("the server is stopping"));
    else if (left_us <= 0)
        fail(part, "deadline", STR("the chain's deadline has passed"));
    else if (!spec->is_url_good)
        fail(part, "url", STR("the filter's URL is not valid"));
    else if (spec->keyring == NULL)
        fail(part, "key", STR("the filter's signing key cannot be read"));
    if (part->state == FILTER_PART_DONE || run->is_trial)
        return part->state == FILTER_PART_DONE;
    if (is_remembered(part, now_us))
        return true;
    if (!filter_health_allows(run->engine->memory, spec, now_us, &part->was_probe))
        fail(part, "breaker", STR("it failed too often in a row and is not asked for a while"));
    return part->state == FILTER_PART_DONE;
}

void filter_part_ask(struct filter_part *part, void (*done)(struct filter_part *part))
{
    struct filter_run *run = part->run;
    const struct filter_spec *spec = part->spec;
    struct fetch_call *c = &part->call;
    int64_t elapsed_us = loop_now_us(run->_runner->loop) - run->began_us;
    int64_t left_us = run->chain.deadline_us - elapsed_us;
    part->started_us = elapsed_us;
    if (is_settled(part, left_us))
        return;
    if (build_body(part) != RC_OK || build_head(part) != RC_OK) {
        fail(part, "too_large", STR("the request would be too large"));
        return;
    }
    part->sent = buf_str(&part->body);
    part->was_sent = true;
    part->state = FILTER_PART_ASKED;
    part->done = done;
    c->method = HTTP_POST;
    c->url = &spec->url;
    c->headers = buf_str(&part->head);
    c->body = part->sent;
    c->deadline_us = spec->timeout_us < left_us ? spec->timeout_us : left_us;
    c->connect_us =
        run->engine->o.connect_us < c->deadline_us ? run->engine->o.connect_us : c->deadline_us;
    c->response_keep = FILTER_ANSWER_MAX;
    c->response_read = FILTER_ANSWER_MAX;
    c->done = on_done;
    c->owner = part;
    metrics_add(METRIC_FILTER_CALLS, 1);
    fetch_start(run->_runner->fetch, c);
}
