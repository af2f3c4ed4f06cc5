/* SPDX-License-Identifier: Apache-2.0
 *
 * Options for people: the ones in force, the reference page, the help text, what a reload leaves out.
 */
#include "conf/conf_priv.h"

enum { HELP_INDENT = 8, HELP_WIDTH = 88, NUMBER_MAX = 64 };

static bool is_text(const struct conf_option *o)
{
    return o->kind == CONF_KIND_STRING || o->kind == CONF_KIND_LIST;
}

static bool describe_is_same(const struct conf *a, const struct conf *b,
                             const struct conf_option *o)
{
    if (is_text(o))
        return strcmp(conf_text_of(a, o), conf_text_of(b, o)) == 0;
    return conf_number_of(a, o) == conf_number_of(b, o);
}

void conf_needs_restart(const struct conf *now, const struct conf *next, struct buf *names)
{
    const char *separator = "";
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *o = &conf_options[i];
        if ((o->flags & CONF_RELOAD) != 0 || describe_is_same(now, next, o))
            continue;
        buf_say(names, "%s%s", separator, o->name);
        separator = ",";
    }
}

/* In quotes where the file needs them. */
static void say_text(struct buf *out, struct str text)
{
    bool is_plain = str_eq(text, str_trim(text)) && str_find(text, '#') == text.len &&
                    !str_starts(text, STR("\""));
    if (is_plain) {
        buf_say(out, "%.*s", STR_ARGS(text));
        return;
    }
    buf_say(out, "\"");
    for (size_t i = 0; i < text.len; i++)
        buf_say(out, text.ptr[i] == '"' || text.ptr[i] == '\\' ? "\\%c" : "%c", text.ptr[i]);
    buf_say(out, "\"");
}

static enum rc say_value(struct buf *out, const struct conf *c, const struct conf_option *o)
{
    if ((o->flags & CONF_SECRET) != 0)
        return buf_addf(out, "%s", conf_text_of(c, o)[0] == '\0' ? "(unset)" : "(set)");
    if (is_text(o)) /* without the credentials in URLs: a proxy has some, for one */
        return text_hide_users(str_from(conf_text_of(c, o)), out);
    conf_say_number(out, o->kind, conf_number_of(c, o));
    return RC_OK;
}

void conf_show(const struct conf *c, void (*see)(void *arg, const struct conf_shown *o), void *arg)
{
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *o = &conf_options[i];
        struct buf value;
        buf_init(&value, is_text(o) ? strlen(conf_text_of(c, o)) + NUMBER_MAX : NUMBER_MAX);
        if (say_value(&value, c, o) == RC_OK)
            see(arg, &(struct conf_shown){ .name = o->name,
                                           .source = c->_sources[i],
                                           .value = buf_str(&value),
                                           .is_secret = (o->flags & CONF_SECRET) != 0,
                                           .is_reloadable = (o->flags & CONF_RELOAD) != 0 });
        buf_fini(&value);
    }
}

static void say_line(void *arg, const struct conf_shown *o)
{
    struct buf *out = arg;
    buf_say(out, "%s = ", o->name);
    if (o->is_secret)
        buf_say(out, "%.*s", STR_ARGS(o->value));
    else
        say_text(out, o->value);
    buf_say(out, "  # %s\n", o->source);
}

void conf_describe(const struct conf *c, struct buf *out)
{
    conf_show(c, say_line, out);
}

static bool starts_section(size_t i)
{
    return i == 0 || !str_eq(conf_option_section(&conf_options[i]),
                             conf_option_section(&conf_options[i - 1]));
}

static void say_range(struct buf *out, const struct conf_option *o)
{
    if (o->kind == CONF_KIND_STRING && o->unit[0] != '\0') {
        struct str rest = str_from(o->unit);
        struct str choice;
        const char *separator = "";
        while (str_split(&rest, '|', &choice)) {
            buf_say(out, "%s`%.*s`", separator, STR_ARGS(choice));
            separator = ", ";
        }
    } else if (o->min != 0 || o->max != 0) {
        conf_say_number(out, o->kind, o->min);
        buf_say(out, " to ");
        conf_say_number(out, o->kind, o->max);
        buf_say(out, "%s%s", o->unit[0] == '\0' ? "" : " ", o->unit);
    }
}

static void say_row(struct buf *out, const struct conf_option *o)
{
    buf_say(out, "| `%s` | %s | ", o->name, conf_kind_name(o->kind));
    if (o->def[0] != '\0')
        buf_say(out, "`%s`", o->def);
    buf_say(out, " | ");
    say_range(out, o);
    buf_say(out, " | %s | %s%s |\n", (o->flags & CONF_RELOAD) != 0 ? "yes" : "",
            (o->flags & CONF_SECRET) != 0 ? "Secret. " : "", o->help);
}

static const char reference_head[] =
    "<!-- Written by `make docs` from the program's tables; edit those. -->\n"
    "# Options\n"
    "\n"
    "Every option has a default and can be set in three places; later ones take precedence:\n"
    "\n"
    "1. the configuration file (`--config`, otherwise `$GRAPNEL_CONFIG`, otherwise `/etc/grapnel/grapnel.conf` if it "
    "exists; at most 1 MiB),\n"
    "2. the environment: `server.listen` is `GRAPNEL_SERVER_LISTEN`,\n"
    "3. flags: `--server.listen=value` or `--server.listen value`; `--debug.enabled` alone means true.\n"
    "\n"
    "```\n"
    "# a comment, on its own line or after a blank\n"
    "[server]\n"
    "listen = 127.0.0.1:8071\n"
    "store.dir = \"/srv/my hooks # 1\"  # the whole name works anywhere; quotes keep blanks and '#'\n"
    "```\n"
    "\n"
    "In quotes, `\\\"` and `\\\\` stand for `\"` and `\\`. A duration is a whole number and `us`, `ms`, "
    "`s`, `m`, `h` or `d`; a size is bytes, or a whole number and `KiB`, `MiB`, `GiB` or `TiB`; a boolean is "
    "`true` or `false` (also yes, no, on, off, 1, 0). The items of a list are separated by commas. An unknown name or a "
    "value out of range stops the start, and the error names the line. With \"reload\", `SIGHUP` applies a change "
    "without a restart.\n"
    "\n";

void conf_reference(struct buf *out)
{
    buf_say(out, "%s", reference_head);
    for (size_t i = 0; i < conf_option_count; i++) {
        if (starts_section(i))
            buf_say(out,
                    "%s## %.*s\n\n| Option | Kind | Default | Allowed | Reload | What it does |\n"
                    "|---|---|---|---|---|---|\n",
                    i == 0 ? "" : "\n", STR_ARGS(conf_option_section(&conf_options[i])));
        say_row(out, &conf_options[i]);
    }
}

/* Words broken into lines of HELP_WIDTH, indented. */
static void say_wrapped(struct buf *out, struct str text)
{
    struct str word;
    size_t column = 0;
    while (str_split(&text, ' ', &word)) {
        if (column == 0 || column + 1 + word.len > HELP_WIDTH) {
            buf_say(out, "%s%*s%.*s", column == 0 ? "" : "\n", HELP_INDENT, "", STR_ARGS(word));
            column = HELP_INDENT + word.len;
        } else {
            buf_say(out, " %.*s", STR_ARGS(word));
            column += 1 + word.len;
        }
    }
    buf_say(out, "\n");
}

void conf_help(struct buf *out)
{
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *o = &conf_options[i];
        if (starts_section(i))
            buf_say(out, "%s%.*s:\n", i == 0 ? "" : "\n", STR_ARGS(conf_option_section(o)));
        buf_say(out, "    --%s=<%s>", o->name, conf_kind_name(o->kind));
        if (o->def[0] != '\0')
            buf_say(out, "  (%s)", o->def);
        buf_say(out, "\n");
        say_wrapped(out, str_from(o->help));
    }
}
