/* SPDX-License-Identifier: Apache-2.0
 *
 * The faults that are on, and whether they hit a call.
 */
#include <errno.h>
#include <string.h>

#include "fault_priv.h"

static int usual_error(enum sim_fault_kind kind)
{
    static const int errors[SIM_FAULT_KINDS] = {
        [SIM_NO_FDS] = EMFILE,
        [SIM_NO_THREADS] = EAGAIN,
        [SIM_NO_MEMORY] = ENOMEM,
        [SIM_CONNECT_FAILS] = ECONNREFUSED,
    };
    return errors[kind] != 0 ? errors[kind] : EIO;
}

static bool is_over(const struct machine_fault *f)
{
    return f->until_us <= MACHINE->now_us || f->left == 0;
}

/* Part of the path; with a $ behind it, its end. */
static bool path_is_meant(const char *path, const char *meant)
{
    size_t len = strlen(meant), path_len = strlen(path);
    if (len == 0 || meant[len - 1] != '$')
        return strstr(path, meant) != NULL;
    return path_len >= len - 1 && strncmp(path + path_len - (len - 1), meant, len - 1) == 0;
}

/* It is of this call, and the dice say so. */
static bool is_hit(struct machine_fault *f, enum sim_fault_kind kind, unsigned call,
                   const char *path)
{
    if (!f->is_set || f->fault.kind != kind)
        return false;
    if (is_over(f))
        return false;
    if ((f->fault.calls != 0 && (f->fault.calls & call) == 0) ||
        !path_is_meant(path, f->fault.path))
        return false;
    enum sim_stream stream = call != 0 ? SIM_DISK : SIM_NETWORK;
    if (f->fault.once_in > 1 && sim_dice(stream, f->fault.once_in) != 0)
        return false;
    if (f->left > 0)
        f->left--;
    MACHINE->hits[kind]++;
    return true;
}

int fault_strikes(enum sim_fault_kind kind, unsigned call, const char *path)
{
    struct machine_fault *faults = MACHINE->faults;
    for (size_t i = 0; i < MACHINE_FAULTS_MAX; i++)
        if (is_hit(&faults[i], kind, call, path))
            return faults[i].fault.error != 0 ? faults[i].fault.error : usual_error(kind);
    return 0;
}

int64_t fault_delay_us(enum sim_fault_kind kind, unsigned call, const char *path)
{
    struct machine_fault *faults = MACHINE->faults;
    int64_t delay_us = 0;
    for (size_t i = 0; i < MACHINE_FAULTS_MAX; i++)
        if (is_hit(&faults[i], kind, call, path))
            delay_us += (int64_t)sim_dice(call != 0 ? SIM_DISK : SIM_NETWORK,
                                          (uint64_t)faults[i].fault.amount + 1);
    return delay_us;
}

/* The most eager of the rules for preemption; 8 without any. */
static void set_preemption(void)
{
    uint64_t once_in = 8;
    for (size_t i = 0; i < MACHINE_FAULTS_MAX; i++)
        if (MACHINE->faults[i].is_set && MACHINE->faults[i].fault.kind == SIM_PREEMPTS)
            once_in = MACHINE->faults[i].fault.once_in;
    MACHINE->preempt_once_in = once_in;
}

void fault_expire(void)
{
    bool is_any = false;
    for (size_t i = 0; i < MACHINE_FAULTS_MAX; i++) {
        struct machine_fault *f = &MACHINE->faults[i];
        if (!f->is_set || !is_over(f))
            continue;
        time_settle_drift();
        f->is_set = false;
        is_any = true;
    }
    if (is_any)
        set_preemption();
}

void sim_fault(const struct sim_fault *f)
{
    struct machine_fault *at = MACHINE->faults;
    machine_trace((uint64_t)f->kind);
    if (f->kind == SIM_CLOCK_STEPS) {
        MACHINE->wall_off_us += f->amount;
        MACHINE->hits[f->kind]++;
        return;
    }
    while (at < MACHINE->faults + MACHINE_FAULTS_MAX && at->is_set && !is_over(at))
        at++;
    MACHINE_MUST(at < MACHINE->faults + MACHINE_FAULTS_MAX);
    time_settle_drift();
    *at = (struct machine_fault){ .fault = *f,
                                  .until_us =
                                      f->for_us == 0 ? SIM_FOREVER : MACHINE->now_us + f->for_us,
                                  .left = f->count == 0 ? -1 : f->count,
                                  .is_set = true };
    set_preemption();
}

void sim_heal(void)
{
    time_settle_drift();
    memset(MACHINE->faults, 0, sizeof MACHINE->faults);
    set_preemption();
}

uint64_t sim_fault_hits(enum sim_fault_kind kind)
{
    return MACHINE->hits[kind];
}
