/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether what clients saw of one object can be explained by some order of their calls in which each takes effect at
 * one moment between its begin and its answer (linearizability). The search is Wing and Gong's with the memory that
 * Lowe and Porcupine gave it: what was reached by the same set of calls with the same state is not looked at twice.
 */
#pragma once

#include "model.h"

enum linear_verdict { LINEAR_YES, LINEAR_NO, LINEAR_UNDECIDED /* too many orders to look at all of them */ };
enum { LINEAR_CALLS_MAX = 512 };

/* The calls of `endpoint`, which was created enabled and with text 0 before the first of them. */
enum linear_verdict linear_endpoint(const struct model *m, int endpoint);
