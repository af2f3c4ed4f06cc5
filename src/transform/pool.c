/* SPDX-License-Identifier: Apache-2.0
 *
 * Helper processes: starting, handing out, ending. Workers meet here, so the pool has a lock; nothing is
 * done under it but taking a helper from a list.
 */
#include "transform/pool_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS_MAX = 20000 }; /* of one helper: what its memory fragments or leaks ends with it */

struct transform_pool {
    struct transform_options o;
    char memory[24];
    struct mutex lock;
    struct cond freed;
    struct share *shares; /* of the helpers */
    struct transform_helper *free;
    struct transform_helper helpers[];
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
static int pool_spawn(struct transform_pool *p, int socket, pid_t *pid)
{
    char name[] = "grapnel-transform";
    char verb[] = TRANSFORM_VERB;
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

static enum rc pool_start(struct transform_pool *p, struct transform_helper *h, struct buf *why)
{
    int ends[2];
    pid_t pid = 0;
    int error = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : errno;
    if (error == 0) {
        error = pool_spawn(p, ends[1], &pid);
        (void)close(ends[1]);
        if (error != 0)
            (void)close(ends[0]);
    }
    if (error != 0) {
        LOG(FILTER_HELPER_FAILED, F_INT("code", error));
        buf_say(why, "cannot start a helper process: %s", strerrordesc_np(error));
        return RC_IO;
    }
    *h = (struct transform_helper){ .pid = pid, .fd = ends[0], .owner = h->owner };
    metrics_add(METRIC_FILTER_HELPERS_STARTED, 1);
    return RC_OK;
}

int transform_helper_end(struct transform_helper *h)
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

enum rc transform_helper_renew(struct transform_pool *p, struct transform_helper *h,
                               struct buf *why)
{
    (void)transform_helper_end(h);
    return pool_start(p, h, why);
}

/* --- the pool ----------------------------------------------------------------------------------------- */

struct transform_pool *transform_pool_new(const struct transform_options *o)
{
    MUST(o->processes > 0 && o->processes <= TRANSFORM_PROCESSES_MAX);
    struct transform_pool *p = xcalloc(1, sizeof(*p) + o->processes * sizeof(p->helpers[0]));
    p->o = *o;
    (void)snprintf(p->memory, sizeof(p->memory), "%zu", o->memory_max);
    mutex_init(&p->lock);
    cond_init(&p->freed);
    p->shares = share_new(o->processes, o->processes > 1 ? o->processes / 2 : 1);
    for (size_t i = o->processes; i-- > 0;) {
        p->helpers[i].fd = -1;
        p->helpers[i].next = p->free;
        p->free = &p->helpers[i];
    }
    return p;
}

void transform_pool_free(struct transform_pool *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->o.processes; i++)
        (void)transform_helper_end(&p->helpers[i]);
    share_free(p->shares);
    cond_fini(&p->freed);
    mutex_fini(&p->lock);
    xfree(p);
}

/* Of those that are free: one that knows the program, else one that runs, else any place. */
static struct transform_helper *pool_pick(struct transform_pool *p, uint64_t program)
{
    struct transform_helper **best = &p->free;
    for (struct transform_helper **at = &p->free; *at != NULL; at = &(*at)->next) {
        bool is_better = (*best)->pid == 0 && (*at)->pid != 0;
        if (is_better || ((*at)->pid != 0 && (*at)->last == program))
            best = at;
        if ((*best)->last == program)
            break;
    }
    struct transform_helper *h = *best;
    *best = h->next;
    h->next = NULL;
    return h;
}

enum rc transform_helper_take(struct transform_pool *p, struct str program, uint64_t owner,
                              struct transform_helper **out, struct buf *why)
{
    uint64_t hash = str_hash(program);
    int64_t until_us = clock_mono_us(clock_system()) + p->o.wait_us;
    bool is_late = false;
    mutex_lock(&p->lock);
    enum rc rc = share_take(p->shares, owner, 1);
    while (rc != RC_OK && !is_late) {
        is_late = !cond_wait_until(&p->freed, &p->lock, until_us);
        rc = share_take(p->shares, owner, 1);
    }
    struct transform_helper *h = rc == RC_OK ? pool_pick(p, hash) : NULL;
    mutex_unlock(&p->lock);
    if (h == NULL) {
        buf_say(why, "%s",
                rc == RC_LIMIT ? "other runs of yours have all the helper processes you may use"
                               : "all helper processes are busy");
        return RC_BUSY;
    }
    h->owner = owner;
    if (h->run_count++ >= RUNS_MAX)
        (void)transform_helper_end(h);
    if (h->pid == 0)
        rc = pool_start(p, h, why);
    h->last = hash;
    if (rc != RC_OK)
        transform_helper_give(p, h);
    else
        *out = h;
    return rc;
}

void transform_helper_give(struct transform_pool *p, struct transform_helper *h)
{
    mutex_lock(&p->lock);
    share_give(p->shares, h->owner, 1);
    h->next = p->free;
    p->free = h;
    cond_broadcast(&p->freed); /* not everybody who waits may have this one */
    mutex_unlock(&p->lock);
}
