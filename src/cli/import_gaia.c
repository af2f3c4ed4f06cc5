/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel import gaia: takes the webhooks of the original Gaia service over from its etcd (v2 keys API,
 * everything under webhooks/), with their tokens, so that every URL keeps working. They go to the
 * running server a hundred at a time. Running it again changes nothing that has not changed there.
 */
#include "cli/import_priv.h"
#include "fetch/fetch.h"
#include "json/json.h"

#include <stdio.h>
#include <string.h>

enum {
    BATCH = 100,
    ETCD_MAX = 256 << 20,
    REPLY_MAX = 1 << 20,
    DEADLINE_US = 60000000,
    ETCD_US = 20000000
};

struct gaia_import {
    struct cli *cli;
    struct arena arena;
    struct fetch_options fetch;
    const char *server, *token;
    bool is_dry;
    json_t *records;
    json_int_t made, changed, same, left_out;
};

static bool import_gaia_ask(struct gaia_import *im, enum http_method method, struct str url,
                            struct str headers, struct str body, struct fetch_call *call)
{
    struct http_url parsed;
    struct buf why;
    bool ok;

    buf_init(&why, 512);
    fetch_call_init(call);
    ok = http_url_parse(url, &parsed, &why) == RC_OK;
    if (ok) {
        call->method = method;
        call->url = &parsed;
        call->headers = headers;
        call->body = body;
        call->deadline_us = call->connect_us = method == HTTP_GET ? ETCD_US : DEADLINE_US;
        call->response_keep = call->response_read = method == HTTP_GET ? ETCD_MAX : REPLY_MAX;
        fetch_run(&im->fetch, call);
        ok = call->error == FETCH_OK && call->status == 200;
        buf_say(&why, "status %d %s", call->status, call->detail);
    }
    if (!ok)
        (void)cli_failed(im->cli, "%.*s: %.*s", STR_ARGS(url), STR_ARGS(buf_str(&why)));
    buf_fini(&why);
    return ok;
}

/* --- what etcd has --------------------------------------------------------------------------------- */

static void take_record(struct gaia_import *im, const char *key, const char *value)
{
    json_t *record = NULL;
    const char *name = strrchr(key, '/');

    if (json_parse(str_from(value), &record, NULL) != RC_OK || !json_is_object(record)) {
        (void)cli_failed(im->cli, "%s: its value is not a JSON object", key);
        im->left_out++;
        json_decref(record);
        return;
    }
    if (name != NULL) /* by which the service looked a URL's token up, whatever the record says */
        json_object_set_new(record, "token", json_string(name + 1));
    json_array_append_new(im->records, record);
}

/* Folders are walked by a list, not by calls of calls: etcd decides how deep they go. */
static bool take_nodes(struct gaia_import *im, json_t *root)
{
    json_t *open = json_pack("[O]", root);
    bool ok = true;

    for (size_t i = 0; ok && i < json_array_size(open); i++) {
        const json_t *node = json_array_get(open, i);
        const char *key = json_string_value(json_object_get(node, "key"));
        const char *value = json_string_value(json_object_get(node, "value"));
        json_t *nodes = json_object_get(node, "nodes");
        ok = json_is_object(node) && (nodes == NULL || json_is_array(nodes));
        if (ok && nodes != NULL)
            json_array_extend(open, nodes);
        else if (ok && key != NULL && value != NULL)
            take_record(im, key, value);
    }
    json_decref(open);
    return ok;
}

static bool read_etcd(struct gaia_import *im, const char *etcd)
{
    struct fetch_call call;
    struct str url = arena_fmt(&im->arena, "%s/v2/keys/webhooks?recursive=true", etcd);
    json_t *answer = NULL;
    bool ok = import_gaia_ask(im, HTTP_GET, url, STR(""), STR(""), &call);

    if (ok) {
        ok = !call.response_cut && json_parse(call.response, &answer, NULL) == RC_OK &&
             json_object_get(answer, "node") != NULL &&
             take_nodes(im, json_object_get(answer, "node"));
        if (!ok)
            (void)cli_failed(im->cli, "%s: that is no answer of etcd's v2 keys API", etcd);
    }
    json_decref(answer);
    fetch_call_fini(&call);
    return ok;
}

/* --- handing it over ------------------------------------------------------------------------------- */

static void import_gaia_count(struct gaia_import *im, const json_t *answer)
{
    const json_t *left = json_object_get(answer, "leftOut");

    im->made += json_integer_value(json_object_get(answer, "made"));
    im->changed += json_integer_value(json_object_get(answer, "changed"));
    im->same += json_integer_value(json_object_get(answer, "same"));
    im->left_out += (json_int_t)json_array_size(left);
    for (size_t i = 0; i < json_array_size(left); i++) {
        const char *token = json_string_value(json_object_get(json_array_get(left, i), "token"));
        const char *why = json_string_value(json_object_get(json_array_get(left, i), "why"));
        (void)cli_failed(im->cli, "%s: left out: %s", token == NULL ? "" : token,
                         why == NULL ? "" : why);
    }
}

static bool import_gaia_hand_over(struct gaia_import *im, const json_t *batch)
{
    struct fetch_call call;
    json_t *answer = NULL;
    struct str url = arena_fmt(&im->arena, "%s/api/v1/gaia/import?dry_run=%s", im->server,
                               im->is_dry ? "true" : "false");
    struct str headers = arena_fmt(
        &im->arena, "Content-Type: application/json\r\nAuthorization: Bearer %s\r\n", im->token);
    bool ok = import_gaia_ask(im, HTTP_POST, url, headers, json_text(&im->arena, batch), &call);

    ok = ok && json_parse(call.response, &answer, NULL) == RC_OK;
    if (ok)
        import_gaia_count(im, answer);
    json_decref(answer);
    fetch_call_fini(&call);
    return ok;
}

static bool hand_over_all(struct gaia_import *im)
{
    bool ok = true;

    for (size_t at = 0; at < json_array_size(im->records) && ok; at += BATCH) {
        json_t *batch = json_array();
        for (size_t i = at; i < at + BATCH && i < json_array_size(im->records); i++)
            json_array_append(batch, json_array_get(im->records, i));
        ok = import_gaia_hand_over(im, batch);
        json_decref(batch);
    }
    printf("%s%lld made, %lld changed, %lld as they were, %lld left out\n",
           im->is_dry ? "would be: " : "", (long long)im->made, (long long)im->changed,
           (long long)im->same, (long long)im->left_out);
    return ok && im->left_out == 0;
}

/* The client: any address, since the operator named it. */
static bool import_gaia_prepare(struct gaia_import *im)
{
    struct buf why;

    buf_init(&why, 1024);
    enum rc rc = fetch_policy_new(STR("0.0.0.0/0,::/0"), STR(""), false, &im->fetch.policy, &why);
    if (rc == RC_OK)
        rc = tls_client_context(&(struct tls_client_options){ .verify = true }, &im->fetch.tls,
                                &why);
    if (rc != RC_OK)
        (void)cli_failed(im->cli, "%.*s", STR_ARGS(buf_str(&why)));
    buf_fini(&why);
    return rc == RC_OK;
}

int cli_import_gaia(struct cli *cli, const char *server, const char *token)
{
    const char *etcd = cli_take(cli, "etcd");
    struct gaia_import im = { .cli = cli, .token = token };

    im.is_dry = cli_take_switch(cli, "dry-run");
    if (server == NULL || token == NULL || etcd == NULL)
        return cli_misused(cli, "gaia needs --url=URL, --token or $GRAPNEL_TOKEN, and --etcd=URL");
    if (!cli_is_used_up(cli))
        return CLI_MISUSED;
    arena_init(&im.arena);
    im.records = json_array();
    im.server = cli_server_url(cli, "url", server, &im.arena);
    etcd = im.server == NULL ? NULL : cli_foreign_url(cli, "etcd", etcd, &im.arena);
    bool ok =
        etcd != NULL && import_gaia_prepare(&im) && read_etcd(&im, etcd) && hand_over_all(&im);
    json_decref(im.records);
    fetch_policy_unref(im.fetch.policy);
    SSL_CTX_free(im.fetch.tls);
    arena_fini(&im.arena);
    if (etcd == NULL)
        return CLI_MISUSED;
    return ok ? CLI_DONE : CLI_FAILED;
}
