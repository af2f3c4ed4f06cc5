/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t in_us(double s)
{
    return s < 0 ? MODEL_NEVER : llround(s * 1e6);
}

static void endpoint_add(struct model *m, int number, int tenant, bool is_ordered)
{
    m->endpoints[number] = (struct model_endpoint){ .tenant = tenant, .is_ordered = is_ordered };
    (void)model_switch(m, number,
                       &(struct model_switch){ .begin_us = 0, .end_us = 1, .is_on = true });
}

int history_open(void **state)
{
    struct model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->tenants = 2;
    m->limits = (struct model_limits){ .window_max = 2,
                                       .timeout_us = 5000000,
                                       .retry_min_us = 900000,
                                       .breaker_max_us = 1000000,
                                       .lag_us = 10000 };
    endpoint_add(m, 1, 1, false);
    endpoint_add(m, 2, 2, false);
    endpoint_add(m, 3, 1, true);
    *state = m;
    return 0;
}

int history_close(void **state)
{
    assert_int_equal(((struct model *)*state)->lost, 0);
    free(*state);
    return 0;
}

struct model_publish *published(struct model *m, int op, int key, const char *body, double begin_s,
                                double end_s, const char *id)
{
    struct model_publish p = { .op = op,
                               .tenant = 1,
                               .key = key,
                               .hash = model_hash(body, strlen(body)),
                               .begin_us = in_us(begin_s),
                               .end_us = in_us(end_s),
                               .answer = end_s < 0 ? MODEL_UNANSWERED : MODEL_DONE };
    (void)snprintf(p.id, sizeof p.id, "msg_%s", id);
    return model_publish(m, &p);
}

struct model_attempt *arrived(struct model *m, const struct model_publish *p, int endpoint,
                              double at_s, int status)
{
    struct model_attempt a = { .endpoint = endpoint,
                               .op = p->op,
                               .item = p->item,
                               .tenant = p->tenant,
                               .hash = p->hash,
                               .is_signed = true,
                               .begin_us = in_us(at_s),
                               .end_us = status == 0 ? MODEL_NEVER : in_us(at_s + 0.001),
                               .status = status };
    memcpy(a.id, p->id, sizeof a.id);
    return model_attempt(m, &a);
}

struct model_state *stands(struct model *m, const struct model_publish *p, int endpoint, int status)
{
    struct model_state s = { .endpoint = endpoint,
                             .status = status,
                             .has_reason = status == 2 || status == 4 };
    memcpy(s.message, p->id, sizeof s.message);
    return model_state(m, &s);
}

struct model_erasure *erased(struct model *m, const struct model_publish *p, double begin_s,
                             double end_s)
{
    struct model_erasure e = { .begin_us = in_us(begin_s), .end_us = in_us(end_s) };
    memcpy(e.id, p->id, sizeof e.id);
    return model_erasure(m, &e);
}

struct model_call *called(struct model *m, enum model_act act, int text, double begin_s,
                          double end_s)
{
    return model_call(m,
                      &(struct model_call){ .endpoint = 1,
                                            .act = act,
                                            .text = text,
                                            .begin_us = in_us(begin_s),
                                            .end_us = in_us(end_s),
                                            .answer = end_s < 0 ? MODEL_UNANSWERED : MODEL_DONE });
}

void went_wrong(struct model *m, const char *word, double begin_s, double end_s)
{
    struct model_fault f = { .begin_us = in_us(begin_s), .end_us = in_us(end_s) };
    (void)snprintf(f.word, sizeof f.word, "%s", word);
    (void)model_fault(m, &f);
}

void switched(struct model *m, int endpoint, bool is_on, double begin_s, double end_s)
{
    (void)model_switch(m, endpoint,
                       &(struct model_switch){
                           .begin_us = in_us(begin_s), .end_us = in_us(end_s), .is_on = is_on });
}

void logged(struct model *m, double at_s, const char *line)
{
    model_log_line(m, in_us(at_s), line, strlen(line));
}

void must_hold(const struct model *m, history_check_fn check)
{
    struct check_broken broken = { 0 };
    if (!check(m, &broken))
        fail_msg("I%d: %s", broken.invariant, broken.words);
}

void must_break(const struct model *m, history_check_fn check, int invariant)
{
    struct check_broken broken = { 0 };
    if (check(m, &broken))
        fail_msg("nothing was noticed; I%d is broken", invariant);
    if (broken.invariant != invariant)
        fail_msg("I%d is broken, and I%d was noticed: %s", invariant, broken.invariant,
                 broken.words);
    assert_true(strlen(broken.words) > 0);
}
