/* SPDX-License-Identifier: Apache-2.0
 *
 * The body that CKAN's subscribers know: the entity, byte for byte as it was published, and about whose
 * webhook it is. The endpoint's option "ckan" has the parts.
 */
#include "deliver/attempt_priv.h"

#include "json/json.h"

static enum rc add_member(struct buf *out, const char *name, struct str value)
{
    enum rc rc = buf_addf(out, ",\"%s\":", name);
    return rc == RC_OK ? buf_add_json(out, value) : rc;
}

static struct str text_of(const json_t *ckan, const char *name)
{
    const json_t *v = json_object_get(ckan, name);
    return json_is_string(v) ? str_of(json_string_value(v), json_string_length(v)) : STR("");
}

/* "dataset.create" is "dataset/create". */
static struct str topic_of(struct arena *a, struct str event_type)
{
    size_t dot = str_find(event_type, '.');
    struct str rest = str_sub(event_type, dot + 1, event_type.len);
    return dot == event_type.len
               ? event_type
               : arena_fmt(a, "%.*s/%.*s", STR_ARGS(str_sub(event_type, 0, dot)), STR_ARGS(rest));
}

static enum rc add_all(struct deliver_attempt *a, const json_t *ckan, struct arena *arena)
{
    struct buf *out = &a->body;
    enum rc rc = buf_add_str(out, STR("{\"entity\":"));
    if (rc == RC_OK)
        rc = buf_add_str(out, a->payload);
    if (rc == RC_OK)
        rc = add_member(out, "address", a->ep->url);
    if (rc == RC_OK)
        rc = add_member(out, "webhook_id", text_of(ckan, "id"));
    if (rc == RC_OK)
        rc = add_member(out, "ckan", text_of(ckan, "site"));
    if (rc == RC_OK)
        rc = add_member(out, "topic", topic_of(arena, a->item->payload->event_type));
    if (rc == RC_OK)
        rc = add_member(out, "user_ref", text_of(ckan, "user"));
    return rc == RC_OK ? buf_add_char(out, '}') : rc;
}

enum rc deliver_ckan_body(struct deliver_attempt *a)
{
    json_t *ckan = NULL;
    struct arena arena;
    buf_reset(&a->body);
    if (json_validate(a->payload, NULL) != RC_OK || json_parse(a->ep->ckan, &ckan, NULL) != RC_OK)
        return RC_INVALID;
    arena_init(&arena);
    enum rc rc = add_all(a, ckan, &arena);
    arena_fini(&arena);
    json_decref(ckan);
    return rc;
}
