/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/kit/out.h.
 */
#include "api/kit/out.h"

static void out_keep(struct api_out *o, enum rc rc)
{
    if (o->rc == RC_OK)
        o->rc = rc;
}

static void out_separate(struct api_out *o)
{
    if (o->comma)
        out_keep(o, buf_add_char(o->b, ','));
    o->comma = true;
}

void api_out_key(struct api_out *o, const char *name)
{
    out_separate(o);
    if (name == NULL)
        return;
    out_keep(o, buf_add_json(o->b, str_from(name)));
    out_keep(o, buf_add_char(o->b, ':'));
}

void api_out_begin(struct api_out *o, char bracket)
{
    out_keep(o, buf_add_char(o->b, bracket));
    o->comma = false;
}

void api_out_end(struct api_out *o, char bracket)
{
    out_keep(o, buf_add_char(o->b, bracket));
    o->comma = true;
}

void api_out_str(struct api_out *o, const char *name, struct str s)
{
    api_out_key(o, name);
    out_keep(o, buf_add_json(o->b, s));
}

void api_out_opt(struct api_out *o, const char *name, struct str s)
{
    if (s.ptr == NULL)
        api_out_null(o, name);
    else
        api_out_str(o, name, s);
}

void api_out_int(struct api_out *o, const char *name, int64_t n)
{
    api_out_key(o, name);
    out_keep(o, buf_addf(o->b, "%lld", (long long)n));
}

void api_out_opt_int(struct api_out *o, const char *name, int64_t n)
{
    if (n == 0)
        api_out_null(o, name);
    else
        api_out_int(o, name, n);
}

void api_out_bool(struct api_out *o, const char *name, bool b)
{
    api_out_key(o, name);
    out_keep(o, buf_add_str(o->b, b ? STR("true") : STR("false")));
}

void api_out_null(struct api_out *o, const char *name)
{
    api_out_key(o, name);
    out_keep(o, buf_add_str(o->b, STR("null")));
}

void api_out_raw(struct api_out *o, const char *name, struct str json)
{
    api_out_key(o, name);
    out_keep(o, buf_add_str(o->b, json.ptr == NULL ? STR("null") : json));
}

void api_out_date(struct api_out *o, const char *name, int64_t wall_us)
{
    char text[TIME_TEXT_LEN + 1];
    time_format(wall_us, text);
    api_out_str(o, name, str_of(text, TIME_TEXT_LEN));
}

void api_out_opt_date(struct api_out *o, const char *name, int64_t wall_us)
{
    if (wall_us == 0)
        api_out_null(o, name);
    else
        api_out_date(o, name, wall_us);
}

void api_out_id(struct api_out *o, const char *name, struct str prefix, const struct id *id)
{
    char text[ID_TEXT_MAX + 1];
    api_out_str(o, name, id_format(prefix, id, text));
}
