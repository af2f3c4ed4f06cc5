/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration files. What was taken has to come back from its own description.
 */
#include "../fuzz.h"
#include "conf/conf.h"

enum { WHY_MAX = 4096, TEXT_MAX = 1 << 22 };

static void describe_and_read_again(const struct conf *c)
{
    struct buf text;
    struct buf why;
    struct buf again;
    buf_init(&text, TEXT_MAX);
    buf_init(&why, WHY_MAX);
    buf_init(&again, TEXT_MAX);
    conf_describe(c, &text);
    struct conf *back = conf_new();
    MUST(conf_parse(back, buf_str(&text), "description", &why) == RC_OK);
    conf_needs_restart(c, back, &again);
    struct str rest = buf_str(&again);
    struct str name;
    while (str_split(&rest, ',', &name)) /* secrets are not in it */
        MUST(str_contains(name, STR("secret")) || str_contains(name, STR("token")) ||
             str_ends(name, STR("amqp_url")) || str_ends(name, STR("store.url")) ||
             str_ends(name, STR("cell.others")));
    conf_free(back);
    buf_fini(&text);
    buf_fini(&why);
    buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf why;
    buf_init(&why, WHY_MAX);
    struct conf *c = conf_new();
    enum rc rc = conf_parse(c, str_of((const char *)data, size), "fuzz.conf", &why);
    MUST(rc == RC_OK || rc == RC_INVALID);
    MUST((rc == RC_OK) == (why.len == 0));
    if (rc == RC_OK)
        describe_and_read_again(c);
    conf_free(c);
    buf_fini(&why);
    return 0;
}
