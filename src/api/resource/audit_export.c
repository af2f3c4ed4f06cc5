/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log as a file, a part at a time: CSV for spreadsheets, where a cell that begins like a formula gets an
 * apostrophe before it, or a JSON object a line.
 */
#include "api/resource/audit_priv.h"

enum { EXPORT_ROWS = 1000 };

/* --- CSV -------------------------------------------------------------------------------------------- */

static const char csv_head[] = "time,action,object_kind,object_id,object_name,about,application_id,"
                               "who_kind,who_id,who_name,operation,peer,request_id,changes\r\n";

static enum rc add_cell(struct buf *out, struct str s, char end)
{
    bool is_formula = s.len > 0 && strchr("=+-@\t\r", s.ptr[0]) != NULL;
    enum rc rc = buf_add_str(out, is_formula ? STR("\"'") : STR("\""));
    for (size_t i = 0; rc == RC_OK && i < s.len; i++) {
        if (s.ptr[i] == '"')
            rc = buf_add_char(out, '"');
        if (rc == RC_OK && s.ptr[i] != '\0')
            rc = buf_add_char(out, s.ptr[i]);
    }
    if (rc == RC_OK)
        rc = buf_add_char(out, '"');
    if (rc == RC_OK)
        rc = end == '\n' ? buf_add_str(out, STR("\r\n")) : buf_add_char(out, end);
    return rc;
}

static enum rc export_csv(const struct store_audit *row, struct buf *out)
{
    char at[TIME_TEXT_LEN + 1];
    time_format(row->at_us, at);
    const struct str cells[] = { str_from(at), row->action,   row->kind,      row->object,
                                 row->name,    row->about,    row->app_id,    row->who_kind,
                                 row->who_id,  row->who_name, row->operation, row->peer,
                                 row->request, row->changes };
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(cells); i++)
        rc = add_cell(out, cells[i].ptr == NULL ? STR("") : cells[i],
                      i + 1 == COUNT_OF(cells) ? '\n' : ',');
    return rc;
}

/* --- JSON ------------------------------------------------------------------------------------------- */

static enum rc export_json(const struct store_audit *row, struct buf *out)
{
    struct api_out o = { .b = out };
    api_audit_write(&o, row);
    return o.rc == RC_OK ? buf_add_char(out, '\n') : o.rc;
}

/* --- the call --------------------------------------------------------------------------------------- */

struct export
{
    bool is_csv;
    struct store_page page;
    struct store_audit_filter filter;
};

static bool export_format(struct api_ctx *c, struct export *x)
{
    struct str format = STR("ndjson");
    (void)http_query(c->req, "format", 0, &format);
    x->is_csv = str_eq(format, STR("csv"));
    if (x->is_csv || str_eq(format, STR("ndjson")))
        return true;
    http_invalid(c->req, "query.format", "value_error",
                 "'%.*s' is no format: expected csv or ndjson.",
                 STR_ARGS(str_cut_utf8(format, 64)));
    return false;
}

static void export_reply(struct api_ctx *c, const struct export *x, const struct store_audit *rows,
                         const struct store_page_end *end)
{
    struct buf *out = api_buf(c, API_REPLY_MAX);
    bool has_head = x->is_csv && x->page.after.len == 0;
    enum rc rc = has_head ? buf_add_str(out, str_from(csv_head)) : RC_OK;
    for (size_t i = 0; rc == RC_OK && i < end->count; i++)
        rc = x->is_csv ? export_csv(&rows[i], out) : export_json(&rows[i], out);
    if (!api_ok(c, rc))
        return;
    http_add_header(c->req, STR("Grapnel-Rows"), arena_fmt(c->arena, "%zu", end->count));
    if (!end->done)
        http_add_header(c->req, STR("Grapnel-Iterator"),
                        arena_fmt(c->arena, "%lld", (long long)rows[end->count - 1].num));
    http_add_header(c->req, STR("Content-Disposition"),
                    x->is_csv ? STR("attachment; filename=\"audit.csv\"")
                              : STR("attachment; filename=\"audit.ndjson\""));
    c->req->reply.status = 200;
    c->req->reply.content_type =
        x->is_csv ? STR("text/csv; charset=utf-8") : STR("application/x-ndjson");
    c->req->reply.body = buf_str(out);
}

void api_audit_export(struct api_ctx *c)
{
    struct export x = { .page = { .limit = EXPORT_ROWS, .descending = true, .after = STR("") } };
    struct store_page_end end = { 0 };
    if (!export_format(c, &x) || !api_audit_filter(c, &x.filter))
        return;
    (void)http_query(c->req, "iterator", 0, &x.page.after);
    struct store_audit *rows = api_page_room(c, &x.page, sizeof(*rows));
    enum rc rc = store_audit_list(c->tx, &x.filter, &x.page, c->arena, rows, &end);
    if (rc == RC_INVALID)
        http_invalid(c->req, "query.iterator", "value_error", "Not an iterator of this export.");
    else if (api_ok(c, rc))
        export_reply(c, &x, rows, &end);
}
