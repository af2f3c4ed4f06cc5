/* SPDX-License-Identifier: Apache-2.0
 *
 * See base/signal_stack_priv.h.
 */
#include "base/signal_stack_priv.h"

#include "base/mem.h"
#include "base/panic.h"

#include <signal.h>

enum { SIGNAL_STACK = 64 * 1024 };

void *thread_signal_stack_take(void)
{
    stack_t now = { 0 };
    MUST(sigaltstack(NULL, &now) == 0);
    if ((now.ss_flags & SS_DISABLE) == 0)
        return NULL; /* a sanitizer's: it frees its own */
    void *memory = xmalloc(SIGNAL_STACK);
    stack_t stack = { .ss_sp = memory, .ss_size = SIGNAL_STACK };
    MUST(sigaltstack(&stack, NULL) == 0);
    return memory;
}

void thread_signal_stack_drop(void *stack)
{
    if (stack == NULL)
        return;
    stack_t none = { .ss_flags = SS_DISABLE };
    MUST(sigaltstack(&none, NULL) == 0);
    xfree(stack);
}
