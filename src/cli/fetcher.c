/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and key sets for the commands that verify webhooks. Most schemes need none, so what costs time and memory
 * (the authorities' certificates) is made when a request first asks for something.
 */
#include "cli/fetcher.h"
#include "cli/cli_priv.h"

#include <stdio.h>

enum { WHY_MAX = 512 };

bool cli_fetcher_init(struct cli *cli, struct cli_fetcher *f)
{
    const char *allow = cli_take(cli, "fetch-allow");
    struct buf why;

    *f = (struct cli_fetcher){ .name = cli->verb->name };
    mutex_init(&f->lock);
    buf_init(&why, WHY_MAX);
    bool good = fetch_policy_new(str_from(allow == NULL ? "" : allow), STR_NONE, true,
                                 &f->options.policy, &why) == RC_OK;
    if (!good)
        (void)cli_misused(cli, "--fetch-allow: %.*s", STR_ARGS(buf_str(&why)));
    buf_fini(&why);
    return good;
}

void cli_fetcher_fini(struct cli_fetcher *f)
{
    verify_remote_free(f->remote);
    fetch_policy_unref(f->options.policy);
    SSL_CTX_free(f->options.tls);
    mutex_fini(&f->lock);
}

static struct verify_remote *remote_of(struct cli_fetcher *f)
{
    const struct tls_client_options tls = { .verify = true };
    struct buf why;

    mutex_lock(&f->lock);
    if (f->remote == NULL && !f->has_failed) {
        buf_init(&why, WHY_MAX);
        f->has_failed = tls_client_context(&tls, &f->options.tls, &why) != RC_OK;
        if (f->has_failed)
            fprintf(stderr, "grapnel %s: %.*s\n", f->name, STR_ARGS(buf_str(&why)));
        else
            f->remote = verify_remote_new(&f->options, clock_system());
        buf_fini(&why);
    }
    struct verify_remote *remote = f->remote;
    mutex_unlock(&f->lock);
    return remote;
}

bool cli_fetcher_certificate(void *ctx, struct grapnel_bytes url, char *pem, size_t cap,
                             size_t *len)
{
    struct verify_remote *remote = remote_of(ctx);
    return remote != NULL && verify_remote_certificate(remote, url, pem, cap, len);
}

bool cli_fetcher_key_set(void *ctx, struct grapnel_bytes url, char *json, size_t cap, size_t *len)
{
    struct verify_remote *remote = remote_of(ctx);
    return remote != NULL && verify_remote_key_set(remote, url, json, cap, len);
}
