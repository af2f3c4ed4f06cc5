/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of a run, and in which detail. "headers" keeps who was asked, for how long, what
 * came of it, and which places changed: no value of the data and no word a processor wrote. "all"
 * keeps what went out and what came back, with what the chain's pointers name taken out.
 */
#include "webfilter/chain_priv.h"

#include "metrics/metrics.h"

enum { DIFF_MAX = 1000, DIFF_DEPTH_MAX = 32, POINTER_MAX = 4096, US_PER_MS = 1000 };

static json_t *record_text(struct str s)
{
    json_t *v = json_any_string(s);
    return v != NULL ? v : json_string("[not UTF-8]");
}

/* --- differences ------------------------------------------------------------------------------------------ */

struct diff {
    json_t *list;
    struct buf path;
    bool with_values;
};

static void add_step(struct buf *path, const char *key)
{
    enum rc rc = buf_add_char(path, '/');
    for (; rc == RC_OK && *key != '\0'; key++) {
        if (*key == '~')
            rc = buf_add_str(path, STR("~0"));
        else if (*key == '/')
            rc = buf_add_str(path, STR("~1"));
        else
            rc = buf_add_char(path, *key);
    }
    (void)rc; /* past the limit the pointer is cut */
}

static void add_change(struct diff *d, const char *op, json_t *from, json_t *to)
{
    json_t *entry;
    if (json_array_size(d->list) >= DIFF_MAX)
        return;
    entry = json_object();
    json_object_set_new(entry, "op", json_string(op));
    json_object_set_new(entry, "path", record_text(buf_str(&d->path)));
    if (d->with_values && from != NULL)
        json_object_set(entry, "from", from);
    if (d->with_values && to != NULL)
        json_object_set(entry, "to", to);
    json_array_append_new(d->list, entry);
}

static void record_compare(struct diff *d, json_t *from, json_t *to, int depth);

static void compare_members(struct diff *d, json_t *from, json_t *to, int depth)
{
    const char *key;
    json_t *value;
    size_t before = d->path.len;
    json_object_foreach(from, key, value)
    {
        add_step(&d->path, key);
        json_t *now = json_object_get(to, key);
        if (now == NULL)
            add_change(d, "remove", value, NULL);
        else
            record_compare(d, value, now, depth + 1);
        buf_cut(&d->path, before);
    }
    json_object_foreach(to, key, value)
    {
        if (json_object_get(from, key) != NULL)
            continue;
        add_step(&d->path, key);
        add_change(d, "add", NULL, value);
        buf_cut(&d->path, before);
    }
}

static void record_compare(struct diff *d, json_t *from, json_t *to, int depth)
{
    if (json_equal(from, to))
        return;
    if (json_is_object(from) && json_is_object(to) && depth < DIFF_DEPTH_MAX)
        compare_members(d, from, to, depth);
    else
        add_change(d, "replace", from, to);
}

json_t *webfilter_record_diff(const json_t *from, const json_t *to, bool with_values)
{
    struct diff d = { .list = json_array(), .with_values = with_values };
    buf_init(&d.path, POINTER_MAX);
    record_compare(&d, (json_t *)(uintptr_t)from, (json_t *)(uintptr_t)to, 0);
    buf_fini(&d.path);
    return d.list;
}

/* --- redaction ---------------------------------------------------------------------------------------------- */

static bool is_step(struct str step, const char *key)
{
    size_t at = 0;
    if (str_eq(step, STR("*")))
        return true;
    for (; *key != '\0'; key++, at++) {
        char c = at < step.len ? step.ptr[at] : '\0';
        if (c == '~' && at + 1 < step.len)
            c = step.ptr[++at] == '0' ? '~' : '/';
        if (c != *key)
            return false;
    }
    return at == step.len;
}

#define HIDDEN "[redacted]"

static json_t *record_hidden(void)
{
    return json_string(HIDDEN);
}

/* `rest`: the pointer after the slash before the step to take here. */
static void record_hide(json_t *value, struct str rest)
{
    size_t end = str_find(rest, '/');
    struct str step = str_sub(rest, 0, end);
    bool is_last = end == rest.len;
    struct str further = str_sub(rest, end + 1, rest.len);
    const char *key;
    json_t *member;
    json_object_foreach(value, key, member)
    {
        if (!is_step(step, key))
            continue;
        if (is_last)
            (void)json_object_set_new_nocheck(value, key, record_hidden());
        else
            record_hide(member, further);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        char index[24];
        struct buf b;
        buf_init(&b, sizeof(index));
        buf_say(&b, "%zu", i);
        bool is_here = is_step(step, b.ptr);
        buf_fini(&b);
        if (is_here && is_last)
            json_array_set_new(value, i, record_hidden());
        else if (is_here)
            record_hide(json_array_get(value, i), further);
    }
}

json_t *webfilter_record_redact(const json_t *value, const struct str *pointers, size_t count)
{
    json_t *copy = json_deep_copy(value);
    for (size_t i = 0; i < count; i++) {
        struct str rest = pointers[i];
        if (str_skip_prefix(&rest, STR("/")))
            record_hide(copy, rest);
    }
    return copy;
}

/* No deeper than what was parsed (JSON_DEPTH_MAX). */
bool webfilter_record_fits(const json_t *kept, const json_t *now)
{
    const char *key;
    json_t *value;
    if (json_is_string(kept) && strcmp(json_string_value(kept), HIDDEN) == 0)
        return now != NULL;
    if (json_is_object(kept) && json_is_object(now)) {
        bool fits = json_object_size(kept) == json_object_size(now);
        json_object_foreach((json_t *)(uintptr_t)kept, key, value)
        {
            fits = fits && webfilter_record_fits(value, json_object_get(now, key));
        }
        return fits;
    }
    if (json_is_array(kept) && json_is_array(now)) {
        bool fits = json_array_size(kept) == json_array_size(now);
        for (size_t i = 0; fits && i < json_array_size(kept); i++)
            fits = webfilter_record_fits(json_array_get(kept, i), json_array_get(now, i));
        return fits;
    }
    return json_equal(kept, now);
}

static json_t *record_redacted(const struct webfilter_run *run, const json_t *value)
{
    return webfilter_record_redact(value, run->chain.redact, run->chain.redact_count);
}

/* --- parts --------------------------------------------------------------------------------------------------- */

static const char *effect_of(const struct webfilter_part *part)
{
    if (part->spec->mode == WEBFILTER_SHADOW)
        return "shadow";
    if (part->is_canceled)
        return "canceled";
    return part->is_judged ? webfilter_effect_name(part->effect) : "not asked";
}

json_t *webfilter_record_part(const struct webfilter_part *part)
{
    json_t *o = json_object();
    bool is_over = part->state == WEBFILTER_PART_DONE;
    json_object_set_new(o, "id", record_text(part->spec->id));
    json_object_set_new(o, "mode", json_string(webfilter_mode_name(part->spec->mode)));
    json_object_set_new(o, "effect", json_string(effect_of(part)));
    json_object_set_new(o, "status",
                        is_over && part->answer.came ? json_integer(part->answer.status)
                                                     : json_null());
    json_object_set_new(
        o, "error", part->answer.error[0] != '\0' ? json_string(part->answer.error) : json_null());
    json_object_set_new(o, "cached", json_boolean(part->was_cached));
    json_object_set_new(o, "startedMs", json_real((double)part->started_us / US_PER_MS));
    json_object_set_new(o, "tookMs", json_real((double)part->took_us / US_PER_MS));
    return o;
}

/* Without the signature. */
static json_t *request_headers(const struct webfilter_part *part)
{
    struct str lines = buf_str(&part->head);
    struct str line;
    json_t *o = json_object();
    while (str_split(&lines, '\n', &line)) {
        size_t colon = str_find(line, ':');
        struct str name = str_sub(line, 0, colon);
        if (colon == line.len || str_ieq(name, STR("webhook-signature")))
            continue;
        struct str value = str_sub(line, colon + 1, line.len);
        if (str_ends(value, STR("\r")))
            value.len--;
        char *key = xmemdup(name.ptr, name.len);
        json_object_set_new(o, key, record_text(str_trim(value)));
        xfree(key);
    }
    return o;
}

/* What came back, as JSON when it is JSON. What is not cannot be redacted: then it is left out if
 * anything is to be. */
static json_t *response_of(const struct webfilter_run *run, const json_t *body, struct str raw)
{
    json_t *shown;
    static const char *const members[] = { "data", "exception" };
    if (!json_is_object(body))
        return run->chain.redact_count == 0 ? record_text(str_cut_utf8(raw, 64 * 1024))
                                            : json_string("[not a JSON object]");
    shown = json_copy((json_t *)(uintptr_t)body);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        const json_t *v = json_object_get(body, members[i]);
        if (v != NULL)
            json_object_set_new(shown, members[i], record_redacted(run, v));
    }
    return shown;
}

static void add_answer(json_t *o, const struct webfilter_part *part, bool with_values)
{
    const struct webfilter_run *run = part->run;
    const json_t *body = part->answer.json;
    if (!part->answer.came)
        return;
    if (json_is_object(json_object_get(body, "data"))) {
        json_t *now = webfilter_rules_overlay(part->input, json_object_get(body, "data"));
        json_t *before = record_redacted(run, part->input);
        json_t *after = record_redacted(run, now);
        json_object_set_new(o, "changes",
                            with_values ? webfilter_record_diff(before, after, true)
                                        : webfilter_record_diff(part->input, now, false));
        json_decref(before);
        json_decref(after);
        json_decref(now);
    }
    if (with_values)
        json_object_set_new(o, "response", response_of(run, body, part->answer.body));
}

static json_t *detail_of_part(const struct webfilter_part *part, bool with_values)
{
    json_t *o = webfilter_record_part(part);
    json_object_set_new(o, "url", record_text(part->spec->rules.url));
    if (part->answer.failure.len > 0)
        json_object_set_new(o, "failure", record_text(part->answer.failure));
    if (part->was_sent) {
        json_object_set_new(o, "encoding", json_string(part->spec->is_form ? "form" : "json"));
        json_object_set_new(o, "requestHeaders", request_headers(part));
        json_object_set_new(o, "requestBytes", json_integer((json_int_t)part->sent.len));
        json_object_set_new(o, "responseBytes", json_integer((json_int_t)part->answer.body.len));
    }
    if (with_values && part->input != NULL)
        json_object_set_new(o, "request", record_redacted(part->run, part->input));
    if (part->input != NULL)
        add_answer(o, part, with_values);
    return o;
}

json_t *webfilter_record_steps(const struct webfilter_run *run)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < run->part_count; i++)
        json_array_append_new(steps, detail_of_part(&run->parts[i], true));
    return steps;
}

/* --- runs ------------------------------------------------------------------------------------------------------ */

static json_t *exception_names(const struct webfilter_run *run)
{
    const char *name;
    json_t *value;
    json_t *list = json_array();
    json_object_foreach(run->verdict.exception, name, value)
    {
        json_array_append_new(list, record_text(str_from(name)));
    }
    return list;
}

static json_t *summary_of(const struct webfilter_run *run)
{
    struct webfilter_halt h = webfilter_verdict_halt(&run->verdict);
    json_t *o = json_object();
    json_t *parts = json_array();
    for (size_t i = 0; i < run->part_count; i++)
        json_array_append_new(parts, webfilter_record_part(&run->parts[i]));
    json_object_set_new(o, "halt", json_boolean(h.halt));
    json_object_set_new(o, "reason", run->verdict.halted ? record_text(h.reason) : json_null());
    json_object_set_new(o, "status", h.status != 0 ? json_integer(h.status) : json_null());
    json_object_set_new(o, "exceptions", exception_names(run));
    json_object_set_new(o, "filters", parts);
    return o;
}

void webfilter_record_make(const struct webfilter_run *run, json_t **summary, json_t **detail)
{
    bool with_values = run->chain.keep == WEBFILTER_KEEP_ALL;
    json_t *parts = json_array();
    json_t *result = webfilter_rules_overlay(run->data, run->verdict.data);
    json_t *before = record_redacted(run, run->data), *after = record_redacted(run, result);
    for (size_t i = 0; i < run->part_count; i++)
        json_array_append_new(parts, detail_of_part(&run->parts[i], with_values));
    *summary = summary_of(run);
    *detail = json_object();
    json_object_set_new(*detail, "filters", parts);
    json_object_set_new(*detail, "changes",
                        with_values ? webfilter_record_diff(before, after, true)
                                    : webfilter_record_diff(run->data, result, false));
    if (with_values) {
        json_object_set(*detail, "data", before);
        json_object_set_new(*detail, "redacted", json_boolean(!json_equal(before, run->data)));
        json_object_set(*detail, "eventMetadata", run->metadata);
        json_object_set_new(*detail, "resultData", record_redacted(run, run->verdict.data));
        json_object_set_new(*detail, "resultException",
                            record_redacted(run, run->verdict.exception));
    }
    json_decref(before);
    json_decref(after);
    json_decref(result);
}

/* --- keeping ----------------------------------------------------------------------------------------------------- */

struct kept {
    struct store_filter_run_job job;
    struct arena arena;
};

static void free_kept(struct kept *k)
{
    struct arena arena = k->arena;
    arena_fini(&arena);
    xfree(k);
}

static void record_lost(struct str run, enum rc rc)
{
    metrics_add(METRIC_FILTER_RUNS_LOST, 1);
    LOG(FILTER_RUN_LOST, F_STR("run", run), F_TEXT("why", rc_name(rc)));
}

static void record_stored(struct store_job *job)
{
    struct kept *k =
        CONTAINER_OF(CONTAINER_OF(job, struct store_filter_run_job, job), struct kept, job);
    if (job->rc != RC_OK) {
        char text_of_id[ID_TEXT_MAX + 1];
        record_lost(id_format(STR("frun_"), &k->job.run.id, text_of_id), job->rc);
    }
    free_kept(k);
}

static struct str filter_ids(const struct webfilter_run *run, struct arena *a)
{
    struct str ids = STR(" ");
    for (size_t i = 0; i < run->part_count; i++)
        ids = arena_fmt(a, "%.*s%.*s ", STR_ARGS(ids), STR_ARGS(run->parts[i].spec->id));
    return ids;
}

/* A filter that was never reached has no part. */
static const struct store_filter_part *parts_of(const struct webfilter_run *run, struct arena *a,
                                                size_t *count)
{
    struct store_filter_part *out = arena_array(a, run->part_count, sizeof(*out));
    for (size_t i = 0; i < run->part_count; i++) {
        const struct webfilter_part *p = &run->parts[i];
        if (!p->is_judged && !p->was_sent)
            continue;
        out[(*count)++] =
            (struct store_filter_part){ .filter = p->spec->num,
                                        .halted = p->effect == WEBFILTER_EFFECT_HALTED,
                                        .answered = p->answer.came,
                                        .took_us = p->took_us };
    }
    return out;
}

void webfilter_record_keep(struct webfilter_run *run)
{
    json_t *summary, *detail;
    struct kept *k = XNEW(struct kept);
    arena_init(&k->arena);
    webfilter_record_make(run, &summary, &detail);
    k->job.run = (struct store_filter_run){
        .id = run->id,
        .app = run->set->app,
        .started_us = run->started_us,
        .took_us = run->took_us,
        .event = arena_str(&k->arena, run->chain.event),
        .halted = webfilter_verdict_halt(&run->verdict).halt,
        .has_data = run->chain.keep == WEBFILTER_KEEP_ALL,
        .is_redacted = json_is_true(json_object_get(detail, "redacted")),
        .filters = filter_ids(run, &k->arena),
        .summary = json_text(&k->arena, summary),
        .detail = json_text(&k->arena, detail),
        .org = run->set->org,
    };
    k->job.run.parts = parts_of(run, &k->arena, &k->job.run.part_count);
    if (k->job.run.detail.len > STORE_FILTER_RUN_MAX) {
        k->job.run.detail = STR("{\"tooLarge\":true}");
        k->job.run.has_data = false;
    }
    json_decref(summary);
    json_decref(detail);
    k->job.job.done = record_stored;
    enum rc rc = run->engine->o.store == NULL
                     ? RC_BUSY
                     : store_submit_filter_run(run->engine->o.store, &k->job);
    if (rc == RC_OK)
        return;
    record_lost(str_from(run->id_text), rc);
    free_kept(k);
}
