/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking arguments. A verb takes what it knows; what is left goes to the configuration, which says
 * what it does not know.
 */
#include "cli/cli_priv.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void remove_at(struct cli *cli, int at, int count)
{
    for (int i = at; i + count <= cli->argc; i++)
        cli->argv[i] = i + count < cli->argc ? cli->argv[i + count] : NULL;
    cli->argc -= count;
}

/* True if `arg` is --name; *value is what follows '=', or NULL. */
static bool is_flag(const char *arg, const char *name, const char **value)
{
    struct str rest = str_from(arg);

    if (!str_skip_prefix(&rest, STR("--")) || !str_skip_prefix(&rest, str_from(name)))
        return false;
    if (rest.len == 0)
        *value = NULL;
    else if (rest.ptr[0] == '=')
        *value = rest.ptr + 1;
    else
        return false;
    return true;
}

const char *cli_take(struct cli *cli, const char *name)
{
    for (int i = 0; i < cli->argc; i++) {
        const char *value;
        if (!is_flag(cli->argv[i], name, &value))
            continue;
        if (value != NULL) {
            remove_at(cli, i, 1);
            return value;
        }
        if (i + 1 < cli->argc) {
            value = cli->argv[i + 1];
            remove_at(cli, i, 2);
            return value;
        }
    }
    return NULL;
}

bool cli_take_switch(struct cli *cli, const char *name)
{
    for (int i = 0; i < cli->argc; i++) {
        const char *value;
        if (is_flag(cli->argv[i], name, &value) && value == NULL) {
            remove_at(cli, i, 1);
            return true;
        }
    }
    return false;
}

const char *cli_take_word(struct cli *cli)
{
    for (int i = 0; i < cli->argc; i++) {
        if (cli->argv[i][0] != '-' || cli->argv[i][1] == '\0') {
            const char *word = cli->argv[i];
            remove_at(cli, i, 1);
            return word;
        }
    }
    return NULL;
}

bool cli_take_number(struct cli *cli, const char *name, int64_t otherwise, int64_t min, int64_t max,
                     int64_t *out)
{
    const char *text = cli_take(cli, name);

    *out = otherwise;
    if (text == NULL)
        return true;
    if (str_to_i64(str_from(text), out) == RC_OK && *out >= min && *out <= max)
        return true;
    (void)cli_misused(cli, "--%s: \"%s\" is not a number from %" PRId64 " to %" PRId64, name, text,
                      min, max);
    return false;
}

bool cli_take_duration(struct cli *cli, const char *name, int64_t otherwise_us, int64_t *out)
{
    const char *text = cli_take(cli, name);

    *out = otherwise_us;
    if (text == NULL || conf_duration(str_from(text), out) == RC_OK)
        return true;
    (void)cli_misused(cli, "--%s: \"%s\" is not a duration such as 500ms, 10s or 24h", name, text);
    return false;
}

bool cli_is_used_up(const struct cli *cli)
{
    if (cli->argc == 0)
        return true;
    (void)cli_misused(cli, "\"%s\" is not understood here", cli->argv[0]);
    return false;
}

struct conf *cli_conf(struct cli *cli)
{
    const char *file = cli_take(cli, "config");
    struct conf *conf = NULL;
    struct buf why;

    buf_init(&why, 4096);
    if (conf_load(file, cli->argc, cli->argv, cli->envp, &conf, &why) != RC_OK) {
        (void)cli_misused(cli, "%.*s", STR_ARGS(buf_str(&why)));
        conf = NULL;
    }
    buf_fini(&why);
    return conf;
}

static void args_say(const struct cli *cli, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
/* Credentials in URLs are left out, as the words may be of a URL that was given. */
static void args_say(const struct cli *cli, const char *fmt, va_list args)
{
    struct arena scratch;
    struct buf shown;

    arena_init(&scratch);
    struct str text = arena_vfmt(&scratch, fmt, args);
    buf_init(&shown, text.len + 1);
    bool is_shown = text_hide_users(text, &shown) == RC_OK;
    fprintf(stderr, "grapnel %s: %.*s\n", cli->verb->name, is_shown ? (int)shown.len : 0,
            shown.ptr == NULL ? "" : shown.ptr);
    buf_fini(&shown);
    arena_fini(&scratch);
}

int cli_misused(const struct cli *cli, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    args_say(cli, fmt, args);
    va_end(args);
    fprintf(stderr, "Try: grapnel help %s\n", cli->verb->name);
    return CLI_MISUSED;
}

int cli_failed(const struct cli *cli, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    args_say(cli, fmt, args);
    va_end(args);
    return CLI_FAILED;
}

static void wipe_text(struct buf *text)
{
    if (text->ptr != NULL)
        mem_wipe(text->ptr, text->len);
    buf_fini(text);
}

int cli_answered(const struct cli *cli, enum rc rc, struct buf *out, struct buf *why)
{
    int code = CLI_DONE;

    if (rc == RC_OK)
        printf("%.*s", STR_ARGS(buf_str(out)));
    else
        code =
            cli_failed(cli, "%.*s", STR_ARGS(why->len > 0 ? buf_str(why) : str_from(rc_name(rc))));
    wipe_text(out);
    wipe_text(why);
    return code;
}
