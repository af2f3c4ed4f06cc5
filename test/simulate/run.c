/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs one simulation: makes its folder, then starts life after life of the server with the machine preloaded, until
 * a life says that the run is over. The exit code is the run's verdict (sim.h).
 *
 *   simulate --server=build/grapnel --object=libsimulate.so [--seed=N] [--folder=DIR] [--set name=value ...]
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine_priv.h"

enum { FILES_MOST = 16384, LIVES_MAX = 1000, SECONDS_OF_CPU = 600, PATH_SIZE = 512 };

struct run {
    const char *server, *object, *folder;
    uint64_t seed;
    char kept[PATH_SIZE];
};

_Noreturn static void give_up(const char *what)
{
    (void)fprintf(stderr, "simulate: %s: %s\n", what, strerror(errno));
    exit(SIM_BROKEN);
}

static void add_setting(size_t *used, const char *setting)
{
    size_t len = strlen(setting) + 1;
    if (*used + len + 1 > MACHINE_TEXT)
        give_up("too many settings");
    memcpy(MACHINE->settings + *used, setting, len);
    *used += len;
}

/* Memory without a file, which each life finds under the runner's number. */
static void map_kept(struct run *run)
{
    int fd = memfd_create("simulate", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)MACHINE_KEPT_BYTES) != 0 ||
        mmap(MACHINE_KEPT_AT, MACHINE_KEPT_BYTES, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, 0) != MACHINE_KEPT_AT)
        give_up("the memory that outlives the lives");
    (void)snprintf(run->kept, sizeof run->kept, "/proc/%d/fd/%d", (int)getpid(), fd);
}

static void begin_run(struct run *run)
{
    struct machine_kept *m = MACHINE;
    char path[PATH_SIZE];
    m->seed = run->seed;
    m->used = (sizeof *m + 4095) / 4096 * 4096;
    m->preempt_once_in = 8;
    for (uint64_t i = 0; i < SIM_STREAMS; i++)
        m->dice[i] = (run->seed * SIM_STREAMS + i) * UINT64_C(0xD1342543DE82EF95) + 1;
    char *folder = realpath(run->folder, NULL);
    if (folder == NULL || strlen(folder) >= sizeof m->folder)
        give_up(run->folder);
    (void)strcpy(m->folder, folder);
    free(folder);
    (void)snprintf(path, sizeof path, "%s/store", run->folder);
    if (mkdir(path, 0700) != 0)
        give_up(path);
}

/* --- a life ----------------------------------------------------------------------------------------------------- */

/* What differs from machine to machine is taken away: where memory lies, how many files there may be. */
_Noreturn static void become_server(const struct run *run, const char *out,
                                    const char *const argv[])
{
    char preload[PATH_SIZE], kept[PATH_SIZE + 16], profile[PATH_SIZE] = "";
    const char *counted = getenv("LLVM_PROFILE_FILE"); /* tools/coverage-faults */
    struct rlimit files = { FILES_MOST, FILES_MOST }, cpu = { SECONDS_OF_CPU, SECONDS_OF_CPU };
    struct rlimit cores = { 0, 0 };
    (void)snprintf(preload, sizeof preload, "LD_PRELOAD=%s", run->object);
    (void)snprintf(kept, sizeof kept, "SIMULATE_KEPT=%s", run->kept);
    /* A sanitizer that looks at the clock while it holds its locks would give the baton away with them. */
    const char *environment[] = {
        preload,
        kept,
        "TZ=UTC",
        "LC_ALL=C",
        "OPENSSL_ia32cap=~0x4000000000000010",
        "ASAN_OPTIONS=allocator_release_to_os_interval_ms=-1:detect_leaks=0",
        "UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1",
        counted != NULL ? profile : NULL,
        NULL
    };
    if (counted != NULL)
        (void)snprintf(profile, sizeof profile, "LLVM_PROFILE_FILE=%s", counted);
    int fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);
    cpu_set_t one;
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 || close(fd) != 0 ||
        setrlimit(RLIMIT_NOFILE, &files) != 0 || setrlimit(RLIMIT_CPU, &cpu) != 0 ||
        setrlimit(RLIMIT_CORE, &cores) != 0 || personality(ADDR_NO_RANDOMIZE) == -1)
        _exit(SIM_BROKEN);
    int null = open("/dev/null", O_RDWR);
    if (null > 0)
        (void)dup2(null, STDIN_FILENO);
    for (int i = 3; i < 64; i++)
        (void)close(i);
    /* One thread runs at a time: on one processor handing over is cheapest. */
    int cpu_now = sched_getcpu();
    CPU_ZERO(&one);
    CPU_SET((size_t)(cpu_now < 0 ? 0 : cpu_now), &one);
    (void)sched_setaffinity(0, sizeof one, &one);
    (void)execve(run->server, (char *const *)(uintptr_t)argv,
                 (char *const *)(uintptr_t)environment);
    _exit(SIM_BROKEN);
}

static int run_process(const struct run *run, const char *out, const char *const argv[])
{
    int status = 0;
    pid_t child = fork();
    if (child < 0)
        give_up("fork");
    if (child == 0)
        become_server(run, out, argv);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            give_up("waitpid");
    return status;
}

/* A run begins with the command that makes the store, and a token in it. */
static void make_token(const struct run *run)
{
    char out[PATH_SIZE], dir[PATH_SIZE + 16];
    (void)snprintf(out, sizeof out, "%s/token", run->folder);
    (void)snprintf(dir, sizeof dir, "--store.dir=%s/store", MACHINE->folder);
    const char *argv[] = { "grapnel", "token", "create", "--name=simulate", dir, NULL };
    int status = run_process(run, out, argv);
    FILE *file = fopen(out, "re");
    if (status != 0 || file == NULL || fscanf(file, "%255s", MACHINE->token) != 1)
        give_up("token create");
    (void)fclose(file);
}

static void begin_life(struct machine_kept *m)
{
    m->end = MACHINE_RUNS;
    m->is_stop_asked = false;
    m->busy_second = m->busy_switches = 0;
    machine_trace((uint64_t)m->life);
}

/* What the process says only by the way it ended. */
static void judge_end(const struct run *run, int status)
{
    struct machine_kept *m = MACHINE;
    char path[PATH_SIZE];
    if (m->end != MACHINE_RUNS)
        return;
    (void)snprintf(path, sizeof path, "%s/report", run->folder);
    FILE *report = fopen(path, "we");
    if (report == NULL)
        give_up(path);
    bool is_signal = WIFSIGNALED(status);
    int signal = is_signal ? WTERMSIG(status) : 0;
    (void)fprintf(report, "seed %llu, life %d, second %.6f: the server %s %d\n",
                  (unsigned long long)m->seed, m->life, (double)m->now_us / 1e6,
                  !is_signal ? "ended with code"
                  : signal == SIGXCPU || signal == SIGKILL
                      ? "was cut, as it went on without end; signal"
                      : "was killed by signal",
                  is_signal ? signal : WEXITSTATUS(status));
    (void)fclose(report);
    m->end = MACHINE_FAILED;
    m->exit_code = signal == SIGXCPU || signal == SIGKILL ? SIM_LIVELOCK : SIM_CRASH;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

/* The image is the store from now on; the one before is kept, to be looked at. */
static void take_image(const struct run *run)
{
    char image[PATH_SIZE], store[PATH_SIZE], before[PATH_SIZE];
    (void)snprintf(image, sizeof image, "%s/cut", run->folder);
    (void)snprintf(store, sizeof store, "%s/store", run->folder);
    (void)snprintf(before, sizeof before, "%s/store-before-cut", run->folder);
    (void)nftw(before, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (rename(store, before) != 0 || rename(image, store) != 0)
        give_up(image);
}

static void run_lives(const struct run *run)
{
    struct machine_kept *m = MACHINE;
    char log[PATH_SIZE], conf[PATH_SIZE + 32];
    (void)snprintf(log, sizeof log, "%s/log", run->folder);
    (void)snprintf(conf, sizeof conf, "--config=%s/grapnel.conf", m->folder);
    const char *argv[] = { "grapnel", "serve", conf, NULL };
    for (m->life = 0; m->life < LIVES_MAX; m->life++) {
        begin_life(m);
        judge_end(run, run_process(run, log, argv));
        if (m->end == MACHINE_OVER || m->end == MACHINE_FAILED || m->down_us < 0)
            return;
        m->now_us += m->down_us;
        if (m->end == MACHINE_CUT) {
            take_image(run);
            m->boot_us = m->now_us;
        }
    }
    give_up("too many lives");
}

/* --- the run ---------------------------------------------------------------------------------------------------------- */

static const char *value_of(const char *arg, const char *name)
{
    size_t len = strlen(name);
    return strncmp(arg, name, len) == 0 ? arg + len : NULL;
}

static void read_arguments(struct run *run, int argc, char **argv, const char *settings[],
                           size_t *count)
{
    const char *value;
    for (int i = 1; i < argc; i++) {
        if ((value = value_of(argv[i], "--server=")) != NULL)
            run->server = value;
        else if ((value = value_of(argv[i], "--object=")) != NULL)
            run->object = value;
        else if ((value = value_of(argv[i], "--folder=")) != NULL)
            run->folder = value;
        else if ((value = value_of(argv[i], "--seed=")) != NULL)
            run->seed = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--set") == 0 && i + 1 < argc)
            settings[(*count)++] = argv[++i];
        else
            give_up(argv[i]);
    }
    if (run->server == NULL || run->object == NULL || run->folder == NULL)
        give_up("--server, --object and --folder are needed");
}

int main(int argc, char **argv)
{
    struct run run = { 0 };
    const char *settings[128];
    size_t count = 0, used = 0;
    errno = EINVAL;
    read_arguments(&run, argc, argv, settings, &count);
    if (mkdir(run.folder, 0700) != 0)
        give_up(run.folder);
    map_kept(&run);
    begin_run(&run);
    for (size_t i = 0; i < count; i++)
        add_setting(&used, settings[i]);
    make_token(&run);
    run_lives(&run);
    const struct machine_kept *m = MACHINE;
    int code = m->end == MACHINE_FAILED ? m->exit_code : 0;
    (void)printf("seed %llu: %s, %d lives, %.1f virtual seconds, %llu switches, trace %016llx\n",
                 (unsigned long long)m->seed, code == 0 ? "well" : "FAILED", m->life + 1,
                 (double)m->now_us / 1e6, (unsigned long long)m->switches,
                 (unsigned long long)m->trace);
    return code;
}
