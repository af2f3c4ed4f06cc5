/* SPDX-License-Identifier: Apache-2.0
 *
 * See on_server.h.
 */
#include "on_server.h"

#include <stdio.h>
#include <stdlib.h>

#include "postgres.h"

static bool is_on_server(void)
{
    const char *where = getenv("STORE_CONFIG");
    return where != NULL && strcmp(where, "postgres") == 0;
}

/* Before main(), so that no program has to think of it, and before a test has said that there are any. */
__attribute__((constructor)) static void skip_without_server(void)
{
    if (is_on_server() && !postgres_is_there())
        exit(postgres_skip());
}

const char *on_server_url(void)
{
    static char *url;
    if (!is_on_server())
        return NULL;
    if (url == NULL)
        url = postgres_database();
    else
        postgres_empty(url);
    return url;
}
