/* SPDX-License-Identifier: Apache-2.0
 *
 * What a seed may have besides what plan_make.c draws: large messages, faults of one kind of file, people who send again
 * and erase while something is wrong, short retention. Each is a seed's or not, as all of a swarm's, and has dice of its
 * own: what is added here changes nothing else of a seed.
 */
#include "plan_make_priv.h"

#include <inttypes.h>
#include <math.h>

/* --- large messages ----------------------------------------------------------------------------------------- */

/* Enough of them that logs grow until they are moved, and fewer where each is sent to many. */
static void more_bytes(struct maker *m)
{
    int64_t count = (int64_t)maker_log(m, 10, 100), receivers = m->endpoints / m->tenants;
    if (receivers > 2)
        count = count * 2 / receivers + 1;
    for (int64_t i = 0; i < count; i++)
        maker_put_op(m, PLAN_OP_PUBLISH, 0.5 + maker_real(m) * (m->safety_s - 1), "ntBk");
}

/* --- the disk ----------------------------------------------------------------------------------------------- */

/* Of the databases themselves, where a log is moved to, and of all that lies beside them. */
static void more_disk(struct maker *m)
{
    static const enum plan_word words[] = { PLAN_DISK_SYNC, PLAN_DISK_FULL, PLAN_DISK_ERROR,
                                            PLAN_DISK_OPEN };
    static const char *const paths[] = { ".db$", "config.db$", ".keys$", ".db-shm$" };
    for (int64_t left = maker_between(m, 1, 4); left > 0; left--) {
        maker_put_trouble(m, words[maker_next(m) % 4]);
        (void)fprintf(m->out, " path=%s rate=%.4f", paths[maker_next(m) % 4],
                      maker_log(m, 0.02, 1));
        maker_put_for(m);
        (void)fputc('\n', m->out);
    }
}

/* --- people ------------------------------------------------------------------------------------------------- */

/* Who sends again by hand does so while something is wrong, or shortly after it was. */
static double more_time(struct maker *m)
{
    if (m->trouble_count == 0 || maker_chance(m, 0.3))
        return 0.5 + maker_real(m) * (m->safety_s - 1);
    const struct maker_trouble *t = &m->troubles[maker_next(m) % m->trouble_count];
    return fmin(t->at_s + maker_real(m) * 1.5 * t->for_s, m->safety_s - 0.5);
}

static void more_people(struct maker *m)
{
    static const struct {
        enum plan_word word;
        const char *fields;
    } ops[] = {
        { PLAN_OP_EXPUNGE, "o" }, { PLAN_OP_EXPUNGE, "o" }, { PLAN_OP_RECOVER, "es" },
        { PLAN_OP_REPLAY, "es" }, { PLAN_OP_RESEND, "oe" }, { PLAN_OP_REPEAT, "o" },
    };
    for (int64_t left = (int64_t)maker_log(m, 3, 20); left > 0; left--) {
        size_t op = maker_next(m) % (sizeof ops / sizeof *ops);
        maker_put_op(m, ops[op].word, more_time(m), ops[op].fields);
    }
}

/* --- time --------------------------------------------------------------------------------------------------- */

/* In any relation to each other: either may be the longer one. */
static void more_forgetting(struct maker *m)
{
    static const char *const retentions[] = { "60s", "61s", "90s", "5m" };
    static const char *const memories[] = { "5s", "30s", "3m", "1h" };
    (void)fprintf(m->out, "option store.retention=%s\n", retentions[maker_next(m) % 4]);
    (void)fprintf(m->out, "option store.idempotency=%s\n", memories[maker_next(m) % 4]);
    for (int64_t left = (int64_t)maker_log(m, 3, 60); left > 0; left--)
        maker_put_op(m, PLAN_OP_REPEAT, 0.5 + maker_real(m) * (m->safety_s - 1), "o");
}

void plan_more(struct maker *m)
{
    static const struct {
        uint64_t dice;
        void (*fn)(struct maker *m);
        double chance;
    } all[] = {
        { BYTES_DICE, more_bytes, 0.2 },
        { DISK_DICE, more_disk, 0.25 },
        { PEOPLE_DICE, more_people, 0.4 },
        { FORGETTING_DICE, more_forgetting, 0.15 },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        maker_turn_to(m, all[i].dice);
        if (maker_chance(m, all[i].chance))
            all[i].fn(m);
    }
}
