/* SPDX-License-Identifier: Apache-2.0
 *
 * From a request to the command line, environment and files of its hook.
 */
#include "receive/hooks_priv.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const char namespace[] = "HOOK_";

static bool has_nul(struct str s)
{
    return s.len > 0 && memchr(s.ptr, '\0', s.len) != NULL;
}

/* A plain name is looked for in the working directory first, then in PATH. */
static char *hooks_program(struct arena *a, const struct receive_hook *hook)
{
    if (str_find(hook->command, '/') == hook->command.len && hook->directory.len > 0) {
        char *there = arena_cstr(
            a, arena_fmt(a, "%.*s/%.*s", STR_ARGS(hook->directory), STR_ARGS(hook->command)));
        if (access(there, X_OK) == 0)
            return there;
    }
    return arena_cstr(a, hook->command);
}

static struct str variable_name(struct arena *a, const struct receive_parameter *p, bool upper)
{
    if (p->envname.len > 0)
        return p->envname;
    char *name = arena_cstr(a, arena_fmt(a, "%s%.*s", namespace, STR_ARGS(p->name)));
    for (char *c = name; *c != '\0'; c++) {
        if (upper)
            *c = (char)toupper((unsigned char)*c);
        if (*c == '=')
            *c = '_';
    }
    return str_from(name);
}

/* "NAME=value" in the place of one of this name, or at the end. */
static void set_variable(struct arena *a, struct receive_command *c, struct str name,
                         struct str value)
{
    char *line = arena_cstr(a, arena_fmt(a, "%.*s=%.*s", STR_ARGS(name), STR_ARGS(value)));
    char **at = c->envp;

    while (*at != NULL && (strncmp(*at, line, name.len + 1) != 0))
        at++;
    *at = line;
}

/* As in the original: where the command works, else where temporary files are. The file's name, or
 * NULL. */
static char *write_file(struct arena *a, struct str directory, struct str bytes)
{
    const char *folder = getenv("TMPDIR");
    struct str temporary = str_from(folder == NULL || *folder == '\0' ? "/tmp" : folder);
    char *path = arena_cstr(a, arena_fmt(a, "%.*s/grapnel-hook-XXXXXX",
                                         STR_ARGS(directory.len > 0 ? directory : temporary)));
    int fd = mkostemp(path, O_CLOEXEC);
    bool ok = fd >= 0;

    while (ok && bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        ok = n > 0;
        bytes = ok ? str_sub(bytes, (size_t)n, bytes.len) : bytes;
    }
    if (fd >= 0)
        (void)close(fd);
    if (fd >= 0 && !ok)
        (void)unlink(path);
    return ok ? path : NULL;
}

/* The bytes of as many whole groups of four as are base64; line ends between them are passed over. */
static struct str file_content(struct arena *a, const struct receive_parameter *p, struct str value)
{
    size_t len = 0, more;
    char group[4];

    if (!p->is_base64)
        return value;
    char *bytes = arena_alloc(a, value.len + 1);
    for (size_t i = 0, used = 0; i < value.len; i++) {
        if (value.ptr[i] == '\r' || value.ptr[i] == '\n')
            continue;
        group[used++] = value.ptr[i];
        if (used < sizeof group)
            continue;
        used = 0;
        if (base64_decode(str_of(group, sizeof group), bytes + len, value.len - len, &more) !=
            RC_OK)
            break;
        len += more;
    }
    return str_of(bytes, len);
}

static enum rc add_arguments(struct arena *a, const struct receive_hook *hook,
                             struct receive_request *r, struct receive_command *out)
{
    struct str value;

    out->argv = arena_array(a, hook->arguments.count + 2, sizeof *out->argv);
    out->argv[0] = arena_cstr(a, hook->command);
    for (size_t i = 0; i < hook->arguments.count; i++) {
        if (receive_request_value(r, &hook->arguments.list[i], &value) != RC_OK)
            value = STR_NONE; /* what is missing is an empty one */
        if (has_nul(value))
            return RC_INVALID;
        out->argv[i + 1] = arena_cstr(a, value);
    }
    return RC_OK;
}

static enum rc add_variables(struct arena *a, const struct receive_hook *hook,
                             struct receive_request *r, struct receive_command *out)
{
    struct str value;

    set_variable(a, out, STR("HOOK_ID"), hook->id);
    for (size_t i = 0; i < hook->environment.count; i++) {
        const struct receive_parameter *p = &hook->environment.list[i];
        if (receive_request_value(r, p, &value) != RC_OK)
            continue;
        if (has_nul(value))
            return RC_INVALID;
        set_variable(a, out, variable_name(a, p, false), value);
    }
    return RC_OK;
}

static enum rc add_files(struct arena *a, const struct receive_hook *hook,
                         struct receive_request *r, struct receive_command *out)
{
    struct str value;
    size_t count = 0;

    out->files = arena_array(a, hook->files.count + 1, sizeof *out->files);
    for (size_t i = 0; i < hook->files.count; i++) {
        const struct receive_parameter *p = &hook->files.list[i];
        if (receive_request_value(r, p, &value) != RC_OK)
            continue;
        char *path = write_file(a, hook->directory, file_content(a, p, value));
        if (path == NULL)
            return RC_IO;
        out->files[count++] = path;
        set_variable(a, out, variable_name(a, p, true), str_from(path));
    }
    return RC_OK;
}

enum rc receive_command_new(struct arena *a, const struct receive_hook *hook,
                            struct receive_request *r, char **base, struct receive_command *out)
{
    size_t count = 0;

    while (base[count] != NULL)
        count++;
    out->program = hooks_program(a, hook);
    out->envp =
        arena_array(a, count + hook->environment.count + hook->files.count + 2, sizeof *out->envp);
    memcpy(out->envp, base, count * sizeof *base);
    enum rc rc = add_arguments(a, hook, r, out);
    if (rc == RC_OK)
        rc = add_variables(a, hook, r, out);
    return rc == RC_OK ? add_files(a, hook, r, out) : rc;
}

void receive_files_remove(const struct receive_command *command)
{
    for (char **file = command->files; file != NULL && *file != NULL; file++)
        (void)unlink(*file);
}
