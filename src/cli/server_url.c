/* SPDX-License-Identifier: Apache-2.0
 *
 * The address of a server as people paste it: with a slash at its end, with the API's path, or without http://. What
 * is meant beyond doubt is taken; else the answer is a sentence with what to write.
 */
#include "cli/cli_priv.h"
#include "http/url.h"

enum { WORDS_MAX = 1024 };

/* A token would go out in clear when http:// was guessed and is not what is meant; so nothing is guessed. */
static bool has_scheme(struct cli *cli, const char *option, struct str text)
{
    for (size_t i = 0; i + 3 <= text.len; i++)
        if (str_eq(str_sub(text, i, 3), STR("://")))
            return true;
    (void)cli_misused(
        cli, "--%s: '%.*s' does not say how to connect: write --%s=http://%.*s, or https://",
        option, STR_ARGS(text), option, STR_ARGS(text));
    return false;
}

/* Where the path begins that is not the API's own. */
static struct str own_path(struct str target)
{
    while (str_ends(target, STR("/")))
        target = str_sub(target, 0, target.len - 1);
    if (str_ends(target, STR("/api/v1")))
        target = str_sub(target, 0, target.len - strlen("/api/v1"));
    while (str_ends(target, STR("/")))
        target = str_sub(target, 0, target.len - 1);
    return target;
}

static const char *read_url(struct cli *cli, const char *option, const char *given,
                            bool may_have_user, struct arena *a)
{
    struct str text = str_trim(str_from(given));
    struct http_url url;
    struct buf why;

    if (!has_scheme(cli, option, text))
        return NULL;
    buf_init(&why, WORDS_MAX);
    enum rc rc = http_url_parse(text, &url, &why);
    if (rc != RC_OK)
        (void)cli_misused(cli, "--%s: '%.*s': %.*s", option, STR_ARGS(text),
                          STR_ARGS(buf_str(&why)));
    buf_fini(&why);
    if (rc != RC_OK)
        return NULL;
    if (url.userinfo.len > 0 && !may_have_user) {
        (void)cli_misused(
            cli, "--%s: takes no user and password; a token is given by --token or $GRAPNEL_TOKEN",
            option);
        return NULL;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '?' && text.ptr[i] != '#')
            continue;
        (void)cli_misused(cli, "--%s: '%.*s' goes on after the server's address: leave out '%.*s'",
                          option, STR_ARGS(text), STR_ARGS(str_sub(text, i, text.len)));
        return NULL;
    }
    struct str path = own_path(url.target);
    size_t head = (size_t)(url.target.ptr - text.ptr);
    return arena_fmt(a, "%.*s%.*s", STR_ARGS(str_sub(text, 0, head)), STR_ARGS(path)).ptr;
}

const char *cli_server_url(struct cli *cli, const char *option, const char *given, struct arena *a)
{
    return read_url(cli, option, given, false, a);
}

const char *cli_foreign_url(struct cli *cli, const char *option, const char *given, struct arena *a)
{
    return read_url(cli, option, given, true, a);
}
