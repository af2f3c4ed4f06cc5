/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel verify: one request, checked by hand with the engine the server uses; or, with --sign, made.
 */
#include "verify/verify.h"
#include "cli/cli_priv.h"
#include "cli/fetcher.h"

#include <stdio.h>
#include <unistd.h>

enum {
    WORDS_MAX = 65536,
    HEADERS_MAX = 100,
    SCHEME_FILE_MAX = GRAPNEL_SCHEME_TEXT_MAX,
    BODY_MAX = 64 << 20
};

struct trial {
    const struct verify_scheme *scheme;
    struct verify_scheme *own;
    struct verify_book *book;
    struct grapnel_bytes secrets[GRAPNEL_SECRETS_MAX];
    struct grapnel_header headers[HEADERS_MAX];
    struct grapnel_config config;
    struct grapnel_request request;
    struct cli_fetcher fetcher;
    struct buf body;
};

static struct grapnel_bytes bytes_of(const char *text)
{
    return verify_bytes(str_from(text));
}

/* --- arguments --------------------------------------------------------------------------------------- */

static bool take_secrets(struct cli *cli, struct trial *t)
{
    const char *secret;
    while ((secret = cli_take(cli, "secret")) != NULL ||
           (secret = cli_take(cli, "secret2")) != NULL) {
        if (t->config.secret_count == COUNT_OF(t->secrets)) {
            (void)cli_misused(cli, "more than %d secrets", GRAPNEL_SECRETS_MAX);
            return false;
        }
        t->secrets[t->config.secret_count++] = bytes_of(secret);
    }
    t->config.secrets = t->secrets;
    return true;
}

static bool take_headers(struct cli *cli, struct trial *t)
{
    const char *line;
    while ((line = cli_take(cli, "header")) != NULL) {
        struct str text = str_from(line);
        size_t colon = str_find(text, ':');
        if (colon == text.len || colon == 0 || t->request.header_count == HEADERS_MAX) {
            (void)cli_misused(cli, "--header: \"Name: value\", at most %d times", HEADERS_MAX);
            return false;
        }
        t->headers[t->request.header_count++] =
            (struct grapnel_header){ verify_bytes(str_sub(text, 0, colon)),
                                     verify_bytes(str_trim(str_sub(text, colon + 1, text.len))) };
    }
    t->request.headers = t->headers;
    return true;
}

static bool take_request(struct cli *cli, struct trial *t)
{
    const char *method = cli_take(cli, "method");
    struct str url = str_from(cli_take(cli, "url"));
    size_t mark = str_find(url, '?');
    int64_t at_s = 0;
    const char *at = cli_take(cli, "at");
    const char *companion = cli_take(cli, "companion");
    t->request.method = bytes_of(method == NULL ? "POST" : method);
    t->request.url = verify_bytes(str_sub(url, 0, mark));
    t->request.query = verify_bytes(str_sub(url, mark + 1, url.len));
    t->config.companion = bytes_of(companion == NULL ? "" : companion);
    t->config.now_us = clock_wall_us(clock_system());
    if (at == NULL)
        return true;
    if (str_to_i64(str_from(at), &at_s) != RC_OK || at_s < 0 || at_s > INT64_C(99999999999)) {
        (void)cli_misused(cli, "--at: seconds since 1970");
        return false;
    }
    t->config.now_us = at_s * 1000000;
    return true;
}

static bool read_own(struct cli *cli, struct trial *t, const char *path)
{
    char text[SCHEME_FILE_MAX + 1];
    struct buf why;
    FILE *file = fopen(path, "rb");
    size_t len = file == NULL ? 0 : fread(text, 1, sizeof(text), file);
    if (file != NULL)
        (void)fclose(file);
    if (len == 0 || len > SCHEME_FILE_MAX) {
        (void)cli_misused(cli, "%s: cannot be read, is empty, or has more than %d bytes", path,
                          SCHEME_FILE_MAX);
        return false;
    }
    buf_init(&why, 512);
    bool good = verify_scheme_read(str_of(text, len), &t->own, &why) == RC_OK;
    if (!good)
        (void)cli_misused(cli, "%s: %.*s", path, STR_ARGS(buf_str(&why)));
    buf_fini(&why);
    t->scheme = t->own;
    return good;
}

static bool take_scheme(struct cli *cli, struct trial *t)
{
    const char *preset = cli_take(cli, "preset");
    const char *path = cli_take(cli, "scheme");
    const char *folder = cli_take(cli, "presets");
    struct buf why;
    if ((preset == NULL) == (path == NULL)) {
        (void)cli_misused(cli, "either --preset=NAME or --scheme=FILE");
        return false;
    }
    if (path != NULL)
        return read_own(cli, t, path);
    buf_init(&why, 1024);
    if (verify_book_open(folder, &t->book, &why) == RC_OK) {
        t->scheme = verify_book_find(t->book, str_from(preset));
        if (t->scheme == NULL)
            (void)cli_misused(cli, "there is no preset \"%s\"; grapnel source presets lists them",
                              preset);
    } else {
        (void)cli_misused(cli, "%.*s", STR_ARGS(buf_str(&why)));
    }
    buf_fini(&why);
    return t->scheme != NULL;
}

static bool read_body(struct cli *cli, struct trial *t)
{
    for (;;) {
        char chunk[16384];
        ssize_t got = read(STDIN_FILENO, chunk, sizeof(chunk));
        if (got == 0)
            break;
        if (got < 0 || buf_add(&t->body, chunk, (size_t)got) != RC_OK) {
            (void)cli_misused(cli, "the body cannot be read, or has more than %d bytes", BODY_MAX);
            return false;
        }
    }
    t->request.body = verify_bytes(buf_str(&t->body));
    return true;
}

/* --- doing ------------------------------------------------------------------------------------------- */

/* A file instead of what would be fetched. */
static bool read_file(void *ctx, struct grapnel_bytes url, char *out, size_t cap, size_t *len)
{
    FILE *file = fopen(ctx, "rb");
    (void)url;
    *len = file == NULL ? 0 : fread(out, 1, cap, file);
    if (file != NULL)
        (void)fclose(file);
    return *len > 0;
}

static void set_sources(struct cli *cli, struct trial *t)
{
    void *pem = (void *)(uintptr_t)cli_take(cli, "certificate");
    void *keys = (void *)(uintptr_t)cli_take(cli, "key-set");
    t->config.certificate = pem != NULL ? read_file : cli_fetcher_certificate;
    t->config.certificate_ctx = pem != NULL ? pem : &t->fetcher;
    t->config.key_set = keys != NULL ? read_file : cli_fetcher_key_set;
    t->config.key_set_ctx = keys != NULL ? keys : &t->fetcher;
}

static int verify_judge(struct trial *t)
{
    struct grapnel_verdict *verdict = XNEW(struct grapnel_verdict);
    char *words = xcalloc(1, WORDS_MAX);
    enum grapnel_status status =
        grapnel_explain(t->scheme->engine, &t->config, &t->request, verdict, words, WORDS_MAX);
    bool good =
        status == GRAPNEL_VERIFIED || status == GRAPNEL_UNSIGNED || status == GRAPNEL_HANDSHAKE;
    if (good) {
        printf("%s\n", grapnel_status_name(status));
        if (status == GRAPNEL_HANDSHAKE)
            printf("%.*s\n", STR_ARGS(verify_str(verdict->reply.body)));
        if (verdict->id.len > 0)
            printf("id %.*s\n", STR_ARGS(verify_str(verdict->id)));
        if (verdict->type.len > 0)
            printf("type %.*s\n", STR_ARGS(verify_str(verdict->type)));
    } else {
        fprintf(stderr, "%s\n%s", grapnel_status_name(status), words);
    }
    xfree(words);
    xfree(verdict);
    return good ? CLI_DONE : CLI_FAILED;
}

/* The headers to add, a line each; a signature that does not travel in a header by itself. */
static int verify_make(struct cli *cli, struct trial *t)
{
    struct grapnel_signature *made = XNEW(struct grapnel_signature);
    enum grapnel_status status = grapnel_sign(t->scheme->engine, &t->config, &t->request, made);
    int code = CLI_DONE;
    if (status != GRAPNEL_VERIFIED)
        code = cli_failed(cli, "%s", grapnel_status_name(status));
    for (size_t i = 0; code == CLI_DONE && i < made->header_count; i++)
        printf("%.*s: %.*s\n", STR_ARGS(verify_str(made->headers[i].name)),
               STR_ARGS(verify_str(made->headers[i].value)));
    if (code == CLI_DONE && made->header_count == 0)
        printf("%.*s\n", STR_ARGS(verify_str(made->value)));
    mem_wipe(made, sizeof(*made));
    xfree(made);
    return code;
}

static int verify_run(struct cli *cli)
{
    struct trial *t = XNEW(struct trial);
    bool sign = cli_take_switch(cli, "sign");
    int code = CLI_MISUSED;
    buf_init(&t->body, BODY_MAX);
    bool can_fetch = cli_fetcher_init(cli, &t->fetcher);
    set_sources(cli, t);
    if (can_fetch && take_secrets(cli, t) && take_headers(cli, t) && take_request(cli, t) &&
        take_scheme(cli, t) && cli_is_used_up(cli) && read_body(cli, t))
        code = sign ? verify_make(cli, t) : verify_judge(t);
    buf_fini(&t->body);
    verify_scheme_free(t->own);
    verify_book_free(t->book);
    cli_fetcher_fini(&t->fetcher);
    xfree(t);
    return code;
}

const struct cli_verb cli_verify = {
    .name = "verify",
    .arguments = "--preset=NAME --secret=S [--secret=S2] [...] < body",
    .summary = "Verify one webhook from the command line, or sign one",
    .details =
        "  --preset=NAME            how it is signed; grapnel source presets lists them\n"
        "  --scheme=FILE            ... or your own scheme\n"
        "  --presets=DIR            ... or a preset from that folder\n"
        "  --secret=TEXT            as the provider shows it; may be given several times\n"
        "  --companion=TEXT         the second value that some providers issue (a verify token)\n"
        "  --method=POST --url=URL  as the provider knows it, with its query\n"
        "  --header='Name: value'   may be given several times\n"
        "  --at=SECONDS             verify as of this time, in seconds since 1970 (default: now)\n"
        "  --certificate=FILE       PEM file to use instead of fetching the certificate (aws-sns)\n"
        "  --key-set=FILE           JSON file to use instead of fetching the key set (google-pubsub)\n"
        "  --fetch-allow=NETWORKS   private networks that those may be fetched from\n"
        "  --sign                   print the headers that sign the body instead\n"
        "Exit code 0: verified. 1: refused; standard error has the reason and the string that was signed.\n",
    .run = verify_run,
};
