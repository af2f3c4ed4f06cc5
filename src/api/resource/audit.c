/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: who changed what, and what else people did. For whoever may read the organisation; the operator's
 * organisation also sees what is of none (refused logins, the server's own).
 */
#include "api/resource/audit_priv.h"

#include "api/schemas/schemas.h"

enum { AUDIT_QUERY_TEXT = 256 };

/* --- which rows ------------------------------------------------------------------------------------- */

static bool audit_query_text(struct api_ctx *c, const char *name, struct str *out)
{
    *out = STR("");
    if (!http_query(c->req, name, 0, out))
        return true;
    if (out->len <= AUDIT_QUERY_TEXT && str_is_utf8(*out))
        return true;
    http_invalid(c->req, arena_fmt(c->arena, "query.%s", name).ptr, "value_error",
                 "The query parameter '%s' must be UTF-8 of at most %d bytes.", name,
                 AUDIT_QUERY_TEXT);
    return false;
}

static bool audit_query_action(struct api_ctx *c, struct str *out)
{
    static const char *const actions[] = { "created",   "changed",    "deleted", "did",
                                           "signed-in", "signed-out", "refused" };
    *out = STR("");
    if (!http_query(c->req, "action", 0, out))
        return true;
    for (size_t i = 0; i < COUNT_OF(actions); i++)
        if (str_eq(*out, str_from(actions[i])))
            return true;
    http_invalid(c->req, "query.action", "value_error",
                 "'%.*s' is no action: expected created, changed, deleted, did, signed-in, "
                 "signed-out or refused.",
                 STR_ARGS(str_cut_utf8(*out, 64)));
    return false;
}

/* 0: any. */
static bool audit_query_app(struct api_ctx *c, int64_t *num)
{
    struct store_application app;
    struct str name = STR("");
    *num = 0;
    if (!audit_query_text(c, "app_id", &name))
        return false;
    if (name.len == 0)
        return true;
    enum rc rc = store_application_find(c->tx, c->who->org, name, c->arena, &app);
    *num = rc == RC_OK ? app.num : 0;
    return api_ok(c, rc);
}

bool api_audit_filter(struct api_ctx *c, struct store_audit_filter *f)
{
    *f = (struct store_audit_filter){ .org = c->who->org,
                                      .with_server = c->who->org == c->api->o.operator_org };
    return audit_query_app(c, &f->app) && audit_query_text(c, "object_id", &f->object) &&
           audit_query_text(c, "who", &f->who) && audit_query_text(c, "operation", &f->operation) &&
           audit_query_action(c, &f->action) && api_query_date(c, "since", &f->from_us) &&
           api_query_date(c, "until", &f->until_us) && audit_query_text(c, "text", &f->text);
}

/* --- rows ------------------------------------------------------------------------------------------- */

static struct str audit_opt(struct str s)
{
    return s.len == 0 ? STR_NONE : s;
}

static void write_thing(struct api_out *o, const char *name, struct str kind, struct str id,
                        struct str label)
{
    api_out_key(o, name);
    api_out_begin(o, '{');
    api_out_str(o, "kind", kind);
    api_out_opt(o, "id", audit_opt(id));
    api_out_opt(o, "name", audit_opt(label));
    api_out_end(o, '}');
}

void api_audit_write(struct api_out *o, const struct store_audit *row)
{
    char id[24];
    (void)snprintf(id, sizeof(id), "%lld", (long long)row->num);
    api_out_begin(o, '{');
    api_out_str(o, "id", str_from(id));
    api_out_date(o, "timestamp", row->at_us);
    api_out_str(o, "action", row->action);
    if (row->kind.len > 0)
        write_thing(o, "object", row->kind, row->object, row->name);
    else
        api_out_null(o, "object");
    api_out_opt(o, "about", audit_opt(row->about));
    api_out_opt(o, "applicationId", row->app_id);
    api_out_opt(o, "applicationName", row->app_id.ptr == NULL ? STR_NONE : row->app_name);
    write_thing(o, "who", row->who_kind, row->who_id, row->who_name);
    api_out_opt(o, "operation", audit_opt(row->operation));
    api_out_opt(o, "peer", audit_opt(row->peer));
    api_out_opt(o, "requestId", audit_opt(row->request));
    api_out_raw(o, "changes", row->changes);
    api_out_end(o, '}');
}

struct shown {
    struct str id;
    struct store_audit row;
};

static void audit_write_row(struct api_ctx *c, struct api_out *o, const void *row, const void *arg)
{
    const struct shown *shown = row;
    (void)c;
    (void)arg;
    api_audit_write(o, &shown->row);
}

static void list_audit(struct api_ctx *c)
{
    struct store_audit_filter f;
    struct store_page page;
    struct store_page_end end = { 0 };
    if (!api_page(c, "", true, &page) || !api_audit_filter(c, &f))
        return;
    struct store_audit *rows = api_page_room(c, &page, sizeof(*rows));
    struct shown *list = api_page_room(c, &page, sizeof(*list));
    enum rc rc = store_audit_list(c->tx, &f, &page, c->arena, rows, &end);
    if (rc == RC_INVALID) {
        http_invalid(c->req, "query.iterator", "value_error", "Not an iterator of this list.");
        return;
    }
    for (size_t i = 0; i < end.count; i++)
        list[i] = (struct shown){ arena_fmt(c->arena, "%lld", (long long)rows[i].num), rows[i] };
    api_reply_page(c, rc, &page, &end, API_ROWS(list, id, NULL, audit_write_row, NULL));
}

static void get_audit(struct api_ctx *c)
{
    struct store_audit row;
    struct api_out o;
    int64_t num = 0;
    enum rc rc = str_to_i64(api_param(c, "audit_id"), &num);
    rc = rc == RC_OK ? store_audit_find(c->tx, c->who->org, c->who->org == c->api->o.operator_org,
                                        num, c->arena, &row)
                     : RC_NOT_FOUND;
    if (!api_ok(c, rc))
        return;
    api_out_open(c, &o);
    api_audit_write(&o, &row);
    api_reply(c, 200, &o);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/audit", API_ORG, "v1.audit.list",
                "Who changed what, and what else people did; newest first"),
      .run = list_audit, .steps = API_READS, .out = &api_schema_AuditOut, .status = 200,
      .is_list = true, .query = API_PAGE_ORDER " " API_AUDIT_QUERY },
    { API_ROUTE(
          HTTP_GET, "/api/v1/audit/export", API_ORG, "v1.audit.export",
          "The same as CSV or as lines of JSON, 1,000 at a time; the header Grapnel-Iterator says where to go on"),
      .run = api_audit_export, .steps = API_READS, .media = "text/csv application/x-ndjson",
      .status = 200, .query = "format iterator " API_AUDIT_QUERY },
    { API_ROUTE(HTTP_GET, "/api/v1/audit/{audit_id}", API_ORG, "v1.audit.get",
                "One row of the audit log"),
      .run = get_audit, .steps = API_READS, .out = &api_schema_AuditOut, .status = 200 },
};
API_ROUTES(audit, routes);
