/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel reference: writes the pages of docs/reference, from the tables that the program itself
 * runs on. `make docs` calls it, and a check compares.
 */
#include "server/reference.h"
#include "cli/cli_priv.h"

#include <errno.h>
#include <stdio.h>

enum { PAGE_MAX = 4 << 20 };

static const struct page {
    const char *file;
    enum rc (*write)(struct buf *out);
} pages[] = {
    { "options.md", server_reference_options },       { "metrics.md", server_reference_metrics },
    { "log-events.md", server_reference_log_events }, { "api.md", server_reference_api },
    { "openapi.json", server_reference_openapi },
};

static int write_page(const struct cli *cli, const char *folder, const struct page *page)
{
    char path[4096];
    struct buf text;
    int code = CLI_DONE;

    buf_init(&text, PAGE_MAX);
    snprintf(path, sizeof path, "%s/%s", folder, page->file);
    enum rc rc = page->write(&text);
    FILE *file = rc == RC_OK ? fopen(path, "w") : NULL;
    if (rc != RC_OK)
        code = cli_failed(cli, "%s: %s", page->file, rc_name(rc));
    else if (file == NULL || fwrite(text.ptr, 1, text.len, file) != text.len)
        code = cli_failed(cli, "%s: %s", path, strerror(errno));
    if (file != NULL && fclose(file) != 0)
        code = cli_failed(cli, "%s: %s", path, strerror(errno));
    buf_fini(&text);
    return code;
}

static int reference_run(struct cli *cli)
{
    const char *folder = cli_take_word(cli);

    if (folder == NULL)
        return cli_misused(cli, "into which folder?");
    if (!cli_is_used_up(cli))
        return CLI_MISUSED;
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        int code = write_page(cli, folder, &pages[i]);
        if (code != CLI_DONE)
            return code;
    }
    return CLI_DONE;
}

const struct cli_verb cli_reference = {
    .name = "reference",
    .arguments = "FOLDER",
    .summary = "Write the reference pages (options, metrics, log events, API)",
    .run = reference_run,
};
