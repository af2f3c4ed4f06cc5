/* SPDX-License-Identifier: Apache-2.0
 *
 * The store for operators: its segments, and for how long the disk will do.
 */
#include "server/system_priv.h"

enum { PIECES_MAX = 500 };

static const int64_t hour_us = 3600000000, day_us = 24 * hour_us;

/* What of a segment was written within the last day, as if it had been written evenly. */
static double bytes_of_day(const struct store_piece *p, int64_t until_us, int64_t now_us)
{
    int64_t since_us = p->from_us > now_us - day_us ? p->from_us : now_us - day_us;
    if (until_us <= since_us || until_us <= p->from_us)
        return 0;
    return (double)p->bytes * (double)(until_us - since_us) / (double)(until_us - p->from_us);
}

struct server_forecast server_forecast_of(const struct server_disk *d)
{
    struct server_forecast f = { .days_left = -1 };
    int64_t until_us = d->now_us;
    double written = 0;
    for (size_t i = 0; i < d->count; i++) {
        written += bytes_of_day(&d->pieces[i], until_us, d->now_us);
        until_us = d->pieces[i].from_us;
    }
    int64_t seen_us = d->now_us - until_us < day_us ? d->now_us - until_us : day_us;
    if (seen_us < hour_us)
        return f;
    double per_day = written * (double)day_us / (double)seen_us;
    double kept = per_day * (double)d->retention_us / (double)day_us;
    double left = (double)d->left_bytes;
    f.bytes_per_day = (int64_t)per_day;
    if (per_day >= 1 && (d->retention_us == 0 || kept - (double)d->bytes > left))
        f.days_left = left < 0 ? 0 : left / per_day;
    return f;
}

static void write_piece(struct api_out *o, const struct store_piece *p, int64_t until_us)
{
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_opt_date(o, "from", p->from_us);
    api_out_opt_date(o, "until", until_us);
    api_out_int(o, "bytes", p->bytes);
    api_out_int(o, "messages", p->messages);
    api_out_int(o, "attempts", p->attempts);
    api_out_int(o, "pending", p->pending);
    api_out_end(o, '}');
}

static void write_forecast(struct api_ctx *c, struct api_out *o, const struct server_forecast *f)
{
    struct buf *days = api_buf(c, 64);
    api_out_opt_int(o, "bytesPerDay", f->bytes_per_day);
    if (f->days_left >= 0)
        buf_say(days, "%.1f", f->days_left);
    api_out_raw(o, "daysLeft", f->days_left < 0 ? STR_NONE : buf_str(days));
}

/* A database has its next partitions made ahead. */
static size_t count_ahead(const struct store_piece *pieces, size_t count, int64_t now_us)
{
    size_t ahead = 0;
    while (ahead < count && pieces[ahead].from_us > now_us)
        ahead++;
    return ahead;
}

void server_write_store(struct server *s, struct api_ctx *c, struct api_out *o)
{
    struct store_piece *pieces = arena_array(c->arena, PIECES_MAX, sizeof(*pieces));
    size_t count = store_pieces(s->store, pieces, PIECES_MAX);
    size_t ahead = count_ahead(pieces, count, clock_wall_us(clock_system()));
    pieces += ahead;
    count -= ahead;
    bool sees_disk = s->conf->store_url[0] == '\0';
    struct store_stats stats;
    struct buf *why = api_buf(c, SERVER_WHY_MAX);
    bool is_healthy = store_health(s->store, why) == RC_OK;
    store_stats(s->store, &stats);
    struct server_disk disk = { .pieces = pieces,
                                .count = count,
                                .bytes = stats.bytes,
                                .left_bytes = metrics_value(METRIC_STORE_FREE) -
                                              metrics_value(METRIC_STORE_FREE_MIN),
                                .now_us = clock_wall_us(store_clock(s->store)) };
    mutex_lock(&s->reloaded_lock);
    disk.retention_us = (s->reloaded == NULL ? s->conf : s->reloaded)->store_retention;
    mutex_unlock(&s->reloaded_lock);
    struct server_forecast f = server_forecast_of(&disk);
    if (!sees_disk)
        f.days_left = -1;
    api_out_key(o, "store");
    api_out_begin(o, '{');
    api_out_bool(o, "healthy", is_healthy);
    api_out_opt(o, "reason", is_healthy ? STR_NONE : buf_str(why));
    api_out_int(o, "bytes", stats.bytes);
    if (sees_disk)
        api_out_int(o, "freeBytes", metrics_value(METRIC_STORE_FREE));
    else
        api_out_null(o, "freeBytes");
    api_out_int(o, "freeMinBytes", metrics_value(METRIC_STORE_FREE_MIN));
    write_forecast(c, o, &f);
    api_out_int(o, "segmentCount", stats.segments - (int64_t)ahead);
    api_out_key(o, "segments");
    api_out_begin(o, '[');
    for (size_t i = 0; i < count; i++)
        write_piece(o, &pieces[i], i == 0 ? 0 : pieces[i - 1].from_us);
    api_out_end(o, ']');
    api_out_end(o, '}');
}
