/* SPDX-License-Identifier: Apache-2.0
 *
 * A stack for signal handlers, so that a crash report is written also when a thread has used up its own.
 */
#pragma once

/* Gives the calling thread a stack for signal handlers, unless it has one; returns what to hand to
 * thread_signal_stack_drop(), or NULL. */
void *thread_signal_stack_take(void);
void thread_signal_stack_drop(void *stack);
