/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of one group of publishes: which of them were used before, by what the database has and by what the group
 * itself has decided so far; and what remains of them when all is decided. Thread of the accepts.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* What a key stands for. */
struct group_known {
    struct id id;
    int64_t created_us;
    uint8_t body_hash[POSTGRES_KEY_BYTES];
    bool has_request; /* it has the id of a request */
};

struct group_key {
    uint8_t key[POSTGRES_KEY_BYTES];
    struct group_known offered; /* by the first that has the key: what was inserted, if it was free */
    bool is_inserted;
    bool is_known;              /* `known`: of before this group */
    bool is_in_current;         /* ... by a row in the table that is written */
    struct group_known known;
    int64_t known_k;
    bool is_claimed;            /* `claim`: in this group */
    struct group_known claim;
};

struct group_keys {
    struct store_postgres *store;
    struct map *by_key;
    struct group_key **all;
    size_t count, room;
    struct postgres_columns offers;  /* key, k, body_hash */
    struct db_array missing;   /* keys that are not ours */
    struct db_array known_ks;
    struct db_array dropped;   /* keys that were inserted and are nobody's */
    struct postgres_columns changed; /* key, k, body_hash */
};

void store_postgres_group_keys_init(struct group_keys *g, struct store_postgres *s);
void store_postgres_group_keys_fini(struct group_keys *g);
void store_postgres_group_keys_reset(struct group_keys *g);
/* Those of a publish and of what comes with it. */
void store_postgres_group_keys_collect(struct group_keys *g, const struct store_publish *p);
/* In the group's transaction, after the fence: remembers what is free and reads the rest. Some round trips. */
void store_postgres_group_keys_send(struct group_keys *g, struct postgres_conn *c);
void store_postgres_group_keys_take(struct group_keys *g, struct postgres_conn *c);
/* A store_look_fn; ctx: the struct group_keys. */
MUST_USE enum rc store_postgres_group_keys_look(void *ctx, struct store_publish *p);
/* They are used by `p` now, and by those that are written with it. */
void store_postgres_group_keys_claim(struct group_keys *g, const struct store_publish *p);
/* Is a request known by the id of the earlier message that `p` was found to repeat? */
bool store_postgres_group_keys_has_request(struct group_keys *g, const struct store_publish *p);
/* All is decided: corrects what was remembered ahead. */
void store_postgres_group_keys_settle(struct group_keys *g, struct postgres_conn *c);
