/* SPDX-License-Identifier: Apache-2.0
 *
 * The options table, and finding an option by its name or by something like it.
 */
#include "conf/conf_priv.h"

const struct conf_option conf_options[] = {
#define OPTION(field, name, type, def, min, max, flags, unit, help) \
    { name, CONF_KIND_##type, offsetof(struct conf, field), def, min, max, flags, unit, help },
#include "tables/options.def"
#undef OPTION
};
const size_t conf_option_count = COUNT_OF(conf_options);

const struct conf_option *conf_option_find(struct str name)
{
    for (size_t i = 0; i < conf_option_count; i++)
        if (str_eq(name, str_from(conf_options[i].name)))
            return &conf_options[i];
    return NULL;
}

const struct conf_option *conf_option_nearest(struct str name)
{
    const struct conf_option *nearest = NULL;
    if (name.len == 0 || name.len > CONF_NAME_MAX)
        return NULL;
    size_t least = name.len / 4 + 2; /* farther is a guess, not help */
    bool has_section = str_find(name, '.') < name.len;
    for (size_t i = 0; i < conf_option_count; i++) {
        struct str full = str_from(conf_options[i].name);
        size_t dot = str_find(full, '.');
        struct str own = has_section ? full : str_sub(full, dot + 1, full.len);
        size_t steps = str_distance(name, own);
        if (steps < least) {
            least = steps;
            nearest = &conf_options[i];
        }
    }
    return nearest;
}

struct str conf_option_section(const struct conf_option *o)
{
    struct str name = str_from(o->name);
    return str_sub(name, 0, str_find(name, '.'));
}

bool conf_section_exists(struct str section)
{
    for (size_t i = 0; i < conf_option_count; i++)
        if (str_eq(section, conf_option_section(&conf_options[i])))
            return true;
    return false;
}

struct str conf_option_env(const struct conf_option *o, char out[static CONF_NAME_MAX + 16])
{
    struct str prefix = STR("GRAPNEL_");
    struct str name = str_from(o->name);
    MUST(name.len <= CONF_NAME_MAX);
    memcpy(out, prefix.ptr, prefix.len);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        out[prefix.len + i] = (char)(c == '.' ? '_' : c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
    }
    out[prefix.len + name.len] = '\0';
    return str_of(out, prefix.len + name.len);
}

const char *conf_kind_name(enum conf_kind kind)
{
    static const char *const names[] = {
        "string", "list", "integer", "boolean", "duration", "size"
    };
    return names[kind];
}

enum rc conf_unknown(struct str name, const char *where, struct buf *why)
{
    const struct conf_option *nearest = conf_option_nearest(name);
    buf_say(why, "%s: there is no option \"%.*s\"", where, STR_ARGS(str_cut_utf8(name, 80)));
    if (nearest != NULL)
        buf_say(why, "; did you mean %s?", nearest->name);
    return RC_INVALID;
}
