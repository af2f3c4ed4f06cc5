/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: who changed what, and what else people did. Rows of the table `audit`.
 *
 * Changes of the configuration are gathered by the database, by table and row (store/audited.c), and the commit itself
 * writes them down, in the same transaction: a function that writes cannot forget it, and a change that cannot be
 * recorded is not made. Who it was comes from the thread's act (store/act.h). What changes nothing in the
 * configuration (a resend, a refused login) is recorded by store_audit_act().
 *
 * Secrets never get here: of a member that is one only that it was set, changed or removed.
 *
 * Bounds: of an organisation the newest STORE_AUDIT_ORG rows are kept, of them at most STORE_AUDIT_APP of one
 * application, and STORE_AUDIT_PASSING of logins, portal links and what was refused, which therefore push nothing else
 * out; none longer than the time that is set (store_options.audit_us). A row has at most STORE_AUDIT_CHANGES bytes of
 * changes, in values of at most STORE_AUDIT_VALUE, and a commit leaves at most STORE_AUDIT_COMMIT rows; the last of
 * them then says how many objects more it changed.
 */
#pragma once

#include "store/act.h"
#include "store/audit_row.h"
#include "store/config.h"

struct store_audit_filter {
    int64_t org;
    bool with_server;   /* rows of no organisation, too */
    int64_t app;        /* 0: any */
    struct str object;  /* an id, of the object or of what it concerns; empty: any. With an app: of it */
    struct str who;     /* id or name, letter case does not matter; empty: any */
    struct str operation; /* whole, or its beginning when it ends in '*'; empty: any */
    struct str action;  /* empty: any */
    int64_t from_us, until_us; /* wall clock, from inclusive, until not; 0: open */
    struct str text;    /* in names, ids, operations and changes, letter case does not matter; empty: any */
};
/* Newest first unless page->descending is false; page->after: a number. RC_INVALID: it is none. At most the rows of one
 * organisation are looked at, some hundred milliseconds for what is rare. */
MUST_USE enum rc store_audit_list(struct store_tx *tx, const struct store_audit_filter *f, const struct store_page *page,
                                  struct arena *a, struct store_audit *out, struct store_page_end *end);
MUST_USE enum rc store_audit_find(struct store_tx *tx, int64_t org, bool with_server, int64_t num, struct arena *a,
                                  struct store_audit *out);

/* The commit of this transaction leaves a row of the thread's act even if it changes nothing that is audited. */
void store_audit_must(struct store_tx *tx);
/* Records the thread's act by itself; without an act nothing. Worker; blocks. */
MUST_USE enum rc store_audit_act(struct store *s, const char *action);
/* Removes some of what is older than is kept; the keeper calls it. */
void store_audit_forget(struct store *s);
/* Reload. */
void store_audit_set_keep(struct store *s, int64_t keep_us);
