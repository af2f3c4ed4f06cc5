/* SPDX-License-Identifier: Apache-2.0
 *
 * Making plans: what plan_make.c, plan_peers.c, plan_more.c and plan_quiet.c share. All of it draws from the maker's own
 * dice, and writes to its text.
 */
#pragma once

#include <stdio.h>

#include "plan.h"

enum { MAKER_TROUBLES = 128 };

/* Dice of their own, so that what is drawn from them changes nothing else of a seed. A number stays what it is: the plans of
 * seeds would be others. */
enum { BROKERS_DICE = 1, CHAINS_DICE, SITES_DICE, BYTES_DICE, DISK_DICE, PEOPLE_DICE, FORGETTING_DICE };

struct maker {
    FILE *out;
    uint64_t seed, state; /* of the dice */
    int64_t tenants, clients, endpoints, lives;
    double safety_s;
    int64_t published; /* the number of the last publishing line */
    double fault_most_s; /* the longest that a fault lasts */
    /* When there was trouble, in the order in which it was drawn. */
    struct maker_trouble { double at_s, for_s; } troubles[MAKER_TROUBLES];
    size_t trouble_count;
};

uint64_t maker_next(struct maker *m);
double maker_real(struct maker *m); /* 0 <= it < 1 */
int64_t maker_between(struct maker *m, int64_t low, int64_t high); /* both are possible */
bool maker_chance(struct maker *m, double p);
/* Each order of magnitude is as probable as the others. */
double maker_log(struct maker *m, double low, double high);
/* What is drawn from now on comes from other dice of the seed. */
void maker_turn_to(struct maker *m, uint64_t dice);
/* " name=value" */
void maker_put(struct maker *m, const char *name, int64_t value);

/* Fields of a line, a letter each. Of operations: n: a number of its own, t: a tenant, e: an endpoint, o: an earlier
 * publishing line, b: bytes, k: a key, c: a count, l: a limit, s: since, d: a description, B: many bytes. */
void maker_put_op(struct maker *m, enum plan_word word, double at_s, const char *fields);
/* The first line. */
void maker_put_run(struct maker *m, uint64_t seed);
void maker_put_endpoints(struct maker *m);
/* Faults of every kind, each of which the seed has with that probability. */
void maker_put_faults(struct maker *m, double chance);
/* A line of trouble: its time and word, some fields of its own, and how long it lasts. */
void maker_put_trouble(struct maker *m, enum plan_word word);
void maker_put_for(struct maker *m);
void maker_put_status(struct maker *m);
void maker_put_lives(struct maker *m);

/* What a seed may have besides, each of it from dice of its own: whom the server meets, and what else happens. In this
 * order, after everything else: they leave the maker with their dice. */
void plan_peers(struct maker *m);
void plan_more(struct maker *m);
/* The text of a plan, begun and ended; NULL: no memory. */
char *maker_text(uint64_t seed, void (*fill)(struct maker *m, uint64_t seed));
