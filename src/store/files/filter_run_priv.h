/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs of filter chains: written by a job, read by page.
 */
#pragma once

#include "store/files/files_priv.h"

MUST_USE enum rc store_apply_filter_run(struct store_files *s, struct store_filter_run_job *j);

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_files_filter_run_get(struct store *store, int64_t app, const struct id *id, struct arena *a, struct store_filter_run *out);
MUST_USE enum rc store_files_filter_run_list(struct store *store, const struct store_filter_run_filter *f, const struct store_page *page, struct arena *a, struct store_filter_run *out, struct store_page_end *end);
