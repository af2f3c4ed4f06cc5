/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of a request that names what is not known here. Its way: the memory, the other cells' databases, and the link;
 * a cell that says it does not know it after all (an organisation has moved) is forgotten, and the others are asked once more.
 */
#include "cells/cells_priv.h"

#include "http/origin.h"
#include "metrics/metrics.h"

enum {
    TURNS_MAX = 2,             /* times that a request is passed on */
    SOURCE_BODY_MAX = 64 << 20 /* the cell of a source knows what its provider may send */
};

/* A request that was passed on. In its arena. */
struct passing {
    struct cells *cells;
    struct http_request *req;
    const struct store_sought *sought;
    struct http_reply reply; /* of the cell that does not know it */
    int turns;
};

static void pass_to(struct passing *p, int where);

/* --- refusals ----------------------------------------------------------------------------------------- */

static void refuse_for_now(struct http_request *req, const char *code, const char *words)
{
    metrics_add(METRIC_CELL_REFUSED, 1);
    http_error(req, 503, code, "%s", words);
    http_add_header(req, STR("Retry-After"), STR("1"));
    http_answer_here(req);
}

static void refuse_unsure(struct http_request *req)
{
    refuse_for_now(req, "cell_unreachable",
                   "this is not known in this cell, and another one, which may know it, cannot be "
                   "asked now; try again");
}

/* Of one address, and of all. */
static bool may_ask(struct cells *c, const struct http_call *call)
{
    int64_t now_us = loop_now_us(call->loop);
    return core_meter_take(c->lookups_of_one, http_call_stranger(call), now_us) &&
           core_meter_take(c->lookups, 0, now_us);
}

/* --- passing on --------------------------------------------------------------------------------------- */

static size_t loop_index(const struct cells *c, const struct loop *loop)
{
    size_t at = 0;
    while (at + 1 < c->o.loop_count && c->o.loops[at] != loop)
        at++;
    return at;
}

static struct str copy_text(struct arena *a, struct str text)
{
    return text.len > 0 ? arena_str(a, text) : STR("");
}

static void keep_reply(struct passing *p, const struct http_reply *reply)
{
    struct arena *a = p->req->arena;
    struct http_header *headers = arena_array(a, reply->header_count + 1, sizeof(*headers));
    for (size_t i = 0; i < reply->header_count; i++)
        headers[i] = (struct http_header){ copy_text(a, reply->headers[i].name),
                                           copy_text(a, reply->headers[i].value) };
    p->reply = *reply;
    p->reply.headers = headers;
    p->reply.content_type = copy_text(a, reply->content_type);
    p->reply.body = copy_text(a, reply->body);
}

static void asked_again(void *arg)
{
    struct cells_question *q = arg;
    struct passing *p = q->passing;
    int where = atomic_load(&q->found);
    if (where >= 0) {
        cells_memory_put(p->cells->memory, p->sought->hash, where);
        pass_to(p, where);
    } else {
        http_call_reply(p->req->call, &p->reply);
    }
    cells_question_unref(q);
}

static void take_back(void *arg, const struct http_reply *reply)
{
    struct passing *p = arg;
    cells_memory_forget(p->cells->memory, p->sought->hash);
    if (p->turns >= TURNS_MAX || !may_ask(p->cells, p->req->call)) {
        http_call_reply(p->req->call, reply);
        return;
    }
    keep_reply(p, reply);
    (void)cells_ask(p->cells, p->req, p->sought, asked_again, p);
}

static void pass_to(struct passing *p, int where)
{
    struct cells_cell *cell = &p->cells->cells[where];
    struct http_call *call = p->req->call;
    p->turns++;
    atomic_fetch_add_explicit(&cell->passed, 1, memory_order_relaxed);
    metrics_add(METRIC_CELL_PASSED, 1);
    link_front_pass(cell->fronts[loop_index(p->cells, call->loop)], call,
                    (struct link_return){ take_back, p });
}

/* Its body first, where that has not been read: it is nobody's of this cell, so that it takes a share of its own. */
static void go_to(struct cells *c, struct http_request *req, const struct store_sought *sought,
                  int where)
{
    if (http_call_is_judged(req->call)) {
        struct http_admission admission = { .body_max = sought->kind == STORE_SOUGHT_SOURCE
                                                            ? SOURCE_BODY_MAX
                                                            : 0 };
        memcpy(&admission.owner, sought->hash, sizeof admission.owner);
        http_admit(req, &admission);
        return;
    }
    struct passing *p = ARENA_NEW(req->arena, struct passing);
    *p = (struct passing){ .cells = c, .req = req, .sought = sought };
    pass_to(p, where);
}

/* --- deciding ----------------------------------------------------------------------------------------- */

bool cells_knows(void *cells, struct http_request *req, const void *sought)
{
    struct cells *c = cells;
    const struct store_sought *s = sought;
    int where = cells_memory_find(c->memory, s->hash);
    if (where < 0)
        return false;
    go_to(c, req, s, where);
    return true;
}

static void answer_clear(void *arg)
{
    struct cells_question *q = arg;
    struct cells *c = q->cells;
    struct http_request *req = q->req;
    int where = atomic_load(&q->found);
    bool is_unsure = atomic_load(&q->is_unsure);
    if (where >= 0 || !is_unsure)
        cells_memory_put(c->memory, q->sought.hash, where >= 0 ? where : CELLS_NOWHERE);
    cells_question_unref(q);
    if (where >= 0)
        go_to(c, req, req->sought, where);
    else if (is_unsure)
        refuse_unsure(req);
    else
        http_settle(req);
}

static void ask_others(struct cells *c, struct http_request *req)
{
    if (may_ask(c, req->call))
        (void)cells_ask(c, req, req->sought, answer_clear, NULL);
    else
        refuse_for_now(req, "too_many_unknown",
                       "too many requests name what is not known in this cell; try again");
}

bool cells_asks(void *cells, struct http_request *req)
{
    struct cells *c = cells;
    const struct store_sought *s = req->sought;
    if (req->call->from_cell.len > 0)
        http_add_header(req, http_origin_unknown.name, http_origin_unknown.value);
    if (req->call->from_cell.len > 0 || req->is_settled)
        return false;
    int where = cells_memory_find(c->memory, s->hash);
    if (where >= 0)
        go_to(c, req, s, where);
    else if (where == CELLS_NOWHERE)
        http_settle(req);
    else
        ask_others(c, req);
    return true;
}
