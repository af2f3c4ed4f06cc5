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

/* What cannot be an argument (missing, or with a NUL in it) is an empty one, as in the original. */
static char *argument(struct arena *a, struct receive_request *r, const struct receive_parameter *p)
{
    struct str value;

    if (receive_request_value(r, p, &value) != RC_OK || has_nul(value))
        value = STR_NONE;
    return arena_cstr(a, value);
}

/* A plain name is looked for in the working directory first, then in PATH. */
static char *program(struct arena *a, const struct receive_hook *hook)
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

static char *variable(struct arena *a, struct str name, struct str value)
{
    return arena_cstr(a, arena_fmt(a, "%.*s=%.*s", STR_ARGS(name), STR_ARGS(value)));
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

static struct str file_content(struct arena *a, const struct receive_parameter *p, struct str value)
{
    size_t len;

    if (!p->is_base64)
        return value;
    char *bytes = arena_alloc(a, value.len + 1);
    return base64_decode(value, bytes, value.len + 1, &len) == RC_OK ? str_of(bytes, len) : value;
}

enum rc receive_command_new(struct arena *a, const struct receive_hook *hook,
                            struct receive_request *r, char **base, struct receive_command *out)
{
    size_t env_count = 0, file_count = 0;
    struct str value;

    while (base[env_count] != NULL)
        env_count++;
    out->argv = arena_array(a, hook->arguments.count + 2, sizeof *out->argv);
    out->envp = arena_array(a, env_count + hook->environment.count + hook->files.count + 2,
                            sizeof *out->envp);
    out->files = arena_array(a, hook->files.count + 1, sizeof *out->files);
    out->argv[0] = program(a, hook);
    for (size_t i = 0; i < hook->arguments.count; i++)
        out->argv[i + 1] = argument(a, r, &hook->arguments.list[i]);
    memcpy(out->envp, base, env_count * sizeof *base);
    out->envp[env_count++] = variable(a, STR("HOOK_ID"), hook->id);
    for (size_t i = 0; i < hook->environment.count; i++) {
        const struct receive_parameter *p = &hook->environment.list[i];
        if (receive_request_value(r, p, &value) == RC_OK && !has_nul(value))
            out->envp[env_count++] = variable(a, variable_name(a, p, false), value);
    }
    for (size_t i = 0; i < hook->files.count; i++) {
        const struct receive_parameter *p = &hook->files.list[i];
        if (receive_request_value(r, p, &value) != RC_OK)
            continue;
        char *path = write_file(a, hook->directory, file_content(a, p, value));
        if (path == NULL)
            return RC_IO;
        out->files[file_count++] = path;
        out->envp[env_count++] = variable(a, variable_name(a, p, true), str_from(path));
    }
    return RC_OK;
}

void receive_files_remove(const struct receive_command *command)
{
    for (char **file = command->files; file != NULL && *file != NULL; file++)
        (void)unlink(*file);
}
