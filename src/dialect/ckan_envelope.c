/* SPDX-License-Identifier: Apache-2.0
 *
 * The body that CKAN's subscribers know: the entity, byte for byte as it was published, and about whose
 * webhook it is. The endpoint's option "ckan" has the parts.
 */
#include "dest/dest.h"

struct parts {
    struct str id, site, user;
};

static struct str part_of(struct arena *a, const json_t *ckan, const char *name)
{
    return arena_str(a, json_str_member(ckan, name));
}

static const void *ckan_envelope_compile(struct arena *a, const json_t *options, struct str key)
{
    const json_t *ckan = json_object_get(options, "ckan");
    struct parts *p = ARENA_NEW(a, struct parts);
    (void)key;
    *p = (struct parts){ part_of(a, ckan, "id"), part_of(a, ckan, "site"),
                         part_of(a, ckan, "user") };
    return p;
}

static enum rc add_member(struct buf *out, const char *name, struct str value)
{
    enum rc rc = buf_addf(out, ",\"%s\":", name);
    return rc == RC_OK ? buf_add_json(out, value) : rc;
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

static enum rc ckan_envelope_body(struct dest_call *c, const void *settings)
{
    const struct parts *p = settings;
    struct buf *out = c->body;
    if (json_validate(c->payload, NULL) != RC_OK)
        return RC_INVALID;
    enum rc rc = buf_add_str(out, STR("{\"entity\":"));
    if (rc == RC_OK)
        rc = buf_add_str(out, c->payload);
    if (rc == RC_OK)
        rc = add_member(out, "address", c->ep->shown_url);
    if (rc == RC_OK)
        rc = add_member(out, "webhook_id", p->id);
    if (rc == RC_OK)
        rc = add_member(out, "ckan", p->site);
    if (rc == RC_OK)
        rc = add_member(out, "topic", topic_of(c->scratch, c->message->event_type));
    if (rc == RC_OK)
        rc = add_member(out, "user_ref", p->user);
    if (rc == RC_OK)
        rc = buf_add_char(out, '}');
    c->payload = buf_str(out);
    return rc;
}

const struct dest_envelope ckan_envelope = {
    .option = "ckan",
    .unfit = "the payload is not JSON",
    .is_personal = true,
    .compile = ckan_envelope_compile,
    .body = ckan_envelope_body,
};
