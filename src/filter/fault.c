/* SPDX-License-Identifier: Apache-2.0
 *
 * See filter/fault_priv.h.
 */
#include "filter/fault_priv.h"

#include <stdio.h>

enum rc filter_fail(struct filter_compiling *c, enum rc rc, const char *reason)
{
    if (c->fault != NULL) {
        struct str where = str_cut_utf8(buf_str(&c->where), sizeof(c->fault->where) - 1);
        (void)snprintf(c->fault->where, sizeof(c->fault->where), "%.*s", STR_ARGS(where));
        (void)snprintf(c->fault->reason, sizeof(c->fault->reason), "%s", reason);
    }
    return rc;
}
