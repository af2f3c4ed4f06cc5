/* SPDX-License-Identifier: Apache-2.0
 *
 * hooks.json into hooks.
 */
#include "receive/hooks_read_priv.h"

#include "receive/hooks_text_priv.h"
#include "receive/rule_read_priv.h"

#include <ctype.h>

enum { PLACE_MAX = 4096, ID_MAX = 256, COUNT_MAX = 100000 };

enum rc receive_wrong(struct receive_reading *in, const char *fmt, ...)
{
    va_list args;
    char text[512];

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    buf_say(in->why, "%.*s: %s", STR_ARGS(buf_str(&in->place)), text);
    return RC_INVALID;
}

size_t receive_enter(struct receive_reading *in, const char *fmt, ...)
{
    size_t mark = in->place.len;
    va_list args;
    char text[256];

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    buf_say(&in->place, "%s", text);
    return mark;
}

void receive_leave(struct receive_reading *in, size_t mark)
{
    buf_cut(&in->place, mark);
}

enum rc receive_known_keys(struct receive_reading *in, const json_t *object,
                           const char *const *keys)
{
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return receive_wrong(in, "must be an object");
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t i = 0;
        while (keys[i] != NULL && strcmp(keys[i], key) != 0)
            i++;
        if (keys[i] == NULL)
            return receive_wrong(in, "there is no \"%.64s\" here", key);
    }
    return RC_OK;
}

enum rc receive_text(struct receive_reading *in, const json_t *object, const char *key,
                     struct str *out)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL)
        return RC_OK;
    if (!receive_config_text(in->arena, value, out))
        return receive_wrong(in, "\"%s\" must be a string", key);
    return RC_OK;
}

static enum rc read_switch(struct receive_reading *in, const json_t *object, const char *key,
                           bool *out)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL)
        return RC_OK;
    if (!json_is_boolean(value))
        return receive_wrong(in, "\"%s\" must be true or false", key);
    *out = json_is_true(value);
    return RC_OK;
}

static enum rc hooks_read_number(struct receive_reading *in, const json_t *object, const char *key,
                                 int64_t min, int64_t max, int64_t *out)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL)
        return RC_OK;
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return receive_wrong(in, "\"%s\" must be a number from %lld to %lld", key, (long long)min,
                             (long long)max);
    *out = json_integer_value(value);
    return RC_OK;
}

/* A list that may be missing: its array, or NULL. */
static enum rc read_list(struct receive_reading *in, const json_t *object, const char *key,
                         const json_t **out)
{
    *out = json_object_get(object, key);
    if (*out == NULL)
        return RC_OK;
    if (!json_is_array(*out))
        return receive_wrong(in, "\"%s\" must be a list", key);
    if (json_array_size(*out) > RECEIVE_LIST_MAX)
        return receive_wrong(in, "\"%s\" has more than %d entries", key, RECEIVE_LIST_MAX);
    return RC_OK;
}

/* --- parameters ------------------------------------------------------------------------------------ */

static bool source_of(struct str name, enum receive_source *out)
{
    static const struct {
        const char *name;
        enum receive_source source;
    } sources[] = {
        { "header", RECEIVE_HEADER },
        { "url", RECEIVE_QUERY },
        { "query", RECEIVE_QUERY },
        { "payload", RECEIVE_PAYLOAD },
        { "request", RECEIVE_REQUEST },
        { "string", RECEIVE_STRING },
        { "entire-payload", RECEIVE_ENTIRE_PAYLOAD },
        { "entire-headers", RECEIVE_ENTIRE_HEADERS },
        { "entire-query", RECEIVE_ENTIRE_QUERY },
        { "raw-request-body", RECEIVE_RAW_BODY },
    };

    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        if (str_eq(name, str_from(sources[i].name))) {
            *out = sources[i].source;
            return true;
        }
    }
    return false;
}

static bool hooks_read_is_whole(enum receive_source source)
{
    return source == RECEIVE_ENTIRE_PAYLOAD || source == RECEIVE_ENTIRE_HEADERS ||
           source == RECEIVE_ENTIRE_QUERY || source == RECEIVE_RAW_BODY;
}

enum rc receive_read_parameter(struct receive_reading *in, const json_t *value,
                               struct receive_parameter *out)
{
    static const char *const keys[] = { "source", "name", "envname", "base64decode", NULL };
    struct str source = STR_NONE;
    enum rc rc = receive_known_keys(in, value, keys);

    if (rc == RC_OK)
        rc = receive_text(in, value, "source", &source);
    if (rc == RC_OK)
        rc = receive_text(in, value, "name", &out->name);
    if (rc == RC_OK)
        rc = receive_text(in, value, "envname", &out->envname);
    if (rc == RC_OK)
        rc = read_switch(in, value, "base64decode", &out->is_base64);
    if (rc != RC_OK)
        return rc;
    if (!source_of(source, &out->source))
        return receive_wrong(in, "there is no source \"%.*s\"", STR_ARGS(source));
    if (out->name.len == 0 && !hooks_read_is_whole(out->source) && out->source != RECEIVE_STRING)
        return receive_wrong(in, "\"name\" is missing");
    if (str_contains(out->envname, STR("=")))
        return receive_wrong(in, "\"envname\" must not have a '='");
    if (out->source == RECEIVE_REQUEST && !str_ieq(out->name, STR("method")) &&
        !str_ieq(out->name, STR("remote-addr")))
        return receive_wrong(in, "a request has \"method\" and \"remote-addr\"");
    return RC_OK;
}

static enum rc read_parameters(struct receive_reading *in, const json_t *hook, const char *key,
                               struct receive_parameters *out)
{
    const json_t *list;
    enum rc rc = read_list(in, hook, key, &list);

    if (rc != RC_OK || list == NULL)
        return rc;
    out->list = arena_array(in->arena, json_array_size(list) + 1, sizeof *out->list);
    for (size_t i = 0; i < json_array_size(list) && rc == RC_OK; i++) {
        size_t mark = receive_enter(in, ": %s[%zu]", key, i);
        rc = receive_read_parameter(in, json_array_get(list, i), &out->list[out->count++]);
        receive_leave(in, mark);
    }
    return rc;
}

/* --- hooks ------------------------------------------------------------------------------------------ */

static enum rc hooks_read_headers(struct receive_reading *in, const json_t *hook,
                                  struct receive_hook *out)
{
    static const char *const keys[] = { "name", "value", NULL };
    const json_t *list;
    enum rc rc = read_list(in, hook, "response-headers", &list);

    if (rc != RC_OK || list == NULL)
        return rc;
    out->headers = arena_array(in->arena, json_array_size(list) + 1, sizeof *out->headers);
    for (size_t i = 0; i < json_array_size(list) && rc == RC_OK; i++) {
        struct str name = STR_NONE, value = STR_NONE;
        const json_t *one = json_array_get(list, i);
        size_t mark = receive_enter(in, ": response-headers[%zu]", i);
        rc = receive_known_keys(in, one, keys);
        if (rc == RC_OK)
            rc = receive_text(in, one, "name", &name);
        if (rc == RC_OK)
            rc = receive_text(in, one, "value", &value);
        if (rc == RC_OK && name.len == 0)
            rc = receive_wrong(in, "\"name\" is missing");
        receive_leave(in, mark);
        out->headers[out->header_count++] =
            (struct grapnel_header){ { name.ptr, name.len }, { value.ptr, value.len } };
    }
    return rc;
}

static enum rc read_methods(struct receive_reading *in, const json_t *hook,
                            struct receive_hook *out)
{
    const json_t *list;
    enum rc rc = read_list(in, hook, "http-methods", &list);

    if (rc != RC_OK || list == NULL)
        return rc;
    out->methods = arena_array(in->arena, json_array_size(list) + 1, sizeof *out->methods);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *method = json_string_value(json_array_get(list, i));
        if (method == NULL || *method == '\0')
            return receive_wrong(in, "\"http-methods\" must be a list of strings");
        char *upper = arena_cstr(in->arena, str_trim(str_from(method)));
        for (char *c = upper; *c != '\0'; c++)
            *c = (char)toupper((unsigned char)*c);
        out->methods[out->method_count++] = str_from(upper);
    }
    return RC_OK;
}

static enum rc read_texts(struct receive_reading *in, const json_t *hook, struct receive_hook *out)
{
    const struct {
        const char *key;
        struct str *to;
    } texts[] = { { "id", &out->id },
                  { "execute-command", &out->command },
                  { "command-working-directory", &out->directory },
                  { "response-message", &out->message },
                  { "incoming-payload-content-type", &out->content_type } };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        enum rc rc = receive_text(in, hook, texts[i].key, texts[i].to);
        if (rc != RC_OK)
            return rc;
    }
    if (out->id.len == 0 || out->id.len > ID_MAX)
        return receive_wrong(in, "\"id\" is missing or longer than %d", ID_MAX);
    if (out->command.len == 0)
        return receive_wrong(in, "\"execute-command\" is missing");
    return RC_OK;
}

static enum rc read_settings(struct receive_reading *in, const json_t *hook,
                             struct receive_hook *out)
{
    int64_t success = 0, mismatch = 0, timeout_s = 0, concurrency = 0, queue = 0;
    enum rc rc =
        hooks_read_number(in, hook, "success-http-response-code", INT32_MIN, INT32_MAX, &success);

    if (rc == RC_OK)
        rc = hooks_read_number(in, hook, "trigger-rule-mismatch-http-response-code", INT32_MIN,
                               INT32_MAX, &mismatch);
    if (rc == RC_OK)
        rc = hooks_read_number(in, hook, "max-seconds", 1, 86400, &timeout_s);
    if (rc == RC_OK)
        rc = hooks_read_number(in, hook, "max-concurrency", 1, RECEIVE_RUNS_MAX, &concurrency);
    if (rc == RC_OK)
        rc = hooks_read_number(in, hook, "max-queue", 1, COUNT_MAX, &queue);
    if (rc == RC_OK)
        rc = read_switch(in, hook, "include-command-output-in-response", &out->includes_output);
    if (rc == RC_OK)
        rc = read_switch(in, hook, "include-command-output-in-response-on-error",
                         &out->includes_output_on_error);
    if (rc == RC_OK)
        rc = read_switch(in, hook, "trigger-signature-soft-failures", &out->soft_failures);
    out->success_code = receive_config_status(success);
    out->mismatch_code = receive_config_status(mismatch);
    out->timeout_us = timeout_s * 1000000;
    out->concurrency = (size_t)concurrency;
    out->queue = (size_t)queue;
    return rc;
}

static enum rc read_hook(struct receive_reading *in, const json_t *hook, struct receive_hook *out)
{
    static const char *const keys[] = { "id",
                                        "execute-command",
                                        "command-working-directory",
                                        "response-message",
                                        "response-headers",
                                        "success-http-response-code",
                                        "incoming-payload-content-type",
                                        "http-methods",
                                        "include-command-output-in-response",
                                        "include-command-output-in-response-on-error",
                                        "parse-parameters-as-json",
                                        "pass-arguments-to-command",
                                        "pass-environment-to-command",
                                        "pass-file-to-command",
                                        "trigger-rule",
                                        "trigger-rule-mismatch-http-response-code",
                                        "trigger-signature-soft-failures",
                                        "max-concurrency",
                                        "max-queue",
                                        "max-seconds",
                                        NULL };
    const json_t *rule = json_object_get(hook, "trigger-rule");
    enum rc rc = receive_known_keys(in, hook, keys);

    if (rc == RC_OK)
        rc = read_texts(in, hook, out);
    if (rc == RC_OK)
        (void)receive_enter(in, " (%.*s)", STR_ARGS(out->id));
    if (rc == RC_OK)
        rc = read_settings(in, hook, out);
    if (rc == RC_OK)
        rc = hooks_read_headers(in, hook, out);
    if (rc == RC_OK)
        rc = read_methods(in, hook, out);
    if (rc == RC_OK)
        rc = read_parameters(in, hook, "parse-parameters-as-json", &out->json);
    if (rc == RC_OK)
        rc = read_parameters(in, hook, "pass-arguments-to-command", &out->arguments);
    if (rc == RC_OK)
        rc = read_parameters(in, hook, "pass-environment-to-command", &out->environment);
    if (rc == RC_OK)
        rc = read_parameters(in, hook, "pass-file-to-command", &out->files);
    if (rc != RC_OK || rule == NULL)
        return rc;
    struct receive_rule *made = ARENA_NEW(in->arena, struct receive_rule);
    out->rule = made;
    (void)receive_enter(in, ": trigger-rule");
    return receive_read_rule(in, rule, made, 0);
}

static enum rc hooks_read_all(struct receive_reading *in, const json_t *list,
                              struct receive_hooks *hooks)
{
    if (!json_is_array(list) || json_array_size(list) + hooks->count > RECEIVE_HOOKS_MAX)
        return receive_wrong(in, "must be a list of at most %d hooks", RECEIVE_HOOKS_MAX);
    const struct receive_hook *before = hooks->list;
    hooks->list =
        arena_array(in->arena, hooks->count + json_array_size(list) + 1, sizeof *hooks->list);
    if (hooks->count > 0)
        memcpy(hooks->list, before, hooks->count * sizeof *hooks->list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct receive_hook *hook = &hooks->list[hooks->count];
        buf_reset(&in->place);
        (void)receive_enter(in, "hook %zu", i + 1);
        enum rc rc = read_hook(in, json_array_get(list, i), hook);
        if (rc != RC_OK)
            return rc;
        if (receive_hooks_find(hooks, hook->id) != NULL)
            return receive_wrong(in, "there is another hook of this id");
        hooks->running_max += hook->concurrency;
        if (hooks->running_max > RECEIVE_RUNS_MAX)
            return receive_wrong(in, "\"max-concurrency\" of all hooks adds up to more than %d",
                                 RECEIVE_RUNS_MAX);
        hooks->count++;
    }
    return RC_OK;
}

enum rc receive_hooks_add(struct receive_hooks *hooks, struct str text, struct buf *why)
{
    struct json_error error;
    struct buf relaxed;
    json_t *list = NULL;

    if (text.len > RECEIVE_HOOKS_TEXT_MAX) {
        buf_say(why, "the hooks are larger than %d bytes", RECEIVE_HOOKS_TEXT_MAX);
        return RC_INVALID;
    }
    buf_init(&relaxed, 2 * text.len + 1);
    receive_text_relax(text, &relaxed);
    enum rc parsed = json_parse(buf_str(&relaxed), &list, &error);
    if (parsed != RC_OK) {
        size_t line = 1;
        for (size_t i = 0; i < error.offset && i < relaxed.len; i++)
            line += relaxed.ptr[i] == '\n' ? 1 : 0;
        buf_say(why, "line %zu: not JSON: %s", line, error.reason);
    }
    if (relaxed.ptr != NULL)
        mem_wipe(relaxed.ptr, relaxed.len); /* it holds secrets */
    buf_fini(&relaxed);
    if (parsed != RC_OK)
        return RC_INVALID;
    struct receive_reading in = { .arena = &hooks->arena, .why = why };
    buf_init(&in.place, PLACE_MAX);
    (void)receive_enter(&in, "the file");
    json_t *tidy = receive_config_tidy(list);
    enum rc rc = hooks_read_all(&in, tidy, hooks);
    buf_fini(&in.place);
    json_decref(tidy);
    json_decref(list);
    return rc;
}

struct receive_hooks *receive_hooks_new(void)
{
    struct receive_hooks *hooks = XNEW(struct receive_hooks);

    arena_init(&hooks->arena);
    return hooks;
}

enum rc receive_hooks_read(struct str text, struct receive_hooks **out, struct buf *why)
{
    struct receive_hooks *hooks = receive_hooks_new();
    enum rc rc = receive_hooks_add(hooks, text, why);

    *out = rc == RC_OK ? hooks : NULL;
    if (rc != RC_OK)
        receive_hooks_free(hooks);
    return rc;
}

void receive_hooks_free(struct receive_hooks *hooks)
{
    if (hooks == NULL)
        return;
    arena_fini(&hooks->arena);
    xfree(hooks);
}

size_t receive_hooks_count(const struct receive_hooks *hooks)
{
    return hooks->count;
}

const struct receive_hook *receive_hooks_find(const struct receive_hooks *hooks, struct str id)
{
    for (size_t i = 0; i < hooks->count; i++) {
        if (str_eq(hooks->list[i].id, id))
            return &hooks->list[i];
    }
    return NULL;
}
