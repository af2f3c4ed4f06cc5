/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log inside the store.
 */
#pragma once

#include "store/act.h"
#include "store/audit_row.h"
#include "store/config_priv.h"

/* A row to write. `at_us` is the store's time. */
struct store_audit_new {
    struct store_audit row;
    int64_t app;
    bool is_passing;
};

/* Writes a row. Removes what is past the bounds now and then. */
MUST_USE enum rc store_audit_put(struct store_tx *tx, const struct store_audit_new *new);
/* The thread's act as a row; without an act, the server's. Texts are borrowed from the act. */
void store_audit_of_act(struct store_tx *tx, const char *action, struct store_audit_new *out);
/* The objects that the transaction changed, as rows, and the act's own if it must have one and left none. */
MUST_USE enum rc store_audit_flush(struct store_tx *tx);
