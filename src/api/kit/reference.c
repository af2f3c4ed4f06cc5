/* SPDX-License-Identifier: Apache-2.0
 *
 * docs/reference/api.md, from the same tables as the OpenAPI document.
 */
#include "api/kit/kit_priv.h"

struct page {
    const struct api *api;
    struct buf *out;
    enum rc rc;
    struct str group;
    const struct api_schema *seen[256];
    size_t seen_count;
};

PRINTF_LIKE(2, 3)
static void reference_say(struct page *p, const char *fmt, ...)
{
    char line[2048];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    MUST(len >= 0 && (size_t)len < sizeof(line));
    if (p->rc == RC_OK)
        p->rc = buf_add(p->out, line, (size_t)len);
}

static void note_schema(struct page *p, const struct api_schema *schema)
{
    if (schema == NULL)
        return;
    for (size_t i = 0; i < p->seen_count; i++)
        if (p->seen[i] == schema)
            return;
    MUST(p->seen_count < COUNT_OF(p->seen));
    p->seen[p->seen_count++] = schema;
    for (size_t i = 0; i < schema->count; i++)
        if ((schema->fields[i].flags & API_HIDDEN) == 0)
            note_schema(p, schema->fields[i].schema);
}

static const char *access_of(const struct http_route *route)
{
    static const char *const names[] = { "anyone", "organisation", "organisation or application",
                                         "any token" };
    return names[route->access & API_ACCESS_MASK];
}

static void describe_query(struct page *p, const char *names)
{
    struct str rest = str_from(names);
    struct str name;
    while (str_split(&rest, ' ', &name)) {
        const struct api_query_doc *doc = api_query_doc_find(name);
        MUST(doc != NULL);
        reference_say(p, "- `?%s=` %s\n", doc->name, doc->doc);
    }
}

static void describe_route(void *ctx, const struct http_route *route)
{
    struct page *p = ctx;
    if (route->operation == NULL)
        return;
    struct str group = str_from(route->operation);
    (void)str_skip_prefix(&group, STR("v1."));
    group = str_sub(group, 0, str_find(group, '.'));
    if (!str_eq(group, p->group))
        reference_say(p, "\n## %.*s\n", STR_ARGS(group));
    p->group = group;
    const struct api_route *op = api_route_of(p->api, route);
    struct str method = http_method_name(route->method);
    reference_say(p, "\n### `%.*s %s`\n\n%s. Operation `%s`. Access: %s.\n", STR_ARGS(method),
                  route->pattern, route->summary, route->operation, access_of(route));
    if (op == NULL)
        return;
    reference_say(p, "\n");
    if (op->in != NULL)
        reference_say(p, "- Body: [%s](#%s)\n", op->in->name, op->in->name);
    reference_say(p, "- Answer: %d", op->status);
    if (op->other_status != 0)
        reference_say(p, " or %d", op->other_status);
    if (op->out != NULL)
        reference_say(p, ", %s[%s](#%s)", op->is_list ? "a page of " : "", op->out->name,
                      op->out->name);
    reference_say(p, "\n");
    describe_query(p, op->query == NULL ? "" : op->query);
    if (op->is_stream)
        reference_say(p, "- Header `%s`: %s\n", api_last_event_id_doc.name,
                      api_last_event_id_doc.doc);
    note_schema(p, op->in);
    note_schema(p, op->out);
}

static const char *reference_type_of(const struct api_field *f)
{
    static const char *const names[] = {
        [API_STRING] = "string",
        [API_URL] = "URL",
        [API_INT] = "integer",
        [API_NUMBER] = "number",
        [API_BOOL] = "boolean",
        [API_DATE] = "date and time",
        [API_OBJECT] = "object",
        [API_TEXT_MAP] = "map of strings",
        [API_NULL_MAP] = "map of strings or null",
        [API_OBJECTS] = "map of objects",
        [API_LIST] = "list of strings",
        [API_NUMBERS] = "list of numbers",
        [API_SCHEMA] = "object",
        [API_SCHEMAS] = "list of objects",
        [API_ANYTHING] = "any",
    };
    return names[f->type];
}

static void describe_schema(struct page *p, const struct api_schema *schema)
{
    reference_say(p, "\n### %s\n\n%s\n\n| member | type | | meaning |\n|---|---|---|---|\n",
                  schema->name, schema->doc);
    for (size_t i = 0; i < schema->count; i++) {
        const struct api_field *f = &schema->fields[i];
        if ((f->flags & (API_HIDDEN | API_EMBEDDED)) != 0)
            continue;
        reference_say(p, "| `%s` | %s | %s%s | %s |\n", f->name, reference_type_of(f),
                      (f->flags & API_REQUIRED) != 0 ? "required " : "",
                      (f->flags & API_NULLABLE) != 0 ? "nullable" : "",
                      f->doc == NULL ? "" : f->doc);
    }
}

enum rc api_reference(const struct api *api, struct buf *out)
{
    struct page p = { .api = api, .out = out };
    reference_say(
        &p,
        "# API reference\n\nGenerated from the rows of the API; do not edit.\n\n"
        "Requests carry `Authorization: Bearer <token>`. Lists take `limit` (1 to 250) and `iterator` and return\n"
        "`data`, `iterator`, `prevIterator` and `done`. A page of a filtered list examines at most some 50,000 rows, so it\n"
        "may be short or empty while `done` is false; continue with its `iterator`.\n\n"
        "Errors are `{\"code\",\"detail\"}`. An invalid body or query is answered with 422 and\n"
        "`{\"detail\":[{\"loc\",\"msg\",\"type\"}]}`. A POST that repeats an `Idempotency-Key` gets the first response\n"
        "again; with a different body it gets 409.\n");
    http_router_each(api->router, describe_route, &p);
    reference_say(&p, "\n## Schemas\n");
    for (size_t i = 0; i < p.seen_count; i++)
        describe_schema(&p, p.seen[i]);
    return p.rc;
}
