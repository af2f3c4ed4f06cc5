/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain asked in the protocol of Open edX's plugin: it POSTs its data, as JSON or as a flattened
 * form, and merges what we answer by the same rules as ours.
 *
 * A halt by a rule of ours must become a halt by the plugin's rules. A status of 4xx or 5xx would
 * depend on how the plugin is set and carries no redirect of ours, and for some exceptions the plugin
 * cannot even raise it. So where the event's own exception is known, the answer is 200 with that
 * exception, with just what its constructor takes. Where it is not, the processor's status goes
 * through (502 for none), for the plugin's settings to judge.
 */
#include "dialect/openedx.h"

#include "store/cell.h"
#include "webfilter/chain.h"
#include "json/any.h"
#include "json/form.h"

#include <stdio.h>

enum { ANSWER_MAX = 80 * 1024 * 1024, STATUS_NO_ANSWER = 502 };

struct chain_call {
    struct http_request *req;
    struct api_filters filters;
    struct webfilter_set *set; /* a reference, and the chain in it */
    const struct webfilter_chain_spec *chain;
    struct work_job job;
    struct loop_task task;
};

/* --- answering ------------------------------------------------------------------------------------- */

static json_t *openedx_text(struct str s)
{
    json_t *v = json_any_string(s);
    return v != NULL ? v : json_string("");
}

static bool openedx_understands(const struct openedx_filter *f, struct str exception)
{
    struct str rest = str_from(f->exceptions), name;
    while (str_split(&rest, ' ', &name))
        if (str_eq(name, exception))
            return true;
    return false;
}

/* {"<the event's exception>": {"message", "redirect_to", "status_code"}} */
static json_t *halting_exception(const struct openedx_filter *f, const struct webfilter_halt *h)
{
    const char *name = f->halt;
    unsigned takes = f->takes;
    json_t *settings = json_object(), *all = json_object();
    if (h->redirect.len > 0 && (takes & OPENEDX_REDIRECT) == 0 &&
        openedx_understands(f, STR("RedirectToPage"))) {
        name = "RedirectToPage";
        takes = OPENEDX_REDIRECT;
    }
    json_object_set_new(settings, "message", openedx_text(h->reason));
    if ((takes & OPENEDX_REDIRECT) != 0)
        json_object_set_new(settings, "redirect_to", openedx_text(h->redirect));
    if ((takes & OPENEDX_STATUS) != 0 && h->status != 0)
        json_object_set_new(settings, "status_code", json_integer(h->status));
    if ((takes & OPENEDX_ACCESS) != 0) {
        json_object_set_new(settings, "error_code", json_string("webfilter"));
        json_object_set_new(settings, "developer_message", openedx_text(h->reason));
        json_object_set_new(settings, "user_message", openedx_text(h->reason));
    }
    json_object_set_new(all, name, settings);
    return all;
}

static void openedx_reply(struct http_request *req, int status, const json_t *body)
{
    struct buf out;
    buf_init(&out, ANSWER_MAX);
    if (json_write(body, &out) == RC_OK) {
        req->reply.status = status;
        req->reply.content_type = STR("application/json");
        req->reply.body = buf_str(&out);
    } else {
        http_error(req, 500, "answer_too_large", "The answer is larger than %d bytes.", ANSWER_MAX);
    }
    http_answer(req);
    buf_fini(&out);
}

static void openedx_answered(struct webfilter_run *run)
{
    struct chain_call *cc = run->arg;
    const struct openedx_filter *f = openedx_filter_find(run->chain.event);
    struct webfilter_halt h = webfilter_verdict_halt(&run->verdict);
    json_t *body = json_object();
    int status = 200;
    json_object_set(body, "data", run->verdict.data);
    if (run->verdict.halted && f != NULL && f->halt[0] != '\0') {
        json_object_set_new(body, "exception", halting_exception(f, &h));
    } else {
        (void)json_object_set_nocheck(body, "exception", run->verdict.exception);
        if (run->verdict.halted) {
            status = h.status >= 400 ? h.status : STATUS_NO_ANSWER;
            json_object_set_new(body, "detail", openedx_text(h.reason));
        }
    }
    openedx_reply(cc->req, status, body);
    json_decref(body);
}

/* --- asking ------------------------------------------------------------------------------------------ */

/* Takes event_metadata out of the data; a form has it flattened. NULL: there is none. */
static json_t *take_metadata(json_t *data, bool form)
{
    json_t *metadata = json_incref(json_object_get(data, "event_metadata"));
    if (!form) {
        json_object_del(data, "event_metadata");
        if (json_is_object(metadata))
            return metadata;
        json_decref(metadata);
        return NULL;
    }
    json_decref(metadata);
    static const char *const names[] = { "event_type", "time" };
    metadata = json_object();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char key[40];
        snprintf(key, sizeof(key), "event_metadata_%s", names[i]);
        json_t *value = json_object_get(data, key);
        if (value != NULL)
            json_object_set(metadata, names[i], value);
        json_object_del(data, key);
    }
    if (json_object_size(metadata) > 0)
        return metadata;
    json_decref(metadata);
    return NULL;
}

/* What the plugin sent; an empty object if it is not to be had, and *refusal says why. */
static void read_data(const struct http_call *call, json_t **data, json_t **metadata,
                      struct webfilter_refusal *refusal)
{
    struct json_error why = { 0, "no object" };
    bool form = json_form_is_type(http_call_header(call, "content-type"));
    enum rc rc = RC_INVALID;
    if (call->refused_status == 0)
        rc = form ? json_form_read_any(call->body, data) : json_parse_any(call->body, data, &why);
    if (rc == RC_OK && json_is_object(*data)) {
        *metadata = take_metadata(*data, form);
        return;
    }
    json_decref(*data);
    *data = json_object();
    refusal->error = call->refused_status == 413 ? "too_large" : "request";
    refusal->words = arena_fmt(call->arena, "the request cannot be put to it: %s",
                               call->refused_status != 0 ? call->refused_why : why.reason);
}

static void openedx_refuse(struct http_request *req, int status, const char *code,
                           const char *words)
{
    http_error(req, status, code, "%s", words);
    http_answer(req);
}

/* The plugin takes any refusal for consent, so from here on whatever keeps the filters from being asked is an
 * answer that they did not give: it fails as they are set to. */
static void openedx_start(struct chain_call *cc)
{
    struct http_request *req = cc->req;
    struct webfilter_set *set = cc->set;
    struct webfilter_run_input in = { .set = set,
                                      .chain = *cc->chain,
                                      .keeps_record = true,
                                      .answered = openedx_answered,
                                      .arg = cc };
    if (webfilter_sets_is_held(cc->filters.sets, set)) {
        in.refusal = (struct webfilter_refusal){ "moving", STR("its organisation is being moved") };
        in.keeps_record = false;
    }
    json_t *data = NULL, *metadata = NULL;
    read_data(req->call, &data, &metadata, &in.refusal);
    in.data = data;
    in.metadata = metadata;
    /* Either may answer: then cc is gone. */
    if (webfilter_run_start(cc->filters.engine, req->call->loop, &in) != RC_OK) {
        in.refusal = (struct webfilter_refusal){ "busy", STR("the server is too busy to ask it") };
        MUST(webfilter_run_start(cc->filters.engine, req->call->loop, &in) == RC_OK);
    }
    json_decref(data);
    json_decref(metadata);
    webfilter_set_unref(set);
}

static void openedx_resume(void *arg)
{
    struct chain_call *cc = arg;
    if (cc->set != NULL)
        openedx_start(cc);
    else
        http_answer(cc->req);
}

/* What another cell may know. */
static const struct store_sought *openedx_sought(const struct chain_call *cc)
{
    struct store_sought *s = ARENA_NEW(cc->req->arena, struct store_sought);
    *s = (struct store_sought){ .kind = STORE_SOUGHT_CHAIN };
    webfilter_token_hash(cc->req->params[0], s->hash);
    return s;
}

static void fetch_cold(void *arg)
{
    struct chain_call *cc = arg;
    enum rc rc =
        webfilter_sets_load_token(cc->filters.sets, cc->req->params[0], &cc->set, &cc->chain);
    if (rc != RC_OK)
        cc->set = NULL;
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        cc->set = webfilter_sets_last(cc->filters.sets, cc->req->params[0], &cc->chain);
    if (rc == RC_NOT_FOUND) {
        http_error(cc->req, 404, "not_found", "Entity not found");
        cc->req->sought = openedx_sought(cc);
    } else if (cc->set == NULL)
        http_error(cc->req, 503, "unavailable", "The store cannot be read now.");
    cc->task = (struct loop_task){ .fn = openedx_resume, .arg = cc };
    loop_post(cc->req->call->loop, &cc->task);
}

static void run_chain(struct http_request *req)
{
    struct chain_call *cc = ARENA_NEW(req->arena, struct chain_call);
    cc->req = req;
    cc->filters = api_filters_of(req->ctx);
    if (req->params[0].len != WEBFILTER_TOKEN_LEN) {
        openedx_refuse(req, 404, "not_found", "Entity not found");
        return;
    }
    cc->set = webfilter_sets_by_token(cc->filters.sets, req->params[0], &cc->chain);
    if (cc->set != NULL) {
        openedx_start(cc);
        return;
    }
    if (http_has_elsewhere(req) && http_is_elsewhere(req, openedx_sought(cc)))
        return;
    cc->job = (struct work_job){ .fn = fetch_cold, .arg = cc };
    if (work_submit(cc->filters.pool, &cc->job) == RC_OK)
        return;
    cc->set = webfilter_sets_last(cc->filters.sets, req->params[0], &cc->chain);
    if (cc->set != NULL)
        openedx_start(cc);
    else
        openedx_refuse(req, 503, "busy", "The server is busy. Try again.");
}

static const struct http_route routes[] = {
    { HTTP_POST, "/filter/{token}", HTTP_INLINE_ANY, run_chain, API_OPEN, NULL,
      "Ask a chain in the protocol of Open edX's plugin" },
};

void dialect_openedx_add_routes(struct http_router *router)
{
    http_router_add(router, routes, COUNT_OF(routes));
}
