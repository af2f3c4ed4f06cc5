/* SPDX-License-Identifier: Apache-2.0 */
#include "test_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/test-conf-XXXXXX";

static int write_file(void **state)
{
    static const char text[] = "[server]\nworkers = 2\nloops = 2\nlisten = a:1\n";
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

/* main() has its lists without const; literals have it. Nobody writes to them. */
static char **without_const(const char *const *list)
{
    char **same;
    memcpy(&same, &list, sizeof(same));
    return same;
}

static enum rc load(const char *file, const char *const *envp, int argc, const char *const *argv,
                    struct conf **out, struct buf *why)
{
    *out = NULL;
    return conf_load(file, argc, without_const(argv), without_const(envp), out, why);
}

static void a_later_source_wins(void **state)
{
    const char *const envp[] = { "PATH=/bin", "GRAPNEL_SERVER_WORKERS=3", "GRAPNEL_SERVER_LOOPS=3",
                                 NULL };
    const char *const argv[] = { "--server.workers=4", "--log.level", "warn", "--debug.enabled" };
    struct conf *c;
    (void)state;
    assert_int_equal(load(path, envp, 4, argv, &c, NULL), RC_OK);
    assert_true(c->workers == 4 && c->loops == 3);
    assert_string_equal(c->listen, "a:1");
    assert_string_equal(c->log_level, "warn");
    assert_string_equal(c->log_format, "logfmt");
    assert_true(c->debug_enabled);
    assert_string_equal(c->_sources[conf_option_find(STR("server.loops")) - conf_options],
                        "environment");
    assert_string_equal(c->_sources[conf_option_find(STR("server.workers")) - conf_options],
                        "flag");
    conf_free(c);
}

static void the_environment_may_name_the_file(void **state)
{
    char config[100];
    const char *envp[] = { config, "GRAPNEL_TOKEN=t", "GRAPNEL_URL=u", NULL };
    struct conf *c;
    (void)state;
    (void)snprintf(config, sizeof(config), "GRAPNEL_CONFIG=%s", path);
    assert_int_equal(load(NULL, envp, 0, NULL, &c, NULL), RC_OK);
    assert_true(c->workers == 2);
    conf_free(c);
}

static void a_file_that_was_named_must_be_there(void **state)
{
    struct buf why;
    struct conf *c;
    (void)state;
    buf_init(&why, 1000);
    assert_int_equal(load("/nowhere/grapnel.conf", NULL, 0, NULL, &c, &why), RC_IO);
    assert_says(&why, "/nowhere/grapnel.conf: No such file or directory");
    assert_null(c);
    assert_int_equal(load("/", NULL, 0, NULL, &c, NULL), RC_IO);
    buf_fini(&why);
}

static void mistakes_in_the_environment_are_named(void **state)
{
    static const struct {
        const char *entry;
        const char *why; /* NULL: not ours, no mistake */
    } cases[] = {
        { "GRAPNEL_SERVER_WORKRS=1", "did you mean GRAPNEL_SERVER_WORKERS?" },
        { "GRAPNEL_SEVER_LISTEN=1", "did you mean GRAPNEL_SERVER_LISTEN?" },
        { "GRAPNEL_HTTP_NOTHING_LIKE_IT=1",
          "environment: there is no option for GRAPNEL_HTTP_NOTHING_LIKE_IT" },
        { "GRAPNEL_SERVER_WORKERS=x",
          "GRAPNEL_SERVER_WORKERS: server.workers: \"x\" is not a whole number" },
        { "GRAPNEL_SERVICE_HOST=10.0.0.1", NULL },
        { "GRAPNEL_PORT_8071_TCP_ADDR=10.0.0.1", NULL },
        { "GRAPNEL_PORT=tcp://10.0.0.1:8071", NULL },
        { "OTHER_SERVER_WORKERS=x", NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *const envp[] = { cases[i].entry, NULL };
        struct buf why;
        struct conf *c;
        buf_init(&why, 1000);
        assert_int_equal(load(path, envp, 0, NULL, &c, &why),
                         cases[i].why == NULL ? RC_OK : RC_INVALID);
        if (cases[i].why != NULL)
            assert_says(&why, cases[i].why);
        conf_free(c);
        buf_fini(&why);
    }
}

static void mistakes_in_flags_are_named(void **state)
{
    static const struct {
        const char *argv[2];
        int argc;
        const char *why;
    } cases[] = {
        { { "serve" }, 1, "command line: \"serve\" is not a flag; flags are --section.name=value" },
        { { "--server.listn=x" },
          1,
          "command line: there is no option \"server.listn\"; did you mean server.listen?" },
        { { "--server.listen" }, 1, "command line: --server.listen needs a value" },
        { { "--server.workers", "0" },
          2,
          "command line: server.workers: 0 is not between 1 and 128 threads" },
        { { "--debug.enabled", "perhaps" }, 2, "debug.enabled: \"perhaps\" is not true or false" },
        { { "--" }, 1, "there is no option \"\"" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *const argv[] = { cases[i].argv[0], cases[i].argv[1] };
        struct buf why;
        struct conf *c;
        buf_init(&why, 1000);
        assert_int_equal(load(path, NULL, cases[i].argc, argv, &c, &why), RC_INVALID);
        assert_says(&why, cases[i].why);
        buf_fini(&why);
    }
}

static void a_reload_tells_what_waits_for_a_restart(void **state)
{
    struct buf names;
    (void)state;
    buf_init(&names, 1000);
    struct conf *now = conf_new();
    struct conf *next = conf_new();
    assert_int_equal(conf_parse(next, STR("log.level = debug\ndeliver.timeout = 1s"), "t", NULL),
                     RC_OK);
    conf_needs_restart(now, next, &names);
    assert_int_equal(names.len, 0);
    assert_int_equal(
        conf_parse(next, STR("server.listen = a:1\nstore.dir = b\ndebug.enabled = on"), "t", NULL),
        RC_OK);
    conf_needs_restart(now, next, &names);
    assert_string_equal(names.ptr, "server.listen,debug.enabled,store.dir");
    conf_free(now);
    conf_free(next);
    buf_fini(&names);
}

static void help_and_reference_have_every_option(void **state)
{
    struct buf help;
    struct buf reference;
    struct arena a = { 0 };
    (void)state;
    buf_init(&help, 1 << 20);
    buf_init(&reference, 1 << 20);
    conf_help(&help);
    conf_reference(&reference);
    for (size_t i = 0; i < conf_option_count; i++) {
        assert_says(&help, arena_fmt(&a, "    --%s=<", conf_options[i].name).ptr);
        assert_says(&reference, arena_fmt(&a, "| `%s` |", conf_options[i].name).ptr);
    }
    assert_says(&reference,
                "| `log.level` | string | `info` | `debug`, `info`, `warn`, `error` | yes | ");
    assert_says(&reference, "| `server.workers` | integer | `8` | 1 to 128 threads |  | ");
    struct str rest = buf_str(&help);
    struct str line;
    while (str_split(&rest, '\n', &line))
        assert_true(line.len <= 120);
    arena_fini(&a);
    buf_fini(&help);
    buf_fini(&reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_later_source_wins),
        cmocka_unit_test(the_environment_may_name_the_file),
        cmocka_unit_test(a_file_that_was_named_must_be_there),
        cmocka_unit_test(mistakes_in_the_environment_are_named),
        cmocka_unit_test(mistakes_in_flags_are_named),
        cmocka_unit_test(a_reload_tells_what_waits_for_a_restart),
        cmocka_unit_test(help_and_reference_have_every_option),
    };
    return cmocka_run_group_tests(tests, write_file, remove_file);
}
