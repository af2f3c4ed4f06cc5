/* SPDX-License-Identifier: Apache-2.0
 *
 * Helper processes: starting, handing out, ending. Workers meet here, so the pool has a lock; nothing is
 * done under it but taking a helper from a list.
 */
#include "filter/transform_pool_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS_MAX = 20000 }; /* of one helper: what its memory fragments or leaks ends with it */

struct filter_transform_pool {
    struct filter_transform_options o;
    char memory[24];
    struct mutex lock;
    struct cond freed;
    struct filter_transform_helper *free;
    struct filter_transform_helper helpers[];
};

/* --- processes ---------------------------------------------------------------------------------------- */

/* Every signal as it is for a new process, whatever this one blocks or handles. */
static void clean_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    (void)posix_spawnattr_setsigmask(attributes, &none);
    (void)posix_spawnattr_setsigdefault(attributes, &all);
    (void)posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/* Descriptor 0 is the socket, 1 and 2 lead nowhere, there are no others, and no environment. */
static int spawn(struct filter_transform_pool *p, int socket, pid_t *pid)
{
    char name[] = "grapnel-transform";
    char verb[] = FILTER_TRANSFORM_VERB;
    char *const arguments[] = { name, verb, p->memory, NULL };
    char *const environment[] = { NULL };
    const char *path = p->o.executable == NULL ? "/proc/self/exe" : p->o.executable;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawnattr_init(&attributes);
    clean_signals(&attributes);
    int error = posix_spawn_file_actions_adddup2(&files, socket, 0);
    if (error == 0)
        error = posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&files, 1, 2);
    if (error == 0)
        error = posix_spawn_file_actions_addclosefrom_np(&files, 3);
    if (error == 0)
        error = posix_spawn(pid, path, &files, &attributes, arguments, environment);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attributes);
    return error;
}

static enum rc start(struct filter_transform_pool *p, struct filter_transform_helper *h,
                     struct buf *why)
{
    int ends[2];
    pid_t pid = 0;
    int error = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : errno;
    if (error == 0) {
        error = spawn(p, ends[1], &pid);
        (void)close(ends[1]);
        if (error != 0)
            (void)close(ends[0]);
    }
    if (error != 0) {
        LOG(FILTER_HELPER_FAILED, F_INT("code", error));
        buf_say(why, "cannot start a helper process: %s", strerrordesc_np(error));
        return RC_IO;
    }
    *h = (struct filter_transform_helper){ .pid = pid, .fd = ends[0] };
    metrics_add(METRIC_FILTER_HELPERS_STARTED, 1);
    return RC_OK;
}

int filter_transform_helper_end(struct filter_transform_helper *h)
{
    int status = 0;
    if (h->pid == 0)
        return status;
    (void)kill(h->pid, SIGKILL); /* one that has ended stays as it is until it is waited for */
    while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    (void)close(h->fd);
    h->pid = 0;
    h->fd = -1;
    return status;
}

enum rc filter_transform_helper_renew(struct filter_transform_pool *p,
                                      struct filter_transform_helper *h, struct buf *why)
{
    (void)filter_transform_helper_end(h);
    return start(p, h, why);
}

/* --- the pool ----------------------------------------------------------------------------------------- */

struct filter_transform_pool *filter_transform_pool_new(const struct filter_transform_options *o)
{
    MUST(o->processes > 0 && o->processes <= FILTER_TRANSFORM_PROCESSES_MAX);
    struct filter_transform_pool *p = xcalloc(1, sizeof(*p) + o->processes * sizeof(p->helpers[0]));
    p->o = *o;
    (void)snprintf(p->memory, sizeof(p->memory), "%zu", o->memory_max);
    mutex_init(&p->lock);
    cond_init(&p->freed);
    for (size_t i = o->processes; i-- > 0;) {
        p->helpers[i].fd = -1;
        p->helpers[i].next = p->free;
        p->free = &p->helpers[i];
    }
    return p;
}

void filter_transform_pool_free(struct filter_transform_pool *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->o.processes; i++)
        (void)filter_transform_helper_end(&p->helpers[i]);
    cond_fini(&p->freed);
    mutex_fini(&p->lock);
    xfree(p);
}

/* Of those that are free: one that knows the program, else one that runs, else any place. */
static struct filter_transform_helper *pick(struct filter_transform_pool *p, uint64_t program)
{
    struct filter_transform_helper **best = &p->free;
    for (struct filter_transform_helper **at = &p->free; *at != NULL; at = &(*at)->next) {
        bool is_better = (*best)->pid == 0 && (*at)->pid != 0;
        if (is_better || ((*at)->pid != 0 && (*at)->last == program))
            best = at;
        if ((*best)->last == program)
            break;
    }
    struct filter_transform_helper *h = *best;
    *best = h->next;
    h->next = NULL;
    return h;
}

enum rc filter_transform_helper_take(struct filter_transform_pool *p, struct str program,
                                     struct filter_transform_helper **out, struct buf *why)
{
    uint64_t hash = str_hash(program);
    int64_t until_us = clock_mono_us(clock_system()) + p->o.wait_us;
    bool is_late = false;
    mutex_lock(&p->lock);
    while (p->free == NULL && !is_late)
        is_late = !cond_wait_until(&p->freed, &p->lock, until_us);
    struct filter_transform_helper *h = p->free == NULL ? NULL : pick(p, hash);
    mutex_unlock(&p->lock);
    if (h == NULL) {
        buf_say(why, "all helper processes are busy");
        return RC_BUSY;
    }
    enum rc rc = RC_OK;
    if (h->run_count++ >= RUNS_MAX)
        (void)filter_transform_helper_end(h);
    if (h->pid == 0)
        rc = start(p, h, why);
    h->last = hash;
    if (rc != RC_OK)
        filter_transform_helper_give(p, h);
    else
        *out = h;
    return rc;
}

void filter_transform_helper_give(struct filter_transform_pool *p,
                                  struct filter_transform_helper *h)
{
    mutex_lock(&p->lock);
    h->next = p->free;
    p->free = h;
    cond_signal(&p->freed);
    mutex_unlock(&p->lock);
}
