/* SPDX-License-Identifier: Apache-2.0
 *
 * See base/activity.h.
 */
#include "base/activity.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/panic.h"
#include "base/thread_priv.h"

void activity_push(const char *what, struct str subject)
{
    struct thread_state *state = thread_state();
    unsigned depth = atomic_load_explicit(&state->depth, memory_order_relaxed);
    if (depth < ACTIVITY_DEPTH) {
        struct activity *activity = &state->stack[depth];
        thread_words_store(activity->subject, ACTIVITY_WORDS, subject.ptr, subject.len);
        atomic_store_explicit(&activity->what, what, memory_order_relaxed);
    }
    atomic_store_explicit(&state->depth, depth + 1, memory_order_release);
}

void activity_pop(void)
{
    struct thread_state *state = thread_state();
    unsigned depth = atomic_load_explicit(&state->depth, memory_order_relaxed);
    MUST(depth > 0);
    atomic_store_explicit(&state->depth, depth - 1, memory_order_release);
}

static int64_t mono_us(void)
{
    return clock_mono_us(clock_system());
}

void activity_begin(const char *what, struct str subject)
{
    struct thread_state *state = thread_state();
    activity_push(what, subject);
    atomic_store_explicit(&state->work, what, memory_order_relaxed);
    atomic_store_explicit(&state->since_us, mono_us(), memory_order_release);
}

void activity_end(void)
{
    atomic_store_explicit(&thread_state()->since_us, 0, memory_order_release);
    activity_pop();
}

void activity_moved(void)
{
    struct thread_state *state = thread_state();
    if (atomic_load_explicit(&state->since_us, memory_order_relaxed) != 0)
        atomic_store_explicit(&state->since_us, mono_us(), memory_order_release);
}

bool activity_work(unsigned slot, struct activity_work *out)
{
    const struct thread_state *state = thread_state_at(slot);
    if (!atomic_load_explicit(&state->is_used, memory_order_acquire))
        return false;
    out->since_us = atomic_load_explicit(&state->since_us, memory_order_acquire);
    out->what = atomic_load_explicit(&state->work, memory_order_relaxed);
    out->kind = (enum thread_kind)atomic_load_explicit(&state->kind, memory_order_relaxed);
    thread_words_load(state->name, 2, out->thread);
    return out->since_us != 0;
}

void activity_describe(struct buf *out)
{
    int64_t now_us = mono_us();
    for (unsigned slot = 0; slot < THREAD_SLOTS; slot++) {
        const struct thread_state *state = thread_state_at(slot);
        if (!atomic_load_explicit(&state->is_used, memory_order_acquire))
            continue;
        char name[THREAD_NAME_MAX + 1];
        thread_words_load(state->name, 2, name);
        buf_say(out, "%s:", name);
        unsigned depth = atomic_load_explicit(&state->depth, memory_order_acquire);
        for (unsigned i = 0; i < depth && i < ACTIVITY_DEPTH; i++) {
            char subject[ACTIVITY_WORDS * sizeof(uint64_t)];
            thread_words_load(state->stack[i].subject, ACTIVITY_WORDS, subject);
            const char *what = atomic_load_explicit(&state->stack[i].what, memory_order_relaxed);
            buf_say(out, "%s %s%s%s", i == 0 ? "" : " >", what, subject[0] == '\0' ? "" : " ",
                    subject);
        }
        int64_t since_us = atomic_load_explicit(&state->since_us, memory_order_relaxed);
        if (since_us != 0)
            buf_say(out, " for %lld ms", (long long)(now_us - since_us) / 1000);
        buf_say(out, depth == 0 ? " idle\n" : "\n");
    }
}
