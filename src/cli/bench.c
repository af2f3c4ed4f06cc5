/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel bench: publishes to a running server as fast as it takes messages, or at a rate, the way
 * the SDKs do (keep-alive, one Idempotency-Key each), and prints what it saw.
 */
#include "cli/cli_priv.h"
#include "cli/load_priv.h"
#include "http/url.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { APPS_MAX = 100000, APPS_FILE_MAX = 16 << 20 };

struct apps {
    const char **ids;
    size_t count;
    char *text; /* owned; the file */
};

static bool read_apps(struct cli *cli, const char *path, struct apps *apps)
{
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        (void)cli_failed(cli, "cannot open %s", path);
        return false;
    }
    apps->text = xcalloc(1, APPS_FILE_MAX + 1);
    size_t len = fread(apps->text, 1, APPS_FILE_MAX, file);
    fclose(file);
    for (size_t i = 0, start = 0; i <= len && apps->count < APPS_MAX; i++) {
        if (i < len && apps->text[i] != '\n')
            continue;
        apps->text[i] = '\0';
        if (i > start)
            apps->ids[apps->count++] = apps->text + start;
        start = i + 1;
    }
    return true;
}

static bool take_apps(struct cli *cli, struct apps *apps)
{
    const char *one = cli_take(cli, "app");
    const char *file = cli_take(cli, "apps-file");

    apps->ids = xcalloc(APPS_MAX, sizeof *apps->ids);
    if (one != NULL)
        apps->ids[apps->count++] = one;
    if (file != NULL && !read_apps(cli, file, apps))
        return false;
    if (apps->count > 0)
        return true;
    (void)cli_misused(cli, "--app or --apps-file says where to publish");
    return false;
}

static bool take_url(struct cli *cli, struct load_options *o, char host[static 64])
{
    const char *text = cli_take(cli, "url");
    struct http_url url = { 0 };
    struct arena a;

    arena_init(&a);
    text = cli_server_url(cli, "url", text == NULL ? "http://127.0.0.1:8071" : text, &a);
    bool is_there = text != NULL && http_url_parse(str_from(text), &url, NULL) == RC_OK;
    bool fits = is_there && !url.tls && url.target.len == 0 && url.host.len < 64;
    if (is_there && !fits)
        (void)cli_misused(
            cli, "--url: '%s': bench needs a server of its own at plain http, without a path",
            text);
    if (fits)
        snprintf(host, 64, "%.*s", STR_ARGS(url.host));
    o->port = url.port;
    arena_fini(&a);
    return fits;
}

static bool take_target(struct cli *cli, struct load_options *o, char host[static 64])
{
    if (!take_url(cli, o, host))
        return false;
    o->host = host;
    o->token = cli_take(cli, "token");
    if (o->token == NULL)
        o->token = getenv("GRAPNEL_TOKEN");
    if (o->token != NULL || o->github_secret != NULL)
        return true;
    (void)cli_misused(cli, "--token or $GRAPNEL_TOKEN is needed");
    return false;
}

static bool take_load(struct cli *cli, struct load_options *o)
{
    int64_t connections, payload;
    const char *type = cli_take(cli, "event-type");

    o->github_secret = cli_take(cli, "github-secret");
    o->event_type = type == NULL ? "bench.load" : type;
    if (!cli_take_number(cli, "connections", 64, 1, LOAD_CONNECTIONS_MAX, &connections) ||
        !cli_take_number(cli, "payload", 1024, 1, 900000, &payload) ||
        !cli_take_number(cli, "event-types", 0, 0, 1000000, &o->event_types) ||
        !cli_take_number(cli, "rate", 0, 0, 10000000, &o->rate) ||
        !cli_take_number(cli, "count", 0, 0, INT64_MAX, &o->count) ||
        !cli_take_duration(cli, "duration", o->count > 0 ? 0 : 10000000, &o->duration_us))
        return false;
    o->connections = (int)connections;
    o->payload_bytes = (size_t)payload;
    return true;
}

static void print_json(const struct load_result *r)
{
    double seconds = (double)r->took_us / 1e6;

    printf("{\"sent\":%" PRId64 ",\"accepted\":%" PRId64 ",\"refused\":%" PRId64
           ",\"broken\":%" PRId64
           ",\"seconds\":%.3f,\"per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"p999_ms\":%.3f,\"max_ms\":%.3f,\"status\":{",
           r->sent, r->accepted, r->refused, r->broken, seconds, (double)r->accepted / seconds,
           (double)cli_load_quantile_us(r, 0.5) / 1e3, (double)cli_load_quantile_us(r, 0.99) / 1e3,
           (double)cli_load_quantile_us(r, 0.999) / 1e3, (double)r->worst_us / 1e3);
    const char *comma = "";
    for (int i = 0; i < LOAD_STATUS_MAX; i++) {
        if (r->by_status[i] > 0) {
            printf("%s\"%d\":%" PRId64, comma, i, r->by_status[i]);
            comma = ",";
        }
    }
    printf("}}\n");
}

static void print_words(const struct load_result *r)
{
    double seconds = (double)r->took_us / 1e6;

    printf("%" PRId64 " sent, %" PRId64 " accepted, %" PRId64 " refused, %" PRId64
           " broken in %.1f s: %.0f accepted a second\n",
           r->sent, r->accepted, r->refused, r->broken, seconds, (double)r->accepted / seconds);
    printf("latency ms: p50 %.2f  p99 %.2f  p99.9 %.2f  max %.2f\n",
           (double)cli_load_quantile_us(r, 0.5) / 1e3, (double)cli_load_quantile_us(r, 0.99) / 1e3,
           (double)cli_load_quantile_us(r, 0.999) / 1e3, (double)r->worst_us / 1e3);
    for (int i = 0; i < LOAD_STATUS_MAX; i++) {
        if (r->by_status[i] > 0 && (i < 200 || i >= 300))
            printf("status %d: %" PRId64 "\n", i, r->by_status[i]);
    }
}

static int bench_measure(struct cli *cli, const struct load_options *o, bool json)
{
    struct load_result *result = XNEW(struct load_result);
    struct buf why;
    int code = CLI_DONE;

    buf_init(&why, 512);
    if (cli_load_run(o, result, &why) != RC_OK)
        code = cli_failed(cli, "%.*s", STR_ARGS(buf_str(&why)));
    else if (json)
        print_json(result);
    else
        print_words(result);
    if (code == CLI_DONE && result->accepted == 0)
        code = CLI_FAILED;
    buf_fini(&why);
    xfree(result);
    return code;
}

static int bench_run(struct cli *cli)
{
    struct load_options o = { 0 };
    struct apps apps = { 0 };
    char host[64];
    int code = CLI_MISUSED;
    bool json = cli_take_switch(cli, "json");

    if (take_load(cli, &o) && take_target(cli, &o, host) && take_apps(cli, &apps) &&
        cli_is_used_up(cli)) {
        o.apps = apps.ids;
        o.app_count = apps.count;
        code = bench_measure(cli, &o, json);
    }
    xfree(apps.ids);
    xfree(apps.text);
    return code;
}

const struct cli_verb cli_bench = {
    .name = "bench",
    .arguments = "--token=... --app=ID [--url=http://127.0.0.1:8071] [...]",
    .summary = "Publish to a running server and measure it",
    .details =
        "  --connections=64   keep-alive connections, with one request in progress on each\n"
        "  --rate=0           requests per second; 0: as many as are answered\n"
        "  --duration=10s     or --count=N\n"
        "  --payload=1024     size of the payload in bytes\n"
        "  --event-type=NAME  event type to send (default: bench.load)\n"
        "  --event-types=N    use NAME.0, NAME.1, ... in turn; 0: NAME as it is\n"
        "  --github-secret=S  send to sources as GitHub does; --app is the last part of a source's URL\n"
        "  --apps-file=FILE   application ids, one per line, used in turn\n"
        "  --json             print the result as one line of JSON\n",
    .run = bench_run,
};
