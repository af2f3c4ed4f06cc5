/* SPDX-License-Identifier: Apache-2.0
 *
 * The cage a helper locks itself into before it reads its first byte of anybody's program. Calls that
 * are not on the list fail as forbidden rather than kill: `import` then is an ordinary error of the program's.
 */
#include "transform/cage_priv.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/base.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static bool cage_limit(__rlimit_resource_t what, rlim_t value)
{
    struct rlimit both = { value, value };
    return setrlimit(what, &both) == 0;
}

/* Bytes of address space in use, or 0. */
static size_t address_space(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%lu", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Sanitizers reserve terabytes for their shadow: there, time is the only bound. */
static bool limit_memory(size_t memory_max)
{
    size_t used = address_space();
    return SANITIZED || (used > 0 && cage_limit(RLIMIT_AS, used + memory_max));
}

static bool cage_allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0)
            return false;
    return true;
}

/* Memory, but none that can be executed. */
static bool allow_memory(scmp_filter_ctx filter)
{
    static const int calls[] = { SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap),
                                 SCMP_SYS(madvise) };
    struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    return cage_allow(filter, calls, COUNT_OF(calls)) &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_executable) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_executable) == 0;
}

/* abort() and the timer need the rest; signals only to itself. */
static bool allow_rest(scmp_filter_ctx filter)
{
    static const int calls[] = {
        SCMP_SYS(read),          SCMP_SYS(write),        SCMP_SYS(exit),
        SCMP_SYS(exit_group),    SCMP_SYS(futex),        SCMP_SYS(rt_sigaction),
        SCMP_SYS(gettid),        SCMP_SYS(getpid),       SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),  SCMP_SYS(setitimer),    SCMP_SYS(restart_syscall),
        SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time),
        SCMP_SYS(getrandom),     SCMP_SYS(sched_yield),  SCMP_SYS(clock_nanosleep),
    };
    return cage_allow(filter, calls, COUNT_OF(calls)) &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0)) == 0;
}

static bool filter_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool is_loaded =
        filter != NULL && allow_memory(filter) && allow_rest(filter) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return is_loaded;
}

bool transform_cage_close(size_t memory_max)
{
    bool is_limited = cage_limit(RLIMIT_CORE, 0) && cage_limit(RLIMIT_FSIZE, 0) &&
                      cage_limit(RLIMIT_NPROC, 0) && limit_memory(memory_max) &&
                      cage_limit(RLIMIT_NOFILE, 3);
    return is_limited && filter_calls();
}
