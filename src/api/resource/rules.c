/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/resource/rules_priv.h.
 */
#include "api/resource/rules_priv.h"

#include "api/resource/message_in.h"
#include "core/filters.h"
#include "json/json.h"

enum { NAMES_SHOWN = 10 };

struct api_rules_channels api_rules_channels_of(const struct store_message *m, struct arena *a)
{
    json_t *list = NULL;
    if (m->channels.ptr == NULL || json_parse(m->channels, &list, NULL) != RC_OK)
        return (struct api_rules_channels){ NULL, 0 };
    struct str *names = arena_array(a, API_CHANNELS_MAX, sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(list) && i < API_CHANNELS_MAX; i++)
        names[count++] = arena_str(a, json_str_of(json_array_get(list, i)));
    json_decref(list);
    return (struct api_rules_channels){ names, count };
}

void api_rules_add(struct api_rules_verdict *v, const char *rule, struct str words)
{
    MUST(v->reason_count < API_RULES_REASONS_MAX);
    v->reasons[v->reason_count++] = (struct api_rules_reason){ rule, words };
}

/* "a, b, c and 4 more" */
static struct str name_list(struct arena *a, const struct str *names, size_t count)
{
    struct str text = STR("");
    for (size_t i = 0; i < count && i < NAMES_SHOWN; i++)
        text = arena_fmt(a, "%.*s%s%.*s", STR_ARGS(text), i == 0 ? "" : ", ", STR_ARGS(names[i]));
    if (count > NAMES_SHOWN)
        text = arena_fmt(a, "%.*s and %zu more", STR_ARGS(text), count - NAMES_SHOWN);
    return text;
}

static void ask_matching(const struct core_endpoint *ep, const struct store_message *m,
                         struct api_rules_channels channels, struct arena *a,
                         struct api_rules_verdict *out)
{
    struct core_match_parts parts =
        core_match_parts(ep, m->event_type, channels.names, channels.count);
    if (!parts.type_fits)
        api_rules_add(out, "event_type",
                      arena_fmt(a, "The message is of the type %.*s; the endpoint asks for %.*s.",
                                STR_ARGS(m->event_type),
                                STR_ARGS(name_list(a, ep->event_types, ep->event_type_count))));
    if (!parts.channel_fits)
        api_rules_add(out, "channel",
                      arena_fmt(a, "The endpoint has the channels %.*s; the message has %.*s.",
                                STR_ARGS(name_list(a, ep->channels, ep->channel_count)),
                                STR_ARGS(channels.count == 0
                                             ? STR("none")
                                             : name_list(a, channels.names, channels.count))));
}

static void rules_drop_json(void *value)
{
    json_decref(value);
}

static void ask_filter(const struct core_endpoint *ep, const struct store_message *m,
                       struct arena *a, struct api_rules_verdict *out)
{
    if (!ep->has_filter)
        return;
    if (ep->filter == NULL) {
        api_rules_add(
            out, "filter_unreadable",
            STR("Its filter cannot be read any more; it lets nothing pass. Set it again."));
        return;
    }
    if (m->payload.ptr == NULL) {
        api_rules_add(out, "payload_gone",
                      STR("Its filter cannot be asked: the message's payload is gone."));
        return;
    }
    if (!core_filter_one(ep, m, &out->filter))
        api_rules_add(out, "filter",
                      STR("Its filter does not match: `filter` shows each condition."));
    if (out->filter != NULL)
        arena_defer(a, rules_drop_json, out->filter);
}

void api_rules_ask(const struct core_endpoint *ep, const struct store_message *m,
                   struct api_rules_channels channels, struct arena *a,
                   struct api_rules_verdict *out)
{
    ask_matching(ep, m, channels, a, out);
    ask_filter(ep, m, a, out);
}

void api_rules_write(struct api_out *o, const struct api_rules_verdict *v, struct arena *a)
{
    api_out_key(o, "reasons");
    api_out_begin(o, '[');
    for (size_t i = 0; i < v->reason_count; i++) {
        api_out_key(o, NULL);
        api_out_begin(o, '{');
        api_out_str(o, "rule", str_from(v->reasons[i].rule));
        api_out_str(o, "words", v->reasons[i].words);
        api_out_end(o, '}');
    }
    api_out_end(o, ']');
    api_out_raw(o, "filter", v->filter == NULL ? STR_NONE : json_text(a, v->filter));
}
