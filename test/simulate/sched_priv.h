/* SPDX-License-Identifier: Apache-2.0
 *
 * A task of the scheduler, for sched.c and thread.c.
 */
#pragma once

#include <pthread.h>

#include "machine_priv.h"

struct task {
    struct task *next;
    unsigned number;
    char name[32];
    int futex; /* 1: the baton is its own */
    int tid;
    pthread_t thread;
    void *(*fn)(void *arg);
    void *fn_arg;
    void *result;
    bool is_over, is_detached, is_of_world;
    /* What it waits for: any of these. */
    const char *what;
    bool (*is_ready)(void *arg);
    void *arg;
    int64_t until_us;
    struct pollfd *polls;
    nfds_t poll_count;
    int polls_at; /* within the scheduler's list, or -1 */
    /* A condition variable (thread.c). */
    const void *cond;
    bool is_signaled;
};

struct task *sched_self(void);
/* True: the caller is a task of the world, or the machine at work on behalf of one of the server's. Any thread. */
bool sched_is_of_world(void);
struct task *sched_task_new(const char *name);
/* First and last call of a task's thread. */
void sched_task_begins(struct task *t);
void sched_task_ends(void);
/* Of a task that is over. */
void sched_forget(struct task *t);
/* The first of the list. */
struct task *sched_tasks(void);
