/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of the server, all from tables/options.def: defaults, then the file, then the
 * environment (GRAPNEL_SECTION_NAME), then flags (--section.name=value). A later source wins.
 * A struct conf never changes once made; reload makes a new one.
 */
#pragma once

#include "base/base.h"

enum conf_flags { CONF_RELOAD = 1, CONF_SECRET = 2 };

struct conf {
#define CONF_FIELD_STRING const char *
#define CONF_FIELD_LIST const char *
#define CONF_FIELD_INT int64_t
#define CONF_FIELD_BOOL bool
#define CONF_FIELD_DURATION int64_t
#define CONF_FIELD_SIZE int64_t
#define OPTION(field, name, type, def, min, max, flags, unit, help) CONF_FIELD_##type field;
#include "tables/options.def"
#undef OPTION
    struct arena _arena; /* owns the strings */
    const char **_sources; /* by option: "default", "file:12", "environment", "flag" */
};

/* All defaults; what conf_parse() starts from. */
struct conf *conf_new(void);

/* Reads all sources. `path` NULL: $GRAPNEL_CONFIG, else /etc/grapnel/grapnel.conf if it is there.
 * argv holds flags only; words that are no flags of the options table are RC_INVALID.
 * A flag is --section.name=value or --section.name value; a boolean one may go without. Variables
 * GRAPNEL_CONFIG, GRAPNEL_TOKEN and GRAPNEL_URL are the command's; another GRAPNEL_* that names no
 * option is a mistake if it starts like a section or is close to an option's name, else it is someone
 * else's. A file has at most 1 MiB.
 * RC_INVALID: `why` names source, line, and the nearest valid name or the allowed range. RC_IO,
 * RC_LIMIT: the file cannot be read or is too large, `why` says so. *out is set on RC_OK only. */
MUST_USE enum rc conf_load(const char *path, int argc, char **argv, char **envp, struct conf **out,
                           struct buf *why);
void conf_free(struct conf *c);

/* Parses one file's text; what conf_load() uses, and the fuzz target. `file` names it in mistakes. The
 * format is described in conf/file.c and docs/reference/options.md. RC_INVALID: `why` says what. */
MUST_USE enum rc conf_parse(struct conf *c, struct str text, const char *file, struct buf *why);

/* What a reload may change differs from what it may not: lists the names of options that differ
 * but need a restart, comma-separated, into `names`. */
void conf_needs_restart(const struct conf *now, const struct conf *next, struct buf *names);

/* An option as people may see it: a secret's value is "(set)" or "(unset)", and URLs are without credentials. */
struct conf_shown {
    const char *name, *source; /* source: "default", "file:12", "environment", "flag" */
    struct str value;          /* as in a file, but never in quotes */
    bool is_secret, is_reloadable;
};
/* Shows all options, in the table's order. What is shown is borrowed until `see` returns. */
void conf_show(const struct conf *c, void (*see)(void *arg, const struct conf_shown *o), void *arg);
/* Appends "name = value  # source" lines; secrets as "(set)" or "(unset)". */
void conf_describe(const struct conf *c, struct buf *out);
/* The reference page in Markdown; and the help text of `grapnel serve --help`. */
void conf_reference(struct buf *out);
void conf_help(struct buf *out);

/* Parsers of one value; shared with the CLI: "250ms", "15s", "5m", "12h", "90d"; "512", "64KiB", "1GiB".
 * RC_INVALID otherwise. */
MUST_USE enum rc conf_duration(struct str text, int64_t *us);
MUST_USE enum rc conf_size(struct str text, int64_t *bytes);
