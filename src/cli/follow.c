/* SPDX-License-Identifier: Apache-2.0
 *
 * See cli/follow_priv.h.
 */
#include "cli/follow_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void fill_interrupts(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
}

void cli_follow_prepare(void)
{
    sigset_t set;
    fill_interrupts(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* True: somebody wants to leave. */
static bool follow_wait(void)
{
    sigset_t set;
    const struct timespec second = { .tv_sec = 1 };
    fill_interrupts(&set);
    return sigtimedwait(&set, NULL, &second) > 0;
}

static int64_t data_number(const json_t *task, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(task, "data"), name));
}

void cli_follow_print(const json_t *task)
{
    const json_t *data = json_object_get(task, "data");
    struct str state = json_str_member(data, "state");
    struct str id = json_str_member(task, "id"), kind = json_str_member(task, "task");
    if (state.len == 0)
        state = json_str_member(task, "status");
    printf("%.*s  %-18.*s %-9.*s  %lld", STR_ARGS(id), STR_ARGS(kind), STR_ARGS(state),
           (long long)data_number(task, "done"));
    if (json_is_integer(json_object_get(data, "total")))
        printf(" of %lld", (long long)data_number(task, "total"));
    printf(" done, %lld failed", (long long)data_number(task, "failed"));
    if (data_number(task, "rate") != 0)
        printf(", %lld a second", (long long)data_number(task, "rate"));
    (void)putchar('\n');
}

/* On a terminal one line is written over and over; elsewhere, that it goes on is worth no line. */
static void show_progress(const json_t *task)
{
    if (isatty(STDERR_FILENO) == 0)
        return;
    fprintf(stderr, "\r%lld of %lld done, %lld failed   ", (long long)data_number(task, "done"),
            (long long)data_number(task, "total"), (long long)data_number(task, "failed"));
    (void)fflush(stderr);
}

static int follow_left(struct str id)
{
    fprintf(stderr,
            "\nThe task goes on without this command. Look at it: grapnel task show %.*s\n"
            "Stop it: grapnel task cancel %.*s\n",
            STR_ARGS(id), STR_ARGS(id));
    return CLI_DONE;
}

static int follow_ended(const json_t *task)
{
    if (isatty(STDERR_FILENO) != 0)
        fputs("\r\n", stderr);
    cli_follow_print(task);
    return str_eq(json_str_member(task, "status"), STR("finished")) ? CLI_DONE : CLI_FAILED;
}

int cli_follow(struct cli_remote *r, struct str id)
{
    struct str path = arena_fmt(&r->arena, "/api/v1/bulk/%.*s", STR_ARGS(id));
    for (;;) {
        json_t *task = NULL;
        if (!cli_remote_call(r, HTTP_GET, path, NULL, &task))
            return CLI_FAILED;
        bool is_over = !str_eq(json_str_member(task, "status"), STR("running"));
        int code = is_over ? follow_ended(task) : CLI_DONE;
        if (!is_over)
            show_progress(task);
        json_decref(task);
        if (is_over)
            return code;
        if (follow_wait())
            return follow_left(id);
    }
}
