/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of parameters. The payload is read as spans of the body: numbers keep their digits, and an
 * object or list is handed on as it was sent.
 */
#include "receive/hooks_priv.h"
#include "receive/payload_priv.h"
#include "receive/run.h"

enum { PAIRS_MAX = 1000, PATH_DEPTH_MAX = 64 };

struct pair {
    struct str name, value;
    bool is_file; /* of a multipart body: any bytes, so not part of the payload as JSON */
};

struct pairs {
    struct pair *list;
    size_t count;
};

/* "parse-parameters-as-json": the text at this parameter is JSON itself. */
struct parsed {
    enum receive_source source;
    struct str name;
    struct json_span span;
};

struct receive_request {
    struct arena *arena;
    const struct grapnel_event *event;
    struct json_span payload; /* NONE: the body is neither JSON nor XML */
    struct pairs form, query;
    struct parsed *parsed; /* by the hook's wish */
    size_t parsed_count;
    struct parsed *files; /* of a multipart body, because they are JSON */
    size_t file_count;
};

static struct str str_of_bytes(struct grapnel_bytes b)
{
    return str_of(b.ptr, b.len);
}

struct str receive_request_peer(const struct receive_request *r)
{
    return str_of_bytes(r->event->peer);
}

struct str receive_request_body(const struct receive_request *r)
{
    return str_of_bytes(r->event->body);
}

/* --- reading it -------------------------------------------------------------------------------------- */

static struct str decoded(struct arena *a, struct str text, bool *ok)
{
    struct buf out;

    buf_init(&out, text.len + 1);
    *ok = percent_decode(text, true, &out) == RC_OK;
    struct str copy = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return copy;
}

/* The first of a name counts, as in the original. */
static enum rc read_pairs(struct arena *a, struct str text, struct pairs *out)
{
    struct str part;

    out->list = arena_array(a, PAIRS_MAX, sizeof *out->list);
    while (text.len > 0 && str_split(&text, '&', &part)) {
        bool name_ok, value_ok;
        struct str name = STR_NONE;
        if (part.len == 0)
            continue;
        if (out->count == PAIRS_MAX)
            return RC_INVALID;
        bool has_value = str_find(part, '=') < part.len;
        (void)str_split(&part, '=', &name);
        out->list[out->count].name = decoded(a, name, &name_ok);
        out->list[out->count].value = decoded(a, has_value ? part : STR_NONE, &value_ok);
        out->count++;
        if (!name_ok || !value_ok)
            return RC_INVALID;
    }
    return RC_OK;
}

static bool find_header(const struct grapnel_event *e, struct str name, struct str *out)
{
    for (size_t i = 0; i < e->header_count; i++) {
        if (str_ieq(str_of_bytes(e->headers[i].name), name)) {
            *out = str_of_bytes(e->headers[i].value);
            return true;
        }
    }
    return false;
}

static enum rc read_json(struct receive_request *r, struct str text, struct buf *why)
{
    struct json_error error;

    if (text.len == 0 || json_scan(text, &r->payload, &error) == RC_OK)
        return RC_OK;
    buf_say(why, "the payload is not JSON: %s at byte %zu", error.reason, error.offset);
    return RC_INVALID;
}

static enum rc read_xml(struct receive_request *r, struct str text, struct buf *why)
{
    struct str json;

    if (text.len == 0)
        return RC_OK;
    enum rc rc = receive_xml_to_json(r->arena, text, &json, why);
    return rc != RC_OK ? rc : read_json(r, json, why);
}

static enum rc read_form(struct receive_request *r, struct str text, struct buf *why)
{
    if (read_pairs(r->arena, text, &r->form) == RC_OK)
        return RC_OK;
    buf_say(why, "the form is malformed or has more than %d fields", PAIRS_MAX);
    return RC_INVALID;
}

/* Fields are text; a file of JSON is what it says. The first of a name counts, as in a form. */
static enum rc read_multipart(struct receive_request *r, struct str type, struct str text,
                              struct buf *why)
{
    struct receive_part *parts;
    size_t count;
    enum rc rc = receive_multipart_read(r->arena, type, text, &parts, &count, why);

    if (rc != RC_OK)
        return rc;
    r->form.list = arena_array(r->arena, count + 1, sizeof *r->form.list);
    r->files = arena_array(r->arena, count + 1, sizeof *r->files);
    for (size_t i = 0; i < count; i++) {
        const struct receive_part *p = &parts[i];
        struct json_span span;
        r->form.list[r->form.count++] = (struct pair){ p->name, p->body, p->is_file };
        if (p->is_file &&
            str_ieq(str_sub(p->type, 0, str_find(p->type, ';')), STR("application/json")) &&
            json_scan(p->body, &span, NULL) == RC_OK) /* else it stays the file it is */
            r->files[r->file_count++] = (struct parsed){ RECEIVE_PAYLOAD, p->name, span };
    }
    return RC_OK;
}

static bool has(struct arena *a, struct str type, const char *word)
{
    char *lower = arena_cstr(a, type);

    for (char *c = lower; *c != '\0'; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    return strstr(lower, word) != NULL;
}

/* The original's order, and its idea of a type: "application/soap+xml" is XML. */
static enum rc read_payload(struct receive_request *r, struct str type, struct buf *why)
{
    struct str body = receive_request_body(r);
    struct str media = str_sub(type, 0, str_find(type, ';'));

    if (has(r->arena, media, "json"))
        return read_json(r, body, why);
    if (has(r->arena, media, "x-www-form-urlencoded"))
        return read_form(r, body, why);
    if (has(r->arena, media, "xml"))
        return read_xml(r, body, why);
    if (has(r->arena, media, "multipart/form-data"))
        return read_multipart(r, type, body, why);
    return RC_OK;
}

static void read_parsed(struct receive_request *r, const struct receive_hook *hook)
{
    r->parsed = arena_array(r->arena, hook->json.count + 1, sizeof *r->parsed);
    for (size_t i = 0; i < hook->json.count; i++) {
        const struct receive_parameter *p = &hook->json.list[i];
        struct json_span span;
        struct str text;
        if (receive_request_value(r, p, &text) == RC_OK &&
            json_scan(text, &span, NULL) == RC_OK) /* else it stays the text it is */
            r->parsed[r->parsed_count++] = (struct parsed){ p->source, p->name, span };
    }
}

enum rc receive_request_new(struct arena *a, const struct receive_hook *hook,
                            const struct grapnel_event *event, struct receive_request **out,
                            struct buf *why)
{
    struct receive_request *r = ARENA_NEW(a, struct receive_request);
    struct str type = hook->content_type;

    r->arena = a;
    r->event = event;
    *out = r;
    if (read_pairs(a, str_of_bytes(event->query), &r->query) != RC_OK) {
        buf_say(why, "the query is malformed or has more than %d parameters", PAIRS_MAX);
        return RC_INVALID;
    }
    if (type.len == 0)
        (void)find_header(event, STR("content-type"), &type);
    enum rc rc = read_payload(r, type, why);
    if (rc == RC_OK)
        read_parsed(r, hook);
    return rc;
}

/* --- paths ------------------------------------------------------------------------------------------ */

struct looking {
    struct str name;
    struct json_span found;
};

static enum rc compare_name(void *ctx, struct json_span name, struct json_span value)
{
    struct looking *l = ctx;

    if (json_span_is(name, l->name))
        l->found = value; /* the last one counts */
    return RC_OK;
}

static enum rc compare_index(void *ctx, size_t index, struct json_span value)
{
    struct looking *l = ctx;
    uint64_t wanted;

    if (str_to_u64(l->name, &wanted) == RC_OK && wanted == index)
        l->found = value;
    return RC_OK;
}

static bool step(struct json_span *at, struct str name)
{
    struct looking l = { .name = name };
    enum rc rc = RC_INVALID;

    if (at->type == JSON_SPAN_OBJECT)
        rc = json_span_members(*at, compare_name, &l);
    else if (at->type == JSON_SPAN_ARRAY)
        rc = json_span_each(*at, compare_index, &l);
    if (rc != RC_OK || l.found.type == JSON_SPAN_NONE)
        return false;
    *at = l.found;
    return true;
}

/* "commits.0.id"; a key that has dots and is the whole rest wins. */
static bool walk(struct json_span *at, struct str path)
{
    for (int depth = 0; depth < PATH_DEPTH_MAX; depth++) {
        struct str name;
        if (step(at, path))
            return true;
        if (str_find(path, '.') == path.len || !str_split(&path, '.', &name))
            return false;
        if (!step(at, name))
            return false;
    }
    return false;
}

static struct str text_of(struct arena *a, struct json_span s)
{
    return s.type == JSON_SPAN_STRING ? json_span_string(a, s) : s.text;
}

/* A list as payload is found under "root". */
static bool from_payload(struct receive_request *r, struct str path, struct str *out)
{
    struct json_span at = r->payload;

    if (at.type == JSON_SPAN_ARRAY && str_eq(path, STR("root"))) {
        *out = at.text;
        return true;
    }
    if (at.type == JSON_SPAN_ARRAY && !str_skip_prefix(&path, STR("root.")))
        return false;
    if (!walk(&at, path))
        return false;
    *out = text_of(r->arena, at);
    return true;
}

static bool from_pairs(const struct pairs *pairs, struct str name, struct str *out)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (str_eq(pairs->list[i].name, name)) {
            *out = pairs->list[i].value;
            return true;
        }
    }
    return false;
}

static bool from_parsed(struct receive_request *r, const struct parsed *list, size_t count,
                        const struct receive_parameter *p, struct str *out)
{
    for (size_t i = 0; i < count; i++) {
        struct json_span at = list[i].span;
        struct str rest = p->name;
        if (list[i].source != p->source || !str_skip_prefix(&rest, list[i].name))
            continue;
        if (rest.len == 0 || (str_skip_prefix(&rest, STR(".")) && walk(&at, rest))) {
            *out = text_of(r->arena, at);
            return true;
        }
    }
    return false;
}

/* --- whole things as JSON ---------------------------------------------------------------------------- */

static const struct parsed *find_parsed(const struct receive_request *r, struct str name)
{
    for (size_t i = 0; i < r->parsed_count; i++) {
        if (r->parsed[i].source == RECEIVE_PAYLOAD && str_eq(r->parsed[i].name, name))
            return &r->parsed[i];
    }
    for (size_t i = 0; i < r->file_count; i++) {
        if (str_eq(r->files[i].name, name))
            return &r->files[i];
    }
    return NULL;
}

/* `parsed`: the member is JSON itself; NULL: text. */
static void add_member(struct buf *out, const struct pair *p, const struct parsed *parsed)
{
    buf_say(out, "%s", out->len > 1 ? "," : "");
    receive_say_json(out, p->name);
    buf_say(out, "%c", ':');
    if (parsed == NULL)
        receive_say_json(out, p->value); /* past the limit, the end shows it: not JSON */
    else if (buf_add_str(out, parsed->span.text) != RC_OK)
        buf_say(out, "\"\"");
}

/* The first of a name counts here, too. `is_payload`: what is JSON inside is JSON here. */
static struct str as_json(struct receive_request *r, const struct pairs *pairs, bool is_payload)
{
    struct buf out;
    struct str first;

    buf_init(&out, RECEIVE_VALUE_MAX);
    buf_say(&out, "{");
    for (size_t i = 0; i < pairs->count; i++) {
        const struct pair *p = &pairs->list[i];
        const struct parsed *parsed = is_payload ? find_parsed(r, p->name) : NULL;
        if (from_pairs(pairs, p->name, &first) && first.ptr == p->value.ptr &&
            (!p->is_file || parsed != NULL))
            add_member(&out, p, parsed);
    }
    buf_say(&out, "}");
    struct str text = arena_str(r->arena, buf_str(&out));
    buf_fini(&out);
    return text;
}

static struct str headers_as_json(struct receive_request *r)
{
    const struct grapnel_event *e = r->event;
    struct pairs pairs = { .list = arena_array(r->arena, e->header_count + 1, sizeof *pairs.list),
                           .count = e->header_count };

    for (size_t i = 0; i < e->header_count; i++)
        pairs.list[i] = (struct pair){ .name = str_of_bytes(e->headers[i].name),
                                       .value = str_of_bytes(e->headers[i].value) };
    return as_json(r, &pairs, false);
}

static bool find_value(struct receive_request *r, const struct receive_parameter *p,
                       struct str *out)
{
    if (from_parsed(r, r->parsed, r->parsed_count, p, out) ||
        from_parsed(r, r->files, r->file_count, p, out))
        return true;
    switch (p->source) {
    case RECEIVE_HEADER: return find_header(r->event, p->name, out);
    case RECEIVE_QUERY: return from_pairs(&r->query, p->name, out);
    case RECEIVE_PAYLOAD:
        return from_payload(r, p->name, out) || from_pairs(&r->form, p->name, out);
    case RECEIVE_REQUEST:
        *out = str_ieq(p->name, STR("method")) ? str_of_bytes(r->event->method)
                                               : receive_request_peer(r);
        return true;
    case RECEIVE_STRING: *out = p->name; return true;
    case RECEIVE_ENTIRE_PAYLOAD:
        *out = r->form.count > 0 ? as_json(r, &r->form, true) : r->payload.text;
        return out->len > 0;
    case RECEIVE_ENTIRE_HEADERS: *out = headers_as_json(r); return true;
    case RECEIVE_ENTIRE_QUERY: *out = as_json(r, &r->query, false); return true;
    case RECEIVE_RAW_BODY: *out = receive_request_body(r); return true;
    }
    return false;
}

enum rc receive_request_value(struct receive_request *r, const struct receive_parameter *p,
                              struct str *out)
{
    *out = STR_NONE;
    return find_value(r, p, out) ? RC_OK : RC_NOT_FOUND;
}
