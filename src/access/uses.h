/* SPDX-License-Identifier: Apache-2.0
 *
 * From where tokens and sessions are used, to the hour: so that whoever replaces one sees who still uses the old one.
 * A request costs a look at eight numbers of its identity. What is new (another hour, another address) is put into
 * memory, and written together about once a minute; a crash loses what was not written. Any thread, but for what says
 * otherwise.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"
#include "store/store.h"

enum {
    ACCESS_USES_MARKS = 8,
    ACCESS_USES_WAITING_MAX = 1024 /* not written yet; more are noted by a later request */
};

/* In each identity: the hours and addresses that were noted. Begins as zeros. */
struct access_uses_seen {
    atomic_ullong marks[ACCESS_USES_MARKS];
};

struct access_uses;
struct access_uses *access_uses_new(struct store *store, const struct clock *clock);
void access_uses_free(struct access_uses *u); /* NULL is fine */

/* Never blocks for long. `token`: number of its row. True: what waits should be written now, and the caller has to see to
 * it. Nobody else is told until the caller has said access_uses_begun(). */
bool access_uses_note(struct access_uses *u, int64_t token, struct access_uses_seen *seen, struct str peer);
/* The writing begins now, or cannot be begun: somebody else may be told. */
void access_uses_begun(struct access_uses *u);
/* Worker. Writes what waits. A failure is no reason to refuse anything: what it concerned is noted in the next hour. */
void access_uses_write(struct access_uses *u);
