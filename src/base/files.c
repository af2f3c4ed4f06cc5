/* SPDX-License-Identifier: Apache-2.0
 *
 * See base/files.h.
 */
#include "base/files.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/resource.h>

static _Atomic int64_t limit_now = INT64_MAX;
static _Atomic int64_t first_kept = INT64_MAX;

static int64_t count_of(rlim_t limit)
{
    return limit == RLIM_INFINITY || limit > INT32_MAX ? INT64_MAX : (int64_t)limit;
}

int64_t files_limit_possible(void)
{
    struct rlimit files;
    return getrlimit(RLIMIT_NOFILE, &files) == 0 ? count_of(files.rlim_max) : INT64_MAX;
}

static int64_t kept_of(int64_t limit)
{
    int64_t kept = limit / 8;
    if (kept < FILES_KEPT_MIN)
        return FILES_KEPT_MIN;
    return kept > FILES_KEPT_MAX ? FILES_KEPT_MAX : kept;
}

void files_raise_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    rlim_t before = files.rlim_cur;
    files.rlim_cur = files.rlim_max;
    int64_t limit = count_of(setrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_max : before);
    atomic_store(&limit_now, limit);
    atomic_store(&first_kept, limit - kept_of(limit));
}

int64_t files_limit(void)
{
    return atomic_load(&limit_now);
}

int64_t files_for_clients(int64_t limit)
{
    static const int64_t least = 8;
    int64_t share = (limit - kept_of(limit) - FILES_OWN) / 2;
    return share < least ? least : share;
}

int64_t files_for_idle(int64_t limit)
{
    return limit / 4;
}

bool files_is_kept(int fd)
{
    if (fd < atomic_load_explicit(&first_kept, memory_order_relaxed))
        return false;
    errno = EMFILE;
    return true;
}
