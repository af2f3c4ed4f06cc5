/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of parameters. Headers, query and payload are maps of names to text or JSON, as in the original;
 * JSON stays a span of the body, so that numbers keep their digits and nothing grows before it is asked for.
 */
#include "receive/payload_priv.h"
#include "receive/request_priv.h"

#include <stdlib.h>

enum { PAIRS_MAX = 1000, PATH_DEPTH_MAX = 512 };

struct pair {
    struct str name, text;
    struct json_span span; /* NONE: it is the text */
    bool is_file;          /* of a multipart body, and not JSON: any bytes */
};

/* The first of a name counts. */
struct map {
    struct json_span object; /* NONE: pairs only; they come before its members */
    struct pair *list;
    size_t count;
    bool is_there; /* else it is null: no payload that could be read */
};

struct receive_request {
    struct arena *arena;
    const struct grapnel_event *event;
    struct map headers, query, payload;
};

static struct str str_of_bytes(struct grapnel_bytes b)
{
    return str_of(b.ptr, b.len);
}

struct arena *receive_request_arena(const struct receive_request *r)
{
    return r->arena;
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

static struct pair *find_pair(const struct map *map, struct str name)
{
    for (size_t i = 0; i < map->count; i++) {
        if (str_eq(map->list[i].name, name))
            return &map->list[i];
    }
    return NULL;
}

static struct str request_decoded(struct arena *a, struct str text, bool *ok)
{
    struct buf out;

    buf_init(&out, text.len + 1);
    *ok = percent_decode(text, true, &out) == RC_OK;
    struct str copy = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return copy;
}

/* RC_INVALID: a pair is malformed (and left out), or there are too many. */
static enum rc read_pairs(struct arena *a, struct str text, struct map *out)
{
    enum rc rc = RC_OK;
    struct str part;

    out->is_there = true;
    out->list = arena_array(a, PAIRS_MAX, sizeof *out->list);
    while (text.len > 0 && str_split(&text, '&', &part)) {
        bool name_ok, value_ok;
        struct str name = STR_NONE;
        if (part.len == 0)
            continue;
        if (out->count == PAIRS_MAX)
            return RC_INVALID;
        bool has_semicolon = str_find(part, ';') < part.len;
        bool has_value = str_find(part, '=') < part.len;
        (void)str_split(&part, '=', &name);
        struct pair one = { .name = request_decoded(a, name, &name_ok) };
        one.text = request_decoded(a, has_value ? part : STR_NONE, &value_ok);
        if (has_semicolon || !name_ok || !value_ok)
            rc = RC_INVALID;
        else
            out->list[out->count++] = one;
    }
    return rc;
}

/* "x-github-event" is "X-Github-Event". */
static struct str request_canonical(struct arena *a, struct str name)
{
    char *copy = arena_cstr(a, name);
    bool starts = true;

    for (char *c = copy; *c != '\0'; c++) {
        if (starts && *c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
        else if (!starts && *c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
        starts = *c == '-';
    }
    return str_of(copy, name.len);
}

/* What the original's server takes for itself is no header of a hook's. */
static bool is_kept_back(struct str name)
{
    return str_eq(name, STR("Host")) || str_eq(name, STR("Transfer-Encoding")) ||
           str_eq(name, STR("Trailer"));
}

static void request_read_headers(struct receive_request *r)
{
    const struct grapnel_event *e = r->event;
    struct map *map = &r->headers;

    map->is_there = true;
    map->list = arena_array(r->arena, e->header_count + 2, sizeof *map->list);
    for (size_t i = 0; i < e->header_count; i++) {
        struct pair one = { .name = request_canonical(r->arena, str_of_bytes(e->headers[i].name)),
                            .text = str_of_bytes(e->headers[i].value) };
        if (!is_kept_back(one.name) && find_pair(map, one.name) == NULL)
            map->list[map->count++] = one;
    }
    const struct pair *old = find_pair(map, STR("Pragma")); /* what HTTP/1.0 said instead */
    if (old != NULL && str_eq(old->text, STR("no-cache")) &&
        find_pair(map, STR("Cache-Control")) == NULL)
        map->list[map->count++] =
            (struct pair){ .name = STR("Cache-Control"), .text = STR("no-cache") };
}

/* Text, a number or null is no payload: nothing can be found in it. */
static enum rc read_json(struct receive_request *r, struct str text, struct buf *why)
{
    struct json_error error;
    struct json_span span;
    struct map *map = &r->payload;

    if (text.len == 0)
        return RC_OK;
    if (receive_json_read(r->arena, text, &span, &error) != RC_OK) {
        buf_say(why, "the payload is not JSON: %s at byte %zu", error.reason, error.offset);
        return RC_INVALID;
    }
    map->is_there = span.type == JSON_SPAN_OBJECT || span.type == JSON_SPAN_ARRAY;
    if (span.type == JSON_SPAN_OBJECT)
        map->object = span;
    if (span.type == JSON_SPAN_ARRAY) { /* a list is found under "root" */
        map->list = ARENA_NEW(r->arena, struct pair);
        map->list[map->count++] = (struct pair){ .name = STR("root"), .span = span };
    }
    return RC_OK;
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
    if (read_pairs(r->arena, text, &r->payload) == RC_OK)
        return RC_OK;
    buf_say(why, "the form is malformed or has more than %d fields", PAIRS_MAX);
    return RC_INVALID;
}

static bool is_json_file(struct arena *a, const struct receive_part *p, struct json_span *span)
{
    return p->is_file &&
           str_ieq(str_trim(str_sub(p->type, 0, str_find(p->type, ';'))),
                   STR("application/json")) &&
           receive_json_read(a, p->body, span, NULL) == RC_OK; /* else it stays the file it is */
}

/* Fields are text; a file of JSON is what it says, and comes before a field of its name. */
static enum rc read_multipart(struct receive_request *r, struct str type, struct str text,
                              struct buf *why)
{
    struct receive_part *parts;
    struct map *map = &r->payload;
    size_t count, file_count = 0;
    enum rc rc = receive_multipart_read(r->arena, type, text, &parts, &count, why);

    if (rc != RC_OK)
        return rc;
    map->is_there = count > 0;
    map->list = arena_array(r->arena, count + 1, sizeof *map->list);
    struct pair *files = arena_array(r->arena, count + 1, sizeof *files);
    for (size_t i = 0; i < count; i++) {
        struct pair one = { .name = parts[i].name, .text = parts[i].body };
        if (is_json_file(r->arena, &parts[i], &one.span))
            map->list[map->count++] = one;
    }
    for (size_t i = 0; i < count; i++) {
        struct pair one = { parts[i].name, parts[i].body, { 0 }, parts[i].is_file };
        if (!one.is_file)
            map->list[map->count++] = one;
        else if (!is_json_file(r->arena, &parts[i], &one.span))
            files[file_count++] = one;
    }
    memcpy(map->list + map->count, files, file_count * sizeof *files);
    map->count += file_count;
    return RC_OK;
}

static bool request_has(struct arena *a, struct str type, const char *word)
{
    char *lower = arena_cstr(a, type);

    for (char *c = lower; *c != '\0'; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    return strstr(lower, word) != NULL;
}

/* The original's order, and its idea of a type: "application/soap+xml" is XML. A boundary may have any
 * word in it, so that multipart comes first. */
static enum rc read_payload(struct receive_request *r, struct str type, struct buf *why)
{
    struct str body = receive_request_body(r);

    if (request_has(r->arena, str_sub(type, 0, str_find(type, ';')), "multipart/form-data"))
        return read_multipart(r, type, body, why);
    if (request_has(r->arena, type, "json"))
        return read_json(r, body, why);
    if (request_has(r->arena, type, "x-www-form-urlencoded"))
        return read_form(r, body, why);
    if (request_has(r->arena, type, "xml"))
        return read_xml(r, body, why);
    return RC_OK;
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

static bool request_step(struct json_span *at, struct str name)
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

/* "commits.0.id"; a key that has dots and is the whole rest wins. RC_INVALID: the path leads into null, which
 * the original holds for an error, and not for something that is missing. */
static enum rc request_walk(struct json_span *at, struct str path)
{
    for (int depth = 0; depth < PATH_DEPTH_MAX; depth++) {
        struct str name;
        if (at->type == JSON_SPAN_NULL)
            return RC_INVALID;
        if (request_step(at, path))
            return RC_OK;
        if (str_find(path, '.') == path.len || !str_split(&path, '.', &name))
            return RC_NOT_FOUND;
        if (!request_step(at, name))
            return RC_NOT_FOUND;
    }
    return RC_NOT_FOUND;
}

static enum rc request_written(struct receive_request *r, struct str json,
                               const struct receive_overlay *overlays, size_t count,
                               struct str *out)
{
    struct buf text;

    buf_init(&text, RECEIVE_VALUE_MAX);
    enum rc rc = receive_json_write(r->arena, json, overlays, count, &text);
    if (rc == RC_OK)
        *out = arena_str(r->arena, buf_str(&text));
    buf_fini(&text);
    return rc == RC_OK ? RC_OK : RC_INVALID;
}

/* As text: what Go prints. */
static enum rc request_text_of(struct receive_request *r, struct json_span s, struct str *out)
{
    if (s.type == JSON_SPAN_OBJECT || s.type == JSON_SPAN_ARRAY)
        return request_written(r, s.text, NULL, 0, out);
    *out = s.type == JSON_SPAN_STRING ? json_span_string(r->arena, s)
           : s.type == JSON_SPAN_NULL ? STR("<nil>")
                                      : s.text;
    return RC_OK;
}

static enum rc from_map(struct receive_request *r, const struct map *map, struct str path,
                        struct str *out)
{
    const struct pair *pair = find_pair(map, path);
    struct json_span at = map->object;
    struct str rest = path, name = STR_NONE;

    if (pair != NULL && pair->span.type == JSON_SPAN_NONE) {
        *out = pair->text;
        return RC_OK;
    }
    if (pair != NULL)
        return request_text_of(r, pair->span, out);
    if (at.type == JSON_SPAN_OBJECT && request_step(&at, path))
        return request_text_of(r, at, out);
    if (str_find(path, '.') == path.len || !str_split(&rest, '.', &name))
        return RC_NOT_FOUND;
    pair = find_pair(map, name);
    if (pair != NULL)
        at = pair->span;
    else if (at.type != JSON_SPAN_OBJECT || !request_step(&at, name))
        return RC_NOT_FOUND;
    enum rc rc = at.type == JSON_SPAN_NONE ? RC_NOT_FOUND : request_walk(&at, rest);
    return rc == RC_OK ? request_text_of(r, at, out) : rc;
}

/* --- "parse-parameters-as-json" ---------------------------------------------------------------------- */

static struct map *map_of(struct receive_request *r, enum receive_source source)
{
    return source == RECEIVE_HEADER    ? &r->headers
           : source == RECEIVE_QUERY   ? &r->query
           : source == RECEIVE_PAYLOAD ? &r->payload
                                       : NULL;
}

static struct str request_key_of(struct receive_request *r, const struct receive_parameter *p)
{
    return p->source == RECEIVE_HEADER ? request_canonical(r->arena, p->name) : p->name;
}

/* Room for a few more in front, where they are found first. */
static void put_first(struct receive_request *r, struct map *map, struct pair one)
{
    struct pair *list = arena_array(r->arena, map->count + 1, sizeof *list);

    list[0] = one;
    if (map->count > 0)
        memcpy(list + 1, map->list, map->count * sizeof *list);
    map->list = list;
    map->count++;
}

/* A text that is an object becomes one; any other stays the text it is. */
static void read_parsed(struct receive_request *r, const struct receive_hook *hook)
{
    for (size_t i = 0; i < hook->json.count; i++) {
        const struct receive_parameter *p = &hook->json.list[i];
        struct map *map = map_of(r, p->source);
        struct pair one = { .name = request_key_of(r, p) };
        if (map != NULL && from_map(r, map, one.name, &one.text) == RC_OK &&
            receive_json_read(r->arena, one.text, &one.span, NULL) == RC_OK &&
            one.span.type == JSON_SPAN_OBJECT)
            put_first(r, map, one);
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
    (void)read_pairs(a, str_of_bytes(event->query), &r->query); /* what is malformed is not there */
    request_read_headers(r);
    const struct pair *sent = find_pair(&r->headers, STR("Content-Type"));
    if (type.len == 0 && sent != NULL)
        type = sent->text;
    enum rc rc = read_payload(r, type, why);
    if (rc == RC_OK)
        read_parsed(r, hook);
    return rc;
}

/* --- whole things as JSON ---------------------------------------------------------------------------- */

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *const *x = a, *const *y = b;

    return str_cmp((*x)->name, (*y)->name);
}

/* What is a map's: the first of each name, files that are not JSON left out. Sorted. */
static const struct pair **list_pairs(struct receive_request *r, const struct map *map,
                                      size_t *count)
{
    const struct pair **list = arena_array(r->arena, map->count + 1, sizeof *list);

    *count = 0;
    for (size_t i = 0; i < map->count; i++) {
        const struct pair *p = &map->list[i];
        if (find_pair(map, p->name) == p && (!p->is_file || p->span.type != JSON_SPAN_NONE))
            list[(*count)++] = p;
    }
    qsort(list, *count, sizeof *list, compare_pairs);
    return list;
}

static enum rc put_pair(struct receive_request *r, const struct pair *p, struct buf *out)
{
    enum rc rc = out->len > 1 ? buf_add_char(out, ',') : RC_OK;

    if (rc == RC_OK)
        rc = receive_json_write_text(p->name, out);
    if (rc == RC_OK)
        rc = buf_add_char(out, ':');
    if (rc != RC_OK)
        return rc;
    return p->span.type == JSON_SPAN_NONE
               ? receive_json_write_text(p->text, out)
               : receive_json_write(r->arena, p->span.text, NULL, 0, out);
}

static enum rc put_pairs(struct receive_request *r, const struct map *map, struct buf *out)
{
    size_t count;
    const struct pair **list = list_pairs(r, map, &count);
    enum rc rc = buf_add_char(out, '{');

    for (size_t i = 0; i < count && rc == RC_OK; i++)
        rc = put_pair(r, list[i], out);
    return rc == RC_OK ? buf_add_char(out, '}') : rc;
}

static enum rc request_whole(struct receive_request *r, const struct map *map, struct str *out)
{
    struct buf text;

    if (!map->is_there) {
        *out = STR("null");
        return RC_OK;
    }
    if (map->object.type == JSON_SPAN_OBJECT) {
        struct receive_overlay *overlays = arena_array(r->arena, map->count + 1, sizeof *overlays);
        for (size_t i = 0; i < map->count; i++)
            overlays[i] = (struct receive_overlay){ map->list[i].name, map->list[i].span.text };
        return request_written(r, map->object.text, overlays, map->count, out);
    }
    buf_init(&text, RECEIVE_VALUE_MAX);
    enum rc rc = put_pairs(r, map, &text);
    if (rc == RC_OK)
        *out = arena_str(r->arena, buf_str(&text));
    buf_fini(&text);
    return rc == RC_OK ? RC_OK : RC_INVALID;
}

/* "192.0.2.1:54321", "[2001:db8::1]:54321" */
static struct str remote_address(struct receive_request *r)
{
    struct str peer = receive_request_peer(r);
    bool is_six = str_find(peer, ':') < peer.len;

    if (r->event->peer_port == 0)
        return peer;
    return arena_fmt(r->arena, is_six ? "[%.*s]:%u" : "%.*s:%u", STR_ARGS(peer),
                     r->event->peer_port);
}

enum rc receive_request_value(struct receive_request *r, const struct receive_parameter *p,
                              struct str *out)
{
    *out = STR_NONE;
    switch (p->source) {
    case RECEIVE_HEADER:
    case RECEIVE_QUERY:
    case RECEIVE_PAYLOAD: return from_map(r, map_of(r, p->source), request_key_of(r, p), out);
    case RECEIVE_REQUEST:
        *out = str_ieq(p->name, STR("method")) ? str_of_bytes(r->event->method) : remote_address(r);
        return RC_OK;
    case RECEIVE_STRING: *out = p->name; return RC_OK;
    case RECEIVE_ENTIRE_PAYLOAD: return request_whole(r, &r->payload, out);
    case RECEIVE_ENTIRE_HEADERS: return request_whole(r, &r->headers, out);
    case RECEIVE_ENTIRE_QUERY: return request_whole(r, &r->query, out);
    case RECEIVE_RAW_BODY: *out = receive_request_body(r); return RC_OK;
    }
    return RC_NOT_FOUND;
}
