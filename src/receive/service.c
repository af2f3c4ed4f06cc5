/* SPDX-License-Identifier: Apache-2.0
 *
 * Events printed or given to a program; hooks found, judged and run.
 */
#include "receive/service.h"

#include "receive/history.h"
#include "receive/run.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum {
    SHOWN_MAX = 400,         /* bytes of a body on a printed line */
    HEADER_VALUE_MAX = 4096, /* bytes of a header in the environment */
    HEADERS_SPACE_MAX = 65536,
    LINE_SPACE = 4096,
    EXIT_DATA = 65,      /* sysexits.h: the sender's fault */
    EXIT_TRY_AGAIN = 75, /* sysexits.h: not now */
    WHY_MAX = 512
};

static struct str service_text(struct grapnel_bytes b)
{
    return str_of(b.ptr, b.len);
}

static struct grapnel_bytes service_bytes(struct str s)
{
    return (struct grapnel_bytes){ s.ptr, s.len };
}

static void service_say(struct grapnel_answer *answer, unsigned status, struct str words)
{
    char *copy = words.len == 0 ? NULL : xmemdup(words.ptr, words.len);

    *answer =
        (struct grapnel_answer){ .status = status,
                                 .content_type = service_bytes(STR("text/plain; charset=utf-8")),
                                 .body = { copy, words.len },
                                 .owned = copy };
}

static void count_down(struct receive_service *s)
{
    if (atomic_load(&s->left) > 0 && atomic_fetch_sub(&s->left, 1) == 1)
        s->on_last(s->arg);
}

static void service_remember(const struct receive_service *s, const struct grapnel_event *event,
                             struct str hook, int64_t begun_us, const struct receive_ran *ran,
                             struct str output)
{
    const struct receive_record record = { .hook = hook,
                                           .id = service_text(event->id),
                                           .type = service_text(event->type),
                                           .peer = service_text(event->peer),
                                           .received_us = event->received_us,
                                           .begun_us = begun_us,
                                           .ran = ran,
                                           .output = output };

    if (!receive_ran_well(ran)) {
        struct buf words;
        buf_init(&words, WHY_MAX);
        receive_ran_say(ran, &words);
        fprintf(stderr, "grapnel receive: %.*s%s%.*s: %.*s\n", STR_ARGS(record.hook),
                hook.len > 0 ? " " : "", STR_ARGS(record.id), STR_ARGS(buf_str(&words)));
        buf_fini(&words);
    }
    if (s->history != NULL && receive_history_add(s->history, &record) != RC_OK)
        fprintf(stderr, "grapnel receive: %s: cannot be written\n", s->history);
}

/* --- printing ------------------------------------------------------------------------------------- */

static void print_json(struct buf *out, const struct grapnel_event *event, const char *at)
{
    buf_say(out, "{\"receivedAt\":\"%s\",\"verified\":%s,\"id\":", at,
            event->is_verified ? "true" : "false");
    receive_say_json(out, service_text(event->id)); /* the buffer is sized for all of it */
    buf_say(out, ",\"type\":");
    receive_say_json(out, service_text(event->type));
    buf_say(out, ",\"path\":");
    receive_say_json(out, service_text(event->path));
    bool is_text = str_is_utf8(service_text(event->body));
    buf_say(out, "%s", is_text ? ",\"body\":" : ",\"bodyBase64\":\"");
    if (is_text) {
        receive_say_json(out, service_text(event->body));
    } else if (buf_reserve(out, BASE64_LEN(event->body.len) + 1) == RC_OK) {
        base64_encode(event->body.ptr, event->body.len, out->ptr + out->len);
        out->len += BASE64_LEN(event->body.len);
        buf_say(out, "%c", '"');
    }
    buf_say(out, "}\n");
}

static void print_line(struct buf *out, const struct grapnel_event *event, const char *at)
{
    struct str shown = str_cut_utf8(service_text(event->body), SHOWN_MAX);

    buf_say(out, "%s %.*s %.*s  %s  %.*s  %zu bytes  ", at, STR_ARGS(service_text(event->method)),
            STR_ARGS(service_text(event->id)), event->is_verified ? "verified" : "not signed",
            STR_ARGS(service_text(event->type)), event->body.len);
    for (size_t i = 0; i < shown.len; i++) /* control characters would speak to the terminal */
        buf_say(out, "%c",
                (unsigned char)shown.ptr[i] < ' ' || shown.ptr[i] == 0x7f ? ' ' : shown.ptr[i]);
    buf_say(out, "%s\n", shown.len < event->body.len ? "..." : "");
}

static bool service_print(struct receive_service *s, const struct grapnel_event *event)
{
    char at[TIME_TEXT_LEN + 1];
    struct buf out;

    if (s->is_quiet)
        return true;
    /* A byte of JSON text takes six at most ("\u0000"). */
    buf_init(&out, LINE_SPACE +
                       6 * (event->body.len + event->id.len + event->type.len + event->path.len));
    time_format(event->received_us, at);
    if (s->is_json)
        print_json(&out, event, at);
    else
        print_line(&out, event, at);
    bool ok = fwrite(out.ptr, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    buf_fini(&out);
    return ok;
}

/* --- a program for each --------------------------------------------------------------------------- */

/* GRAPNEL_HEADER_<NAME>: no header can name another variable. */
static char *header_variable(struct arena *a, const struct grapnel_header *h)
{
    char *line =
        arena_cstr(a, arena_fmt(a, "GRAPNEL_HEADER_%.*s=%.*s", STR_ARGS(service_text(h->name)),
                                STR_ARGS(service_text(h->value))));

    for (char *c = line; *c != '='; c++) {
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
        else if ((*c < 'A' || *c > 'Z') && (*c < '0' || *c > '9'))
            *c = '_';
    }
    return line;
}

static char **service_environment(struct arena *a, const struct receive_service *s,
                                  const struct grapnel_event *event)
{
    size_t count = 0, space = 0;

    while (s->envp[count] != NULL)
        count++;
    char **envp = arena_array(a, count + event->header_count + 8, sizeof *envp);
    memcpy(envp, s->envp, count * sizeof *envp);
    envp[count++] =
        arena_cstr(a, arena_fmt(a, "GRAPNEL_ID=%.*s", STR_ARGS(service_text(event->id))));
    envp[count++] =
        arena_cstr(a, arena_fmt(a, "GRAPNEL_TYPE=%.*s", STR_ARGS(service_text(event->type))));
    envp[count++] =
        arena_cstr(a, arena_fmt(a, "GRAPNEL_PATH=%.*s", STR_ARGS(service_text(event->path))));
    envp[count++] =
        arena_cstr(a, arena_fmt(a, "GRAPNEL_QUERY=%.*s", STR_ARGS(service_text(event->query))));
    envp[count++] =
        arena_cstr(a, arena_fmt(a, "GRAPNEL_PEER=%.*s", STR_ARGS(service_text(event->peer))));
    for (size_t i = 0; i < event->header_count; i++) {
        const struct grapnel_header *h = &event->headers[i];
        space += h->name.len + h->value.len;
        if (h->value.len <= HEADER_VALUE_MAX && space <= HEADERS_SPACE_MAX)
            envp[count++] = header_variable(a, h);
    }
    return envp;
}

static struct receive_ran run_command(struct receive_service *s, const struct grapnel_event *event)
{
    char shell[] = "/bin/sh", option[] = "-c";
    char *argv[] = { shell, option, xstrdup(s->command), NULL };
    int64_t begun_us = clock_wall_us(clock_system());
    struct arena a;

    arena_init(&a);
    const struct receive_run run = { .program = shell,
                                     .argv = argv,
                                     .envp = service_environment(&a, s, event),
                                     .has_input = true,
                                     .input = service_text(event->body),
                                     .timeout_us = s->timeout_us,
                                     .is_cut = &s->is_cut };
    struct receive_ran ran = receive_run(&run, NULL);
    service_remember(s, event, STR_NONE, begun_us, &ran, STR_NONE);
    arena_fini(&a);
    xfree(argv[2]);
    return ran;
}

static void answer_event(void *ctx, const struct grapnel_event *event,
                         struct grapnel_answer *answer)
{
    struct receive_service *s = ctx;
    struct receive_ran ran = run_command(s, event);

    if (ran.how == RECEIVE_TIMED_OUT)
        service_say(answer, 504, STR("the program took too long\n"));
    else if (ran.how == RECEIVE_CUT || (ran.how == RECEIVE_EXITED && ran.code == EXIT_TRY_AGAIN))
        service_say(answer, 503, STR("not now\n"));
    else if (ran.how == RECEIVE_EXITED && ran.code == EXIT_DATA)
        service_say(answer, 422, STR("the program refuses this event\n"));
    else if (!receive_ran_well(&ran))
        service_say(answer, 500, STR("the program failed\n"));
    count_down(s);
}

/* --- hooks ------------------------------------------------------------------------------------------ */

static const struct receive_hook *find_at(const struct receive_service *s,
                                          const struct receive_hooks *hooks, struct str path)
{
    if (!str_skip_prefix(&path, STR("/")))
        return NULL;
    if (s->prefix.len > 0 &&
        (!str_skip_prefix(&path, s->prefix) || !str_skip_prefix(&path, STR("/"))))
        return NULL;
    return receive_hooks_find(hooks, path);
}

/* By the path as it is meant: "my%20hook" is "my hook". */
static const struct receive_hook *find_hook(const struct receive_service *s,
                                            const struct receive_hooks *hooks,
                                            const struct grapnel_event *event)
{
    const struct receive_hook *hook = NULL;
    struct buf path;

    buf_init(&path, event->path.len + 1);
    if (percent_decode(service_text(event->path), false, &path) == RC_OK)
        hook = find_at(s, hooks, buf_str(&path));
    buf_fini(&path);
    return hook;
}

/* How many runs of a hook there may be at once: its own number, or its share, so that no hook can take what
 * another needs. */
static size_t running_max(const struct receive_service *s, const struct receive_hooks *hooks,
                          const struct receive_hook *hook)
{
    size_t count = receive_hooks_count(hooks);
    size_t share = s->concurrency / (count > 0 ? count : 1);

    if (hook->concurrency > 0)
        return hook->concurrency;
    return share < 1 ? 1 : share;
}

static struct receive_ran run_hook(struct receive_service *s, const struct receive_hook *hook,
                                   struct receive_request *request, struct arena *a,
                                   const struct grapnel_event *event, struct buf *output)
{
    struct receive_ran ran = { .how = RECEIVE_NOT_STARTED };
    struct receive_command command = { 0 };
    int64_t begun_us = clock_wall_us(clock_system());

    enum rc rc = receive_command_new(a, hook, request, s->envp, &command);
    ran.code = rc == RC_INVALID ? EINVAL : EIO; /* a NUL in a value; no room for files */
    if (rc == RC_OK) {
        const struct receive_run run = {
            .program = command.program,
            .argv = command.argv,
            .envp = command.envp,
            .directory = hook->directory.len > 0 ? hook->directory.ptr : NULL,
            .timeout_us = hook->timeout_us > 0 ? hook->timeout_us : s->timeout_us,
            .keeps_output = true,
            .is_cut = &s->is_cut,
        };
        ran = receive_run(&run, output);
    }
    receive_files_remove(&command);
    service_remember(s, event, hook->id, begun_us, &ran, buf_str(output));
    return ran;
}

static void answer_now(struct receive_service *s, const struct receive_hook *hook,
                       struct receive_request *request, struct arena *a,
                       const struct grapnel_event *event, struct grapnel_answer *answer)
{
    struct buf output;

    buf_init(&output, RECEIVE_OUTPUT_MAX);
    struct receive_ran ran = run_hook(s, hook, request, a, event, &output);
    if (receive_ran_well(&ran))
        service_say(answer, hook->success_code, buf_str(&output));
    else if (hook->includes_output_on_error)
        service_say(answer, 500, buf_str(&output));
    else
        service_say(
            answer, 500,
            STR("Error occurred while executing the hook's command. Please check your logs for more "
                "details."));
    buf_fini(&output);
    count_down(s);
}

static bool takes_method(const struct receive_hook *hook, struct str method)
{
    for (size_t i = 0; i < hook->method_count; i++) {
        if (str_eq(hook->methods[i], method))
            return true;
    }
    return hook->method_count == 0;
}

/* True: it shall run; else the answer says why not. */
static bool is_wanted(const struct receive_hook *hook, struct receive_request *request,
                      struct grapnel_answer *answer)
{
    if (hook->rule == NULL)
        return true;
    switch (receive_rule_check(hook->rule, hook->soft_failures, request)) {
    case RECEIVE_YES: return true;
    case RECEIVE_BAD_SIGNATURE:
        service_say(answer, 401, STR("The signature is wrong.\n"));
        return false;
    case RECEIVE_FAILED:
        service_say(answer, 500, STR("Error occurred while evaluating hook rules."));
        return false;
    case RECEIVE_NO: break;
    }
    service_say(answer, hook->mismatch_code, STR("Hook rules were not satisfied."));
    return false;
}

static char *service_put(char **at, struct grapnel_bytes text)
{
    char *begin = *at;

    if (text.len > 0)
        memcpy(begin, text.ptr, text.len);
    *at += text.len;
    return begin;
}

/* Is it the last of its name? That one counts. */
static bool is_last(const struct receive_hook *hook, size_t at)
{
    for (size_t i = at + 1; i < hook->header_count; i++) {
        if (str_ieq(service_text(hook->headers[i].name), service_text(hook->headers[at].name)))
            return false;
    }
    return true;
}

/* The answer outlives the hooks, which may be read anew: headers and body in one block of its own. */
static void add_headers(struct grapnel_answer *answer, const struct receive_hook *hook)
{
    size_t size = hook->header_count * sizeof *answer->headers + answer->body.len;

    if (hook->header_count == 0)
        return;
    for (size_t i = 0; i < hook->header_count; i++)
        size += hook->headers[i].name.len + hook->headers[i].value.len;
    struct grapnel_header *headers = xmalloc(size);
    char *at = (char *)(headers + hook->header_count);
    size_t count = 0;
    for (size_t i = 0; i < hook->header_count; i++) {
        if (!is_last(hook, i))
            continue;
        headers[count] = hook->headers[i];
        headers[count].name.ptr = service_put(&at, headers[count].name);
        headers[count].value.ptr = service_put(&at, headers[count].value);
        count++;
    }
    answer->body.ptr = service_put(&at, answer->body);
    xfree(answer->owned);
    answer->owned = headers;
    answer->headers = headers;
    answer->header_count = count;
}

static bool service_judge(const struct receive_hook *hook, const struct grapnel_event *event,
                          struct arena *a, struct grapnel_answer *answer)
{
    struct receive_request *request;
    struct buf why;

    buf_init(&why, WHY_MAX);
    enum rc rc = receive_request_new(a, hook, event, &request, &why);
    if (rc != RC_OK)
        service_say(answer, 400, buf_str(&why));
    buf_fini(&why);
    if (rc != RC_OK || !is_wanted(hook, request, answer))
        return false;
    if (hook->includes_output) {
        answer->is_deferred = true;
        return false;
    }
    service_say(answer, hook->success_code, hook->message);
    add_headers(answer, hook);
    return true;
}

static bool judge_hook(const struct receive_hook *hook, const struct grapnel_event *event,
                       struct grapnel_answer *answer)
{
    struct arena a;

    if (hook == NULL && str_eq(service_text(event->path), STR("/"))) {
        service_say(answer, 200, STR("OK")); /* what load balancers ask */
        return false;
    }
    if (hook == NULL) {
        service_say(answer, 404, STR("Hook not found."));
        return false;
    }
    if (!takes_method(hook, service_text(event->method))) {
        service_say(answer, 405, STR_NONE);
        return false;
    }
    arena_init(&a);
    bool accepted = service_judge(hook, event, &a, answer);
    arena_fini(&a);
    return accepted;
}

bool receive_on_judge(void *ctx, const struct grapnel_event *event, struct grapnel_answer *answer)
{
    struct receive_service *s = ctx;
    const struct receive_hooks *hooks = receive_live_take(s->live);
    bool accepted = judge_hook(find_hook(s, hooks, event), event, answer);

    receive_live_give(s->live, hooks);
    return accepted;
}

void receive_on_lane(void *ctx, const struct grapnel_event *event, struct grapnel_lane *lane)
{
    struct receive_service *s = ctx;

    if (s->live == NULL)
        return;
    const struct receive_hooks *hooks = receive_live_take(s->live);
    const struct receive_hook *hook = find_hook(s, hooks, event);
    if (hook != NULL) {
        lane->id = str_hash(hook->id);
        lane->running_max = running_max(s, hooks, hook);
        lane->queue_max = hook->queue;
    }
    receive_live_give(s->live, hooks);
}

/* An accepted request of a hook that was judged before it was queued. */
static bool run_queued(struct receive_service *s, const struct receive_hook *hook,
                       const struct grapnel_event *event)
{
    struct receive_request *request;
    struct receive_ran ran = { .how = RECEIVE_NOT_STARTED };
    struct buf output;
    struct arena a;

    if (hook == NULL) /* the file has changed since */
        return false;
    arena_init(&a);
    buf_init(&output, RECEIVE_OUTPUT_MAX);
    if (receive_request_new(&a, hook, event, &request, NULL) == RC_OK)
        ran = run_hook(s, hook, request, &a, event, &output);
    buf_fini(&output);
    arena_fini(&a);
    return receive_ran_well(&ran);
}

/* A request of a hook whose answer is its output: judged before it waited for its turn. */
static void answer_hook(struct receive_service *s, const struct receive_hook *hook,
                        const struct grapnel_event *event, struct grapnel_answer *answer)
{
    struct receive_request *request;
    struct arena a;

    if (hook == NULL) { /* the file has changed since */
        service_say(answer, 404, STR("Hook not found."));
        return;
    }
    arena_init(&a);
    if (receive_request_new(&a, hook, event, &request, NULL) == RC_OK) {
        answer_now(s, hook, request, &a, event, answer);
        add_headers(answer, hook);
    } else {
        service_say(answer, 400, STR_NONE);
    }
    arena_fini(&a);
}

void receive_on_reply(void *ctx, const struct grapnel_event *event, struct grapnel_answer *answer)
{
    struct receive_service *s = ctx;

    if (s->live == NULL) {
        answer_event(s, event, answer);
        return;
    }
    const struct receive_hooks *hooks = receive_live_take(s->live);
    answer_hook(s, find_hook(s, hooks, event), event, answer);
    receive_live_give(s->live, hooks);
}

bool receive_on_event(void *ctx, const struct grapnel_event *event)
{
    struct receive_service *s = ctx;
    bool ok;

    if (s->live != NULL) {
        const struct receive_hooks *hooks = receive_live_take(s->live);
        ok = run_queued(s, find_hook(s, hooks, event), event);
        receive_live_give(s->live, hooks);
    } else if (s->command != NULL) {
        struct receive_ran ran = run_command(s, event);
        ok = receive_ran_well(&ran);
    } else {
        ok = service_print(s, event);
    }
    count_down(s);
    return ok;
}

void receive_on_note(void *ctx, const struct grapnel_event *event, unsigned status,
                     const char *reason)
{
    const struct receive_service *s = ctx;

    if (s->is_chatty && (status >= 400 || str_eq(str_from(reason), STR("duplicate"))))
        fprintf(stderr, "grapnel receive: %u %s %.*s from %.*s\n", status, reason,
                STR_ARGS(service_text(event->path)), STR_ARGS(service_text(event->peer)));
}
