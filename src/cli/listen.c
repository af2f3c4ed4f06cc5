/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel listen: a small receiver for trying things out. Prints each delivery on a line, says
 * whether its signature is right, and answers 204 (or what --status says).
 */
#include "cli/cli_priv.h"
#include "http/server.h"
#include "loop/loop.h"
#include "sign/sign.h"

#include <errno.h>
#include <stdio.h>

enum { STOP_US = 1000000, SHOWN_MAX = 400, BODY_MAX = 16 << 20, TOLERANCE_S = 300, MAC_BYTES = 32 };

struct listener {
    struct loop *loop;
    struct http_server *server;
    bool has_key;
    struct sign_key key;
    int status;
    bool quiet;
    int64_t left; /* deliveries until the end; 0: for ever */
};

/* A header of Standard Webhooks under its own or its older name. */
static struct str webhook_header(const struct http_call *call, const char *name, const char *older)
{
    struct str value = http_call_header(call, name);

    return value.len > 0 ? value : http_call_header(call, older);
}

/* What a delivery by `key` signs: "v1,<base64>" somewhere in the header. */
static const char *listen_verify(const struct listener *l, const struct http_call *call,
                                 struct str id)
{
    struct str stamp = webhook_header(call, "webhook-timestamp", "svix-timestamp");
    struct str given = webhook_header(call, "webhook-signature", "svix-signature");
    struct buf text;
    uint8_t mac[MAC_BYTES];
    char expected[BASE64_LEN(MAC_BYTES) + 1];
    struct str part;
    int64_t at_s;

    if (id.len == 0 || stamp.len == 0 || given.len == 0)
        return "not signed";
    if (!l->has_key)
        return "signature not checked";
    int64_t now_s = clock_wall_us(clock_system()) / 1000000;
    if (str_to_i64(stamp, &at_s) != RC_OK || at_s < now_s - TOLERANCE_S ||
        at_s > now_s + TOLERANCE_S)
        return "BAD TIMESTAMP";
    buf_init(&text, BODY_MAX + 1024);
    enum rc rc = buf_addf(&text, "%.*s.%.*s.", STR_ARGS(id), STR_ARGS(stamp));
    if (rc == RC_OK)
        rc = buf_add_str(&text, call->body);
    sign_hmac256(str_of((const char *)l->key.bytes, l->key.len), buf_str(&text), mac);
    buf_fini(&text);
    base64_encode(mac, sizeof mac, expected);
    while (rc == RC_OK && str_split(&given, ' ', &part)) {
        if (str_skip_prefix(&part, STR("v1,")) && str_eq_constant_time(part, str_from(expected)))
            return "verified";
    }
    return "BAD SIGNATURE";
}

static void listen_show(const struct http_call *call, struct str id, const char *verdict)
{
    char now[TIME_TEXT_LEN + 1];
    struct str shown = str_cut_utf8(call->body, SHOWN_MAX);

    time_format(clock_wall_us(clock_system()), now);
    printf("%s %.*s %.*s  %.*s  %s  %zu bytes  ", now, STR_ARGS(call->head->method_text),
           STR_ARGS(call->head->target), STR_ARGS(id), verdict, call->body.len);
    for (size_t i = 0; i < shown.len; i++)
        putchar((unsigned char)shown.ptr[i] < ' ' ? ' ' : shown.ptr[i]);
    printf("%s\n", shown.len < call->body.len ? "..." : "");
    fflush(stdout);
}

static void on_stopped(void *arg)
{
    struct listener *l = arg;

    loop_stop(l->loop);
}

static void on_call(void *ctx, struct http_call *call)
{
    struct listener *l = ctx;
    struct str id = webhook_header(call, "webhook-id", "svix-id");
    const char *verdict = listen_verify(l, call, id);

    if (!l->quiet)
        listen_show(call, id, verdict);
    http_call_reply(call, &(struct http_reply){ .status = l->status });
    if (l->left > 0 && --l->left == 0)
        http_server_stop(l->server, loop_now_us(l->loop) + STOP_US, on_stopped, l);
}

static bool take_secret(struct cli *cli, struct listener *l)
{
    const char *text = cli_take(cli, "secret");
    struct buf why;

    if (text == NULL)
        return true;
    buf_init(&why, 256);
    l->has_key = sign_key_parse(str_from(text), &l->key, &why) == RC_OK;
    if (!l->has_key)
        (void)cli_misused(cli, "--secret: %.*s", STR_ARGS(buf_str(&why)));
    else if (l->key.kind != SIGN_HMAC256)
        (void)cli_misused(cli, "--secret: only whsec_ secrets are checked here");
    buf_fini(&why);
    return l->has_key && l->key.kind == SIGN_HMAC256;
}

static int listen_on(struct cli *cli, struct listener *l, const char *address)
{
    static const struct http_limits limits = { .head_max = 65536,
                                               .body_max = BODY_MAX,
                                               .head_us = 30000000,
                                               .body_us = 60000000,
                                               .idle_us = 300000000,
                                               .write_us = 30000000,
                                               .connections_max = 4096 };
    struct buf why;
    int fd = -1;

    buf_init(&why, 512);
    if (http_listen_check(address, &why) != RC_OK || http_listen(address, &fd, &why) != RC_OK) {
        int code = cli_failed(cli, "%.*s", STR_ARGS(buf_str(&why)));
        buf_fini(&why);
        return code;
    }
    buf_fini(&why);
    struct str host = str_from(address);
    while (host.len > 0 && host.ptr[host.len - 1] != ':')
        host.len--;
    printf("listening on http://%.*s%u\n", STR_ARGS(host), (unsigned)http_listen_port(fd));
    fflush(stdout);
    l->loop = loop_new("listen", clock_system());
    if (l->loop == NULL)
        return cli_failed(cli, "cannot wait for connections: %s", strerrordesc_np(errno));
    l->server = http_server_new(l->loop, fd, NULL, &limits, on_call, l);
    loop_run(l->loop);
    http_server_free(l->server);
    loop_free(l->loop);
    return CLI_DONE;
}

static int listen_run(struct cli *cli)
{
    struct listener l = { 0 };
    const char *address = cli_take(cli, "listen");
    int64_t status;

    l.quiet = cli_take_switch(cli, "quiet");
    if (!cli_take_number(cli, "status", 204, 200, 599, &status) ||
        !cli_take_number(cli, "count", 0, 1, INT64_MAX, &l.left) || !take_secret(cli, &l) ||
        !cli_is_used_up(cli))
        return CLI_MISUSED;
    l.status = (int)status;
    return listen_on(cli, &l, address == NULL ? "127.0.0.1:0" : address);
}

const struct cli_verb cli_listen = {
    .name = "listen",
    .arguments = "[--listen=HOST:PORT] [--secret=whsec_...] [--status=204] [--count=N] [--quiet]",
    .summary = "Receive deliveries here, verify them and print them",
    .details =
        "  --listen    address to listen on; port 0, the default, picks a free port and prints it\n"
        "  --secret    the endpoint's secret, which signatures are checked with\n"
        "  --status    status to answer, 200 to 599\n"
        "  --count     exit after this many deliveries\n",
    .run = listen_run,
};
