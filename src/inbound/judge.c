/* SPDX-License-Identifier: Apache-2.0
 *
 * A request in the engine's words, and its verdict.
 */
#include "inbound/judge_priv.h"

enum { TYPE_MAX = 256 };

static struct str strip_slash(struct str url)
{
    return str_ends(url, STR("/")) ? str_sub(url, 0, url.len - 1) : url;
}

void inbound_request_fill(struct inbound *in, const struct inbound_view *v, struct arena *a,
                          const struct inbound_trial *from, struct inbound_request *out)
{
    struct str base = v->settings.public_url.len > 0 ? strip_slash(v->settings.public_url)
                                                     : str_from(in->o.public_url);
    out->headers = arena_array(a, from->header_count + 1, sizeof(*out->headers));
    for (size_t i = 0; i < from->header_count; i++)
        out->headers[i] = (struct grapnel_header){ verify_bytes(from->headers[i].name),
                                                   verify_bytes(from->headers[i].value) };
    out->engine = (struct grapnel_request){
        .method = verify_bytes(from->method),
        .url = verify_bytes(arena_fmt(a, "%.*s/in/%.*s", STR_ARGS(base), STR_ARGS(out->token))),
        .query = verify_bytes(from->query),
        .headers = out->headers,
        .header_count = from->header_count,
        .body = verify_bytes(from->body),
    };
    out->at_us = from->at_us;
}

/* Standard Webhooks takes public keys beside shared secrets. */
bool inbound_is_slow(const struct inbound_view *v)
{
    for (size_t i = 0; i < v->secrets.count; i++)
        if (v->keys[i] != NULL)
            return true;
    return v->scheme->is_slow;
}

void inbound_config_fill(struct inbound *in, const struct inbound_view *v,
                         const struct inbound_request *r, struct inbound_config *out)
{
    out->window = (struct grapnel_window){ v->settings.window_past_s, v->settings.window_future_s };
    /* Without a limit of the source's own, admission has bounded the body. */
    out->engine =
        (struct grapnel_config){ .secrets = out->secrets,
                                 .keys = out->keys,
                                 .companion = verify_bytes(v->secrets.companion),
                                 .now_us = r->at_us,
                                 .window = v->settings.has_window ? &out->window : NULL,
                                 .body_max =
                                     v->settings.body_max == 0 ? SIZE_MAX : v->settings.body_max,
                                 .certificate = verify_remote_certificate,
                                 .certificate_ctx = in->remote,
                                 .key_set = verify_remote_key_set,
                                 .key_set_ctx = in->remote,
                                 .methods = verify_bytes(v->settings.methods),
                                 .is_tentative = v->secrets.is_tentative };
    int64_t own_us = store_own_us(in->o.store, r->at_us);
    for (size_t i = 0; i < v->secrets.count; i++) {
        const struct inbound_secret *s = &v->secrets.list[i];
        if (s->expires_us == 0 || s->expires_us > own_us) {
            size_t at = out->engine.secret_count++;
            out->keys[at] = v->keys[i];
            out->secrets[at] = verify_bytes(s->text);
            out->expires_us[at] = s->expires_us;
        }
    }
}

void inbound_judge(struct inbound *in, const struct inbound_view *v, struct inbound_request *r,
                   char *explain, size_t cap)
{
    struct inbound_config config;
    inbound_config_fill(in, v, r, &config);
    enum grapnel_status status =
        grapnel_explain(v->scheme->engine, &config.engine, &r->engine, &r->verdict, explain, cap);
    MUST(status == r->verdict.status);
}

struct str inbound_event_type(const struct inbound_view *v, struct str type, struct arena *a)
{
    type = str_sub(type, 0, TYPE_MAX);
    if (type.len == 0)
        return v->settings.event_type;
    char *text = arena_cstr(a, type);
    for (size_t i = 0; i < type.len; i++) {
        char c = text[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && c != '-' && c != '_')
            text[i] = '.';
    }
    return str_of(text, type.len);
}
