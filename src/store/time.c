/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/time_priv.h.
 */
#include "store/time_priv.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

static const int64_t set_us = 1000000;                /* a change of the wall clock worth a word */
static const int64_t jitter_us = 10000;               /* between reading two clocks */
static const int64_t patience_us = 86400 * 1000000LL; /* the longest wait before it is followed */

static int64_t own_wall_us(void *ctx)
{
    const struct store_time *t = ctx;
    return clock_mono_us(t->source) + atomic_load_explicit(&t->offset_us, memory_order_relaxed);
}

static int64_t own_mono_us(void *ctx)
{
    const struct store_time *t = ctx;
    return clock_mono_us(t->source);
}

static int64_t later_wall_us(void *ctx)
{
    const struct store_time *t = ctx;
    int64_t wall_us = clock_wall_us(t->source), own_us = own_wall_us(ctx);
    return wall_us > own_us ? wall_us : own_us;
}

/* The monotonic clock is read last, so that the result is never too large by a pause in between. */
int64_t store_time_ahead_us(const struct store_time *t)
{
    int64_t wall_us = clock_wall_us(t->source);
    return wall_us - store_time_us(t);
}

/* --- across restarts ---------------------------------------------------------------------------- */

/* Which boot of the machine this is; "-" where nobody says. */
static void read_boot(char out[static STORE_BOOT_TEXT])
{
    (void)snprintf(out, STORE_BOOT_TEXT, "-");
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file == NULL)
        return;
    if (fscanf(file, "%36s", out) != 1)
        (void)snprintf(out, STORE_BOOT_TEXT, "-");
    (void)fclose(file);
}

struct str store_time_write(const struct store_time *t, char out[static STORE_TIME_TEXT])
{
    int64_t now_us = store_time_us(t);
    int len = snprintf(out, STORE_TIME_TEXT, "%s %" PRId64 " %" PRId64, t->boot,
                       atomic_load(&t->offset_us), now_us);
    return str_of(out, (size_t)len);
}

struct kept {
    struct str boot;
    int64_t offset_us, seen_us;
};

static bool read_kept(struct str text, struct kept *out)
{
    struct str offset, seen;
    return str_split(&text, ' ', &out->boot) && str_split(&text, ' ', &offset) &&
           str_split(&text, ' ', &seen) && str_to_i64(offset, &out->offset_us) == RC_OK &&
           str_to_i64(seen, &out->seen_us) == RC_OK;
}

/* Within one boot the monotonic clock tells exactly how long the store was closed. After another one
 * the time goes on where it was, until the wall clock may be followed. */
void store_time_init(struct store_time *t, const struct clock *source, struct str kept)
{
    struct kept k;
    *t = (struct store_time){ .source = source,
                              .clock = { own_wall_us, own_mono_us, t },
                              .later = { later_wall_us, own_mono_us, t } };
    read_boot(t->boot);
    t->kept_offset_us = INT64_MIN;
    int64_t wall_us = clock_wall_us(source), mono_us = clock_mono_us(source);
    if (!read_kept(kept, &k)) {
        atomic_init(&t->offset_us, wall_us - mono_us);
    } else if (str_eq(k.boot, str_from(t->boot)) && mono_us + k.offset_us >= k.seen_us) {
        atomic_init(&t->offset_us, t->kept_offset_us = k.offset_us);
    } else {
        atomic_init(&t->offset_us, k.seen_us - mono_us);
        t->is_new_boot = true;
    }
    t->ahead_since_us = mono_us;
}

void store_time_at_least(struct store_time *t, int64_t us)
{
    int64_t missing_us = us - store_time_us(t);
    if (missing_us > 0)
        atomic_fetch_add(&t->offset_us, missing_us);
}

/* --- while it runs ------------------------------------------------------------------------------ */

static int64_t wait_of(int64_t ahead_us)
{
    return ahead_us <= set_us ? 0 : ahead_us < patience_us ? ahead_us : patience_us;
}

static void log_set(int64_t by_us, int64_t ahead_us)
{
    LOG(STORE_CLOCK_SET, F_INT("by_ms", by_us / 1000), F_INT("ahead_ms", ahead_us / 1000),
        F_INT("followed_after_s", ahead_us > 0 ? wait_of(ahead_us) / 1000000 : 0));
}

bool store_time_mind(struct store_time *t)
{
    int64_t ahead_us = store_time_ahead_us(t), mono_us = clock_mono_us(t->source);
    int64_t by_us = ahead_us - t->ahead_us;
    if (by_us > set_us || by_us < -set_us) {
        log_set(by_us, ahead_us);
        t->ahead_us = ahead_us;
        t->ahead_since_us = mono_us;
    }
    if (ahead_us <= jitter_us || mono_us - t->ahead_since_us < wait_of(ahead_us))
        return false;
    atomic_fetch_add(&t->offset_us, ahead_us);
    t->ahead_us = 0;
    t->ahead_since_us = mono_us;
    if (ahead_us > set_us)
        LOG(STORE_CLOCK_FOLLOWED, F_INT("by_ms", ahead_us / 1000));
    return true;
}
