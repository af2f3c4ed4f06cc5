/* SPDX-License-Identifier: Apache-2.0
 *
 * Which envelopes an endpoint's options ask for, and how an endpoint of any kind is compiled into a view.
 */
#include "dest/dest.h"

static bool is_asked_for(const struct dest_envelope *e, const json_t *options)
{
    if (e->value == NULL)
        return json_is_object(json_object_get(options, e->option));
    return str_eq(json_str_member(options, e->option), str_from(e->value));
}

static const struct dest_envelope *none[] = { NULL };

static const struct dest_envelope *const *all_of(const struct dest_envelope *const *envelopes)
{
    return envelopes == NULL ? none : envelopes;
}

/* Of its own, or else the text form of the endpoint's signing key. */
static struct str scheme_key(struct arena *a, const struct dest_source *s)
{
    char text[SIGN_SECRET_TEXT_MAX];
    struct str key = json_str_member(s->sealed, "schemeSecret");
    if (key.len == 0 && s->key != NULL)
        key = sign_key_secret(s->key, text);
    key = key.len == 0 ? STR_NONE : arena_secret(a, key);
    mem_wipe(text, sizeof(text));
    return key;
}

void dest_wrapping_read(struct arena *a, const struct dest_source *s, struct dest_wrapping *out)
{
    *out = (struct dest_wrapping){ .known = all_of(s->envelopes) };
    for (const struct dest_envelope *const *e = out->known; *e != NULL; e++) {
        if (out->count == DEST_WRAPS_MAX || !is_asked_for(*e, s->options))
            continue;
        struct str key = (*e)->needs_key ? scheme_key(a, s) : STR_NONE;
        struct dest_wrap *w = &out->wraps[out->count++];
        *w = (struct dest_wrap){ .row = *e };
        if ((*e)->compile != NULL)
            w->settings = (*e)->compile(a, s->options, key);
        out->lacks_key = out->lacks_key || ((*e)->needs_key && key.len == 0);
        out->is_chunked = out->is_chunked || (*e)->is_chunked;
        out->is_personal = out->is_personal || (*e)->is_personal;
        if ((*e)->content_type != NULL)
            out->content_type = str_from((*e)->content_type);
        if ((*e)->is_alone)
            break;
    }
}

bool dest_wrapping_reserves(const struct dest_wrapping *w, struct str header)
{
    for (const struct dest_envelope *const *e = w->known; *e != NULL; e++)
        if ((*e)->header != NULL && str_ieq(header, str_from((*e)->header)))
            return true;
    return false;
}

void dest_envelope_values(const struct dest_envelope *const *envelopes, const char *option,
                          struct buf *out)
{
    for (const struct dest_envelope *const *e = all_of(envelopes); *e != NULL; e++)
        if ((*e)->value != NULL && strcmp((*e)->option, option) == 0)
            buf_say(out, ", %s", (*e)->value);
}

bool dest_envelope_has(const struct dest_envelope *const *envelopes, const char *option,
                       struct str value)
{
    for (const struct dest_envelope *const *e = all_of(envelopes); *e != NULL; e++)
        if ((*e)->value != NULL && strcmp((*e)->option, option) == 0 &&
            str_eq(value, str_from((*e)->value)))
            return true;
    return false;
}

/* --- for views ------------------------------------------------------------------------------------ */

static void compile_endpoint(const void *envelopes, struct arena *a, struct str kind,
                             const json_t *options, const struct sign_key *key,
                             struct core_endpoint *ep)
{
    struct buf why;
    const char *where = "url";
    struct str user;
    json_t *sealed = NULL;
    ep->kind = dest_find(kind);
    ep->shown_url = text_url_split(ep->url, a, &user);
    if (ep->kind == NULL)
        return;
    if (ep->options_sealed.ptr != NULL && json_parse(ep->options_sealed, &sealed, NULL) != RC_OK)
        sealed = NULL;
    const struct dest_source s = { .settings = json_object_get(options, ep->kind->name),
                                   .credentials = json_object_get(sealed, ep->kind->name),
                                   .options = options,
                                   .sealed = sealed,
                                   .key = key,
                                   .envelopes = envelopes };
    buf_init(&why, 256);
    ep->settings = ep->kind->compile(a, ep, &s, &where, &why);
    if (ep->settings == NULL)
        LOG(DEST_UNREADABLE, F_STR("endpoint", ep->id), F_TEXT("kind", ep->kind->name),
            F_TEXT("where", where), F_STR("why", buf_str(&why)));
    buf_fini(&why);
    json_decref(sealed);
}

static bool is_reserved(const void *envelopes, const char *header)
{
    const struct dest_wrapping w = { .known = all_of(envelopes) };
    return dest_wrapping_reserves(&w, str_from(header));
}

struct core_targets dest_targets(const struct dest_envelope *const *envelopes)
{
    return (struct core_targets){ envelopes, compile_endpoint, is_reserved };
}
