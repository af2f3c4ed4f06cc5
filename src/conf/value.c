/* SPDX-License-Identifier: Apache-2.0
 *
 * Values: from text to the field, with kind and range checked, and back.
 */
#include "conf/conf_priv.h"

struct unit {
    const char *name;
    int64_t factor;
};

/* From large to small, so that numbers are said in the largest unit that divides them. */
static const struct unit duration_units[] = {
    { "d", INT64_C(86400000000) },
    { "h", INT64_C(3600000000) },
    { "m", 60000000 },
    { "s", 1000000 },
    { "ms", 1000 },
    { "us", 1 },
};
static const struct unit size_units[] = {
    { "TiB", INT64_C(1) << 40 }, { "GiB", 1 << 30 }, { "MiB", 1 << 20 },
    { "KiB", 1 << 10 },          { "B", 1 },
};

/* "<digits><unit>"; a number without unit counts `bare` (0: only "0" may go without). */
static enum rc parse_with_unit(struct str text, const struct unit *units, size_t count,
                               int64_t bare, int64_t *out)
{
    size_t digits = 0;
    uint64_t number = 0;
    int64_t factor = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (str_to_u64(str_sub(text, 0, digits), &number) != RC_OK || number > INT64_MAX)
        return RC_INVALID;
    struct str unit = str_trim(str_sub(text, digits, text.len));
    if (unit.len == 0)
        factor = number == 0 ? 1 : bare;
    for (size_t i = 0; i < count; i++)
        if (str_eq(unit, str_from(units[i].name)))
            factor = units[i].factor;
    if (factor == 0 || __builtin_mul_overflow((int64_t)number, factor, out))
        return RC_INVALID;
    return RC_OK;
}

enum rc conf_duration(struct str text, int64_t *us)
{
    return parse_with_unit(text, duration_units, COUNT_OF(duration_units), 0, us);
}

enum rc conf_size(struct str text, int64_t *bytes)
{
    return parse_with_unit(text, size_units, COUNT_OF(size_units), 1, bytes);
}

static enum rc parse_bool(struct str text, int64_t *out)
{
    static const struct {
        const char *name;
        int64_t value;
    } words[] = { { "true", 1 }, { "false", 0 }, { "yes", 1 }, { "no", 0 },
                  { "on", 1 },   { "off", 0 },   { "1", 1 },   { "0", 0 } };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_eq(text, str_from(words[i].name))) {
            *out = words[i].value;
            return RC_OK;
        }
    }
    return RC_INVALID;
}

static enum rc parse_number(enum conf_kind kind, struct str text, int64_t *out)
{
    switch (kind) {
    case CONF_KIND_INT: return str_to_i64(text, out);
    case CONF_KIND_BOOL: return parse_bool(text, out);
    case CONF_KIND_DURATION: return conf_duration(text, out);
    case CONF_KIND_SIZE: return conf_size(text, out);
    case CONF_KIND_STRING:
    case CONF_KIND_LIST: break;
    }
    return RC_INVALID;
}

static const char *value_wanted(enum conf_kind kind)
{
    switch (kind) {
    case CONF_KIND_INT: return "a whole number";
    case CONF_KIND_BOOL: return "true or false";
    case CONF_KIND_DURATION: return "a duration such as 250ms, 15s, 5m, 12h or 90d";
    case CONF_KIND_SIZE: return "a size such as 512, 64KiB, 1MiB or 2GiB";
    case CONF_KIND_STRING:
    case CONF_KIND_LIST: break;
    }
    return "a text";
}

static void say_with_unit(struct buf *out, const struct unit *units, int64_t number)
{
    while (units->factor > 1 && (number == 0 || number % units->factor != 0))
        units++;
    buf_say(out, "%lld%s", (long long)(number / units->factor), units->name);
}

void conf_say_number(struct buf *out, enum conf_kind kind, int64_t number)
{
    if (kind == CONF_KIND_BOOL)
        buf_say(out, "%s", number != 0 ? "true" : "false");
    else if (kind == CONF_KIND_DURATION && number != 0)
        say_with_unit(out, duration_units, number);
    else if (kind == CONF_KIND_SIZE && number != 0)
        say_with_unit(out, size_units, number);
    else
        buf_say(out, "%lld", (long long)number);
}

static enum rc check_range(const struct conf_option *o, int64_t number, const char *where,
                           struct buf *why)
{
    if ((o->min == 0 && o->max == 0) || (number >= o->min && number <= o->max))
        return RC_OK;
    buf_say(why, "%s: %s: ", where, o->name);
    conf_say_number(why, o->kind, number);
    buf_say(why, " is not between ");
    conf_say_number(why, o->kind, o->min);
    buf_say(why, " and ");
    conf_say_number(why, o->kind, o->max);
    buf_say(why, "%s%s", o->unit[0] == '\0' ? "" : " ", o->unit);
    return RC_INVALID;
}

/* Is `text` one of the texts in "a|b|c"? Any is, if the list is empty. */
static bool is_choice(const char *choices, struct str text)
{
    struct str rest = str_from(choices);
    struct str choice;
    if (rest.len == 0)
        return true;
    while (str_split(&rest, '|', &choice))
        if (str_eq(choice, text))
            return true;
    return false;
}

static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return true;
    return false;
}

void conf_wipe_secret(struct conf *c, const struct conf_option *o)
{
    char *text; /* ours to write: every text is a copy in the arena */
    if ((o->flags & CONF_SECRET) == 0)
        return;
    memcpy(&text, (const char *)c + o->offset, sizeof(text));
    if (text != NULL)
        mem_wipe(text, strlen(text));
}

static enum rc assign_text(struct conf *c, const struct conf_option *o, struct str text,
                           const char *where, struct buf *why)
{
    if (has_control(text) || !str_is_utf8(text)) {
        buf_say(why, "%s: %s: holds control characters or is not UTF-8", where, o->name);
        return RC_INVALID;
    }
    if (!is_choice(o->unit, text)) {
        buf_say(why, "%s: %s: \"%.*s\" is not one of %s", where, o->name,
                STR_ARGS(str_cut_utf8(text, 80)), o->unit);
        return RC_INVALID;
    }
    conf_wipe_secret(c, o);
    const char *copy = arena_cstr(&c->_arena, text);
    memcpy((char *)c + o->offset, &copy, sizeof(copy));
    return RC_OK;
}

static enum rc assign_number(struct conf *c, const struct conf_option *o, struct str text,
                             const char *where, struct buf *why)
{
    int64_t number = 0;
    if (parse_number(o->kind, text, &number) != RC_OK) {
        struct str shown = str_cut_utf8(text, 80);
        bool is_shown = !has_control(shown) && str_is_utf8(shown);
        buf_say(why, "%s: %s: \"%.*s\" is not %s", where, o->name,
                STR_ARGS(is_shown ? shown : STR("?")), value_wanted(o->kind));
        return RC_INVALID;
    }
    if (check_range(o, number, where, why) != RC_OK)
        return RC_INVALID;
    char *field = (char *)c + o->offset;
    if (o->kind == CONF_KIND_BOOL)
        memcpy(field, &(bool){ number != 0 }, sizeof(bool));
    else
        memcpy(field, &number, sizeof(number));
    return RC_OK;
}

enum rc conf_assign(struct conf *c, const struct conf_option *o, struct str text, const char *where,
                    const char *source, struct buf *why)
{
    bool is_text = o->kind == CONF_KIND_STRING || o->kind == CONF_KIND_LIST;
    enum rc rc =
        is_text ? assign_text(c, o, text, where, why) : assign_number(c, o, text, where, why);
    if (rc == RC_OK)
        c->_sources[o - conf_options] = source;
    return rc;
}

const char *conf_text_of(const struct conf *c, const struct conf_option *o)
{
    const char *text;
    MUST(o->kind == CONF_KIND_STRING || o->kind == CONF_KIND_LIST);
    memcpy(&text, (const char *)c + o->offset, sizeof(text));
    return text;
}

int64_t conf_number_of(const struct conf *c, const struct conf_option *o)
{
    const char *field = (const char *)c + o->offset;
    int64_t number;
    bool is_true;
    MUST(o->kind != CONF_KIND_STRING && o->kind != CONF_KIND_LIST);
    if (o->kind == CONF_KIND_BOOL) {
        memcpy(&is_true, field, sizeof(is_true));
        return is_true;
    }
    memcpy(&number, field, sizeof(number));
    return number;
}
