/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows that a group of publishes, records and filter runs writes, column by column. Thread of the accepts.
 */
#pragma once

#include "store/filter_run.h"
#include "store/postgres/postgres_priv.h"
#include "store/request.h"

struct accept_rows {
    struct postgres_columns messages;  /* alone */
    struct postgres_columns requested; /* with the request they came in */
    struct postgres_columns requests;
    struct postgres_columns runs;
    struct postgres_columns waiting;
    struct postgres_columns trims; /* source, first_k, end_k */
    struct buf scratch;
};
void store_postgres_accept_rows_init(struct accept_rows *rows);
void store_postgres_accept_rows_fini(struct accept_rows *rows);
void store_postgres_accept_rows_reset(struct accept_rows *rows);

/* Can PostgreSQL keep the texts of it? */
bool store_postgres_accept_fits(const struct store_publish *p);
/* A message with the deliveries that do not stay in memory: those due after `until_us`, or all (is_late). */
void store_postgres_accept_message(struct accept_rows *rows, const struct store_publish *p, int64_t until_us,
                                   bool is_late);
/* `p`: what made its messages; NULL: it has none. `bounded`: by source, as in struct store_postgres. */
void store_postgres_accept_request(struct accept_rows *rows, struct store_postgres *s, const struct store_request *r,
                                   const struct store_publish *p);
void store_postgres_accept_run(struct accept_rows *rows, const struct store_filter_run *r);
/* Sends what there is. `is_replay`: what is there already is ours. */
void store_postgres_accept_send(struct accept_rows *rows, struct postgres_conn *c, bool is_replay);
