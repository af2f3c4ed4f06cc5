/* SPDX-License-Identifier: Apache-2.0 */
#include "test_conf.h"

#include <stdio.h>

static void reads_sections_names_and_comments(void **state)
{
    static const char text[] = "# a comment\n"
                               "store.dir = /srv/hooks # and another\n"
                               "\n"
                               "[ server ] # the front\r\n"
                               "  listen=127.0.0.1:1,[::1]:2\r\n"
                               "\tworkers =  16\n"
                               "log.level = debug\n"
                               "[debug]\n"
                               "enabled = yes\n"
                               "token = a#b\n"
                               "[http]\n"
                               "body_max = 2MiB";
    struct buf why;
    (void)state;
    buf_init(&why, 1000);
    struct conf *c = conf_new();
    assert_int_equal(conf_parse(c, str_from(text), "t.conf", &why), RC_OK);
    assert_string_equal(c->data_dir, "/srv/hooks");
    assert_string_equal(c->listen, "127.0.0.1:1,[::1]:2");
    assert_true(c->workers == 16);
    assert_string_equal(c->log_level, "debug");
    assert_true(c->debug_enabled);
    assert_string_equal(c->debug_token, "a#b");
    assert_true(c->http_body_max == 2 << 20);
    assert_string_equal(c->_sources[conf_option_find(STR("server.workers")) - conf_options],
                        "t.conf:6");
    assert_string_equal(c->_sources[conf_option_find(STR("server.loops")) - conf_options],
                        "default");
    conf_free(c);
    buf_fini(&why);
}

static void quotes_keep_blanks_and_hashes(void **state)
{
    static const struct {
        const char *text;
        const char *value; /* NULL: a mistake */
    } cases[] = {
        { "\"a b # c\"", "a b # c" },
        { "\"\"", "" },
        { "\"a\\\"b\\\\\" # x", "a\"b\\" },
        { "  \" a \"  ", " a " },
        { "a \"b\"", "a \"b\"" },
        { "", "" },
        { "# nothing", "" },
        { "\"a", NULL },
        { "\"a\" b", NULL },
        { "\"a\\n\"", NULL },
        { "\"a\\", NULL },
        { "\"a\"#b", NULL },
        { "a\tb", NULL },
        { "a\x01", NULL },
        { "\xff", NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a = { 0 };
        struct conf *c = conf_new();
        struct str text = arena_fmt(&a, "store.dir =%s\n", cases[i].text);
        assert_int_equal(conf_parse(c, text, "t", NULL),
                         cases[i].value == NULL ? RC_INVALID : RC_OK);
        if (cases[i].value != NULL)
            assert_string_equal(c->data_dir, cases[i].value);
        conf_free(c);
        arena_fini(&a);
    }
}

static void mistakes_name_the_line_and_what_would_do(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        { "\nserver.lisen = x",
          "t.conf:2: there is no option \"server.lisen\"; did you mean server.listen?" },
        { "[server]\nlisten_on = x", "t.conf:2: there is no option \"server.listen_on\"" },
        { "lisen = x", "t.conf:1: there is no option \"lisen\"; did you mean server.listen?" },
        { "zzzzzzzzzzzz = 1", "t.conf:1: there is no option \"zzzzzzzzzzzz\"" },
        { "[sever]",
          "t.conf:1: there is no section [sever]; sections are server log debug http filter store" },
        { "[server", "t.conf:1: a section is written [name], alone on its line" },
        { "[server] x = 1", "t.conf:1: a section is written [name], alone on its line" },
        { "just words", "t.conf:1: expected name = value, [section] or # comment" },
        { "server.workers = 500",
          "t.conf:1: server.workers: 500 is not between 1 and 128 threads" },
        { "server.workers = many", "t.conf:1: server.workers: \"many\" is not a whole number" },
        { "deliver.timeout = 2h", "t.conf:1: deliver.timeout: 2h is not between 10ms and 1m" },
        { "deliver.timeout = 15", "\"15\" is not a duration such as 250ms" },
        { "http.body_max = 1TiB", "http.body_max: 1TiB is not between 1KiB and 64MiB" },
        { "debug.enabled = maybe", "\"maybe\" is not true or false" },
        { "log.level = loud", "log.level: \"loud\" is not one of debug|info|warn|error" },
        { "log.level = info\n\nlog.level = debug", "t.conf:3: log.level is set already in line 1" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf why;
        buf_init(&why, 1000);
        struct conf *c = conf_new();
        assert_int_equal(conf_parse(c, str_from(cases[i].text), "t.conf", &why), RC_INVALID);
        assert_says(&why, cases[i].why);
        conf_free(c);
        buf_fini(&why);
    }
}

static void a_mistake_does_not_show_a_secret(void **state)
{
    struct buf why;
    (void)state;
    buf_init(&why, 1000);
    struct conf *c = conf_new();
    assert_int_equal(conf_parse(c, STR("server.main_secret = hush\x01"), "t", &why), RC_INVALID);
    assert_says(&why, "t:1: server.main_secret: holds control characters");
    assert_false(str_contains(buf_str(&why), STR("hush")));
    conf_free(c);
    buf_fini(&why);
}

/* What is described can be read again, but for secrets. */
static void a_description_is_a_file(void **state)
{
    struct buf first;
    struct buf second;
    struct arena a = { 0 };
    (void)state;
    buf_init(&first, 1 << 16);
    buf_init(&second, 1 << 16);
    struct conf *c = conf_new();
    assert_int_equal(
        conf_parse(c,
                   STR("store.dir=\" a # \\\" \\\\ \"\nserver.workers=3\nfetch.ca_file=\"\\\"x\""),
                   "t", NULL),
        RC_OK);
    conf_describe(c, &first);
    assert_says(&first, "server.workers = 3  # t:2\n");
    assert_says(&first, "deliver.timeout = 15s  # default\n");
    assert_says(&first, "server.main_secret = (unset)  # default\n");
    struct conf *back = conf_new();
    struct str text = arena_str(&a, buf_str(&first));
    assert_int_equal(conf_parse(back, text, "t", &second), RC_OK);
    assert_string_equal(back->data_dir, " a # \" \\ ");
    assert_string_equal(back->fetch_ca_file, "\"x");
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *o = &conf_options[i];
        if ((o->flags & CONF_SECRET) != 0)
            continue;
        if (o->kind == CONF_KIND_STRING || o->kind == CONF_KIND_LIST)
            assert_string_equal(conf_text_of(c, o), conf_text_of(back, o));
        else
            assert_true(conf_number_of(c, o) == conf_number_of(back, o));
    }
    conf_free(c);
    conf_free(back);
    arena_fini(&a);
    buf_fini(&first);
    buf_fini(&second);
}

struct seen {
    size_t count, secrets, reloadable;
    char proxy[64], secret[16], workers[16];
};

static void see(void *arg, const struct conf_shown *o)
{
    struct seen *seen = arg;
    seen->count++;
    seen->secrets += o->is_secret;
    seen->reloadable += o->is_reloadable;
    char *into = strcmp(o->name, "fetch.proxy") == 0          ? seen->proxy
                 : strcmp(o->name, "server.main_secret") == 0 ? seen->secret
                 : strcmp(o->name, "server.workers") == 0     ? seen->workers
                                                              : NULL;
    if (into != NULL)
        snprintf(into, sizeof seen->secret, "%.*s", STR_ARGS(o->value));
}

static void options_are_shown_without_secrets(void **state)
{
    struct seen seen = { 0 };
    (void)state;
    struct conf *c = conf_new();
    assert_int_equal(conf_parse(c,
                                STR("server.main_secret=hush-hush-hush-hush\nserver.workers=3\n"
                                    "fetch.proxy=http://u:hush@p:1"),
                                "t", NULL),
                     RC_OK);
    conf_show(c, see, &seen);
    assert_true(seen.count == conf_option_count);
    assert_true(seen.secrets > 0 && seen.reloadable > 0 && seen.reloadable < seen.count);
    assert_string_equal(seen.secret, "(set)");
    assert_string_equal(seen.workers, "3");
    assert_null(strstr(seen.proxy, "hush"));
    conf_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_sections_names_and_comments),
        cmocka_unit_test(quotes_keep_blanks_and_hashes),
        cmocka_unit_test(mistakes_name_the_line_and_what_would_do),
        cmocka_unit_test(a_mistake_does_not_show_a_secret),
        cmocka_unit_test(a_description_is_a_file),
        cmocka_unit_test(options_are_shown_without_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
