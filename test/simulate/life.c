/* SPDX-License-Identifier: Apache-2.0
 *
 * A life: what is set up before the server's main(), what the world may ask of this run, and the ways a life ends.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine_priv.h"

enum { KILLED_CODE = 137, PATH_SIZE = 320 };

static FILE *trace_file;
static char config_path[PATH_SIZE];

/* --- plumbing --------------------------------------------------------------------------------------------- */

void *machine_real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        abort();
    return found;
}

long machine_call(long number, ...)
{
    static long (*real_syscall)(long, ...);
    va_list args;
    long a[6];
    if (real_syscall == NULL)
        real_syscall = (long (*)(long, ...))machine_real("syscall");
    va_start(args, number);
    for (size_t i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

void machine_trace_line(const char *format, ...)
{
    va_list args;
    if (trace_file == NULL)
        return;
    va_start(args, format);
    (void)vfprintf(trace_file, format, args);
    va_end(args);
}

/* --- the run ------------------------------------------------------------------------------------------------ */

uint64_t sim_seed(void)
{
    return MACHINE->seed;
}

int sim_life(void)
{
    return MACHINE->life;
}

const char *sim_folder(void)
{
    return MACHINE->folder;
}

const char *sim_config_path(void)
{
    return config_path;
}

const char *sim_admin_token(void)
{
    return MACHINE->token;
}

const char *sim_setting(const char *name, const char *otherwise)
{
    size_t len = strlen(name);
    for (const char *at = MACHINE->settings; *at != '\0'; at += strlen(at) + 1)
        if (strncmp(at, name, len) == 0 && at[len] == '=')
            return at + len + 1;
    return otherwise;
}

void *sim_keep_more(size_t size)
{
    struct machine_kept *m = MACHINE;
    size_t rounded = (size + 15) / 16 * 16;
    MACHINE_MUST(rounded <= MACHINE_KEPT_BYTES - m->used);
    void *memory = (char *)MACHINE_KEPT_AT + m->used;
    m->used += rounded;
    return memory;
}

void *sim_keep(const char *name, size_t size)
{
    struct machine_name *n = MACHINE->names;
    MACHINE_MUST(strlen(name) < sizeof n->name);
    while (n < MACHINE->names + MACHINE_NAMES_MAX && n->memory != NULL &&
           strcmp(n->name, name) != 0)
        n++;
    MACHINE_MUST(n < MACHINE->names + MACHINE_NAMES_MAX);
    if (n->memory == NULL) {
        (void)strcpy(n->name, name);
        n->size = size;
        n->memory = sim_keep_more(size);
    }
    MACHINE_MUST(n->size == size);
    return n->memory;
}

bool sim_wait(bool (*is_true)(void *arg), void *arg, int64_t until_us)
{
    return is_true(arg) || sched_block("the world", is_true, arg, until_us);
}

/* --- ends ---------------------------------------------------------------------------------------------------- */

_Noreturn static void leave_process(int code)
{
    if (trace_file != NULL)
        (void)fflush(trace_file);
    for (;;)
        (void)machine_call(SYS_exit_group, code);
}

static void end_life(enum machine_end how, int64_t down_us)
{
    MACHINE->end = how;
    MACHINE->down_us = down_us;
}

void sim_end_life(enum sim_end how, int64_t down_us)
{
    sched_enter();
    machine_trace((uint64_t)how);
    if (how == SIM_POWER_CUT)
        files_cut();
    end_life(how == SIM_KILL        ? MACHINE_KILLED
             : how == SIM_POWER_CUT ? MACHINE_CUT
                                    : MACHINE_OVER,
             down_us);
    leave_process(KILLED_CODE);
}

void sim_signal(int number)
{
    MACHINE_MUST(machine_call(SYS_kill, machine_call(SYS_getpid), number) == 0);
}

void sim_stop(int64_t down_us)
{
    MACHINE->is_stop_asked = true;
    MACHINE->down_us = down_us;
    sim_signal(SIGTERM);
}

static void on_exit_of_server(int code, void *arg)
{
    (void)arg;
    if (!machine_is_on())
        return;
    machine_trace((uint64_t)code);
    int64_t again_us = MACHINE->is_stop_asked && code == 0 ? MACHINE->down_us : world_left(code);
    if (again_us < 0 && (!MACHINE->is_stop_asked || code != 0))
        sim_fail(SIM_CRASH, 0, "the server ended with code %d%s", code,
                 MACHINE->is_stop_asked ? "" : ", which nobody had asked it to");
    MACHINE->is_stop_asked = false;
    end_life(MACHINE_STOPPED, again_us);
    leave_process(KILLED_CODE);
}

void _exit(int code)
{
    if (machine_is_on())
        sim_fail(SIM_CRASH, 0, "the server left by _exit(%d)", code);
    leave_process(code);
}

void sim_fail(enum sim_verdict verdict, int invariant, const char *format, ...)
{
    char path[PATH_SIZE], words[1024];
    va_list args;
    sched_enter();
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    (void)snprintf(path, sizeof path, "%s/report", MACHINE->folder);
    int fd = (int)machine_call(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    (void)dprintf(fd, "seed %llu, life %d, second %.6f, I%d: %s\n",
                  (unsigned long long)MACHINE->seed, MACHINE->life, (double)MACHINE->now_us / 1e6,
                  invariant, words);
    if (invariant == 10)
        heap_report(fd);
    sched_report(fd);
    MACHINE->end = MACHINE_FAILED;
    MACHINE->exit_code = (int)verdict;
    leave_process((int)verdict);
}

/* --- the beginning ---------------------------------------------------------------------------------------------- */

static void map_kept(const char *path)
{
    int fd = (int)machine_call(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    void *at = REAL(mmap)(MACHINE_KEPT_AT, MACHINE_KEPT_BYTES, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, 0);
    if (fd < 0 || at != MACHINE_KEPT_AT)
        abort();
    (void)machine_call(SYS_close, fd);
}

static void open_trace(void)
{
    char path[PATH_SIZE];
    if (strcmp(sim_setting("trace", "no"), "yes") != 0)
        return;
    (void)snprintf(path, sizeof path, "%s/trace", MACHINE->folder);
    trace_file = fopen(path, "ae");
}

static void run_world(void *arg)
{
    (void)arg;
    world_run();
}

/* The server's main() comes next. The helper processes that it starts are not of the simulation. */
__attribute__((constructor)) static void begin_life(void)
{
    const char *path = getenv("SIMULATE_KEPT");
    void *frame;
    if (path == NULL)
        return;
    map_kept(path);
    (void)unsetenv("SIMULATE_KEPT");
    (void)unsetenv("LD_PRELOAD");
    (void)backtrace(&frame, 1); /* loads what it needs */
    (void)snprintf(config_path, sizeof config_path, "%s/grapnel.conf", MACHINE->folder);
    open_trace();
    heap_start();
    files_start();
    sched_start();
    if (MACHINE->token[0] != '\0') { /* otherwise this is the command that makes it */
        sched_enter();
        world_prepare();
        sched_leave();
        sim_spawn("world", run_world, NULL);
        (void)on_exit(on_exit_of_server, NULL);
    }
}
