/* SPDX-License-Identifier: Apache-2.0
 *
 * See transform/message.h. A result is the new body, unless it is an object all of whose names begin with
 * "$": those are instructions, so that no body can be mistaken for them by accident.
 */
#include "transform/message.h"

enum { DOCUMENT_SLACK = 256 * 1024 };

/* --- the document ------------------------------------------------------------------------------------- */

static enum rc message_add_name(struct buf *out, const char *name)
{
    return buf_addf(out, "%s\"%s\":", out->len == 1 ? "" : ",", name);
}

static enum rc message_add_text(struct buf *out, const char *name, struct str value)
{
    enum rc rc = message_add_name(out, name);
    if (rc != RC_OK)
        return rc;
    return value.ptr == NULL ? buf_add_str(out, STR("null")) : buf_add_json(out, value);
}

static enum rc add_raw(struct buf *out, const char *name, struct str value)
{
    enum rc rc = message_add_name(out, name);
    return rc == RC_OK ? buf_add_str(out, value.ptr == NULL ? STR("null") : value) : rc;
}

static enum rc add_body(struct buf *out, struct str body)
{
    bool is_json = body.ptr != NULL && json_validate(body, NULL) == RC_OK;
    if (is_json || body.ptr == NULL || !str_is_utf8(body))
        return add_raw(out, "body", is_json ? body : STR_NONE);
    return message_add_text(out, "body", body);
}

static bool same_name(struct str a, struct str b, bool fold_case)
{
    return fold_case ? str_ieq(a, b) : str_eq(a, b);
}

static bool is_first(const struct filter_pair *pairs, size_t at, bool fold_case)
{
    for (size_t i = 0; i < at; i++)
        if (same_name(pairs[i].name, pairs[at].name, fold_case))
            return false;
    return true;
}

static enum rc add_lower(struct buf *out, struct str name)
{
    size_t from = out->len;
    enum rc rc = buf_add_json(out, name);
    for (size_t i = from; rc == RC_OK && i < out->len; i++)
        if (out->ptr[i] >= 'A' && out->ptr[i] <= 'Z')
            out->ptr[i] = (char)(out->ptr[i] - 'A' + 'a');
    return rc;
}

/* A name that comes several times has its first value. */
static enum rc add_pairs(struct buf *out, const char *name, const struct filter_pair *pairs,
                         size_t count, bool fold_case)
{
    bool is_next = false;
    enum rc rc = message_add_name(out, name);
    if (rc == RC_OK)
        rc = buf_add_char(out, '{');
    for (size_t i = 0; i < count && rc == RC_OK; i++) {
        if (!is_first(pairs, i, fold_case))
            continue;
        if (is_next)
            rc = buf_add_char(out, ',');
        is_next = true;
        if (rc == RC_OK)
            rc = fold_case ? add_lower(out, pairs[i].name) : buf_add_json(out, pairs[i].name);
        if (rc == RC_OK)
            rc = buf_add_char(out, ':');
        if (rc == RC_OK)
            rc = buf_add_json(out, pairs[i].value);
    }
    return rc == RC_OK ? buf_add_char(out, '}') : rc;
}

enum rc transform_message_write(const struct transform_message *m, struct buf *out)
{
    MUST(out->len == 0);
    bool is_whole = buf_add_char(out, '{') == RC_OK && add_body(out, m->body) == RC_OK &&
                    add_pairs(out, "headers", m->headers, m->header_count, true) == RC_OK &&
                    add_pairs(out, "query", m->query, m->query_count, false) == RC_OK &&
                    message_add_text(out, "id", m->id) == RC_OK &&
                    message_add_text(out, "eventType", m->event_type) == RC_OK &&
                    message_add_text(out, "timestamp", m->timestamp) == RC_OK &&
                    add_raw(out, "channels", m->channels) == RC_OK &&
                    message_add_text(out, "method", m->method) == RC_OK &&
                    message_add_text(out, "path", m->path) == RC_OK &&
                    buf_add_char(out, '}') == RC_OK;
    return is_whole ? RC_OK : RC_LIMIT;
}

/* --- the result --------------------------------------------------------------------------------------- */

struct reading {
    struct arena *arena;
    struct transform_message_result *result;
    struct filter_pair *headers;
    struct buf *why;
    size_t instruction_count, other_count;
};

static bool is_token(struct str name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return name.len > 0;
}

static bool is_line_safe(struct str value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.ptr[i] < ' ' || value.ptr[i] == 0x7f)
            return false;
    return true;
}

static enum rc take_header(void *ctx, struct json_span name, struct json_span value)
{
    struct reading *r = ctx;
    struct filter_pair pair = { json_span_string(r->arena, name), STR_NONE };
    if (r->result->header_count == TRANSFORM_RESULT_HEADERS_MAX) {
        buf_say(r->why, "$headers has more than %d members", TRANSFORM_RESULT_HEADERS_MAX);
        return RC_LIMIT;
    }
    if (value.type == JSON_SPAN_STRING)
        pair.value = json_span_string(r->arena, value);
    if (value.type != JSON_SPAN_STRING || !is_token(pair.name) || !is_line_safe(pair.value)) {
        buf_say(r->why, "$headers: '%.*s' is no header with a value that fits in a line",
                STR_ARGS(pair.name));
        return RC_INVALID;
    }
    r->headers[r->result->header_count++] = pair;
    return RC_OK;
}

static enum rc take_headers(struct reading *r, struct json_span value)
{
    if (value.type != JSON_SPAN_OBJECT) {
        buf_say(r->why, "$headers takes an object");
        return RC_INVALID;
    }
    r->headers = arena_array(r->arena, TRANSFORM_RESULT_HEADERS_MAX, sizeof(*r->headers));
    r->result->headers = r->headers;
    return json_span_members(value, take_header, r);
}

static enum rc take_instruction(struct reading *r, struct str name, struct json_span value)
{
    if (str_eq(name, STR("$body"))) {
        r->result->body = value.text;
        return RC_OK;
    }
    if (str_eq(name, STR("$headers")))
        return take_headers(r, value);
    bool is_bool = value.type == JSON_SPAN_TRUE || value.type == JSON_SPAN_FALSE;
    if (str_eq(name, STR("$cancel")) && is_bool) {
        r->result->cancel = value.type == JSON_SPAN_TRUE;
        return RC_OK;
    }
    buf_say(r->why,
            str_eq(name, STR("$cancel"))
                ? "$cancel takes true or false"
                : "a result whose names begin with $ may have $body, $headers and $cancel only");
    return RC_INVALID;
}

static enum rc count_member(void *ctx, struct json_span name, struct json_span value)
{
    struct reading *r = ctx;
    bool is_instruction = str_starts(json_span_string(r->arena, name), STR("$"));
    (void)value;
    r->instruction_count += is_instruction ? 1 : 0;
    r->other_count += is_instruction ? 0 : 1;
    return is_instruction ? RC_OK : RC_LIMIT; /* a body: enough */
}

static enum rc take_member(void *ctx, struct json_span name, struct json_span value)
{
    struct reading *r = ctx;
    return take_instruction(r, json_span_string(r->arena, name), value);
}

enum rc transform_message_read(struct str text, struct arena *a,
                               struct transform_message_result *result, struct buf *why)
{
    struct json_span whole;
    struct reading r = { .arena = a, .result = result, .why = why };
    *result = (struct transform_message_result){ .cancel = false };
    if (json_scan(text, &whole, NULL) != RC_OK) {
        buf_say(why, "the result is no JSON");
        return RC_INVALID;
    }
    if (whole.type == JSON_SPAN_OBJECT)
        MUST(json_span_members(whole, count_member, &r) != RC_INVALID);
    if (r.instruction_count > 0 && r.other_count == 0)
        return json_span_members(whole, take_member, &r);
    result->body = whole.text;
    return RC_OK;
}

enum rc transform_message_transform(struct transform_pool *p, struct str program,
                                    const struct transform_message *m,
                                    const struct transform_limits *limits, struct arena *a,
                                    struct buf *out, struct transform_message_result *r,
                                    struct buf *why)
{
    struct buf document;
    *r = (struct transform_message_result){ .cancel = false };
    buf_init(&document, TRANSFORM_INPUT_MAX < m->body.len * 6 + DOCUMENT_SLACK
                            ? TRANSFORM_INPUT_MAX
                            : m->body.len * 6 + DOCUMENT_SLACK);
    enum rc rc = transform_message_write(m, &document);
    if (rc != RC_OK)
        buf_say(why, "the message is too long for a transform");
    else
        rc = transform_run(p, program, buf_str(&document), limits, out, why);
    buf_fini(&document);
    r->cancel = rc == RC_NOT_FOUND;
    if (rc == RC_OK)
        rc = transform_message_read(buf_str(out), a, r, why);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
