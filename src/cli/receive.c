/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel receive: libgrapnel's receiver as a command. Flags into its configuration, signals into its
 * end; what is done with events stands in src/receive.
 */
#include "cli/cli_priv.h"
#include "cli/fetcher.h"
#include "receive/service.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    FILE_MAX = 8 << 20,
    WHY_MAX = 1024,
    GRACE_S = 10,
    TIMEOUT_S = 60,
    REPLAY_MOST = 16 << 20,
    RELOAD_NS = 300000000,
    ENDING = 2
};

struct receiving {
    struct cli *cli;
    struct grapnel_receiver_config config;
    struct grapnel_scheme *scheme;
    struct receive_live live; /* without files: no hooks */
    bool reloads;             /* when a file changes */
    struct receive_service service;
    struct grapnel_bytes secrets[GRAPNEL_SECRETS_MAX];
    const char *secret_file;
    char *secret_text; /* of it */
    char *tentative;   /* the file beside it for a secret that no event has verified with yet */
    char *tentative_text;
    struct cli_fetcher fetcher;
    int64_t grace_us;
};

static char *read_whole(struct cli *cli, const char *path, size_t *len)
{
    struct stat is;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = NULL;

    *len = 0;
    if (fd < 0 || fstat(fd, &is) != 0 || is.st_size > FILE_MAX) {
        (void)cli_failed(cli, "%s: cannot be read, or is larger than %d bytes", path, FILE_MAX);
    } else {
        text = xcalloc(1, (size_t)is.st_size + 1);
        ssize_t n = read(fd, text, (size_t)is.st_size);
        *len = n < 0 ? 0 : (size_t)n;
    }
    if (fd >= 0)
        (void)close(fd);
    return text;
}

static bool has_hooks(const struct receiving *r)
{
    return r->live.file_count > 0;
}

/* --- flags ------------------------------------------------------------------------------------------ */

static bool take_scheme(struct receiving *r)
{
    const char *preset = cli_take(r->cli, "preset");
    const char *file = cli_take(r->cli, "scheme");
    struct grapnel_scheme_error error = { 0 };
    size_t len;

    if (has_hooks(r))
        return preset == NULL && file == NULL
                   ? true
                   : cli_misused(r->cli, "hooks judge by their own rules: no --preset") == CLI_DONE;
    if (file == NULL) {
        if (preset == NULL)
            preset = "standard-webhooks";
        if (grapnel_scheme_preset(preset, &r->scheme) == GRAPNEL_VERIFIED)
            return true;
        (void)cli_misused(r->cli, "there is no preset \"%s\"", preset);
        return false;
    }
    char *text = read_whole(r->cli, file, &len);
    if (text == NULL)
        return false;
    enum grapnel_status status =
        grapnel_scheme_parse((struct grapnel_bytes){ text, len }, &r->scheme, &error);
    xfree(text);
    if (status != GRAPNEL_VERIFIED)
        (void)cli_failed(r->cli, "%s:%u: %s", file, error.line, error.reason);
    return status == GRAPNEL_VERIFIED;
}

static bool add_secret(struct receiving *r, struct str secret)
{
    if (r->config.secret_count == GRAPNEL_SECRETS_MAX) {
        (void)cli_misused(r->cli, "more than %d secrets", GRAPNEL_SECRETS_MAX);
        return false;
    }
    r->secrets[r->config.secret_count++] = (struct grapnel_bytes){ secret.ptr, secret.len };
    return true;
}

/* A secret a line. Keys in PEM take many lines: a file of one is one secret. */
static bool take_secret_file(struct receiving *r)
{
    const char *file = r->secret_file = cli_take(r->cli, "secret-file");
    size_t len;

    if (file == NULL)
        return true;
    r->secret_text = read_whole(r->cli, file, &len);
    if (r->secret_text == NULL)
        return false;
    struct str rest = str_of(r->secret_text, len), line;
    if (str_starts(rest, STR("-----BEGIN")))
        return add_secret(r, rest);
    while (rest.len > 0 && str_split(&rest, '\n', &line)) {
        if (str_trim(line).len > 0 && !add_secret(r, str_trim(line)))
            return false;
    }
    return true;
}

/* One that came in a handshake before, and is used as it was. */
static bool take_tentative(struct receiving *r)
{
    size_t len;

    if (r->secret_file == NULL)
        return true;
    size_t room = strlen(r->secret_file) + sizeof ".tentative";
    r->tentative = xcalloc(1, room);
    (void)snprintf(r->tentative, room, "%s.tentative", r->secret_file);
    if (r->config.secret_count > 0 || access(r->tentative, F_OK) != 0)
        return true;
    r->tentative_text = read_whole(r->cli, r->tentative, &len);
    if (r->tentative_text == NULL)
        return false;
    struct str rest = str_of(r->tentative_text, len), secret = STR_NONE;
    (void)str_split(&rest, '\n', &secret);
    r->config.is_tentative = secret.len > 0;
    return secret.len == 0 || add_secret(r, secret);
}

static bool take_secrets(struct receiving *r)
{
    r->config.secrets = r->secrets;
    for (const char *text; (text = cli_take(r->cli, "secret")) != NULL;) {
        if (!add_secret(r, str_from(text)))
            return false;
    }
    return take_secret_file(r) && take_tentative(r);
}

static bool take_size(struct receiving *r, const char *name, int64_t max, size_t *out)
{
    int64_t number;

    if (!cli_take_number(r->cli, name, 0, 1, max, &number))
        return false;
    *out = (size_t)number;
    return true;
}

static bool take_limits(struct receiving *r)
{
    struct grapnel_receiver_config *c = &r->config;
    int64_t count, success, replay_us;
    bool ok = take_size(r, "queue", 1000000, &c->queue_max) &&
              take_size(r, "body-max", INT64_C(1) << 30, &c->body_max) &&
              take_size(r, "connections", 100000, &c->connections_max) &&
              take_size(r, "replay-max", REPLAY_MOST, &c->replay_max) &&
              take_size(r, "concurrency", GRAPNEL_RECEIVER_RUNNING_MAX, &c->workers) &&
              cli_take_number(r->cli, "count", 0, 1, INT64_MAX, &count) &&
              cli_take_number(r->cli, "success", 0, 200, 299, &success) &&
              cli_take_duration(r->cli, "timeout", has_hooks(r) ? 0 : TIMEOUT_S * INT64_C(1000000),
                                &r->service.timeout_us) &&
              cli_take_duration(r->cli, "grace", GRACE_S * INT64_C(1000000), &r->grace_us) &&
              cli_take_duration(r->cli, "replay-window",
                                GRAPNEL_RECEIVER_REPLAY_S * INT64_C(1000000), &replay_us);

    if (ok) {
        atomic_store(&r->service.left, count);
        c->success = (unsigned)success;
        c->replay_s = replay_us == 0 ? -1 : (replay_us + 999999) / 1000000;
    }
    return ok;
}

static bool take_hooks(struct receiving *r)
{
    const char *prefix = cli_take(r->cli, "url-prefix");
    struct buf why;

    r->service.prefix = str_from(prefix == NULL ? "hooks" : prefix);
    r->reloads = cli_take_switch(r->cli, "hotreload");
    for (const char *file; (file = cli_take(r->cli, "hooks")) != NULL;) {
        if (r->live.file_count == RECEIVE_FILES_MAX) {
            (void)cli_misused(r->cli, "more than %d files of hooks", RECEIVE_FILES_MAX);
            return false;
        }
        r->live.files[r->live.file_count++] = file;
    }
    if (r->live.file_count == 0)
        return true;
    r->service.live = &r->live;
    buf_init(&why, WHY_MAX);
    enum rc rc = receive_live_init(&r->live, &why);
    if (rc != RC_OK)
        (void)cli_failed(r->cli, "%.*s", STR_ARGS(buf_str(&why)));
    buf_fini(&why);
    return rc == RC_OK;
}

/* Do these go together? */
static bool is_sensible(struct receiving *r, bool waits)
{
    if (waits && (r->service.command == NULL || has_hooks(r) || r->config.spool != NULL)) {
        (void)cli_misused(r->cli, "--wait goes with --exec, and without --spool");
        return false;
    }
    if (has_hooks(r) && r->service.command != NULL) {
        (void)cli_misused(r->cli, "hooks name their own commands: no --exec");
        return false;
    }
    if (r->reloads && !has_hooks(r)) {
        (void)cli_misused(r->cli, "--hotreload goes with --hooks");
        return false;
    }
    return true;
}

static void take_texts(struct receiving *r)
{
    struct grapnel_receiver_config *c = &r->config;
    struct str companion = str_from(cli_take(r->cli, "companion"));
    struct str url = str_from(cli_take(r->cli, "public-url"));
    const char *listen = cli_take(r->cli, "listen");

    c->listen = listen == NULL ? "127.0.0.1:0" : listen;
    c->companion = (struct grapnel_bytes){ companion.ptr, companion.len };
    c->public_url = (struct grapnel_bytes){ url.ptr, url.len };
    c->spool = cli_take(r->cli, "spool");
    r->service.command = cli_take(r->cli, "exec");
    r->service.history = cli_take(r->cli, "history");
    r->service.is_json = cli_take_switch(r->cli, "json");
    r->service.is_quiet = cli_take_switch(r->cli, "quiet");
    r->service.is_chatty = !r->service.is_quiet;
}

static bool take_all(struct receiving *r)
{
    struct grapnel_receiver_config *c = &r->config;
    bool waits = cli_take_switch(r->cli, "wait");

    take_texts(r);
    if (!take_hooks(r) || !take_scheme(r) || !take_secrets(r) || !take_limits(r) ||
        !cli_is_used_up(r->cli) || !is_sensible(r, waits))
        return false;
    c->scheme = r->scheme;
    c->on_judge = has_hooks(r) ? receive_on_judge : NULL;
    c->on_event = waits ? NULL : receive_on_event;
    c->on_reply = waits || has_hooks(r) ? receive_on_reply : NULL;
    c->remembers_replies = waits;
    c->handlers = waits ? c->workers : 0;
    r->service.concurrency = c->workers > 0 ? c->workers : RECEIVE_RUNS_MAX;
    if (has_hooks(r) && c->workers == 0)
        c->workers = GRAPNEL_RECEIVER_RUNNING_MAX; /* the shares are the limit */
    c->on_lane = receive_on_lane;
    c->on_note = receive_on_note;
    c->ctx = &r->service;
    return true;
}

/* --- running ---------------------------------------------------------------------------------------- */

/* A line of its own, in the file that only its owner may read. */
static bool keep_secret(const char *path, int how, struct grapnel_bytes secret)
{
    char end[] = "\n";
    struct iovec line[] = { { (void *)(uintptr_t)secret.ptr, secret.len }, { end, 1 } };
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0600);
    bool is_kept = fd >= 0 && writev(fd, line, 2) == (ssize_t)secret.len + 1 && fsync(fd) == 0;

    if (fd >= 0)
        (void)close(fd);
    return is_kept;
}

/* A secret is never printed: it goes to the file of secrets, or is known until this ends. */
static void on_learn(void *ctx, struct grapnel_bytes secret)
{
    const struct receiving *r = CONTAINER_OF(ctx, struct receiving, service);

    if (keep_secret(r->secret_file, O_APPEND, secret)) {
        (void)unlink(r->tentative);
        fprintf(stderr, "grapnel receive: learned a secret; it is in %s\n", r->secret_file);
    } else {
        fprintf(stderr, "grapnel receive: learned a secret; --secret-file would have kept it\n");
    }
}

static void on_tentative(void *ctx, struct grapnel_bytes secret)
{
    const struct receiving *r = CONTAINER_OF(ctx, struct receiving, service);

    if (keep_secret(r->tentative, O_TRUNC, secret))
        fprintf(
            stderr,
            "grapnel receive: a verification token came; it is in %s; copy it to the provider\n",
            r->tentative);
    else
        fprintf(stderr,
                "grapnel receive: a verification token came, and cannot be shown; start with "
                "--secret-file=FILE, and let the provider send it again\n");
}

/* Ends it as a signal would: the thread that waits for signals gets one. */
static void on_last(void *arg)
{
    (void)arg;
    (void)kill(getpid(), SIGTERM);
}

static struct str host_of(const char *address)
{
    struct str host = str_from(address);

    while (host.len > 0 && host.ptr[host.len - 1] != ':')
        host.len--;
    return host;
}

static void receive_reload(struct receiving *r)
{
    struct buf why;

    buf_init(&why, WHY_MAX);
    if (receive_live_reload(&r->live, &why) == RC_OK)
        fprintf(stderr, "grapnel receive: hooks were read again\n");
    else
        fprintf(stderr, "grapnel receive: hooks stay as they were: %.*s\n",
                STR_ARGS(buf_str(&why)));
    buf_fini(&why);
}

/* Until a signal that ends it; others, and the clock, have hooks read again. */
static void wait_for_signal(struct receiving *r, const sigset_t *signals)
{
    static const struct timespec tick = { .tv_nsec = RELOAD_NS };

    for (;;) {
        int got = r->reloads ? sigtimedwait(signals, NULL, &tick) : sigwaitinfo(signals, NULL);
        if (got == SIGINT || got == SIGTERM)
            return; /* below 0: a program's end interrupted it, or the tick is over */
        if (got > 0 || (r->reloads && receive_live_is_stale(&r->live)))
            receive_reload(r);
    }
}

/* Programs that run get the grace time (or until a second signal); then they are ended, and a spool
 * keeps their events. */
static void wait_for_end(struct receiving *r, struct grapnel_receiver *receiver,
                         const sigset_t *signals)
{
    wait_for_signal(r, signals);
    int64_t until_us = clock_mono_us(clock_system()) + r->grace_us;
    while (grapnel_receiver_waiting(receiver) > 0 && clock_mono_us(clock_system()) < until_us) {
        static const struct timespec tick = { .tv_nsec = 20000000 };
        int got = sigtimedwait(signals, NULL, &tick);
        if (got == SIGINT || got == SIGTERM)
            break;
    }
    atomic_store(&r->service.is_cut, true);
}

static int receive_serve(struct receiving *r)
{
    char why[WHY_MAX];
    static const int handled[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1 }; /* the first two end it */
    sigset_t signals;

    (void)sigemptyset(&signals);
    for (size_t i = 0; i < (has_hooks(r) ? sizeof handled / sizeof handled[0] : ENDING); i++)
        (void)sigaddset(&signals, handled[i]);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* a program need not read its input */
    r->service.envp = r->cli->envp;
    r->service.on_last = on_last;
    r->config.on_learn = on_learn;
    r->config.on_tentative = on_tentative;
    r->config.certificate = cli_fetcher_certificate;
    r->config.certificate_ctx = &r->fetcher;
    r->config.key_set = cli_fetcher_key_set;
    r->config.key_set_ctx = &r->fetcher;
    struct grapnel_receiver *receiver = grapnel_receiver_start(&r->config, why, sizeof why);
    if (receiver == NULL)
        return cli_failed(r->cli, "%s", why);
    printf("listening on http://%.*s%u\n", STR_ARGS(host_of(r->config.listen)),
           grapnel_receiver_port(receiver));
    fflush(stdout);
    wait_for_end(r, receiver, &signals);
    grapnel_receiver_stop(receiver, false);
    return CLI_DONE;
}

static int receive_run(struct cli *cli)
{
    struct receiving r = { .cli = cli };
    bool can_fetch = cli_fetcher_init(cli, &r.fetcher);
    int code = can_fetch && take_all(&r) ? receive_serve(&r) : CLI_MISUSED;

    cli_fetcher_fini(&r.fetcher);
    grapnel_scheme_free(r.scheme);
    if (has_hooks(&r))
        receive_live_fini(&r.live);
    if (r.secret_text != NULL)
        mem_wipe(r.secret_text, strlen(r.secret_text));
    if (r.tentative_text != NULL)
        mem_wipe(r.tentative_text, strlen(r.tentative_text));
    xfree(r.secret_text);
    xfree(r.tentative_text);
    xfree(r.tentative);
    return code;
}

const struct cli_verb cli_receive = {
    .name = "receive",
    .arguments = "[--preset=NAME] [--secret=...] [--exec=COMMAND | --hooks=FILE] [--spool=DIR] ...",
    .summary = "Receive webhooks: verify them, and print each one or run a program",
    .details =
        "  --listen         HOST:PORT to listen on; port 0, the default, picks a free port and prints it\n"
        "  --preset         how events are signed (standard-webhooks, github, stripe, ...)\n"
        "  --scheme         a file with your own scheme, instead of a preset\n"
        "  --secret         may be given several times; any of them may match\n"
        "  --secret-file    one secret per line; one learned in a handshake is added; one that has\n"
        "                   to be copied to the provider (notion) is in FILE.tentative first\n"
        "  --companion      the second value that some presets need\n"
        "  --public-url     this receiver's URL as the sender knows it; some presets sign it\n"
        "  --fetch-allow    private networks that keys and certificates may be fetched from\n"
        "  --exec           run this command for each event: body on standard input, GRAPNEL_ID,\n"
        "                   GRAPNEL_TYPE, GRAPNEL_HEADER_... in the environment\n"
        "  --wait           answer after the program ends: exit code 0 is 2xx, 65 is 422, 75 is 503\n"
        "  --hooks          a hooks.json of adnanh/webhook; a hook's path is /hooks/ID;\n"
        "                   may be given several times; SIGHUP and SIGUSR1 reload the files\n"
        "  --hotreload      reload hooks files whenever they change\n"
        "  --url-prefix     prefix of the hooks' paths (hooks)\n"
        "  --concurrency    programs that run at once (4; for hooks 512, in equal shares)\n"
        "  --queue          accepted events that may wait (10000)\n"
        "  --timeout        how long a program may run before it is killed (60s; hooks: no limit)\n"
        "  --grace          how long programs may run on at the end (10s)\n"
        "  --spool          folder for accepted events, so that none is lost, even in a crash\n"
        "  --history        file that gets one line of JSON per run\n"
        "  --replay-window  how long events are remembered (24h; 0s: not at all)\n"
        "  --replay-max     how many of the latest events are remembered (65536; 52 bytes of memory each)\n"
        "  --body-max       largest request body in bytes (26214400, or what the preset's provider sends)\n"
        "  --connections    connections open at once (4096)\n"
        "  --success        status to answer, 200 to 299\n"
        "  --json           print events as JSON, one line each\n"
        "  --count          exit after this many events\n"
        "  --quiet          print nothing\n",
    .run = receive_run,
};
