/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a transform: a request to a helper and its answer, against the clock. How helpers are had is
 * pool.c's.
 */
#include "transform/pool_priv.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

static const int64_t us_per_ms = 1000;

const struct transform_limits transform_limits_default = { .time_us = 100000,
                                                           .compile_us = 2000000,
                                                           .output_max = 1024 * 1024 };

struct call {
    struct transform_helper *helper;
    int64_t deadline_us;
    struct buf *why;
    bool is_late;
};

/* --- bytes against the clock -------------------------------------------------------------------------- */

/* False: the time is up, or the helper is gone. */
static bool wait_for(struct call *c, short events)
{
    struct pollfd p = { .fd = c->helper->fd, .events = events };
    for (;;) {
        int64_t left_us = c->deadline_us - clock_mono_us(clock_system());
        int ready = left_us <= 0 ? 0 : poll(&p, 1, (int)(left_us / us_per_ms) + 1);
        if (ready > 0)
            return true;
        if (ready < 0 && errno == EINTR)
            continue;
        c->is_late = ready == 0;
        return false;
    }
}

static bool send_all(struct call *c, const void *from, size_t len)
{
    const char *at = from;
    while (len > 0) {
        ssize_t put = send(c->helper->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EAGAIN && wait_for(c, POLLOUT))
            continue;
        if (put <= 0)
            return false;
        at += put;
        len -= (size_t)put;
    }
    return true;
}

static bool take_all(struct call *c, void *into, size_t len)
{
    char *at = into;
    while (len > 0) {
        ssize_t got = recv(c->helper->fd, at, len, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN && wait_for(c, POLLIN))
            continue;
        if (got <= 0)
            return false;
        at += got;
        len -= (size_t)got;
    }
    return true;
}

/* --- what came of it ---------------------------------------------------------------------------------- */

/* The helper did not answer: it was too slow, or it died of something. */
static enum rc transform_broken(struct call *c)
{
    int status = transform_helper_end(c->helper);
    bool is_slow = c->is_late || (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF);
    if (is_slow) {
        buf_say(c->why, "the program takes too long");
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == TRANSFORM_NO_MEMORY) {
        buf_say(c->why, "the program takes too much memory");
    } else if (WIFEXITED(status)) {
        LOG(FILTER_HELPER_FAILED, F_INT("code", WEXITSTATUS(status)));
        buf_say(c->why, "this system does not let a helper process start; see the server's log");
        return RC_IO;
    } else {
        buf_say(c->why, "the program made its process fail, perhaps by nesting too deep");
    }
    return RC_LIMIT;
}

static enum rc take_text(struct call *c, size_t len, struct buf *out)
{
    size_t before = out->len;
    if (buf_reserve(out, len) != RC_OK) {
        (void)transform_helper_end(c->helper);
        return RC_LIMIT;
    }
    if (!take_all(c, out->ptr + before, len))
        return transform_broken(c);
    out->len = before + len;
    out->ptr[out->len] = '\0';
    return RC_OK;
}

static enum rc take_words(struct call *c, size_t len)
{
    struct buf words;
    buf_init(&words, TRANSFORM_WORDS_MAX);
    enum rc rc = take_text(c, len, &words);
    if (rc == RC_OK)
        buf_say(c->why, "%.*s", STR_ARGS(str_trim(buf_str(&words))));
    buf_fini(&words);
    return rc == RC_OK ? RC_INVALID : rc;
}

static enum rc take_answer(struct call *c, const struct transform_limits *limits, struct buf *out)
{
    struct transform_reply reply = { 0 };
    if (!take_all(c, &reply, sizeof(reply)))
        return transform_broken(c);
    if (reply.word == TRANSFORM_READY) {
        c->deadline_us = clock_mono_us(clock_system()) + limits->time_us;
        if (!take_all(c, &reply, sizeof(reply)))
            return transform_broken(c);
    }
    switch ((enum transform_word)reply.word) {
    case TRANSFORM_RESULT: return out != NULL ? take_text(c, reply.len, out) : transform_broken(c);
    case TRANSFORM_EMPTY: buf_say(c->why, "the program gave no result"); return RC_NOT_FOUND;
    case TRANSFORM_BAD_PROGRAM:
    case TRANSFORM_FAILED: return take_words(c, reply.len);
    case TRANSFORM_TOO_LARGE:
        buf_say(c->why, "the result is longer than %zu bytes", limits->output_max);
        return RC_LIMIT;
    case TRANSFORM_READY: break;
    }
    c->is_late = true; /* it speaks nonsense: end it */
    return transform_broken(c);
}

/* --- the whole ---------------------------------------------------------------------------------------- */

static enum rc check_sizes(struct str program, struct str input, struct buf *why)
{
    if (program.len > TRANSFORM_PROGRAM_MAX) {
        buf_say(why, "the program is longer than %d bytes", TRANSFORM_PROGRAM_MAX);
        return RC_LIMIT;
    }
    if (input.len > TRANSFORM_INPUT_MAX) {
        buf_say(why, "the input is too long");
        return RC_LIMIT;
    }
    if (program.len > 0 && memchr(program.ptr, '\0', program.len) != NULL) {
        buf_say(why, "the program holds a NUL");
        return RC_INVALID;
    }
    return RC_OK;
}

static uint32_t output_max_of(const struct transform_limits *limits, const struct buf *out)
{
    return out == NULL || limits->output_max > UINT32_MAX ? UINT32_MAX
                                                          : (uint32_t)limits->output_max;
}

/* A helper that had died while it waited is no fault of this program's: once more with a new one. */
static enum rc transform_talk(struct transform_pool *p, struct call *c, struct str program,
                              struct str input, const struct transform_limits *limits,
                              struct buf *out)
{
    struct transform_request request = { .program_len = (uint32_t)program.len,
                                         .input_len = (uint32_t)input.len,
                                         .output_max = output_max_of(limits, out),
                                         .cpu_ms = (uint32_t)(limits->time_us / us_per_ms) + 1,
                                         .check_only = out == NULL };
    enum rc rc = RC_OK;
    bool is_sent = false;
    for (int tries = 0; tries < 2 && rc == RC_OK && !is_sent; tries++) {
        c->deadline_us = clock_mono_us(clock_system()) + limits->compile_us;
        is_sent = send_all(c, &request, sizeof(request)) && send_all(c, program.ptr, program.len) &&
                  send_all(c, input.ptr, input.len);
        if (!is_sent && !c->is_late && tries == 0)
            rc = transform_helper_renew(p, c->helper, c->why);
    }
    if (rc != RC_OK)
        return rc;
    return is_sent ? take_answer(c, limits, out) : transform_broken(c);
}

static enum rc transform_call(struct transform_pool *p, struct str program, struct str input,
                              const struct transform_limits *limits, struct buf *out,
                              struct buf *why)
{
    struct call c = { .why = why };
    thread_must_be(THREAD_WORKER);
    enum rc rc = check_sizes(program, input, why);
    if (rc == RC_OK)
        rc = transform_helper_take(p, program, limits->owner, &c.helper, why);
    if (rc != RC_OK)
        return rc;
    rc = transform_talk(p, &c, program, input, limits, out);
    transform_helper_give(p, c.helper);
    return rc;
}

enum rc transform_run(struct transform_pool *p, struct str program, struct str input,
                      const struct transform_limits *limits, struct buf *out, struct buf *why)
{
    int64_t before_us = clock_mono_us(clock_system());
    enum rc rc = transform_call(p, program, input, limits, out, why);
    metrics_add(rc == RC_OK || rc == RC_NOT_FOUND ? METRIC_FILTER_TRANSFORMS_DONE
                                                  : METRIC_FILTER_TRANSFORMS_FAILED,
                1);
    metrics_observe(METRIC_FILTER_TRANSFORM_TIME, clock_mono_us(clock_system()) - before_us);
    return rc;
}

enum rc transform_check(struct transform_pool *p, struct str program,
                        const struct transform_limits *limits, struct buf *why)
{
    struct buf nothing;
    buf_init(&nothing, 1);
    enum rc rc =
        transform_call(p, program, STR("null"), limits, NULL, why == NULL ? &nothing : why);
    buf_fini(&nothing);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
