/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages that a group of outcomes needs itself: to send them again, or to erase what is in them. Thread of the outcomes.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

struct loaded_message {
    struct store_message message; /* borrowed from the answer; payload ptr NULL: gone */
    struct buf endpoints;         /* packed; more may be added */
    bool has_more;
};

struct loaded {
    struct store_postgres *store;
    struct db_array ks; /* to be read */
    PGresult *answer;
    struct map64 *by_k;
    struct postgres_columns changed; /* k, endpoints */
};

void store_postgres_loaded_init(struct loaded *l, struct store_postgres *s);
void store_postgres_loaded_fini(struct loaded *l);
void store_postgres_loaded_reset(struct loaded *l);
void store_postgres_loaded_want(struct loaded *l, const struct id *message);
/* In the group's transaction. */
void store_postgres_loaded_read(struct loaded *l, struct postgres_conn *c);
/* NULL: there is no such message, or not of that application. */
struct loaded_message *store_postgres_loaded_find(struct loaded *l, const struct id *message, int64_t app);
bool store_postgres_loaded_names(const struct loaded_message *m, int64_t endpoint);
void store_postgres_loaded_add(struct loaded_message *m, int64_t endpoint);
/* Writes the destinations that were added. */
void store_postgres_loaded_settle(struct loaded *l);
void store_postgres_loaded_send(struct loaded *l, struct postgres_conn *c);
