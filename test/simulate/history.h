/* SPDX-License-Identifier: Apache-2.0
 *
 * Histories for the tests of check.h, written down in a line each: a small world of two tenants with an endpoint each
 * (1 and 2) and an ordered one (3, of tenant 1). Times are seconds.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check.h"

/* cmocka's set-up and tear-down: *state is a struct model. */
int history_open(void **state);
int history_close(void **state);

/* A message of tenant 1 with that number, key (0: none) and body; the id is msg_<id>. */
struct model_publish *published(struct model *m, int op, int key, const char *body, double begin_s, double end_s, const char *id);
/* It arrives with the body it was published with, and is answered `status` (0: never) after a millisecond. */
struct model_attempt *arrived(struct model *m, const struct model_publish *p, int endpoint, double at_s, int status);
struct model_state *stands(struct model *m, const struct model_publish *p, int endpoint, int status);
struct model_erasure *erased(struct model *m, const struct model_publish *p, double begin_s, double end_s);
struct model_call *called(struct model *m, enum model_act act, int text, double begin_s, double end_s);
void went_wrong(struct model *m, const char *word, double begin_s, double end_s);
void switched(struct model *m, int endpoint, bool is_on, double begin_s, double end_s);
void logged(struct model *m, double at_s, const char *line);

/* The check holds, or breaks the rule of that number. */
typedef bool (*history_check_fn)(const struct model *m, struct check_broken *out);
void must_hold(const struct model *m, history_check_fn check);
void must_break(const struct model *m, history_check_fn check, int invariant);
