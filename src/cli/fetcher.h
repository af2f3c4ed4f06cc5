/* SPDX-License-Identifier: Apache-2.0
 *
 * What `grapnel verify` and `grapnel receive` fetch for schemes whose keys change (certificates of AWS SNS, key sets),
 * by the server's rules (verify/remote.h): https only, no private addresses but those of --fetch-allow.
 */
#pragma once

#include "verify/remote.h"

struct cli;

struct cli_fetcher {
    const char *name; /* of the command */
    struct fetch_options options;
    struct mutex lock; /* guards what follows */
    struct verify_remote *remote;
    bool has_failed;
};

/* Takes --fetch-allow. False: said why. cli_fetcher_fini() in both cases. */
bool cli_fetcher_init(struct cli *cli, struct cli_fetcher *f);
void cli_fetcher_fini(struct cli_fetcher *f);

/* grapnel_certificate_fn; ctx is the fetcher. Any thread; they block for up to 10 s. */
bool cli_fetcher_certificate(void *ctx, struct grapnel_bytes url, char *pem, size_t cap, size_t *len);
bool cli_fetcher_key_set(void *ctx, struct grapnel_bytes url, char *json, size_t cap, size_t *len);
