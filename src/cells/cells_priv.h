/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of this module: cells.c makes and frees, memory.c remembers, look.c is the threads, pass.c decides
 * about requests.
 */
#pragma once

#include <stdatomic.h>

#include "cells/cells.h"
#include "core/meter.h"

/* A question to all other cells. On the heap, because the slowest of them may answer when its request is long gone: whoever
 * answers holds a reference. */
struct cells_question {
    atomic_int refs;
    atomic_int left;      /* cells that have not answered */
    atomic_int found;     /* index of the cell that has it; -1: none so far */
    atomic_bool is_told;  /* its task was posted */
    atomic_bool is_unsure; /* a cell could not be asked */
    struct store_sought sought; /* with texts of its own */
    char *texts;
    struct loop *loop;
    struct loop_task task;      /* on that loop, once: the answer is clear */
    struct cells *cells;
    struct http_request *req;   /* valid until the task has run */
    void *passing;              /* pass.c; NULL: the first question about the request */
};

enum { CELLS_QUEUE_MAX = 1024 };

struct cells_cell {
    struct cells *cells;
    int index;
    char *name, *url; /* owned; the URL may hold a password */
    struct link_front **fronts; /* by loop */
    atomic_llong passed;
    struct thread *thread;
    struct mutex lock; /* guards what follows */
    struct cond wake;
    struct cells_question *queue[CELLS_QUEUE_MAX];
    size_t queued;
    bool is_stopping;
    int64_t busy_since_us; /* its thread is at the database since then; 0: it is not */
    enum cells_reach reach;
    char address[CELLS_ADDRESS_MAX];
};

struct cells {
    struct cells_options o; /* `others` is not kept */
    struct store_options store;
    struct cells_cell *cells;
    size_t count;
    struct cells_memory *memory;
    struct core_meter *lookups, *lookups_of_one;
    atomic_bool is_stopping;
};

/* memory.c. Any thread. */
enum { CELLS_NOT_REMEMBERED = -1, CELLS_NOWHERE = -2 };
struct cells_memory *cells_memory_new(void);
void cells_memory_free(struct cells_memory *m);
/* The index of a cell, or one of the two above. */
int cells_memory_find(struct cells_memory *m, const uint8_t hash[static 32]);
void cells_memory_put(struct cells_memory *m, const uint8_t hash[static 32], int where);
void cells_memory_forget(struct cells_memory *m, const uint8_t hash[static 32]);
/* All places, and what is nowhere. */
void cells_memory_clear(struct cells_memory *m);

/* look.c */
void cells_look_run(void *cell); /* a cell's thread */
/* Asks all other cells; `task` runs on the request's loop once one of them has it, or all have answered. Loop thread. */
struct cells_question *cells_ask(struct cells *c, struct http_request *req, const struct store_sought *sought, loop_fn fn, void *passing);
void cells_question_unref(struct cells_question *q);
