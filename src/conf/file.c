/* SPDX-License-Identifier: Apache-2.0
 *
 * The file's format, line by line:
 *
 *     # a comment, on its own line or after a blank
 *     [server]
 *     listen = 127.0.0.1:8071
 *     store.dir = "/srv/my hooks # 1"    # the whole name works anywhere; quotes keep blanks and '#'
 *
 * In quotes, \" and \\ stand for those two. An option may be set once in a file: twice is a mistake.
 */
#include "conf/conf_priv.h"

struct parser {
    struct conf *conf;
    const char *file;
    struct buf *why;
    struct str section; /* empty before the first header */
    const char *where;  /* "file:12" */
    size_t line;
    size_t *set_at; /* by option: the line that set it, or 0 */
    struct arena scratch;
};

static enum rc file_mistake(const struct parser *p, const char *what)
{
    buf_say(p->why, "%s: %s", p->where, what);
    return RC_INVALID;
}

/* Only blanks or a comment may follow. */
static bool is_end(struct str rest)
{
    struct str trimmed = str_trim(rest);
    return trimmed.len == 0 || (trimmed.ptr[0] == '#' && (trimmed.ptr != rest.ptr));
}

static enum rc file_unquote(struct parser *p, struct str text, struct str *value)
{
    char *out = arena_alloc(&p->scratch, text.len + 1);
    size_t len = 0;
    for (size_t i = 1; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"') {
            *value = str_of(out, len);
            return is_end(str_sub(text, i + 1, text.len))
                       ? RC_OK
                       : file_mistake(p, "text follows the closing quote");
        }
        if (c == '\\') {
            i++;
            if (i == text.len || (text.ptr[i] != '"' && text.ptr[i] != '\\'))
                return file_mistake(p, "in quotes, \\ stands before \" or \\ only");
            c = text.ptr[i];
        }
        out[len++] = c;
    }
    return file_mistake(p, "the closing quote is missing");
}

/* Up to a '#' that follows a blank. */
static struct str without_comment(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '#' && (i == 0 || text.ptr[i - 1] == ' ' || text.ptr[i - 1] == '\t'))
            return str_trim(str_sub(text, 0, i));
    return text;
}

static enum rc parse_header(struct parser *p, struct str line)
{
    size_t end = str_find(line, ']');
    if (end == line.len || !is_end(str_sub(line, end + 1, line.len)))
        return file_mistake(p, "a section is written [name], alone on its line");
    p->section = str_trim(str_sub(line, 1, end - 1));
    if (conf_section_exists(p->section))
        return RC_OK;
    buf_say(p->why, "%s: there is no section [%.*s]; sections are", p->where,
            STR_ARGS(str_cut_utf8(p->section, 40)));
    struct str before = STR_NONE;
    for (size_t i = 0; i < conf_option_count; i++) {
        struct str section = conf_option_section(&conf_options[i]);
        if (!str_eq(section, before))
            buf_say(p->why, " %.*s", STR_ARGS(section));
        before = section;
    }
    return RC_INVALID;
}

static enum rc parse_setting(struct parser *p, struct str line)
{
    size_t equals = str_find(line, '=');
    if (equals == line.len)
        return file_mistake(p, "expected name = value, [section] or # comment");
    struct str name = str_trim(str_sub(line, 0, equals));
    struct str value = str_trim(str_sub(line, equals + 1, line.len));
    if (str_find(name, '.') == name.len && p->section.len > 0)
        name = arena_fmt(&p->scratch, "%.*s.%.*s", STR_ARGS(p->section), STR_ARGS(name));
    const struct conf_option *o = conf_option_find(name);
    if (o == NULL)
        return conf_unknown(name, p->where, p->why);
    size_t *set_at = &p->set_at[o - conf_options];
    if (*set_at != 0) {
        buf_say(p->why, "%s: %s is set already in line %zu", p->where, o->name, *set_at);
        return RC_INVALID;
    }
    *set_at = p->line;
    if (str_starts(value, STR("\""))) {
        enum rc rc = file_unquote(p, value, &value);
        if (rc != RC_OK)
            return rc;
    } else {
        value = without_comment(value);
    }
    const char *source = arena_cstr(&p->conf->_arena, str_from(p->where));
    return conf_assign(p->conf, o, value, p->where, source, p->why);
}

static enum rc parse_line(struct parser *p, struct str line)
{
    if (str_ends(line, STR("\r")))
        line.len--;
    line = str_trim(line);
    if (line.len == 0 || line.ptr[0] == '#')
        return RC_OK;
    p->where = arena_fmt(&p->scratch, "%s:%zu", p->file, p->line).ptr;
    return line.ptr[0] == '[' ? parse_header(p, line) : parse_setting(p, line);
}

enum rc conf_parse(struct conf *c, struct str text, const char *file, struct buf *why)
{
    struct parser p = { .conf = c, .file = file, .why = why };
    struct str line;
    enum rc rc = RC_OK;
    arena_init(&p.scratch);
    p.set_at = arena_array(&p.scratch, conf_option_count, sizeof(*p.set_at));
    while (rc == RC_OK && str_split(&text, '\n', &line)) {
        p.line++;
        rc = parse_line(&p, line);
    }
    arena_fini(&p.scratch);
    return rc;
}
