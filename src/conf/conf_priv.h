/* SPDX-License-Identifier: Apache-2.0
 *
 * The options table and what works on one option. Text of a value is the same in files, environment
 * and flags.
 */
#pragma once

#include "conf/conf.h"

enum conf_kind {
    CONF_KIND_STRING,
    CONF_KIND_LIST,
    CONF_KIND_INT,
    CONF_KIND_BOOL,
    CONF_KIND_DURATION,
    CONF_KIND_SIZE
};

struct conf_option {
    const char *name; /* "section.name" */
    enum conf_kind kind;
    size_t offset; /* of the field in struct conf */
    const char *def;
    int64_t min, max; /* both 0: no range */
    int flags;        /* enum conf_flags */
    const char *unit; /* of an INT; of a STRING: the texts allowed, "a|b", if only those are */
    const char *help;
};

enum { CONF_NAME_MAX = 64 };

extern const struct conf_option conf_options[];
extern const size_t conf_option_count;

/* The option of that name; NULL: there is none. */
const struct conf_option *conf_option_find(struct str name);
/* The option whose name is close enough to be meant; NULL: none is. */
const struct conf_option *conf_option_nearest(struct str name);
/* True if an option's name starts with "section.". */
bool conf_section_exists(struct str section);
/* "server.listen" -> "server". */
struct str conf_option_section(const struct conf_option *o);
/* Writes "GRAPNEL_SERVER_LISTEN"; borrowed from `out`. */
struct str conf_option_env(const struct conf_option *o, char out[static CONF_NAME_MAX + 16]);
/* "string", "list", ... */
const char *conf_kind_name(enum conf_kind kind);

/* Sets the option. RC_INVALID: says "<where>: <name>: <reason>", without the value if it is secret. */
MUST_USE enum rc conf_assign(struct conf *c, const struct conf_option *o, struct str text,
                             const char *where, const char *source, struct buf *why);
/* Overwrites the option's text if it is secret. */
void conf_wipe_secret(struct conf *c, const struct conf_option *o);
/* Says "<where>: there is no option ..." and which may be meant; always RC_INVALID. */
MUST_USE enum rc conf_unknown(struct str name, const char *where, struct buf *why);

/* The option's value: text of STRING and LIST, number of all others. */
const char *conf_text_of(const struct conf *c, const struct conf_option *o);
int64_t conf_number_of(const struct conf *c, const struct conf_option *o);
/* Appends a number as it would be written in a file ("15s", "1MiB", "true"). */
void conf_say_number(struct buf *out, enum conf_kind kind, int64_t number);
