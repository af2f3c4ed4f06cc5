/* SPDX-License-Identifier: Apache-2.0
 *
 * See openedx_dump.h. A dump is what Django's dumpdata writes: [{"model", "pk", "fields": {...}}, ...].
 */
#include "dialect/openedx_dump.h"

/* The plugin waits so long for each of its URLs. The chain's own deadline, which is below it, holds for all filters of
 * an event together. */
enum { PLUGIN_WAITS_MS = 10000 };

static bool dump_flag(const json_t *fields, const char *name, bool absent)
{
    const json_t *v = json_object_get(fields, name);
    return json_is_boolean(v) ? json_is_true(v) : absent;
}

static const char *dump_encoding(const json_t *fields)
{
    return dump_flag(fields, "use_www_form_encoding", false) ? "form" : "json";
}

static void dump_put_text(json_t *body, const char *name, struct str text)
{
    json_object_set_new(body, name,
                        text.ptr == NULL ? json_string("") : json_stringn(text.ptr, text.len));
}

/* --- webhooks ----------------------------------------------------------------------------------------- */

static void dump_read_webhook(const json_t *fields, struct arena *a, struct openedx_dump_row *out)
{
    struct str description = json_str_member(fields, "description");
    out->signal = openedx_event_find(out->event);
    out->is_known = out->signal != NULL;
    if (!out->is_known)
        return;
    out->taken = str_from(out->signal->type);
    out->uid = arena_fmt(a, "openedx-webhook-%lld", (long long)out->pk);
    out->body = json_object();
    dump_put_text(out->body, "uid", out->uid);
    dump_put_text(out->body, "url", out->url);
    dump_put_text(out->body, "description", description.len > 0 ? description : out->event);
    json_object_set_new(out->body, "eventTypes", json_pack("[s]", out->signal->type));
    json_object_set_new(out->body, "disabled", json_boolean(!dump_flag(fields, "enabled", true)));
    json_object_set_new(out->body, "encoding", json_string(dump_encoding(fields)));
}

/* --- webfilters ----------------------------------------------------------------------------------------- */

/* The plugin's columns, and ours. */
static const struct {
    const char *theirs, *ours;
} flags[] = { { "disable_filtering", "disableFiltering" },
              { "disable_halt", "disableHalt" },
              { "halt_on_4xx", "haltOn4xx" },
              { "halt_on_5xx", "haltOn5xx" },
              { "halt_on_request_exception", "haltOnRequestException" } },
  texts[] = { { "redirect_on_4xx", "redirectOn4xx" },
              { "redirect_on_5xx", "redirectOn5xx" },
              { "redirect_on_request_exception", "redirectOnRequestException" },
              { "description", "description" },
              { "webhook_url", "url" } };

/* The plugin's form offers some events under names that its code never asks for. */
static void dump_find_filter(struct openedx_dump_row *out)
{
    const struct openedx_filter *f = openedx_filter_find(out->event);
    if (f == NULL)
        f = openedx_filter_of_choice(out->event);
    out->is_known = f != NULL;
    out->taken = f != NULL ? str_from(f->name) : out->event;
}

static void dump_read_webfilter(const json_t *fields, struct openedx_dump_row *out)
{
    dump_find_filter(out);
    out->body = json_object();
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        json_object_set_new(out->body, flags[i].ours,
                            json_boolean(dump_flag(fields, flags[i].theirs, false)));
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        dump_put_text(out->body, texts[i].ours, json_str_member(fields, texts[i].theirs));
    dump_put_text(out->body, "event", out->taken);
    json_object_set_new(out->body, "enabled", json_boolean(dump_flag(fields, "enabled", true)));
    json_object_set_new(out->body, "encoding", json_string(dump_encoding(fields)));
    json_object_set_new(out->body, "order", json_integer(out->pk));
    json_object_set_new(out->body, "timeoutMs", json_integer(PLUGIN_WAITS_MS));
}

void openedx_dump_read(const json_t *row, struct arena *a, struct openedx_dump_row *out)
{
    struct str model = json_str_member(row, "model");
    const json_t *fields = json_object_get(row, "fields");
    *out = (struct openedx_dump_row){ .pk = json_integer_value(json_object_get(row, "pk")),
                                      .event = json_str_member(fields, "event"),
                                      .url = json_str_member(fields, "webhook_url") };
    if (str_eq(model, STR("openedx_webhooks.webhook"))) {
        out->kind = OPENEDX_DUMP_WEBHOOK;
        dump_read_webhook(fields, a, out);
    } else if (str_eq(model, STR("openedx_webhooks.webfilter"))) {
        out->kind = OPENEDX_DUMP_WEBFILTER;
        dump_read_webfilter(fields, out);
    }
}
