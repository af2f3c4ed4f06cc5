/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel doctor: is everything in place for a server here?
 */
#include "server/doctor.h"
#include "cli/cli_priv.h"

#include <stdio.h>

static void doctor_say(void *ctx, enum server_verdict verdict, const char *check, struct str text)
{
    static const char *const words[] = { "ok  ", "warn", "FAIL" };

    (void)ctx;
    printf("%s  %-15s %.*s\n", words[verdict], check, STR_ARGS(text));
}

static int doctor_run(struct cli *cli)
{
    struct conf *conf = cli_conf(cli);

    if (conf == NULL)
        return CLI_MISUSED;
    enum server_verdict worst = server_doctor(conf, SERVER_DOCTOR_ALL, doctor_say, NULL);
    conf_free(conf);
    return worst == SERVER_CHECK_FAIL ? CLI_FAILED : CLI_DONE;
}

const struct cli_verb cli_doctor = {
    .name = "doctor",
    .arguments = "[--config=FILE] [--section.name=value ...]",
    .summary = "Check configuration, disk, limits, clock, names, TLS and the store",
    .details =
        "Takes the same options as `grapnel serve`. The exit code is 0 unless a line says FAIL.\n",
    .run = doctor_run,
};
