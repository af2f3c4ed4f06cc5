/* SPDX-License-Identifier: Apache-2.0 */
#include "test_base.h"

#include <unistd.h>

struct tapped {
    struct buf text;
    int lines;
    enum log_event event;
};

static void on_line(void *ctx, enum log_event event, struct str line)
{
    struct tapped *tapped = ctx;
    tapped->event = event;
    tapped->lines++;
    buf_reset(&tapped->text);
    buf_say(&tapped->text, "%.*s", STR_ARGS(line));
}

static int start(void **state)
{
    static struct tapped tapped;
    tapped.lines = 0;
    buf_init(&tapped.text, 8192);
    log_configure(-1, LOG_LEVEL_INFO, false);
    log_tap(on_line, &tapped);
    *state = &tapped;
    return 0;
}

static int stop(void **state)
{
    struct tapped *tapped = *state;
    log_tap(NULL, NULL);
    buf_fini(&tapped->text);
    return 0;
}

/* The line without its time, which is the first field. */
static struct str rest_of(const struct tapped *tapped)
{
    struct str line = buf_str(&tapped->text);
    size_t cut = str_find(line, ' ');
    return str_sub(line, cut + 1, line.len);
}

static void a_line_has_time_level_event_and_fields(void **state)
{
    struct tapped *tapped = *state;
    LOG(SERVER_STARTED, F_STR("req", STR("r-1")), F_INT("took_us", -5), F_TEXT("why", "it is"),
        F_STR("empty", STR_NONE));
    assert_int_equal(tapped->event, EV_SERVER_STARTED);
    assert_str(rest_of(tapped),
               STR("level=info event=server.started req=r-1 took_us=-5 why=\"it is\" empty=\"\""));
    struct str line = buf_str(&tapped->text);
    int64_t us = 0;
    assert_true(str_skip_prefix(&line, STR("time=")));
    assert_rc(time_parse(str_sub(line, 0, TIME_TEXT_LEN), &us), RC_OK);
    LOG(SERVER_STARTED);
    assert_str(rest_of(tapped), STR("level=info event=server.started"));
    LOG(SERVER_STARTED, F_INT("least", INT64_MIN));
    assert_true(str_ends(rest_of(tapped), STR("least=-9223372036854775808")));
}

static void values_cannot_forge_lines_or_fields(void **state)
{
    struct tapped *tapped = *state;
    LOG(SERVER_STARTED, F_STR("v", STR("a\nlevel=error \"x\" \\ \x01\xFF\x7f")));
    assert_true(str_ends(rest_of(tapped),
                         STR(" v=\"a\\nlevel=error \\\"x\\\" \\\\ \\u0001\xEF\xBF\xBD\\u007f\"")));
    LOG(SERVER_STARTED, F_STR("v", STR("a=b")));
    assert_true(str_ends(rest_of(tapped), STR(" v=\"a=b\"")));
}

static void json_lines_are_objects(void **state)
{
    struct tapped *tapped = *state;
    log_configure(-1, LOG_LEVEL_INFO, true);
    LOG(SERVER_STARTED, F_STR("v", STR("a\"\n\x02")), F_INT("n", 7));
    struct str line = buf_str(&tapped->text);
    assert_true(str_starts(line, STR("{\"time\":\"2")));
    assert_true(str_ends(line, STR(",\"level\":\"info\",\"event\":\"server.started\","
                                   "\"v\":\"a\\\"\\n\\u0002\",\"n\":7}")));
}

static void long_values_and_lines_are_cut(void **state)
{
    struct tapped *tapped = *state;
    char text[3000];
    memset(text, 'a', sizeof(text));
    struct str value = str_of(text, sizeof(text));
    LOG(SERVER_STARTED, F_STR("v", value));
    struct str line = rest_of(tapped);
    assert_int_equal(line.len, strlen("level=info event=server.started v=") + 1024);
    LOG(SERVER_STARTED, F_STR("a", value), F_STR("b", value), F_STR("c", value), F_STR("d", value),
        F_INT("e", 1));
    line = rest_of(tapped);
    assert_true(str_ends(line, STR(" e=1 cut=true")));
    assert_true(str_contains(line, STR(" c=")) && !str_contains(line, STR(" d=")));
    log_configure(-1, LOG_LEVEL_INFO, true);
    memset(text, '\x01', sizeof(text)); /* six bytes each */
    LOG(SERVER_STARTED, F_STR("a", value), F_INT("e", 1));
    assert_true(str_ends(buf_str(&tapped->text), STR(",\"e\":1,\"cut\":true}")));
}

static void levels_below_the_least_are_left_out(void **state)
{
    struct tapped *tapped = *state;
    log_set_level(LOG_LEVEL_WARN);
    LOG(SERVER_STARTED);
    assert_int_equal(tapped->lines, 0);
    LOG(SERVER_CUT);
    assert_int_equal(tapped->lines, 1);
    log_set_level(LOG_LEVEL_INFO);
    LOG(SERVER_STARTED);
    assert_int_equal(tapped->lines, 2);
}

static void log_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 500; i++)
        LOG(SERVER_STARTED, F_STR("v", STR("0123456789")), F_INT("i", i));
}

static void lines_of_threads_do_not_mix(void **state)
{
    int ends[2];
    struct thread *threads[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    log_configure(ends[1], LOG_LEVEL_INFO, false);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        threads[i] = thread_start("log", THREAD_OTHER, log_many, NULL);
    struct buf all;
    buf_init(&all, 1 << 20);
    int lines = 0;
    while (lines < 1000) {
        char chunk[4096];
        ssize_t got = read(ends[0], chunk, sizeof(chunk));
        assert_true(got > 0);
        assert_rc(buf_add(&all, chunk, (size_t)got), RC_OK);
        for (ssize_t i = 0; i < got; i++)
            lines += chunk[i] == '\n';
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        thread_join(threads[i]);
    struct str rest = buf_str(&all);
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        assert_true(str_starts(line, STR("time=2")));
        assert_true(str_contains(line, STR("Z level=info event=server.started v=0123456789 i=")));
    }
    buf_fini(&all);
    log_configure(-1, LOG_LEVEL_INFO, false);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_time_level_event_and_fields, start, stop),
        cmocka_unit_test_setup_teardown(values_cannot_forge_lines_or_fields, start, stop),
        cmocka_unit_test_setup_teardown(json_lines_are_objects, start, stop),
        cmocka_unit_test_setup_teardown(long_values_and_lines_are_cut, start, stop),
        cmocka_unit_test_setup_teardown(levels_below_the_least_are_left_out, start, stop),
        cmocka_unit_test_setup_teardown(lines_of_threads_do_not_mix, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
