/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking one filter: what is sent, how long it may take, and what came of it.
 */
#include "webfilter/chain_priv.h"

#include "http/gzip.h"
#include "metrics/metrics.h"
#include "json/form.h"

#include <inttypes.h>
#include <stdio.h>

enum { HEAD_MAX = 16 * 1024, BODY_MAX = 64 * 1024 * 1024, US_PER_S = 1000000 };

void webfilter_part_init(struct webfilter_part *part, struct webfilter_run *run,
                         const struct webfilter_spec *spec)
{
    part->run = run;
    part->spec = spec;
    part->answer.error = "";
    buf_init(&part->head, HEAD_MAX);
    buf_init(&part->body, BODY_MAX);
    fetch_call_init(&part->call);
}

void webfilter_part_fini(struct webfilter_part *part)
{
    json_decref(part->input);
    webfilter_answer_fini(&part->answer);
    if (part->head.ptr != NULL)
        mem_wipe(part->head.ptr, part->head.len);
    if (part->body.ptr != NULL)
        mem_wipe(part->body.ptr, part->body.len);
    buf_fini(&part->head);
    buf_fini(&part->body);
    fetch_call_fini(&part->call);
}

/* --- what is sent ------------------------------------------------------------------------------------------ */

static enum rc build_body(struct webfilter_part *part)
{
    json_t *all = webfilter_rules_overlay(part->input, NULL);
    (void)json_object_set_nocheck(all, "event_metadata", part->run->metadata);
    enum rc rc =
        part->spec->is_form ? json_form_write(all, &part->body) : json_write(all, &part->body);
    json_decref(all);
    return rc;
}

static enum rc build_head(struct webfilter_part *part)
{
    const struct webfilter_run *run = part->run;
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

static void ask_fail(struct webfilter_part *part, const char *error, struct str words)
{
    part->answer = webfilter_answer_failed(error, words);
    part->state = WEBFILTER_PART_DONE;
}

static void ask_free_buf(void *b)
{
    buf_fini(b);
}

/* Nothing packed was asked for, but HTTP lets a server send it all the same: gzip is taken, within the answer's own
 * limit. What cannot be unpacked stays as it came, and *why says so; a status counts in any case. */
static struct str ask_unpacked(struct webfilter_part *part, const struct fetch_call *c,
                               struct str *why)
{
    struct str encoding = str_trim(fetch_response_header(c, "content-encoding"));
    struct arena *a = &part->run->arena;
    *why = STR_NONE;
    if (encoding.len == 0 || str_ieq(encoding, STR("identity")) || c->response.len == 0)
        return c->response;
    if (!str_ieq(encoding, STR("gzip")) && !str_ieq(encoding, STR("x-gzip"))) {
        *why = arena_fmt(a, "the answer has the Content-Encoding '%.*s', which nobody asked for",
                         STR_ARGS(str_cut_utf8(encoding, 32)));
        return c->response;
    }
    struct buf *plain = ARENA_NEW(a, struct buf);
    buf_init(plain, WEBFILTER_ANSWER_MAX);
    arena_defer(a, ask_free_buf, plain);
    enum rc rc = http_gunzip(c->response, plain);
    if (rc == RC_OK)
        return buf_str(plain);
    *why = rc == RC_LIMIT ? arena_fmt(a, "the answer has more than %d bytes once unpacked",
                                      WEBFILTER_ANSWER_MAX)
                          : STR("the answer is not the gzip that its Content-Encoding says");
    return c->response;
}

static void ask_read_answer(struct webfilter_part *part, const struct fetch_call *c)
{
    struct str why;
    if (c->error != FETCH_OK) {
        struct str words = str_from(c->detail[0] != '\0' ? c->detail : fetch_error_name(c->error));
        ask_fail(part, fetch_error_name(c->error), words);
    } else if (c->response_cut) {
        ask_fail(part, "cut",
                 str_from(c->detail[0] != '\0' ? c->detail : "the answer was cut short"));
    } else {
        struct str body = ask_unpacked(part, c, &why);
        part->answer =
            webfilter_answer_read(c->status, str_from(c->phrase), body, &part->run->arena);
        if (why.len > 0 && str_eq(str_from(part->answer.error), STR("answer")))
            part->answer.failure = why;
        part->state = WEBFILTER_PART_DONE;
    }
}

static void ask_learn(struct webfilter_part *part)
{
    struct webfilter_memory *memory = part->run->engine->memory;
    const struct webfilter_spec *spec = part->spec;
    int64_t now_us = loop_now_us(part->run->_runner->loop);
    bool answered = part->answer.came && part->answer.status < 500;
    if (part->call.error == FETCH_CANCELED) {
        if (part->was_probe)
            webfilter_health_forget_probe(memory, spec, now_us);
        return;
    }
    webfilter_health_note(memory, spec, !answered, now_us);
    if (spec->cache_us > 0 && part->answer.json != NULL && part->answer.status >= 200 &&
        part->answer.status < 300)
        webfilter_cache_put(memory, part->cache_key, part->answer.status, part->answer.body,
                            now_us + spec->cache_us);
}

static void ask_on_done(struct fetch_call *c)
{
    struct webfilter_part *part = CONTAINER_OF(c, struct webfilter_part, call);
    part->took_us = c->took_us;
    ask_read_answer(part, c);
    if (part->answer.error[0] != '\0')
        metrics_add(METRIC_FILTER_CALLS_FAILED, 1);
    if (!part->run->is_trial)
        ask_learn(part);
    part->done(part);
}

/* --- asking ------------------------------------------------------------------------------------------------ */

/* The answer of an earlier request about the same data, while it is good. */
static bool is_remembered(struct webfilter_part *part, int64_t now_us)
{
    struct webfilter_run *run = part->run;
    int status = 0;
    struct str body = STR_NONE;
    if (part->spec->cache_us == 0)
        return false;
    webfilter_cache_key(part->spec, part->input, part->cache_key);
    part->was_cached = webfilter_cache_find(run->engine->memory, part->cache_key, now_us,
                                            &run->arena, &status, &body);
    if (!part->was_cached)
        return false;
    part->answer = webfilter_answer_read(status, STR(""), body, &run->arena);
    part->state = WEBFILTER_PART_DONE;
    metrics_add(METRIC_FILTER_CACHED, 1);
    return true;
}

/* Whether the answer is there without asking; a failure counts as one. */
static bool is_settled(struct webfilter_part *part, int64_t left_us)
{
    struct webfilter_run *run = part->run;
    const struct webfilter_spec *spec = part->spec;
    int64_t now_us = loop_now_us(run->_runner->loop);
    if (run->refusal.error != NULL)
        ask_fail(part, run->refusal.error, run->refusal.words);
    else if (run->_runner->is_stopping)
        ask_fail(part, "canceled", STR("the server is stopping"));
    else if (left_us <= 0)
        ask_fail(part, "deadline", STR("the chain's deadline has passed"));
    else if (!spec->is_url_good)
        ask_fail(part, "url", STR("the filter's URL is not valid"));
    else if (spec->keyring == NULL)
        ask_fail(part, "key", STR("the filter's signing key cannot be read"));
    if (part->state == WEBFILTER_PART_DONE || run->is_trial)
        return part->state == WEBFILTER_PART_DONE;
    if (is_remembered(part, now_us))
        return true;
    if (!webfilter_health_allows(run->engine->memory, spec, now_us, &part->was_probe))
        ask_fail(part, "breaker", STR("it failed too often in a row and is not asked for a while"));
    return part->state == WEBFILTER_PART_DONE;
}

void webfilter_part_ask(struct webfilter_part *part, void (*done)(struct webfilter_part *part))
{
    struct webfilter_run *run = part->run;
    const struct webfilter_spec *spec = part->spec;
    struct fetch_call *c = &part->call;
    int64_t elapsed_us = loop_now_us(run->_runner->loop) - run->began_us;
    int64_t left_us = run->chain.deadline_us - elapsed_us;
    part->started_us = elapsed_us;
    if (is_settled(part, left_us))
        return;
    if (build_body(part) != RC_OK || build_head(part) != RC_OK) {
        ask_fail(part, "too_large", STR("the request would be too large"));
        return;
    }
    part->sent = buf_str(&part->body);
    part->was_sent = true;
    part->state = WEBFILTER_PART_ASKED;
    part->done = done;
    c->method = HTTP_POST;
    c->url = &spec->url;
    c->headers = buf_str(&part->head);
    c->body = part->sent;
    c->deadline_us = spec->timeout_us < left_us ? spec->timeout_us : left_us;
    c->connect_us =
        run->engine->o.connect_us < c->deadline_us ? run->engine->o.connect_us : c->deadline_us;
    c->response_keep = WEBFILTER_ANSWER_MAX;
    c->response_read = WEBFILTER_ANSWER_MAX;
    c->done = ask_on_done;
    c->owner = part;
    metrics_add(METRIC_FILTER_CALLS, 1);
    fetch_start(run->_runner->fetch, c);
}
