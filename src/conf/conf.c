/* SPDX-License-Identifier: Apache-2.0
 *
 * The sources of options, in order: defaults, file, environment, flags.
 */
#include "conf/conf.h"

#include "conf/conf_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };

static const char default_path[] = "/etc/grapnel/grapnel.conf";

struct conf *conf_new(void)
{
    struct conf *c = XNEW(struct conf);
    arena_init(&c->_arena);
    c->_sources = arena_array(&c->_arena, conf_option_count, sizeof(*c->_sources));
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *o = &conf_options[i];
        MUST(conf_assign(c, o, str_from(o->def), "", "default", NULL) == RC_OK);
    }
    return c;
}

void conf_free(struct conf *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < conf_option_count; i++)
        conf_wipe_secret(c, &conf_options[i]);
    arena_fini(&c->_arena);
    xfree(c);
}

static enum rc conf_read_all(int fd, struct buf *out)
{
    for (;;) {
        if (buf_reserve(out, 1) != RC_OK)
            return RC_LIMIT;
        char chunk[4096];
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno != EINTR)
            return RC_IO;
        if (got == 0)
            return RC_OK;
        if (got > 0 && buf_add(out, chunk, (size_t)got) != RC_OK)
            return RC_LIMIT;
    }
}

static enum rc load_file(struct conf *c, const char *path, bool is_optional, struct buf *why)
{
    struct buf text;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && is_optional && errno == ENOENT)
        return RC_OK;
    if (fd < 0) {
        buf_say(why, "%s: %s", path, strerror(errno));
        return RC_IO;
    }
    buf_init(&text, FILE_MAX);
    enum rc rc = conf_read_all(fd, &text);
    if (rc == RC_LIMIT)
        buf_say(why, "%s: a configuration file has at most 1 MiB", path);
    else if (rc != RC_OK)
        buf_say(why, "%s: %s", path, strerror(errno));
    else
        rc = conf_parse(c, buf_str(&text), path, why);
    (void)close(fd);
    if (text.ptr != NULL)
        mem_wipe(text.ptr, text.len); /* secrets may be in it */
    buf_fini(&text);
    return rc;
}

static const char *env_find(char **envp, struct str name)
{
    for (; envp != NULL && *envp != NULL; envp++) {
        struct str entry = str_from(*envp);
        if (str_skip_prefix(&entry, name) && str_skip_prefix(&entry, STR("=")))
            return entry.ptr;
    }
    return NULL;
}

static const struct conf_option *option_of_env(struct str name)
{
    char env[CONF_NAME_MAX + 16];
    for (size_t i = 0; i < conf_option_count; i++)
        if (str_eq(name, conf_option_env(&conf_options[i], env)))
            return &conf_options[i];
    return NULL;
}

/* A variable that nobody set for us is no mistake: container platforms make up names such as
 * GRAPNEL_SERVICE_HOST for a service called grapnel. One that starts like a section is meant for us. */
static enum rc judge_unknown_env(struct str name, struct buf *why)
{
    char guess[CONF_NAME_MAX + 1];
    struct str own = str_sub(name, strlen("GRAPNEL_"), CONF_NAME_MAX);
    for (size_t i = 0; i < own.len; i++) {
        char c = own.ptr[i];
        guess[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    size_t cut = str_find(str_of(guess, own.len), '_');
    bool is_section = cut < own.len && conf_section_exists(str_of(guess, cut));
    if (cut < own.len)
        guess[cut] = '.';
    const struct conf_option *nearest = NULL;
    if (cut < own.len)
        nearest = conf_option_nearest(str_of(guess, own.len));
    if (!is_section && nearest == NULL)
        return RC_OK;
    buf_say(why, "environment: there is no option for %.*s", STR_ARGS(str_cut_utf8(name, 80)));
    if (nearest != NULL) {
        char env[CONF_NAME_MAX + 16];
        buf_say(why, "; did you mean %.*s?", STR_ARGS(conf_option_env(nearest, env)));
    }
    return RC_INVALID;
}

static enum rc load_env(struct conf *c, char **envp, struct buf *why)
{
    for (; envp != NULL && *envp != NULL; envp++) {
        struct str entry = str_from(*envp);
        size_t equals = str_find(entry, '=');
        struct str name = str_sub(entry, 0, equals);
        if (!str_starts(name, STR("GRAPNEL_")) || equals == entry.len)
            continue;
        if (str_eq(name, STR("GRAPNEL_CONFIG")) || str_eq(name, STR("GRAPNEL_TOKEN")) ||
            str_eq(name, STR("GRAPNEL_URL")))
            continue; /* the command's own */
        const struct conf_option *o = option_of_env(name);
        char where[CONF_NAME_MAX + 16];
        enum rc rc = o == NULL ? judge_unknown_env(name, why)
                               : conf_assign(c, o, str_sub(entry, equals + 1, entry.len),
                                             conf_option_env(o, where).ptr, "environment", why);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static bool is_flag(const char *word)
{
    return str_starts(str_from(word), STR("--"));
}

/* Applies the flag argv[*at] and steps over it and its value. */
static enum rc load_flag(struct conf *c, int argc, char **argv, int *at, struct buf *why)
{
    struct str word = str_from(argv[(*at)++]);
    struct str name = word;
    if (!str_skip_prefix(&name, STR("--"))) {
        buf_say(why, "command line: \"%.*s\" is not a flag; flags are --section.name=value",
                STR_ARGS(str_cut_utf8(word, 80)));
        return RC_INVALID;
    }
    size_t equals = str_find(name, '=');
    struct str value = str_sub(name, equals + 1, name.len);
    bool has_value = equals < name.len;
    name = str_sub(name, 0, equals);
    const struct conf_option *o = conf_option_find(name);
    if (o == NULL)
        return conf_unknown(name, "command line", why);
    if (!has_value && o->kind == CONF_KIND_BOOL && (*at == argc || is_flag(argv[*at]))) {
        value = STR("true");
    } else if (!has_value && *at == argc) {
        buf_say(why, "command line: --%s needs a value", o->name);
        return RC_INVALID;
    } else if (!has_value) {
        value = str_from(argv[(*at)++]);
    }
    return conf_assign(c, o, value, "command line", "flag", why);
}

enum rc conf_load(const char *path, int argc, char **argv, char **envp, struct conf **out,
                  struct buf *why)
{
    struct conf *c = conf_new();
    bool is_optional = false;
    int at = 0;
    if (path == NULL)
        path = env_find(envp, STR("GRAPNEL_CONFIG"));
    if (path == NULL) {
        path = default_path;
        is_optional = true;
    }
    enum rc rc = load_file(c, path, is_optional, why);
    if (rc == RC_OK)
        rc = load_env(c, envp, why);
    while (rc == RC_OK && at < argc)
        rc = load_flag(c, argc, argv, &at, why);
    if (rc != RC_OK) {
        conf_free(c);
        return rc;
    }
    *out = c;
    return RC_OK;
}
