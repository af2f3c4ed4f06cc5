/* SPDX-License-Identifier: Apache-2.0
 *
 * A link's thread: connects when there is something to publish, publishes, and hands verdicts back.
 * Between messages it sleeps in its loop, which new jobs and bytes from the broker wake.
 */
#include "broker/link_priv.h"

#include "broker/channel_priv.h"
#include "broker/connect_priv.h"
#include "broker/job_priv.h"
#include "broker/links_priv.h"
#include "metrics/metrics.h"

#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

static const int64_t second_us = 1000000;
static const int64_t backoff_start_us = 500000;
static const int64_t backoff_max_us = 10000000;
static const int64_t look_max_us = 2000000;
static const int64_t look_min_us = 100000;
static const int64_t prune_us = 100000; /* while messages wait for a blocked broker */

enum {
    READ_EVERY = 128,    /* messages published between two looks at what came */
    FRAMES_A_LOOK = 4096 /* the loop says again that there is more */
};

/* --- the queue ------------------------------------------------------------------------------------- */

void broker_link_take_job(void *arg)
{
    struct broker_job *job = arg;
    struct broker_link *link = job->link;
    job->next = NULL;
    if (link->queue == NULL)
        link->queue = job;
    else
        link->queue_last->next = job;
    link->queue_last = job;
}

static struct broker_job *link_pop(struct broker_link *link)
{
    struct broker_job *job = link->queue;
    link->queue = job->next;
    job->next = NULL;
    return job;
}

static void fail_queue(struct broker_link *link, const struct broker_result *why)
{
    while (link->queue != NULL)
        broker_job_answer(link_pop(link), why);
}

/* Those nobody waits for any more. */
static void link_prune(struct broker_link *link)
{
    static const struct broker_result canceled = { .verdict = BROKER_CANCELED };
    struct broker_job *list = link->queue;
    link->queue = link->queue_last = NULL;
    for (struct broker_job *job = list, *next; job != NULL; job = next) {
        next = job->next;
        if (atomic_load(&job->is_given_up))
            broker_job_answer(job, &canceled);
        else
            broker_link_take_job(job);
    }
}

/* --- the connection -------------------------------------------------------------------------------- */

static void on_readable(void *arg, uint32_t events)
{
    (void)arg; /* the loop has turned: the thread reads next */
    (void)events;
}

static void close_connection(struct broker_link *link)
{
    if (link->conn == NULL)
        return;
    loop_io_stop(link->loop, &link->io);
    broker_disconnect(link);
    atomic_store(&link->state, BROKER_DOWN);
    metrics_add(METRIC_BROKER_CONNECTIONS, -1);
    if (link->blocked_us != 0)
        metrics_add(METRIC_BROKER_BLOCKED, -1);
    link->blocked_us = 0;
    broker_channel_forget_all(link);
}

static void hold_off(struct broker_link *link, const struct broker_result *why)
{
    int64_t next_us = link->backoff_us * 2 < backoff_max_us ? link->backoff_us * 2 : backoff_max_us;
    link->backoff_us = link->backoff_us == 0 ? backoff_start_us : next_us;
    link->retry_at_us = clock_mono_us(clock_system()) + link->backoff_us;
    link->why_down = *why;
}

/* The connection is gone: everything published and not confirmed fails. */
static void end_lost(struct broker_link *link, const struct broker_result *why)
{
    LOG(BROKER_LOST, F_STR("broker", link->url.shown), F_TEXT("why", why->detail));
    broker_channel_fail_all(link, why);
    close_connection(link);
    hold_off(link, why);
}

/* The library sends heartbeats when it is called; the broker may want them as often as each second. */
static int64_t look_after(amqp_connection_state_t conn)
{
    int64_t heartbeat_us = amqp_get_heartbeat(conn) * second_us;
    if (heartbeat_us <= 0 || heartbeat_us / 4 > look_max_us)
        return look_max_us;
    return heartbeat_us / 4 < look_min_us ? look_min_us : heartbeat_us / 4;
}

static bool connect_now(struct broker_link *link)
{
    struct broker_result why;
    metrics_add(METRIC_BROKER_CONNECTS, 1);
    if (!broker_connect(link, &why)) {
        LOG(BROKER_UNREACHABLE, F_STR("broker", link->url.shown), F_TEXT("why", why.detail));
        hold_off(link, &why);
        return false;
    }
    link->io = (struct loop_io){ .fn = on_readable, .arg = link, .fd = link->fd };
    if (loop_io_start(link->loop, &link->io, EPOLLIN) != RC_OK) {
        broker_result_say(&why, BROKER_BUSY, 0, "the kernel is out of memory for another socket");
        broker_disconnect(link);
        hold_off(link, &why);
        return false;
    }
    link->look_us = look_after(link->conn);
    atomic_store(&link->state, BROKER_UP);
    metrics_add(METRIC_BROKER_CONNECTIONS, 1);
    LOG(BROKER_CONNECTED, F_STR("broker", link->url.shown));
    return true;
}

/* What came, up to a bound: a broker that never stops talking must not keep others' jobs waiting.
 * False: the connection is gone. */
static bool read_frames(struct broker_link *link)
{
    struct broker_result why;
    for (size_t count = 0; count < FRAMES_A_LOOK; count++) {
        broker_links_note_busy(link);
        struct timeval at_once = { 0 };
        amqp_frame_t frame;
        int status = amqp_simple_wait_frame_noblock(link->conn, &frame, &at_once);
        if (status == AMQP_STATUS_TIMEOUT)
            break;
        if (status != AMQP_STATUS_OK) {
            broker_result_say(&why, BROKER_CLOSED, 0, "the connection to the broker was lost: %s",
                              amqp_error_string2(status));
            end_lost(link, &why);
            return false;
        }
        if (!broker_channel_frame(link, &frame, &why)) {
            end_lost(link, &why);
            return false;
        }
    }
    amqp_maybe_release_buffers(link->conn);
    return true;
}

/* --- the thread ------------------------------------------------------------------------------------ */

static bool publish_one(struct broker_link *link)
{
    broker_links_note_busy(link);
    static const struct broker_result canceled = { .verdict = BROKER_CANCELED };
    struct broker_job *job = link_pop(link);
    if (atomic_load(&job->is_given_up)) {
        broker_job_answer(job, &canceled);
        return true;
    }
    struct broker_result why;
    bool is_up = broker_channel_publish(link, job, &why);
    if (!is_up)
        end_lost(link, &why);
    return is_up;
}

static void publish_queue(struct broker_link *link)
{
    size_t count = 0;
    while (link->queue != NULL && link->blocked_us == 0 &&
           broker_channel_has_room(link, link->queue)) {
        if (!publish_one(link))
            return;
        if (++count % READ_EVERY == 0 && !read_frames(link))
            return;
    }
    if (count > 0)
        link->backoff_us = 0;
    (void)read_frames(link);
}

/* How long the thread may sleep afterwards. */
static int64_t link_work(struct broker_link *link)
{
    if (link->conn == NULL && link->queue != NULL) {
        int64_t now_us = clock_mono_us(clock_system());
        bool is_early = now_us < link->retry_at_us;
        if (is_early || !connect_now(link)) {
            fail_queue(link, &link->why_down);
            return look_max_us;
        }
    }
    if (link->conn == NULL)
        return look_max_us;
    if (!read_frames(link))
        return 0;
    publish_queue(link);
    if (link->queue == NULL)
        return link->conn == NULL ? 0 : link->look_us;
    link_prune(link);
    return prune_us;
}

static void say_goodbye(struct broker_link *link)
{
    if (link->conn == NULL)
        return;
    struct timeval patience = { .tv_sec = 1 };
    (void)amqp_set_rpc_timeout(link->conn, &patience);
    if (!atomic_load(&link->is_stopping))
        (void)amqp_connection_close(link->conn, AMQP_REPLY_SUCCESS);
    close_connection(link);
}

void broker_link_run(void *arg)
{
    struct broker_link *link = arg;
    struct broker_result over;
    while (!broker_links_retire(link)) {
        broker_links_note_busy(link);
        int64_t sleep_us = link_work(link);
        atomic_store(&link->busy_since_us, 0);
        loop_turn(link->loop, sleep_us);
    }
    loop_turn(link->loop, 0); /* what was posted before the stop */
    broker_result_say(&over, BROKER_CLOSED, 0, "the server is stopping");
    fail_queue(link, &over);
    broker_channel_fail_all(link, &over);
    say_goodbye(link);
    atomic_store(&link->is_gone, true);
}
