/* SPDX-License-Identifier: Apache-2.0
 *
 * A helper process: reads requests, compiles (and remembers) programs, runs them, answers. One thread,
 * and nothing of the server's but this file. Whatever goes wrong ends the process; the pool makes another.
 */
#include <errno.h>
#include <jq.h>
#include <jv.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "transform/cage_priv.h"
#include "transform/transform_priv.h"

struct compiled {
    struct str text; /* owned */
    jq_state *jq;    /* NULL: free place */
    uint64_t used_at;
};

struct helper {
    struct compiled cache[TRANSFORM_CACHED];
    uint64_t turn;
    struct buf words; /* what jq said */
};

_Noreturn static void no_memory(void *ctx)
{
    (void)ctx;
    _exit(TRANSFORM_NO_MEMORY);
}

/* --- the socket --------------------------------------------------------------------------------------- */

/* False: the pool has closed it. */
static bool helper_read_all(void *into, size_t len)
{
    char *at = into;
    while (len > 0) {
        ssize_t got = read(0, at, len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        len -= (size_t)got;
    }
    return true;
}

static void write_all(const void *from, size_t len)
{
    const char *at = from;
    while (len > 0) {
        ssize_t put = write(0, at, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            _exit(TRANSFORM_PROTOCOL);
        at += put;
        len -= (size_t)put;
    }
}

static void helper_answer(enum transform_word word, struct str text)
{
    struct transform_reply reply = { word, (uint32_t)text.len };
    write_all(&reply, sizeof(reply));
    write_all(text.ptr, text.len);
}

/* --- compiling ---------------------------------------------------------------------------------------- */

/* Keeps the first thing jq says; what follows it only counts errors. */
static void on_message(void *ctx, jv message)
{
    struct helper *h = ctx;
    jv text = jq_format_error(message);
    struct str words = str_from(jv_string_value(text));
    (void)str_skip_prefix(&words, STR("jq: error: "));
    if (h->words.len == 0)
        buf_say(&h->words, "%.*s", STR_ARGS(words));
    jv_free(text);
}

static void on_debug(void *ctx, jv message)
{
    (void)ctx;
    jv_free(message);
}

/* `input` and `inputs` find the end at once. */
static jv no_input(jq_state *jq, void *ctx)
{
    (void)jq;
    (void)ctx;
    return jv_invalid();
}

static struct compiled *helper_find_place(struct helper *h, struct str program)
{
    struct compiled *oldest = &h->cache[0];
    for (size_t i = 0; i < COUNT_OF(h->cache); i++) {
        struct compiled *c = &h->cache[i];
        if (c->jq != NULL && str_eq(c->text, program))
            return c;
        if (c->used_at < oldest->used_at)
            oldest = c;
    }
    return oldest;
}

static void helper_forget(struct compiled *c)
{
    char *text = NULL;
    if (c->jq == NULL)
        return;
    jq_teardown(&c->jq);
    memcpy(&text, &c->text.ptr, sizeof(text)); /* ours, const for everyone else */
    xfree(text);
    *c = (struct compiled){ 0 };
}

/* NULL: h->words says why. `program` ends in NUL. */
static jq_state *helper_compile(struct helper *h, struct str program)
{
    struct compiled *c = helper_find_place(h, program);
    c->used_at = ++h->turn;
    if (c->jq != NULL && str_eq(c->text, program))
        return c->jq;
    helper_forget(c);
    jq_state *jq = jq_init();
    if (jq == NULL)
        no_memory(NULL);
    jq_set_nomem_handler(jq, no_memory, NULL);
    jq_set_error_cb(jq, on_message, h);
    jq_set_input_cb(jq, no_input, NULL); /* jq_init() leaves this and the next one to chance */
    jq_set_debug_cb(jq, on_debug, NULL);
    jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
    if (jq_compile(jq, program.ptr) == 0) {
        jq_teardown(&jq);
        if (h->words.len == 0)
            buf_say(&h->words, "the program does not compile");
        return NULL;
    }
    *c = (struct compiled){ { xmemdup(program.ptr, program.len), program.len }, jq, h->turn };
    return jq;
}

/* --- running ------------------------------------------------------------------------------------------ */

/* Processor time; wall clock time is the pool's to watch. 0: no bound. */
static void set_timer(uint32_t cpu_ms)
{
    struct itimerval timer = { .it_value = { cpu_ms / 1000, (suseconds_t)(cpu_ms % 1000) * 1000 } };
    (void)setitimer(ITIMER_PROF, &timer, NULL);
}

/* Consumes `invalid`: an error with its message, or the plain end of the results. */
static bool take_error(struct helper *h, jq_state *jq, jv invalid)
{
    if (jq_halted(jq)) {
        buf_say(&h->words, "halt has no place in a transform");
        jv_free(invalid);
        return true;
    }
    if (!jv_invalid_has_msg(jv_copy(invalid))) {
        jv_free(invalid);
        return false;
    }
    jv message = jv_invalid_get_msg(invalid);
    if (jv_get_kind(message) != JV_KIND_STRING)
        message = jv_dump_string(message, 0);
    buf_say(&h->words, "%s", jv_string_value(message));
    jv_free(message);
    return true;
}

static void answer_value(jv value, uint32_t output_max)
{
    jv text = jv_dump_string(value, 0);
    struct str s = str_of(jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)));
    set_timer(0);
    if (s.len > output_max)
        helper_answer(TRANSFORM_TOO_LARGE, STR(""));
    else
        helper_answer(TRANSFORM_RESULT, s);
    jv_free(text);
}

/* One result, none, or what is wrong. */
static void take_results(struct helper *h, jq_state *jq, uint32_t output_max)
{
    jv first = jq_next(jq);
    if (!jv_is_valid(first)) {
        if (take_error(h, jq, first))
            helper_answer(TRANSFORM_FAILED, buf_str(&h->words));
        else
            helper_answer(TRANSFORM_EMPTY, STR(""));
        return;
    }
    jv second = jq_next(jq);
    bool has_two = jv_is_valid(second);
    if (has_two)
        buf_say(&h->words, "more than one result; [ ... ] makes them one");
    if (has_two)
        jv_free(second);
    if (has_two || take_error(h, jq, second)) {
        jv_free(first);
        helper_answer(TRANSFORM_FAILED, buf_str(&h->words));
        return;
    }
    answer_value(first, output_max);
}

static void helper_run(struct helper *h, jq_state *jq, struct str input, uint32_t output_max)
{
    jv value = jv_parse_sized(input.ptr, (int)input.len);
    if (!jv_is_valid(value)) {
        if (!take_error(h, jq, value))
            buf_say(&h->words, "the input is no JSON");
        helper_answer(TRANSFORM_FAILED, buf_str(&h->words));
        return;
    }
    jq_start(jq, value, 0);
    take_results(h, jq, output_max);
    jq_start(jq, jv_null(), 0); /* lets go of what the run still holds */
}

/* `program` ends in NUL. */
static void serve_request(struct helper *h, const struct transform_request *req, struct str program,
                          struct str input)
{
    jq_state *jq = helper_compile(h, program);
    if (jq == NULL) {
        helper_answer(TRANSFORM_BAD_PROGRAM, buf_str(&h->words));
        return;
    }
    helper_answer(TRANSFORM_READY, STR(""));
    set_timer(req->cpu_ms);
    if (req->check_only != 0)
        helper_answer(TRANSFORM_EMPTY, STR(""));
    else
        helper_run(h, jq, input, req->output_max);
    set_timer(0);
}

static bool serve_one(struct helper *h)
{
    struct transform_request req;
    if (!helper_read_all(&req, sizeof(req)))
        return false;
    if (req.program_len > TRANSFORM_PROGRAM_MAX || req.input_len > TRANSFORM_INPUT_MAX)
        _exit(TRANSFORM_PROTOCOL);
    /* Taken anew each time: what one request needed is not held against the next one's memory. */
    char *program = xmalloc((size_t)req.program_len + 1 + req.input_len);
    char *input = program + req.program_len + 1;
    buf_reset(&h->words);
    bool is_read =
        helper_read_all(program, req.program_len) && helper_read_all(input, req.input_len);
    program[req.program_len] = '\0';
    if (is_read)
        serve_request(h, &req, str_of(program, req.program_len), str_of(input, req.input_len));
    xfree(program);
    return is_read;
}

/* The server's crash reports are about the server. */
static void restore_signals(void)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
    for (size_t i = 0; i < COUNT_OF(faults); i++)
        (void)signal(faults[i], SIG_DFL);
}

int transform_serve(const char *memory)
{
    uint64_t memory_max = 0;
    static struct helper h;
    static char *nothing[] = { NULL };
    environ = nothing; /* jq reads it without looking whether it is there */
    if (memory == NULL || str_to_u64(str_from(memory), &memory_max) != RC_OK)
        return TRANSFORM_PROTOCOL;
    restore_signals();
    if (!transform_cage_close((size_t)memory_max))
        return TRANSFORM_NO_CAGE;
    buf_init(&h.words, TRANSFORM_WORDS_MAX);
    while (serve_one(&h))
        continue;
    _exit(0); /* nothing to tidy, and leak checkers have no business in here */
}
