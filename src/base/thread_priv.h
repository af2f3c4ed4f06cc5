/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of each running thread, by slot. Crash reports read it from a signal handler while
 * its owner writes, hence the atomics; texts may be torn, never unbounded.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/thread.h"

enum { ACTIVITY_DEPTH = 8, ACTIVITY_WORDS = 6, THREAD_NAME_MAX = 15 };

struct activity {
    _Atomic(const char *) what;
    _Atomic uint64_t subject[ACTIVITY_WORDS]; /* text of at most 47 bytes and NUL */
};

struct thread_state {
    atomic_bool is_used;
    _Atomic uint64_t name[2]; /* text of at most 15 bytes and NUL */
    atomic_int kind;
    atomic_uint depth; /* may exceed ACTIVITY_DEPTH: deeper ones are counted only */
    struct activity stack[ACTIVITY_DEPTH];
    _Atomic int64_t since_us; /* see activity_begin(); 0: no such work */
    _Atomic(const char *) work;
};

/* The calling thread's; takes a slot on first use. */
struct thread_state *thread_state(void);

/* Slot `slot`, used or not. */
struct thread_state *thread_state_at(unsigned slot);

/* Texts in atomic words. `words` of 8 bytes each; cut to fit with a NUL. */
void thread_words_store(_Atomic uint64_t *out, unsigned words, const char *text, size_t len);
void thread_words_load(const _Atomic uint64_t *in, unsigned words, char *out);
