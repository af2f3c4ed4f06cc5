/* SPDX-License-Identifier: Apache-2.0
 *
 * The program leads a process group of its own, which is killed whole at the time limit and at the end
 * of the receiver. What a program leaves behind when it ends by itself is its own affair.
 */
#include "receive/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TICK_MS = 100, READ_BYTES = 8192, PIPE_ENDS = 2 };

struct child {
    pid_t pid;
    int pid_fd;
    int in;  /* its standard input; -1: closed */
    int out; /* its output; -1: none or at its end */
    struct str input;
    struct buf *output;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static int set_up(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes,
                  const struct receive_run *run, int in, int out)
{
    sigset_t none, usual;

    (void)sigemptyset(&none);
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGPIPE);
    (void)sigaddset(&usual, SIGINT);
    (void)sigaddset(&usual, SIGTERM);
    (void)posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                   POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setpgroup(attributes, 0);
    (void)posix_spawnattr_setsigdefault(attributes, &usual);
    (void)posix_spawnattr_setsigmask(attributes, &none);
    int failed =
        in >= 0 ? posix_spawn_file_actions_adddup2(files, in, STDIN_FILENO)
                : posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (failed == 0 && out >= 0)
        failed = posix_spawn_file_actions_adddup2(files, out, STDOUT_FILENO);
    if (failed == 0 && out >= 0)
        failed = posix_spawn_file_actions_adddup2(files, out, STDERR_FILENO);
    if (failed == 0 && run->directory != NULL)
        failed = posix_spawn_file_actions_addchdir_np(files, run->directory);
    return failed;
}

static int run_spawn(const struct receive_run *run, int in, int out, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;

    if (posix_spawn_file_actions_init(&files) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    int failed = set_up(&files, &attributes, run, in, out);
    if (failed == 0)
        failed = posix_spawnp(pid, run->program, &files, &attributes, run->argv, run->envp);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* 0, or why it did not start. */
static int run_start(const struct receive_run *run, struct child *c)
{
    int in[PIPE_ENDS] = { -1, -1 }, out[PIPE_ENDS] = { -1, -1 };
    int failed = 0;

    if ((run->has_input && (pipe2(in, O_CLOEXEC) != 0 || fcntl(in[1], F_SETFL, O_NONBLOCK) != 0)) ||
        (run->keeps_output && pipe2(out, O_CLOEXEC) != 0))
        failed = errno;
    if (failed == 0)
        failed = run_spawn(run, in[0], out[1], &c->pid);
    close_fd(&in[0]);
    close_fd(&out[1]);
    c->in = in[1];
    c->out = out[0];
    c->pid_fd = -1;
    if (failed == 0) {
        c->pid_fd = (int)syscall(SYS_pidfd_open, c->pid, 0); /* without it, the ticks notice */
    } else {
        close_fd(&c->in);
        close_fd(&c->out);
    }
    return failed;
}

static void run_feed(struct child *c)
{
    ssize_t n = c->input.len == 0 ? 0 : write(c->in, c->input.ptr, c->input.len);

    if (n > 0)
        c->input = str_sub(c->input, (size_t)n, c->input.len);
    if (c->input.len == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_fd(&c->in); /* all of it, or it does not read on */
}

static void run_collect(struct child *c)
{
    char bytes[READ_BYTES];
    ssize_t n = read(c->out, bytes, sizeof bytes);

    if (n > 0) {
        size_t room = RECEIVE_OUTPUT_MAX - c->output->len;
        if (buf_add(c->output, bytes, (size_t)n < room ? (size_t)n : room) != RC_OK)
            close_fd(&c->out);
    } else if (n == 0 || errno != EINTR) {
        close_fd(&c->out);
    }
}

/* Waits for anything to happen; true: the program has ended (and is still to be waited for, so that
 * its number stays its own). */
static bool run_turn(struct child *c)
{
    siginfo_t ended = { 0 };
    struct pollfd fds[] = { { .fd = c->pid_fd, .events = POLLIN },
                            { .fd = c->in, .events = POLLOUT },
                            { .fd = c->out, .events = POLLIN } };

    (void)poll(fds, sizeof fds / sizeof fds[0], TICK_MS);
    if (fds[1].revents != 0)
        run_feed(c);
    if (fds[2].revents != 0)
        run_collect(c);
    return waitid(P_PID, (id_t)c->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid == c->pid;
}

static bool is_late(const struct receive_run *run, int64_t begun_us)
{
    return run->timeout_us > 0 && clock_mono_us(clock_system()) - begun_us > run->timeout_us;
}

static bool is_cut(const struct receive_run *run)
{
    return run->is_cut != NULL && atomic_load(run->is_cut);
}

/* What the program has started and left behind may still write: it is read to its end, so that nothing is
 * broken off that was meant to stay. */
static void collect_rest(const struct receive_run *run, struct child *c, int64_t begun_us,
                         bool is_over)
{
    while (c->out >= 0 && (is_over || (!is_late(run, begun_us) && !is_cut(run)))) {
        struct pollfd ready = { .fd = c->out, .events = POLLIN };
        if (poll(&ready, 1, is_over ? 0 : TICK_MS) > 0)
            run_collect(c);
        else if (is_over)
            break;
    }
    close_fd(&c->out);
}

struct receive_ran receive_run(const struct receive_run *run, struct buf *output)
{
    struct receive_ran ran = { .how = RECEIVE_EXITED };
    struct child c = { .input = run->input, .output = output };
    int64_t begun_us = clock_mono_us(clock_system());
    int status = 0;

    if (is_cut(run)) {
        ran.how = RECEIVE_CUT;
        return ran;
    }
    ran.code = run_start(run, &c);
    if (ran.code != 0) {
        ran.how = RECEIVE_NOT_STARTED;
        return ran;
    }
    while (!run_turn(&c)) {
        bool late = is_late(run, begun_us);
        if (late || is_cut(run)) {
            ran.how = late ? RECEIVE_TIMED_OUT : RECEIVE_CUT;
            (void)kill(-c.pid, SIGKILL);
            break;
        }
    }
    (void)waitpid(c.pid, &status, 0);
    collect_rest(run, &c, begun_us, ran.how != RECEIVE_EXITED);
    close_fd(&c.in);
    close_fd(&c.pid_fd);
    ran.took_us = clock_mono_us(clock_system()) - begun_us;
    if (ran.how == RECEIVE_EXITED && WIFSIGNALED(status))
        ran.how = RECEIVE_SIGNALLED;
    ran.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    return ran;
}

void receive_ran_say(const struct receive_ran *ran, struct buf *out)
{
    switch (ran->how) {
    case RECEIVE_EXITED: buf_say(out, "exit code %d", ran->code); break;
    case RECEIVE_SIGNALLED: buf_say(out, "ended by signal %d", ran->code); break;
    case RECEIVE_TIMED_OUT:
        buf_say(out, "killed after %lld s", (long long)(ran->took_us / 1000000));
        break;
    case RECEIVE_CUT: buf_say(out, "killed at the receiver's end"); break;
    case RECEIVE_NOT_STARTED: buf_say(out, "did not start: %s", strerror(ran->code)); break;
    }
}
