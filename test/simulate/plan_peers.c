/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom the server of a seed meets besides receivers: brokers, processors of webfilters, and sites that vouch for
 * callers. Each is drawn from dice of its own: the rest of a seed's plan is the same with and without it.
 */
#include "plan_make_priv.h"

#include <inttypes.h>
#include <string.h>

/* --- faults ------------------------------------------------------------------------------------------- */

struct peer_fault {
    enum plan_word word;
    const char *fields; /* r: a rate, f: for, b: by, s: a status */
    double by_max;
};

static void make_peer_faults(struct maker *m, const struct peer_fault *kinds, size_t count,
                             const char *peer, int64_t peers)
{
    for (const struct peer_fault *k = kinds; k < kinds + count; k++) {
        bool is_on = maker_chance(m, 0.35);
        for (int64_t left = is_on ? maker_between(m, 1, 3) : 0; left > 0; left--) {
            (void)fprintf(m->out, "at=%.3fs %s", maker_real(m) * m->safety_s * 0.8,
                          plan_word_name(k->word));
            maker_put(m, peer, maker_between(m, 1, peers));
            if (strchr(k->fields, 'b') != NULL)
                (void)fprintf(m->out, " by=%.4fs", maker_log(m, 0.01, k->by_max));
            if (strchr(k->fields, 's') != NULL)
                maker_put_status(m);
            if (strchr(k->fields, 'r') != NULL)
                (void)fprintf(m->out, " rate=%.4f", maker_log(m, 0.03, 1));
            (void)fprintf(m->out, " for=%.3fs\n", maker_log(m, 1, m->safety_s / 2));
        }
    }
}

/* --- brokers ------------------------------------------------------------------------------------------ */

static const struct peer_fault broker_faults[] = {
    { PLAN_BROKER_SLOW, "brf", 10 },     { PLAN_BROKER_NACK, "rf", 0 },
    { PLAN_BROKER_UNROUTABLE, "rf", 0 }, { PLAN_BROKER_LIE, "rf", 0 },
    { PLAN_BROKER_SILENT, "rf", 0 },     { PLAN_BROKER_DEAF, "f", 0 },
    { PLAN_BROKER_REFUSE, "rf", 0 },     { PLAN_BROKER_CUT, "rf", 0 },
    { PLAN_BROKER_BABBLE, "rf", 0 },     { PLAN_BROKER_BLOCK, "f", 0 },
    { PLAN_BROKER_RESTART, "f", 0 },
};

static void make_broker_endpoint(struct maker *m, int64_t n, int64_t brokers)
{
    (void)fputs("endpoint", m->out);
    maker_put(m, "n", n);
    maker_put(m, "tenant", maker_between(m, 1, m->tenants));
    maker_put(m, "broker", maker_between(m, 1, brokers));
    maker_put(m, "exchange", maker_between(m, 0, 2));
    if (maker_chance(m, 0.3))
        (void)fputs(" ordered=1", m->out);
    if (maker_chance(m, 0.5))
        (void)fputs(" mandatory=1", m->out);
    if (maker_chance(m, 0.5))
        (void)fputs(" declare=1", m->out);
    if (maker_chance(m, 0.2))
        maker_put(m, "throttle", (int64_t)maker_log(m, 1, 50));
    (void)fputc('\n', m->out);
}

/* What is done to their endpoints, while the other clients publish. */
static void make_broker_ops(struct maker *m, int64_t first, int64_t last)
{
    static const enum plan_word words[] = { PLAN_OP_RESEND, PLAN_OP_RESEND, PLAN_OP_RECOVER,
                                            PLAN_OP_READ,   PLAN_OP_READ,   PLAN_OP_DISABLE,
                                            PLAN_OP_ENABLE, PLAN_OP_DELETE };
    for (int64_t left = maker_between(m, 0, 12); left > 0; left--) {
        enum plan_word word = words[maker_next(m) % (sizeof words / sizeof *words)];
        (void)fprintf(m->out, "at=%.3fs %s", 0.5 + maker_real(m) * (m->safety_s - 1),
                      plan_word_name(word));
        maker_put(m, "client", maker_between(m, 1, m->clients));
        maker_put(m, "endpoint", maker_between(m, first, last));
        if (word == PLAN_OP_RESEND)
            maker_put(m, "op", maker_between(m, 1, m->published));
        (void)fputs(word == PLAN_OP_RECOVER ? " since=60s\n" : "\n", m->out);
    }
}

static void make_brokers(struct maker *m)
{
    static const char *const links[] = { "1", "2", "64", "64" };
    static const char *const idle[] = { "1s", "3s", "10s", "60s" };
    static const char *const connect[] = { "500ms", "1s", "5s", "5s" };
    maker_turn_to(m, BROKERS_DICE);
    if (!maker_chance(m, 0.3))
        return;
    int64_t brokers = maker_between(m, 1, 3), endpoints = maker_between(m, 1, 6);
    (void)fprintf(m->out, "option amqp.connections_max=%s\n", links[maker_next(m) % 4]);
    (void)fprintf(m->out, "option amqp.idle_timeout=%s\n", idle[maker_next(m) % 4]);
    (void)fprintf(m->out, "option deliver.connect_timeout=%s\n", connect[maker_next(m) % 4]);
    for (int64_t i = 1; i <= endpoints; i++)
        make_broker_endpoint(m, m->endpoints + i, brokers);
    make_broker_ops(m, m->endpoints + 1, m->endpoints + endpoints);
    make_peer_faults(m, broker_faults, sizeof broker_faults / sizeof *broker_faults, "broker",
                     brokers);
}

/* --- webfilters --------------------------------------------------------------------------------------- */

static const struct peer_fault processor_faults[] = {
    { PLAN_PROCESSOR_SLOW, "brf", 5 },   { PLAN_PROCESSOR_SILENT, "rf", 0 },
    { PLAN_PROCESSOR_STATUS, "srf", 0 }, { PLAN_PROCESSOR_STOP, "rf", 0 },
    { PLAN_PROCESSOR_GARBAGE, "rf", 0 }, { PLAN_PROCESSOR_LIE, "rf", 0 },
    { PLAN_PROCESSOR_CUT, "rf", 0 },
};

static void make_filter(struct maker *m, int64_t n)
{
    static const char *const modes[] = { "original", "chained",  "chained",
                                         "parallel", "parallel", "shadow" };
    static const char *const timeouts[] = { "300ms", "800ms", "2s", "5s" };
    (void)fputs("filter", m->out);
    maker_put(m, "n", n);
    maker_put(m, "tenant", maker_between(m, 1, m->tenants));
    (void)fprintf(m->out, " mode=%s timeout=%s", modes[maker_next(m) % 6],
                  timeouts[maker_next(m) % 4]);
    if (maker_chance(m, 0.2))
        (void)fputs(" closed=1", m->out);
    maker_put(m, "halt", maker_chance(m, 0.5) ? maker_between(m, 1, 7) : 0);
    maker_put(m, "breaker", maker_chance(m, 0.5) ? maker_between(m, 1, 5) : 0);
    (void)fputc('\n', m->out);
}

static void make_chains(struct maker *m)
{
    static const char *const deadlines[] = { "500ms", "1s", "2s", "4s" }, *const keeps[] = {
        "none", "headers", "all"
    };
    maker_turn_to(m, CHAINS_DICE);
    if (!maker_chance(m, 0.3))
        return;
    int64_t filters = maker_between(m, 1, 8);
    for (int64_t n = 1; n <= filters; n++)
        make_filter(m, n);
    for (int64_t tenant = 1; tenant <= m->tenants; tenant++)
        (void)fprintf(m->out, "chain tenant=%" PRId64 " deadline=%s keep=%s\n", tenant,
                      deadlines[maker_next(m) % 4], keeps[maker_next(m) % 3]);
    int64_t count = (int64_t)maker_log(m, 5, 100);
    for (int64_t n = 1; n <= count; n++) {
        (void)fprintf(m->out, "at=%.3fs op.ask", 0.5 + maker_real(m) * (m->safety_s - 1));
        maker_put(m, "n", n);
        maker_put(m, "client", maker_between(m, 1, m->clients));
        maker_put(m, "tenant", maker_between(m, 1, m->tenants));
        (void)fputc('\n', m->out);
    }
    make_peer_faults(m, processor_faults, sizeof processor_faults / sizeof *processor_faults,
                     "filter", filters);
}

/* --- sites ------------------------------------------------------------------------------------------- */

static const struct peer_fault site_faults[] = {
    { PLAN_SITE_SLOW, "brf", 8 },   { PLAN_SITE_SILENT, "rf", 0 }, { PLAN_SITE_STATUS, "srf", 0 },
    { PLAN_SITE_GARBAGE, "rf", 0 }, { PLAN_SITE_LIE, "rf", 0 },    { PLAN_SITE_CUT, "rf", 0 },
};

static void make_sites(struct maker *m)
{
    enum { SITES = 2, USERS = 6 };
    static const char *const keeps[] = { "0s", "1s", "5s", "60s" }, *const timeouts[] = {
        "300ms", "1s", "2s", "5s"
    };
    maker_turn_to(m, SITES_DICE);
    if (!maker_chance(m, 0.2))
        return;
    for (int64_t n = 1; n <= SITES; n++)
        (void)fprintf(m->out, "site n=%" PRId64 " keep=%s timeout=%s\n", n,
                      keeps[maker_next(m) % 4], timeouts[maker_next(m) % 4]);
    for (int64_t left = (int64_t)maker_log(m, 5, 80); left > 0; left--) {
        (void)fprintf(m->out, "at=%.3fs op.enter", 0.5 + maker_real(m) * (m->safety_s - 1));
        maker_put(m, "client", maker_between(m, 1, m->clients));
        maker_put(m, "site", maker_between(m, 1, SITES));
        maker_put(m, "user", maker_between(m, 1, USERS));
        (void)fputs(maker_chance(m, 0.3) ? " make=1\n" : "\n", m->out);
    }
    make_peer_faults(m, site_faults, sizeof site_faults / sizeof *site_faults, "site", SITES);
}

void plan_peers(struct maker *m)
{
    make_brokers(m);
    make_chains(m);
    make_sites(m);
}
