/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates of routing keys and headers: a list of parts, each a literal text or something of the
 * message. No loops, no conditions: what it costs is bounded by its length and the payload's.
 */
#include "broker/route.h"

enum part_kind {
    PART_TEXT,
    PART_EVENT_TYPE,
    PART_CHANNEL,
    PART_APP_ID,
    PART_APP_UID,
    PART_SOURCE,
    PART_HEADER,
    PART_JSON
};

struct part {
    enum part_kind kind;
    struct str text; /* the literal; the header's name; the pointer */
};

struct broker_template {
    size_t count;
    struct part parts[BROKER_TEMPLATE_PARTS_MAX];
};

/* --- compiling -------------------------------------------------------------------------------------- */

static bool read_name(struct str name, struct part *out)
{
    static const struct {
        const char *name;
        enum part_kind kind;
    } names[] = { { "eventType", PART_EVENT_TYPE },
                  { "channel", PART_CHANNEL },
                  { "app.id", PART_APP_ID },
                  { "app.uid", PART_APP_UID },
                  { "source", PART_SOURCE } };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_eq(name, str_from(names[i].name))) {
            out->kind = names[i].kind;
            return true;
        }
    }
    out->text = name;
    out->kind = PART_HEADER;
    if (str_skip_prefix(&out->text, STR("header:")))
        return out->text.len > 0;
    out->kind = PART_JSON;
    return str_skip_prefix(&out->text, STR("json:")) &&
           (out->text.len == 0 || out->text.ptr[0] == '/');
}

static enum rc add_part(struct broker_template *t, struct part part, struct buf *why)
{
    if (part.kind == PART_TEXT && part.text.len == 0)
        return RC_OK;
    if (t->count == BROKER_TEMPLATE_PARTS_MAX) {
        buf_say(why, "more than %d parts", BROKER_TEMPLATE_PARTS_MAX);
        return RC_INVALID;
    }
    t->parts[t->count++] = part;
    return RC_OK;
}

static size_t steps_of(struct str pointer)
{
    size_t steps = 0;
    for (size_t i = 0; i < pointer.len; i++)
        steps += pointer.ptr[i] == '/' ? 1 : 0;
    return steps;
}

/* `at` stands on an opening brace that is not doubled. */
static enum rc template_add_name(struct broker_template *t, struct str text, size_t *at,
                                 struct buf *why)
{
    size_t end = *at + str_find(str_sub(text, *at, text.len), '}');
    struct part part;
    struct str name = str_sub(text, *at + 1, end - *at - 1);
    if (end == text.len) {
        buf_say(why, "the brace at byte %zu is not closed", *at + 1);
        return RC_INVALID;
    }
    if (!read_name(name, &part)) {
        buf_say(why,
                "{%.*s} at byte %zu is none of {eventType}, {channel}, {app.id}, {app.uid}, "
                "{source}, {header:NAME}, {json:/pointer}",
                STR_ARGS(str_sub(name, 0, 64)), *at + 1);
        return RC_INVALID;
    }
    if (part.kind == PART_JSON && steps_of(part.text) > BROKER_POINTER_STEPS_MAX) {
        buf_say(why, "the pointer at byte %zu has more than %d steps", *at + 1,
                BROKER_POINTER_STEPS_MAX);
        return RC_INVALID;
    }
    *at = end + 1;
    return add_part(t, part, why);
}

static enum rc template_compile(struct broker_template *t, struct str text, struct buf *why)
{
    size_t start = 0;
    size_t at = 0;
    enum rc rc = RC_OK;
    while (at < text.len && rc == RC_OK) {
        char c = text.ptr[at];
        if (c != '{' && c != '}') {
            at++;
            continue;
        }
        bool is_double = at + 1 < text.len && text.ptr[at + 1] == c;
        rc = add_part(t, (struct part){ PART_TEXT, str_sub(text, start, at - start + is_double) },
                      why);
        if (is_double) {
            at += 2;
        } else if (c == '}') {
            buf_say(why, "a closing brace at byte %zu without an opening one; a brace itself is }}",
                    at + 1);
            return RC_INVALID;
        } else if (rc == RC_OK) {
            rc = template_add_name(t, text, &at, why);
        }
        start = at;
    }
    return rc == RC_OK
               ? add_part(t, (struct part){ PART_TEXT, str_sub(text, start, text.len) }, why)
               : rc;
}

enum rc broker_template_compile(struct str text, struct arena *a,
                                const struct broker_template **out, struct buf *why)
{
    if (text.len > BROKER_TEMPLATE_MAX) {
        buf_say(why, "longer than %d bytes", BROKER_TEMPLATE_MAX);
        return RC_INVALID;
    }
    struct broker_template *t = ARENA_NEW(a, struct broker_template);
    *out = t;
    return template_compile(t, arena_str(a, text), why);
}

size_t broker_template_pointer_count(const struct broker_template *t)
{
    size_t count = 0;
    for (size_t i = 0; i < t->count; i++)
        count += t->parts[i].kind == PART_JSON ? 1 : 0;
    return count;
}

/* --- JSON pointers ------------------------------------------------------------------------------------ */

struct step {
    struct str wanted; /* the index */
    struct json_span found;
};

static enum rc match_element(void *ctx, size_t index, struct json_span value)
{
    struct step *step = ctx;
    uint64_t wanted = 0;
    bool is_plain = step->wanted.len == 1 || (step->wanted.len > 0 && step->wanted.ptr[0] != '0');
    if (is_plain && str_to_u64(step->wanted, &wanted) == RC_OK && wanted == index)
        step->found = value;
    return RC_OK;
}

/* "~1" is a slash, "~0" a tilde. */
static struct str template_unescape(struct arena *scratch, struct str token)
{
    char *out = arena_alloc(scratch, token.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < token.len; i++) {
        bool is_escape = token.ptr[i] == '~' && i + 1 < token.len &&
                         (token.ptr[i + 1] == '0' || token.ptr[i + 1] == '1');
        out[len++] = !is_escape ? token.ptr[i] : token.ptr[i + 1] == '1' ? '/' : '~';
        i += is_escape ? 1 : 0;
    }
    return str_of(out, len);
}

/* Down one level; names are compared where they stand, so that their number costs no memory. False: there
 * is nothing, or a name that comes twice. */
static bool step_into(struct json_span *at, struct str token)
{
    struct json_member member = { .name = token };
    struct step step = { .wanted = token };
    if (at->type == JSON_SPAN_OBJECT) {
        bool is_there = json_scan_object(at->text, &member, 1, NULL) == RC_OK;
        *at = member.value;
        return is_there;
    }
    bool is_there = json_span_each(*at, match_element, &step) == RC_OK;
    *at = step.found;
    return is_there;
}

struct str broker_json_at(struct str payload, struct str pointer, struct arena *scratch)
{
    struct json_span at;
    if (json_scan(payload, &at, NULL) != RC_OK)
        return STR_NONE;
    while (pointer.len > 0) {
        struct str rest = str_sub(pointer, 1, pointer.len);
        size_t end = str_find(rest, '/');
        if (!step_into(&at, template_unescape(scratch, str_sub(rest, 0, end))))
            return STR_NONE;
        pointer = str_sub(rest, end, rest.len);
    }
    switch (at.type) {
    case JSON_SPAN_STRING: return json_span_string(scratch, at);
    case JSON_SPAN_NUMBER:
    case JSON_SPAN_TRUE:
    case JSON_SPAN_FALSE: return at.text;
    case JSON_SPAN_NONE:
    case JSON_SPAN_OBJECT:
    case JSON_SPAN_ARRAY:
    case JSON_SPAN_NULL:
    default: return STR_NONE;
    }
}

/* --- expanding ---------------------------------------------------------------------------------------- */

static struct str find_header(struct str lines, struct str name)
{
    while (lines.len > 0) {
        size_t end = str_find(lines, '\n');
        struct str line = str_sub(lines, 0, end);
        size_t colon = str_find(line, ':');
        if (str_ieq(str_sub(line, 0, colon), name)) {
            struct str value = str_sub(line, colon + 1, line.len);
            value.len -= str_ends(value, STR("\r")) ? 1 : 0;
            return str_trim(value);
        }
        lines = str_sub(lines, end + 1, lines.len);
    }
    return STR_NONE;
}

static struct str template_fill(const struct part *p, const struct broker_facts *facts,
                                struct arena *scratch)
{
    switch (p->kind) {
    case PART_EVENT_TYPE: return facts->event_type;
    case PART_CHANNEL: return facts->channel;
    case PART_APP_ID: return facts->app_id;
    case PART_APP_UID: return facts->app_uid;
    case PART_SOURCE: return facts->source;
    case PART_HEADER: return find_header(facts->headers, p->text);
    case PART_JSON: return broker_json_at(facts->payload, p->text, scratch);
    case PART_TEXT:
    default: return p->text;
    }
}

enum rc broker_template_expand(const struct broker_template *t, const struct broker_facts *facts,
                               struct arena *scratch, struct buf *out)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < t->count && rc == RC_OK; i++)
        rc = buf_add_str(out, template_fill(&t->parts[i], facts, scratch));
    return rc;
}
