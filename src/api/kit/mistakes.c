/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/kit/mistakes.h.
 */
#include "api/kit/mistakes.h"

#include "api/kit/query.h"
#include "api/kit/route.h"

#include <stdarg.h>
#include <stdio.h>

enum { NAME_MAX_LEN = 64, WARNING_MAX = 512, PLACE_MAX = 192 };

/* Words that ask for another way of acting, in whatever body or query they stand and are not known: whoever sends them
 * counts on them. */
static const char *const telling[] = {
    "dryRun",        "preview",     "simulate",   "validateOnly",   "test",        "oauth",
    "oauth2",        "oauthConfig", "mtls",       "mtlsConfig",     "auth",        "authentication",
    "authorization", "basicAuth",   "apiKey",     "username",       "password",    "batchSize",
    "batch",         "concurrency", "maxRetries", "retries",        "retryPolicy", "delay",
    "delaySeconds",  "expiresAt",   "ttl",        "priority",       "headers",     "endpoints",
    "endpointIds",   "filter",      "transform",  "transformation", "ordered",     "fifo",
};

/* Sent back by clients that change what they were shown. */
static const char *const shown_always[] = { "id", "createdAt", "updatedAt" };

/* --- names ----------------------------------------------------------------------------------------- */

/* Lower case, without '_' and '-'. RC_LIMIT: longer than a name of ours. */
static enum rc mistakes_squeeze(struct str name, char out[static NAME_MAX_LEN + 1],
                                struct str *text)
{
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '_' || c == '-')
            continue;
        if (len == NAME_MAX_LEN)
            return RC_LIMIT;
        out[len++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    *text = str_of(out, len);
    return RC_OK;
}

/* One slip in four to seven letters, two in more; short names look alike without being meant. */
static bool is_near(struct str name, const char *known)
{
    char a[NAME_MAX_LEN + 1], b[NAME_MAX_LEN + 1];
    struct str x, y;
    if (mistakes_squeeze(name, a, &x) != RC_OK || mistakes_squeeze(str_from(known), b, &y) != RC_OK)
        return false;
    size_t longer = x.len > y.len ? x.len : y.len;
    size_t slips = longer < 4 ? 0 : longer < 8 ? 1 : 2;
    return str_distance(x, y) <= slips;
}

static bool is_listed(const char *const *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(name, str_from(names[i])))
            return true;
    return false;
}

static bool is_telling(struct str name)
{
    char a[NAME_MAX_LEN + 1], b[NAME_MAX_LEN + 1];
    struct str x, y;
    for (size_t i = 0; i < COUNT_OF(telling); i++)
        if (mistakes_squeeze(name, a, &x) == RC_OK &&
            mistakes_squeeze(str_from(telling[i]), b, &y) == RC_OK && str_eq(x, y))
            return true;
    return false;
}

static const struct api_field *field_of(const struct api_schema *schema, struct str name)
{
    for (size_t i = 0; schema != NULL && i < schema->count; i++)
        if (str_eq(name, str_from(schema->fields[i].name)))
            return &schema->fields[i];
    return NULL;
}

enum api_mistake api_mistake_of(const struct api_schema *schema, struct str name,
                                const char **nearest)
{
    const char *found = NULL;
    if (field_of(schema, name) != NULL)
        return API_MISTAKE_NONE;
    for (size_t i = 0; schema != NULL && i < schema->count && found == NULL; i++)
        if (is_near(name, schema->fields[i].name))
            found = schema->fields[i].name;
    if (nearest != NULL)
        *nearest = found;
    return found != NULL || is_telling(name) ? API_MISTAKE_REFUSE : API_MISTAKE_WARN;
}

/* --- bodies ---------------------------------------------------------------------------------------- */

void api_mistake_say(struct api_fault *fault, const char *where, struct str name,
                     const char *nearest)
{
    name = str_cut_utf8(name, NAME_MAX_LEN);
    (void)snprintf(fault->where, sizeof(fault->where), "%s.%.*s", where, STR_ARGS(name));
    if (nearest != NULL)
        (void)snprintf(fault->words, sizeof(fault->words),
                       "There is no member '%.*s' here; did you mean '%s'?", STR_ARGS(name),
                       nearest);
    else
        (void)snprintf(fault->words, sizeof(fault->words),
                       "There is no member '%.*s' here, and leaving it out would change what the "
                       "request means.",
                       STR_ARGS(name));
    fault->type = "value_error";
}

/* What no longer fits is left out: a warning is for people. */
void api_mistake_pass(struct buf *passed, const char *where, struct str name)
{
    enum rc rc = buf_addf(passed, "%s%s.%.*s", passed->len > 0 ? ", " : "", where,
                          STR_ARGS(str_sub(name, 0, NAME_MAX_LEN)));
    (void)rc;
}

static enum rc judge_nested(const struct api_field *f, const struct api_schema *shown,
                            const json_t *value, const char *where, struct api_fault *fault,
                            struct buf *passed)
{
    const struct api_field *back = field_of(shown, str_from(f->name));
    const struct api_schema *inner = back == NULL ? NULL : back->schema;
    char place[PLACE_MAX];
    enum rc rc = RC_OK;
    (void)snprintf(place, sizeof(place), "%s.%s", where, f->name);
    if (f->type == API_SCHEMA && json_is_object(value))
        return api_mistakes_of_body(f->schema, inner, value, place, fault, passed);
    for (size_t i = 0; rc == RC_OK && f->type == API_SCHEMAS && i < json_array_size(value); i++) {
        (void)snprintf(place, sizeof(place), "%s.%s.%zu", where, f->name, i);
        rc = api_mistakes_of_body(f->schema, inner, json_array_get(value, i), place, fault, passed);
    }
    return rc;
}

enum rc api_mistakes_of_body(const struct api_schema *schema, const struct api_schema *shown,
                             const json_t *object, const char *where, struct api_fault *fault,
                             struct buf *passed)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const struct api_field *f = field_of(schema, str_from(name));
        const char *nearest = NULL;
        enum rc rc = RC_OK;
        if (f != NULL)
            rc = judge_nested(f, shown, value, where, fault, passed);
        else if (field_of(shown, str_from(name)) != NULL ||
                 is_listed(shown_always, COUNT_OF(shown_always), str_from(name)))
            continue;
        else if (api_mistake_of(schema, str_from(name), &nearest) == API_MISTAKE_WARN)
            api_mistake_pass(passed, where, str_from(name));
        else
            rc = RC_INVALID;
        if (rc != RC_OK && f == NULL)
            api_mistake_say(fault, where, str_from(name), nearest);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

/* --- queries --------------------------------------------------------------------------------------- */

/* "event_types[0]" and "event_types[]" are event_types. */
static struct str plain_name(struct str name)
{
    return str_sub(name, 0, str_find(name, '['));
}

struct query_check {
    struct http_request *req;
    const char *known; /* names, separated by spaces */
    struct buf *passed;
    bool answered;
};

static const char *near_query(const char *known, struct str name)
{
    struct str rest = str_from(known), one;
    while (str_split(&rest, ' ', &one)) {
        const struct api_query_doc *doc = api_query_doc_find(one);
        if (doc != NULL && is_near(name, doc->name))
            return doc->name;
    }
    return NULL;
}

static bool is_known(const char *known, struct str name)
{
    struct str rest = str_from(known), one;
    while (str_split(&rest, ' ', &one))
        if (str_eq(one, name))
            return true;
    return false;
}

static bool is_boolean(struct str value)
{
    return value.len == 0 || str_ieq(value, STR("true")) || str_ieq(value, STR("false")) ||
           str_eq(value, STR("1")) || str_eq(value, STR("0"));
}

static void refuse_query(struct query_check *q, struct str name, const char *nearest)
{
    char where[NAME_MAX_LEN + 16];
    name = str_cut_utf8(name, NAME_MAX_LEN);
    (void)snprintf(where, sizeof(where), "query.%.*s", STR_ARGS(name));
    if (nearest != NULL)
        http_invalid(q->req, where, "value_error",
                     "There is no query parameter '%.*s' here; did you mean '%s'?", STR_ARGS(name),
                     nearest);
    else
        http_invalid(
            q->req, where, "value_error",
            "There is no query parameter '%.*s' here, and leaving it out would change what "
            "the request means.",
            STR_ARGS(name));
    q->answered = true;
}

static void judge_unknown(struct query_check *q, struct str name)
{
    const char *nearest = near_query(q->known, name);
    if (nearest != NULL || is_telling(name))
        refuse_query(q, name, nearest);
    else
        api_mistake_pass(q->passed, "query", name);
}

/* Of two values that differ only one could count. */
static bool is_ambiguous(const struct query_check *q, const struct api_query_doc *doc)
{
    struct str first, other;
    if (!http_query(q->req, doc->name, 0, &first))
        return false;
    for (size_t i = 1; http_query(q->req, doc->name, i, &other); i++)
        if (!str_eq(first, other))
            return true;
    return false;
}

/* What handlers could take for something else. */
static void check_value(struct query_check *q, const struct api_query_doc *doc, struct str value)
{
    int64_t number;
    char where[NAME_MAX_LEN + 16];
    struct str shown = str_cut_utf8(value, NAME_MAX_LEN);
    (void)snprintf(where, sizeof(where), "query.%s", doc->name);
    q->answered = true;
    if (strcmp(doc->type, "boolean") == 0 && !is_boolean(value))
        http_error(q->req, 400, "generic_error",
                   "The query parameter '%s' must be true or false, not '%.*s'.", doc->name,
                   STR_ARGS(shown));
    else if (strcmp(doc->type, "integer") == 0 && value.len > 0 &&
             str_to_i64(value, &number) != RC_OK)
        http_invalid(q->req, where, "value_error", "Expected an integer, not '%.*s'.",
                     STR_ARGS(shown));
    else if (is_ambiguous(q, doc))
        http_invalid(q->req, where, "value_error",
                     "The query parameter '%s' is given more than once, with different values: "
                     "give it once.",
                     doc->name);
    else
        q->answered = false;
}

static void check_parameter(void *ctx, struct str name, struct str value)
{
    struct query_check *q = ctx;
    struct str plain = plain_name(name);
    if (q->answered || plain.len == 0)
        return;
    const struct api_query_doc *doc = is_known(q->known, plain) ? api_query_doc_find(plain) : NULL;
    bool is_list = doc != NULL && strcmp(doc->name, "event_types") == 0;
    if (doc == NULL)
        judge_unknown(q, plain);
    else if (!is_list && plain.len < name.len)
        refuse_query(q, name, doc->name);
    else if (!is_list)
        check_value(q, doc, value);
}

bool api_mistakes_of_query(struct http_request *req)
{
    if (req->call->head->query.len == 0 || req->route->operation == NULL)
        return true;
    const struct api_route *route = api_route_of(req->ctx, req->route);
    struct buf passed;
    if (route == NULL)
        return true;
    buf_init(&passed, WARNING_MAX);
    struct query_check q = { .req = req,
                             .known = route->query == NULL ? "" : route->query,
                             .passed = &passed };
    http_query_each(req, check_parameter, &q);
    if (!q.answered)
        api_warn_of(req, buf_str(&passed));
    buf_fini(&passed);
    return !q.answered;
}

/* --- warnings -------------------------------------------------------------------------------------- */

void api_warn(struct http_request *req, const char *fmt, ...)
{
    char words[WARNING_MAX + 64];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    for (char *at = words; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    for (size_t i = 0; i < req->reply.header_count;
         i++) /* checked on the loop, and again on a worker */
        if (str_eq(req->reply.headers[i].value, str_from(words)))
            return;
    http_add_header(req, STR("Grapnel-Warning"), arena_str(req->arena, str_from(words)));
}

void api_warn_of(struct http_request *req, struct str passed)
{
    if (passed.len > 0)
        api_warn(req, "unknown, left out: %.*s", STR_ARGS(passed));
}

/* --- operations without a body --------------------------------------------------------------------- */

static const struct api_schema no_members = { "None", NULL, 0, "", true };

bool api_mistakes_of_bare(struct http_request *req)
{
    struct str text = str_trim(req->call->body);
    const struct api_route *route =
        req->route->operation == NULL ? NULL : api_route_of(req->ctx, req->route);
    json_t *body = NULL;
    struct api_fault fault;
    struct buf passed;
    enum rc rc = RC_OK;
    if (route == NULL || route->in != NULL || text.len == 0 || str_eq(text, STR("null")))
        return true;
    buf_init(&passed, WARNING_MAX);
    if (json_parse(text, &body, NULL) != RC_OK || !json_is_object(body))
        api_warn(req, "unknown, left out: the body; nothing is read from one here");
    else
        rc = api_mistakes_of_body(&no_members, route->out, body, "body", &fault, &passed);
    if (rc != RC_OK)
        http_invalid(req, fault.where, fault.type, "%s", fault.words);
    else
        api_warn_of(req, buf_str(&passed));
    buf_fini(&passed);
    json_decref(body);
    return rc == RC_OK;
}
