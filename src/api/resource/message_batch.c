/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /app/{app_id}/msg/batch: many messages in one request. Each message is a job of its own to the
 * store, all queued in one operation, so they share a commit as a rule. A repeated Idempotency-Key
 * counts message by message (the key and the place in the batch), so a retry completes what a crash
 * cut short. `atomic`: nothing is queued unless every message passes every check, and then all are one
 * job to the store, which writes all of them or none.
 */
#include "api/kit/mistakes.h"
#include "api/resource/message_priv.h"
#include "api/schemas/schemas.h"
#include "work/wait.h"

#include <stdio.h>

enum { BATCH_MAX = 1000 };
static const struct api_refusal others_refused = {
    .status = 424,
    .code = "batch_refused",
    .words = "Others of this batch were refused.",
};

struct item {
    struct api_message_in in;
    struct api_fault fault;
    struct batch *batch;
    struct core_publish *publish; /* while it is ours */
    int status;                   /* 0: to be published */
    struct api_refusal refusal;   /* of an error that is not a fault */
    bool is_replayed;             /* it was sent before, under this key */
    struct store_message shown;   /* after: what to answer with; strings of `in` */
};

struct batch {
    struct api_ctx c;
    struct core_app *app;
    struct item *items;
    size_t count;
    bool atomic, with_content, has_key;
    uint8_t key[16];
    struct work_wait wait;
    atomic_size_t left;
    enum rc rc;      /* atomic: of the one job */
    bool is_refused; /* a name of the body itself */
    struct api_fault fault;
};

static void message_batch_refuse(struct item *item, struct api_refusal why)
{
    item->status = why.status;
    item->refusal = why;
}

/* --- in -------------------------------------------------------------------------------------- */

static enum rc parse_item(void *ctx, size_t index, struct json_span value)
{
    struct batch *b = ctx;
    if (index == BATCH_MAX)
        return RC_LIMIT;
    struct item *item = &b->items[index];
    char where[64];
    (void)snprintf(where, sizeof(where), "body.messages.%zu", index);
    b->count = index + 1;
    item->batch = b;
    if (api_message_parse(value.text, where, b->c.now_us, b->c.arena, &item->in, &item->fault) !=
        RC_OK) {
        item->status = 422;
    } else if (item->in.application.ptr != NULL) {
        item->status = 422;
        item->fault =
            (struct api_fault){ .words =
                                    "A batch makes no application: make it first, and name it in "
                                    "the path.",
                                .type = "value_error" };
        (void)snprintf(item->fault.where, sizeof(item->fault.where), "%s.application", where);
    }
    return RC_OK;
}

/* A name beside `messages` and `atomic`. */
static void judge_name(void *ctx, struct json_span span)
{
    struct batch *b = ctx;
    struct str name = json_span_string(b->c.arena, span);
    const char *nearest = NULL;
    if (b->is_refused)
        return;
    b->is_refused =
        api_mistake_of(&api_schema_MessageBatchIn, name, &nearest) == API_MISTAKE_REFUSE;
    if (b->is_refused)
        api_mistake_say(&b->fault, "body", name, nearest);
    else
        api_warn(b->c.req, "unknown, left out: body.%.*s", STR_ARGS(str_sub(name, 0, 64)));
}

static bool message_batch_parse(struct batch *b)
{
    struct json_member m[] = { { .name = STR("messages") }, { .name = STR("atomic") } };
    struct json_error error = { 0 };
    struct http_request *req = b->c.req;
    enum rc scanned = json_scan_members(req->call->body, m, COUNT_OF(m), judge_name, b, &error);
    if (scanned == RC_OK && b->is_refused) {
        http_invalid(req, b->fault.where, b->fault.type, "%s", b->fault.words);
        return false;
    }
    if (scanned != RC_OK) {
        http_invalid(req, "body", "value_error.jsondecode", "%s at byte %zu.",
                     error.reason == NULL ? "Not JSON" : error.reason, error.offset);
        return false;
    }
    enum json_span_type atomic = m[1].value.type;
    if (atomic != JSON_SPAN_NONE && atomic != JSON_SPAN_TRUE && atomic != JSON_SPAN_FALSE) {
        http_invalid(req, "body.atomic", "value_error", "Expected true or false.");
        return false;
    }
    b->atomic = atomic == JSON_SPAN_TRUE;
    b->items = arena_array(b->c.arena, BATCH_MAX, sizeof(*b->items));
    enum rc rc = RC_INVALID;
    if (m[0].value.type == JSON_SPAN_ARRAY)
        rc = json_span_each(m[0].value, parse_item, b);
    if (rc != RC_OK || b->count == 0) {
        http_invalid(req, "body.messages", "value_error", "Expected an array of 1 to %d messages.",
                     BATCH_MAX);
        return false;
    }
    return true;
}

/* An eventId that is taken is found out by the store too; here it keeps an atomic batch whole. */
static void check_event_ids(struct batch *b)
{
    struct map *seen = map_new();
    for (size_t i = 0; i < b->count; i++) {
        struct item *item = &b->items[i];
        struct str event_id = item->in.message.event_id;
        struct store_message_row row;
        if (item->status != 0 || event_id.ptr == NULL)
            continue;
        bool taken =
            map_set(seen, event_id, item) != NULL ||
            (!b->has_key && store_message_by_event_id(b->c.api->o.store, b->app->num, event_id,
                                                      b->c.arena, &row) == RC_OK);
        if (taken)
            message_batch_refuse(item, api_event_id_taken);
    }
    map_free(seen);
}

/* --- publishing ------------------------------------------------------------------------------ */

static void message_batch_leave(struct batch *b)
{
    if (atomic_fetch_sub_explicit(&b->left, 1, memory_order_acq_rel) == 1)
        work_wait_over(&b->wait);
}

static void message_batch_judge(struct item *item, const struct store_publish *p)
{
    if (p->result == STORE_KEY_REUSED) {
        message_batch_refuse(item, api_key_reused);
    } else if (p->result == STORE_EVENT_ID_TAKEN) {
        message_batch_refuse(item, api_event_id_taken);
    } else {
        item->status = 202;
        item->shown.id = p->message->id;
        item->shown.created_us = p->message->created_us;
        if (p->result == STORE_REPLAYED) {
            item->shown.id = p->first;
            item->shown.created_us = p->first_created_us;
            item->is_replayed = true;
        }
    }
}

static void message_batch_published(struct core_publish *p)
{
    struct item *item = p->arg;
    item->publish = NULL;
    if (p->store.job.rc != RC_OK)
        message_batch_refuse(item, api_refusal_of(item->batch->c.api, p->store.job.rc));
    else
        message_batch_judge(item, &p->store);
    message_batch_leave(item->batch);
}

/* The key of a message in the batch: the batch's and its place. */
static void key_of_item(const struct batch *b, size_t index, struct core_publish *p)
{
    uint8_t part[16 + sizeof(uint64_t)];
    uint8_t hash[32];
    uint64_t place = index;
    memcpy(part, b->key, 16);
    memcpy(part + 16, &place, sizeof(place));
    sign_sha256(str_of((const char *)part, sizeof(part)), hash);
    memcpy(p->store.key, hash, 16);
    sign_sha256(b->items[index].in.message.payload, hash);
    memcpy(p->store.body_hash, hash, 16);
    p->store.has_key = true;
}

static struct core_publish *message_batch_make(struct batch *b, size_t index)
{
    struct item *item = &b->items[index];
    struct store_message *m = &item->in.message;
    api_message_stamp(b->c.api, b->app, item->in.keep_us, m);
    item->shown = *m;
    struct core_publish *p = core_publish_new(b->c.api->o.publisher, b->app, m, item->in.channels,
                                              item->in.channel_count);
    p->done = message_batch_published;
    p->arg = item;
    if (b->has_key)
        key_of_item(b, index, p);
    return p;
}

static void publish_each(struct batch *b)
{
    struct core_publish **list = xcalloc(b->count, sizeof(struct core_publish *));
    size_t count = 0;
    for (size_t i = 0; i < b->count; i++) {
        struct item *item = &b->items[i];
        if (item->status != 0)
            continue;
        item->publish = message_batch_make(b, i);
        list[count++] = item->publish;
    }
    work_wait_init(&b->wait);
    atomic_init(&b->left, count);
    enum rc rc = count == 0 ? RC_OK : core_publish_submit_all(list, count, api_loop(b->c.api));
    if (rc == RC_OK && count > 0) {
        work_wait(&b->wait);
    } else {
        for (size_t i = 0; i < b->count; i++)
            if (b->items[i].publish != NULL) {
                core_publish_free(b->items[i].publish);
                message_batch_refuse(&b->items[i], api_refusal_of(b->c.api, rc));
            }
        work_wait_fini(&b->wait);
    }
    xfree(list);
}

/* --- publishing all or none ------------------------------------------------------------------- */

/* Those that would have done, when others would not. */
static void refuse_the_rest(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i].status == 0 || b->items[i].status == 202)
            message_batch_refuse(&b->items[i], others_refused);
}

static void published_whole(struct core_publish *p)
{
    struct batch *b = p->arg;
    bool is_whole = true;
    b->rc = p->store.job.rc;
    for (size_t i = 0; b->rc == RC_OK && i < b->count; i++) {
        const struct store_publish *one = i == 0 ? &p->store : p->store.also[i - 1];
        message_batch_judge(&b->items[i], one);
        is_whole = is_whole && b->items[i].status == 202 && one->result == p->store.result;
    }
    if (b->rc == RC_OK && !is_whole)
        refuse_the_rest(b);
    work_wait_over(&b->wait);
}

static enum rc publish_whole(struct batch *b)
{
    struct core_publish *first = message_batch_make(b, 0);
    for (size_t i = 1; i < b->count; i++)
        core_publish_also(first, message_batch_make(b, i));
    core_publish_as_batch(first);
    first->done = published_whole;
    first->arg = b;
    work_wait_init(&b->wait);
    enum rc rc = core_publish_submit(first, api_loop(b->c.api));
    if (rc != RC_OK) {
        work_wait_fini(&b->wait);
        core_publish_free(first);
        return rc;
    }
    work_wait(&b->wait);
    return b->rc;
}

/* --- out ------------------------------------------------------------------------------------- */

static void write_fault(struct api_out *o, const struct api_fault *fault)
{
    struct str rest = str_from(fault->where);
    struct str part;
    api_out_key(o, "detail");
    api_out_begin(o, '[');
    api_out_begin(o, '{');
    api_out_key(o, "loc");
    api_out_begin(o, '[');
    while (str_split(&rest, '.', &part))
        api_out_str(o, NULL, part);
    api_out_end(o, ']');
    api_out_str(o, "msg", str_from(fault->words));
    api_out_str(o, "type", str_from(fault->type));
    api_out_end(o, '}');
    api_out_end(o, ']');
}

static void write_item(struct batch *b, struct api_out *o, const struct item *item)
{
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_int(o, "status", item->status);
    api_out_key(o, item->status == 202 ? "message" : "error");
    api_out_begin(o, '{');
    if (item->status == 202) {
        api_message_write_members(o, &item->shown, b->with_content);
    } else if (item->status == 422) {
        write_fault(o, &item->fault);
    } else {
        api_out_str(o, "code", str_from(item->refusal.code));
        api_out_str(o, "detail", str_from(item->refusal.words));
    }
    api_out_end(o, '}');
    api_out_end(o, '}');
}

/* A type that is not listed is named once, and so many types at most. */
static void warn_of_types(struct batch *b)
{
    enum { NAMED_MAX = 8 };
    struct str seen[NAMED_MAX];
    size_t count = 0;
    for (size_t i = 0; i < b->count && count < NAMED_MAX; i++) {
        struct str type = b->items[i].in.message.event_type;
        bool is_new = b->items[i].status == 0;
        for (size_t k = 0; k < count && is_new; k++)
            is_new = !str_eq(type, seen[k]);
        if (!is_new)
            continue;
        seen[count++] = type;
        api_message_judge_type_here(&b->c, type);
    }
}

/* The names that were let pass, as far as a header takes them. */
static void warn_of_names(struct batch *b)
{
    struct buf names;
    buf_init(&names, API_UNKNOWN_MAX);
    for (size_t i = 0; i < b->count; i++) {
        struct str one = b->items[i].in.unknown;
        if (one.len > 0 &&
            buf_addf(&names, "%s%.*s", names.len > 0 ? ", " : "", STR_ARGS(one)) != RC_OK)
            break;
    }
    api_warn_of(b->c.req, buf_str(&names));
    buf_fini(&names);
}

static void message_batch_reply(struct batch *b, int status)
{
    struct api_out o;
    int64_t accepted = 0, replayed = 0;
    api_out_open(&b->c, &o);
    api_out_begin(&o, '{');
    api_out_key(&o, "results");
    api_out_begin(&o, '[');
    for (size_t i = 0; i < b->count; i++) {
        write_item(b, &o, &b->items[i]);
        accepted += b->items[i].status == 202;
        core_refusal_count(core_refusal_of_status(b->items[i].status));
        replayed += b->items[i].is_replayed;
    }
    b->c.req->refusal = (int)CORE_REFUSAL_COUNTED;
    if (replayed > 0 && replayed == accepted)
        api_mark_replayed(b->c.req);
    warn_of_names(b);
    api_out_end(&o, ']');
    api_out_int(&o, "accepted", accepted);
    api_out_int(&o, "failed", (int64_t)b->count - accepted);
    api_out_end(&o, '}');
    api_reply(&b->c, status, &o);
}

/* True when an atomic batch has a message that will not do: then none is queued. */
static bool message_batch_spoiled(struct batch *b)
{
    bool bad = false;
    for (size_t i = 0; i < b->count; i++)
        bad = bad || b->items[i].status != 0;
    if (!b->atomic || !bad)
        return false;
    refuse_the_rest(b);
    return true;
}

static void fail_whole(struct batch *b, enum rc rc)
{
    for (size_t i = 0; i < b->count; i++)
        core_refusal_count(core_refusal_of(rc));
    b->c.req->refusal = (int)CORE_REFUSAL_COUNTED;
    api_fail(&b->c, rc);
}

static void publish_and_reply(struct batch *b)
{
    enum rc rc = RC_OK;
    if (!b->atomic)
        publish_each(b);
    else
        rc = publish_whole(b);
    if (rc != RC_OK)
        fail_whole(b, rc);
    else
        message_batch_reply(b, b->atomic && b->items[0].status != 202 ? 422 : 202);
}

static void create_batch(struct http_request *req)
{
    struct batch *b = ARENA_NEW(req->arena, struct batch);
    uint8_t body_hash[16];
    if (!api_begin(req, &b->c) || !message_batch_parse(b) ||
        !api_message_app(&b->c, STR_NONE, &b->app))
        return;
    b->with_content = api_query_bool(&b->c, "with_content", false);
    b->has_key = api_idempotency_key(req->call, b->c.who, b->key, body_hash);
    check_event_ids(b);
    warn_of_types(b);
    if (message_batch_spoiled(b))
        message_batch_reply(b, 422);
    else
        publish_and_reply(b);
    core_app_unref(b->app);
}

static const struct api_route routes[] = {
    { .http = { HTTP_POST, "/api/v1/app/{app_id}/msg/batch", HTTP_WORKER, create_batch,
                API_ORG | API_WRITE | API_MESSAGES, "v1.message.create-batch",
                "Send many messages" },
      .in = &api_schema_MessageBatchIn,
      .out = &api_schema_MessageBatchOut,
      .status = 202,
      .query = "with_content" },
};
API_ROUTES(message_batch, routes);
