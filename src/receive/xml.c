/* SPDX-License-Identifier: Apache-2.0
 *
 * XML into JSON, so that paths, rules and whole payloads are the JSON reader's. Expat reads; a document
 * that declares entities of its own is refused, so its size is the most it can cost.
 */
#include "receive/payload_priv.h"
#include "json/json.h"

#include <expat.h>

enum { OUT_PER_BYTE = 4, OUT_SPACE = 256, TEXT_PER_BYTE = 2 };

/* An element that is open. */
struct element {
    struct str name;
    json_t *members;
    json_t *first; /* text before any member, or the element's whole value; NULL: none */
    json_t *last;  /* the last text after one */
};

struct reading {
    XML_Parser parser;
    struct arena *arena;
    struct element open[RECEIVE_XML_DEPTH_MAX];
    size_t depth, node_count;
    struct buf text; /* since the last markup */
    json_t *root;
    const char *refused; /* why we stopped it; NULL: we did not */
};

static void xml_stop(struct reading *r, const char *why)
{
    r->refused = why;
    (void)XML_StopParser(r->parser, XML_FALSE);
}

static json_t *text_value(struct str s)
{
    return json_stringn_nocheck(s.len > 0 ? s.ptr : "", s.len); /* Expat's texts are UTF-8 */
}

static void xml_put(json_t **slot, json_t *value)
{
    json_decref(*slot);
    *slot = value;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct str without_blanks(struct str s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = str_of(s.ptr + 1, s.len - 1);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Markup ends a run of text. */
static void end_text(struct reading *r)
{
    struct str text = without_blanks(buf_str(&r->text));

    if (r->depth > 0 && text.len > 0) {
        struct element *e = &r->open[r->depth - 1];
        xml_put(json_object_size(e->members) == 0 ? &e->first : &e->last, text_value(text));
    }
    buf_reset(&r->text);
}

static const char *xml_local(const char *name)
{
    const char *colon = strrchr(name, ':');

    return colon == NULL ? name : colon + 1;
}

static bool count_node(struct reading *r)
{
    if (r->node_count++ < RECEIVE_XML_NODES_MAX)
        return true;
    xml_stop(r, "more than 100000 elements and attributes");
    return false;
}

static void on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *r = ctx;

    end_text(r);
    if (r->depth == RECEIVE_XML_DEPTH_MAX) {
        xml_stop(r, "elements nested deeper than 128");
        return;
    }
    if (!count_node(r))
        return;
    struct element *e = &r->open[r->depth++];
    *e = (struct element){ .name = arena_str(r->arena, str_from(xml_local(name))),
                           .members = json_object() };
    /* Those of the start tag only: a default of the document's type may be long, and comes with each. */
    int count = XML_GetSpecifiedAttributeCount(r->parser);
    for (int i = 0; i < count && count_node(r); i += 2) {
        char *key = arena_cstr(r->arena, arena_fmt(r->arena, "-%s", xml_local(attributes[i])));
        (void)json_object_set_new_nocheck(e->members, key, text_value(str_from(attributes[i + 1])));
    }
}

/* A name that comes again makes a list: no value is one before. */
static void add_member(json_t *members, struct str name, json_t *value)
{
    json_t *there = json_object_get(members, name.ptr);

    if (there == NULL) {
        (void)json_object_set_new_nocheck(members, name.ptr, value);
    } else if (json_is_array(there)) {
        (void)json_array_append_new(there, value);
    } else {
        json_t *list = json_array();
        (void)json_array_append(list, there);
        (void)json_array_append_new(list, value);
        (void)json_object_set_new_nocheck(members, name.ptr, list);
    }
}

static json_t *value_of(struct element *e)
{
    json_t *text = json_incref(e->first != NULL ? e->first : e->last);
    json_t *value = e->members;

    if (json_object_size(e->members) == 0) {
        value = text != NULL ? json_incref(text) : text_value(STR_NONE);
        json_decref(e->members);
    } else if (text != NULL) {
        (void)json_object_set_nocheck(e->members, "#text", text);
    }
    json_decref(text);
    json_decref(e->first);
    json_decref(e->last);
    return value;
}

static void on_end(void *ctx, const XML_Char *name)
{
    struct reading *r = ctx;

    (void)name;
    if (r->refused != NULL) /* the end of an empty element comes even so */
        return;
    end_text(r);
    struct element *e = &r->open[--r->depth];
    json_t *value = value_of(e);
    if (r->depth == 0)
        r->root = json_object();
    add_member(r->depth == 0 ? r->root : r->open[r->depth - 1].members, e->name, value);
}

static void on_text(void *ctx, const XML_Char *text, int len)
{
    struct reading *r = ctx;

    if (buf_add(&r->text, text, (size_t)len) != RC_OK)
        xml_stop(r, "a text that grows when it is read");
}

static void on_comment(void *ctx, const XML_Char *text)
{
    (void)text;
    end_text(ctx);
}

static void on_instruction(void *ctx, const XML_Char *target, const XML_Char *text)
{
    (void)target;
    (void)text;
    end_text(ctx);
}

static void on_cdata(void *ctx)
{
    end_text(ctx);
}

static void on_entity(void *ctx, const XML_Char *name, int is_parameter, const XML_Char *value,
                      int value_len, const XML_Char *base, const XML_Char *system_id,
                      const XML_Char *public_id, const XML_Char *notation)
{
    (void)name;
    (void)is_parameter;
    (void)value;
    (void)value_len;
    (void)base;
    (void)system_id;
    (void)public_id;
    (void)notation;
    xml_stop(ctx, "entities of its own");
}

static void on_skipped(void *ctx, const XML_Char *name, int is_parameter)
{
    (void)name;
    (void)is_parameter;
    xml_stop(ctx, "an entity that is not XML's own");
}

static void xml_listen(struct reading *r)
{
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_start, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetCommentHandler(r->parser, on_comment);
    XML_SetProcessingInstructionHandler(r->parser, on_instruction);
    XML_SetCdataSectionHandler(r->parser, on_cdata, on_cdata);
    XML_SetEntityDeclHandler(r->parser, on_entity);
    XML_SetSkippedEntityHandler(r->parser, on_skipped);
}

static enum rc xml_read_all(struct reading *r, struct str xml, struct buf *why)
{
    if (xml.len > INT32_MAX) {
        buf_say(why, "the payload is too large for XML");
        return RC_INVALID;
    }
    xml_listen(r);
    if (XML_Parse(r->parser, xml.ptr, (int)xml.len, 1) == XML_STATUS_OK)
        return RC_OK;
    if (r->refused != NULL)
        buf_say(why, "the XML has %s", r->refused);
    else
        buf_say(why, "the payload is not XML: %s in line %lu",
                XML_ErrorString(XML_GetErrorCode(r->parser)),
                (unsigned long)XML_GetCurrentLineNumber(r->parser));
    return RC_INVALID;
}

static enum rc write_json(struct arena *a, const json_t *root, size_t xml_len, struct str *json)
{
    struct buf out;

    buf_init(&out, xml_len * OUT_PER_BYTE + OUT_SPACE);
    enum rc rc = json_write(root, &out);
    *json = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return rc;
}

enum rc receive_xml_to_json(struct arena *a, struct str xml, struct str *json, struct buf *why)
{
    struct reading *r = XNEW(struct reading);

    r->arena = a;
    r->parser = XML_ParserCreate(NULL);
    MUST(r->parser != NULL); /* memory, as in every other allocation of ours */
    buf_init(&r->text, xml.len * TEXT_PER_BYTE + 1);
    enum rc rc = xml_read_all(r, xml, why);
    if (rc == RC_OK)
        rc = write_json(a, r->root, xml.len, json);
    XML_ParserFree(r->parser);
    while (r->depth > 0)
        json_decref(value_of(&r->open[--r->depth]));
    json_decref(r->root);
    buf_fini(&r->text);
    xfree(r);
    return rc;
}
