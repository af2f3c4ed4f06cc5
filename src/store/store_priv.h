/* SPDX-License-Identifier: Apache-2.0
 *
 * What every backend's store begins with.
 */
#pragma once

#include "store/backend.h"
#include "store/config_priv.h"
#include "store/time_priv.h"
#include "store/watch.h"

/* What every backend's lookout begins with. */
struct store_lookout {
    const struct store_backend *backend;
};

struct store_held;

struct store {
    const struct store_backend *backend;
    struct store_held *held; /* store/held.h; NULL: still opening */
    struct store_options o; /* its clock is time.clock once the store's time is loaded */
    struct store_time time;
    bool is_time_kept; /* it was read, so that it may be written */
    struct store_config config;
    struct id_source *ids;
    const struct store_watcher *_Atomic watcher; /* NULL: nobody watches */
    _Atomic int64_t retention_us, idempotency_us, audit_us;
};

/* Fills what does not depend on the backend: its row, the options (whose `dir` is copied, to be freed), and what a reload changes. */
void store_init(struct store *s, const struct store_backend *backend, const struct store_options *o);

/* Reads what is kept of the store's time, once its configuration is open. */
MUST_USE enum rc store_time_load(struct store *s);
/* Writes it. Blocks; not a loop thread. */
void store_time_keep(struct store *s);
/* How long messages are kept: as long as their keys are remembered, at least. */
int64_t store_kept_us(const struct store *s);
