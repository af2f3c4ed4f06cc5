/* SPDX-License-Identifier: Apache-2.0
 *
 * hooks.json as adnanh/webhook has it: which request runs which command, under which rule. Read once,
 * strictly: what is not understood is an error with its place, not ignored. A set never changes;
 * any thread may use one.
 */
#pragma once

#include <grapnel_receiver.h>

#include "base/base.h"

enum {
    RECEIVE_HOOKS_MAX = 1000,
    RECEIVE_RUNS_MAX = 512, /* at once, of all hooks that say how many; and of all others */
    RECEIVE_HOOKS_TEXT_MAX = 4 << 20, /* bytes of the file */
    RECEIVE_LIST_MAX = 256,           /* parameters, headers or rules in one list */
    RECEIVE_RULE_DEPTH_MAX = 32,
    RECEIVE_VALUE_MAX = 64 << 20, /* bytes of an object or a list, written as text */
    RECEIVE_PATTERN_MAX = 4096
};

enum receive_source {
    RECEIVE_HEADER,
    RECEIVE_QUERY,
    RECEIVE_PAYLOAD,
    RECEIVE_REQUEST,
    RECEIVE_STRING,
    RECEIVE_ENTIRE_PAYLOAD,
    RECEIVE_ENTIRE_HEADERS,
    RECEIVE_ENTIRE_QUERY,
    RECEIVE_RAW_BODY
};

struct receive_parameter {
    enum receive_source source;
    struct str name;
    struct str envname; /* empty: by the name */
    bool is_base64;     /* decode before it is put into a file */
};

struct receive_parameters {
    struct receive_parameter *list;
    size_t count;
};

struct receive_rule;

struct receive_hook {
    struct str id, command, directory, message, content_type;
    struct grapnel_header *headers;
    size_t header_count;
    struct str *methods;
    size_t method_count;
    unsigned success_code, mismatch_code; /* 200 to 599 */
    bool includes_output, includes_output_on_error, soft_failures;
    struct receive_parameters json, arguments, environment, files;
    const struct receive_rule *rule; /* NULL: none, always runs */
    /* What adnanh/webhook has not; 0: as the command line says. */
    int64_t timeout_us;
    size_t concurrency, queue;
};

struct receive_hooks;

struct receive_hooks *receive_hooks_new(void);
/* The hooks of a file's text, after those that are there. RC_INVALID: `why` says where and what, and the set
 * is good for nothing but to be freed. */
MUST_USE enum rc receive_hooks_add(struct receive_hooks *hooks, struct str text, struct buf *why);
/* A set of one text; NULL in *out when it is RC_INVALID. */
MUST_USE enum rc receive_hooks_read(struct str text, struct receive_hooks **out, struct buf *why);
void receive_hooks_free(struct receive_hooks *hooks); /* NULL is fine */
/* NULL: there is none. */
const struct receive_hook *receive_hooks_find(const struct receive_hooks *hooks, struct str id);
size_t receive_hooks_count(const struct receive_hooks *hooks);

/* --- a request, as parameters see it ---------------------------------------------------------------- */

struct receive_request;

/* In the arena, borrowing the event. RC_INVALID: the payload (JSON, XML, a form, multipart/form-data) is
 * not what its type says, or past a limit: `why`. A payload of another type has no parameters. */
MUST_USE enum rc receive_request_new(struct arena *a, const struct receive_hook *hook,
                                     const struct grapnel_event *event,
                                     struct receive_request **out, struct buf *why);
/* RC_NOT_FOUND: there is no such value. RC_INVALID: it cannot be had (its path leads into null, or it is too
 * large): an error to a rule. */
MUST_USE enum rc receive_request_value(struct receive_request *r, const struct receive_parameter *p,
                                       struct str *out);

enum receive_verdict {
    RECEIVE_NO, /* also: a parameter is missing */
    RECEIVE_YES,
    RECEIVE_BAD_SIGNATURE, /* refused with an error, unless failures are soft */
    RECEIVE_FAILED         /* refused with an error: a parameter cannot be had */
};
enum receive_verdict receive_rule_check(const struct receive_rule *rule, bool soft_failures,
                                        struct receive_request *r);

/* --- its command -------------------------------------------------------------------------------------- */

/* Arguments and environment ("NAME=value"; what is in `base` is replaced), NULL-terminated, in the arena. Files
 * are made in the hook's working directory, else in TMPDIR; remove them with receive_files_remove(). RC_IO: a file
 * cannot be written. RC_INVALID: a value has a NUL, which no argument and no variable can have. */
struct receive_command {
    char *program; /* looked for in PATH */
    char **argv;
    char **envp;
    char **files; /* NULL-terminated */
};
MUST_USE enum rc receive_command_new(struct arena *a, const struct receive_hook *hook,
                                     struct receive_request *r, char **base,
                                     struct receive_command *out);
void receive_files_remove(const struct receive_command *command);
