/* SPDX-License-Identifier: Apache-2.0
 *
 * Time, chance, and what the machine is like, in the place of libc's. The monotonic clock counts from the last boot;
 * the wall clock is it, plus what the plan does to it.
 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "fault_priv.h"
#include "fds_priv.h"
#include "machine_priv.h"

/* The first second of a run: 2026-03-01 00:00:00 UTC, and the uptime of a machine that has just been switched on. */
#define WALL_START_US (INT64_C(1772323200) * SIM_SECOND)
#define UPTIME_US (20 * SIM_SECOND)

enum { PID = 1000, PROCESSORS = 2 };

int argon2id_hash_encoded(uint32_t passes, uint32_t memory_kib, uint32_t lanes,
                          const void *password, size_t len, const void *salt, size_t salt_len,
                          size_t hash_len, char *text, size_t text_size);

int64_t sim_now_us(void)
{
    return MACHINE->now_us;
}

static int64_t drift_now_us(const struct machine_kept *m)
{
    int64_t drift_us = 0;
    for (size_t i = 0; i < MACHINE_FAULTS_MAX; i++) {
        const struct machine_fault *f = &m->faults[i];
        int64_t until_us = f->until_us < m->now_us ? f->until_us : m->now_us;
        if (f->is_set && f->fault.kind == SIM_CLOCK_DRIFTS && until_us > m->drifted_us)
            drift_us += (until_us - m->drifted_us) / 1000 * f->fault.amount / 1000;
    }
    return drift_us;
}

int64_t sim_wall_us(void)
{
    const struct machine_kept *m = MACHINE;
    return WALL_START_US + m->now_us + m->wall_off_us + m->drift_us + drift_now_us(m);
}

/* Before a drift begins or ends. */
void time_settle_drift(void)
{
    struct machine_kept *m = MACHINE;
    m->drift_us += drift_now_us(m);
    m->drifted_us = m->now_us;
}

static int64_t mono_us(void)
{
    return MACHINE->now_us - MACHINE->boot_us + UPTIME_US;
}

static struct timespec timespec_of(int64_t us)
{
    return (struct timespec){ .tv_sec = us / SIM_SECOND, .tv_nsec = us % SIM_SECOND * 1000 };
}

static int64_t us_of(const struct timespec *t)
{
    return (int64_t)t->tv_sec * SIM_SECOND + (t->tv_nsec + 999) / 1000;
}

/* --- clocks ---------------------------------------------------------------------------------------------- */

/* Looking at the clock is what a thread does between pieces of work: there some time passes. */
static void let_time_pass(void)
{
    MACHINE->now_us += (int64_t)sim_dice(SIM_SCHEDULE, 2);
    sched_point(2 * MACHINE->preempt_once_in);
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    if (!machine_is_on())
        return REAL(clock_gettime)(clock, out);
    let_time_pass();
    bool is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    *out = timespec_of(is_wall ? sim_wall_us() : mono_us());
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    if (!machine_is_on())
        return REAL(gettimeofday)(out, zone);
    let_time_pass();
    int64_t wall_us = sim_wall_us();
    *out = (struct timeval){ .tv_sec = wall_us / SIM_SECOND, .tv_usec = wall_us % SIM_SECOND };
    return 0;
}

time_t time(time_t *out)
{
    if (!machine_is_on())
        return REAL(time)(out);
    time_t seconds = sim_wall_us() / SIM_SECOND;
    if (out != NULL)
        *out = seconds;
    return seconds;
}

int adjtimex(struct timex *out)
{
    if (!machine_is_on())
        return REAL(adjtimex)(out);
    memset(out, 0, sizeof *out);
    return TIME_OK;
}

/* --- sleeping ---------------------------------------------------------------------------------------------- */

void sim_sleep(int64_t us)
{
    (void)sched_block("time to pass", NULL, NULL, MACHINE->now_us + us);
}

int nanosleep(const struct timespec *how_long, struct timespec *left)
{
    if (!machine_is_on())
        return REAL(nanosleep)(how_long, left);
    sim_sleep(us_of(how_long));
    return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *t, struct timespec *left)
{
    if (!machine_is_on())
        return REAL(clock_nanosleep)(clock, flags, t, left);
    int64_t us = us_of(t);
    if ((flags & TIMER_ABSTIME) != 0)
        us -= clock == CLOCK_REALTIME ? sim_wall_us() : mono_us();
    sim_sleep(us > 0 ? us : 0);
    return 0;
}

int usleep(useconds_t us)
{
    if (!machine_is_on())
        return REAL(usleep)(us);
    sim_sleep(us);
    return 0;
}

unsigned sleep(unsigned seconds)
{
    if (!machine_is_on())
        return REAL(sleep)(seconds);
    sim_sleep((int64_t)seconds * SIM_SECOND);
    return 0;
}

/* --- chance -------------------------------------------------------------------------------------------------- */

uint64_t sim_dice(enum sim_stream stream, uint64_t bound)
{
    /* splitmix64 */
    uint64_t x = MACHINE->dice[stream] += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    x ^= x >> 31;
    return (uint64_t)(((unsigned __int128)x * bound) >> 64);
}

bool sim_once_in(enum sim_stream stream, uint64_t n)
{
    return n > 0 && sim_dice(stream, n) == 0;
}

void time_fill_random(void *out, size_t len)
{
    unsigned char *bytes = out;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)sim_dice(SIM_SERVER_DICE, 256);
}

ssize_t getrandom(void *out, size_t len, unsigned flags)
{
    if (!machine_is_on())
        return REAL(getrandom)(out, len, flags);
    time_fill_random(out, len);
    return (ssize_t)len;
}

int getentropy(void *out, size_t len)
{
    if (!machine_is_on())
        return REAL(getentropy)(out, len);
    time_fill_random(out, len);
    return 0;
}

long syscall(long number, ...)
{
    va_list args;
    long a[6];
    va_start(args, number);
    for (size_t i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_getrandom && machine_is_on())
        return getrandom((void *)a[0], (size_t)a[1], (unsigned)a[2]);
    return machine_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* --- the machine --------------------------------------------------------------------------------------------- */

pid_t getpid(void)
{
    return machine_is_on() ? PID + MACHINE->life : REAL(getpid)();
}

long sysconf(int name)
{
    bool is_count = name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF;
    return is_count && machine_is_on() ? PROCESSORS : REAL(sysconf)(name);
}

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *out)
{
    if (!machine_is_on())
        return REAL(sched_getaffinity)(pid, size, out);
    memset(out, 0, size);
    for (int i = 0; i < PROCESSORS; i++)
        CPU_SET_S((size_t)i, size, out);
    return 0;
}

/* What makes a password's hash costly is its purpose, and half of a start here. The text says at what cost it was made. */
int argon2id_hash_encoded(uint32_t passes, uint32_t memory_kib, uint32_t lanes,
                          const void *password, size_t len, const void *salt, size_t salt_len,
                          size_t hash_len, char *text, size_t text_size)
{
    enum { LEAST_KIB = 8 /* for a lane */ };
    if (machine_is_on())
        memory_kib = LEAST_KIB;
    return REAL(argon2id_hash_encoded)(passes, memory_kib, lanes, password, len, salt, salt_len,
                                       hash_len, text, text_size);
}

int getrusage(__rusage_who_t who, struct rusage *out)
{
    if (!machine_is_on())
        return REAL(getrusage)(who, out);
    *out = (struct rusage){ .ru_utime = { .tv_sec = mono_us() / SIM_SECOND / 10 },
                            .ru_maxrss = 50000 };
    return 0;
}

static void describe_disk(struct statvfs *out)
{
    const fsblkcnt_t blocks = 25 * 1024 * 1024; /* 100 GiB */
    *out = (struct statvfs){ .f_bsize = 4096,
                             .f_frsize = 4096,
                             .f_blocks = blocks,
                             .f_bfree = blocks / 2,
                             .f_bavail = blocks / 2,
                             .f_files = 1000000,
                             .f_ffree = 900000,
                             .f_favail = 900000,
                             .f_namemax = 255 };
}

int statvfs(const char *restrict path, struct statvfs *restrict out)
{
    if (!machine_is_on())
        return REAL(statvfs)(path, out);
    describe_disk(out);
    return 0;
}

int statvfs64(const char *restrict path, struct statvfs64 *restrict out)
    __attribute__((alias("statvfs")));
