/* SPDX-License-Identifier: Apache-2.0
 *
 * What is only true of brokers (5). Confirms, order and what arrives are judged as those of other endpoints are.
 */
#include "check.h"

static const int64_t second_us = 1000000;

/* A thread that waits for a broker comes back after that long at most, and its next try to connect may be that far away. */
enum { BROKER_WAIT_S = 15 };

bool check_broker_was_well(const struct model *m, int64_t from_us, int64_t to_us)
{
    int64_t before_us = m->limits.timeout_us + BROKER_WAIT_S * second_us;
    return !model_had_fault(m, "*", from_us - before_us, to_us);
}

bool check_broker_read_late(const struct model *m, int endpoint, int64_t from_us, int64_t to_us)
{
    return m->endpoints[endpoint].broker != 0 && model_had_fault(m, "broker.deaf", from_us, to_us);
}

bool check_brokers_are_crowded(const struct model *m)
{
    int64_t count = 0; /* each tenant has its own user */
    for (int n = 1; n <= MODEL_ENDPOINTS; n++)
        count += m->endpoints[n].broker != 0;
    return count > m->limits.brokers_max;
}

/* What may hold up the server or the bytes between it and a broker. */
static const char *const may_be_late =
    "net.slow net.chop net.reset net.refuse fd.out thread.out memory.out clock.step threads.race"
    " disk.slow broker.slow broker.silent broker.deaf broker.babble broker.cut broker.refuse broker.restart";

bool check_blocked(const struct model *m, int broker, int64_t since_us, int64_t now_us,
                   struct check_broken *out)
{
    int64_t from_us = since_us - m->limits.timeout_us - BROKER_WAIT_S * second_us;
    if (since_us == 0 || now_us <= since_us + m->limits.lag_us ||
        model_had_fault(m, may_be_late, from_us, now_us))
        return true;
    return check_break(out, 5,
                       "a message came to broker %d at %.6f s, which is blocked since %.6f s",
                       broker, (double)now_us / 1e6, (double)since_us / 1e6);
}

bool check_heartbeats(const struct model *m, int broker, int64_t since_us, int64_t now_us,
                      struct check_broken *out)
{
    if (!check_broker_was_well(m, since_us, now_us))
        return true;
    return check_break(out, 5,
                       "broker %d has heard nothing from %.6f s to %.6f s, no heartbeat either",
                       broker, (double)since_us / 1e6, (double)now_us / 1e6);
}
