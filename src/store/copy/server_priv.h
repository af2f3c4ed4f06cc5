/* SPDX-License-Identifier: Apache-2.0
 *
 * The database of a copy: a store on PostgreSQL that is read, or one that is made. While it is open no server of ours
 * can join, and no other copy begin.
 */
#pragma once

#include "store/copy/folder_priv.h"

struct copy_server {
    const struct store_copy_options *o;
    const char *url;
    struct buf *why;
    struct postgres_conn conn;
    int64_t key_bucket; /* the table of keys that is written */
};

/* A store to read. RC_NOT_FOUND: there is none; RC_BUSY: a server has it open; RC_CORRUPT: of another version, or itself a copy that was not
 * finished. store_copy_server_close() in any case. */
MUST_USE enum rc store_copy_server_open(struct copy_server *s);
/* Makes one in a database that is empty, or in which an earlier run of the same copy has begun one. RC_CONFLICT: neither. */
MUST_USE enum rc store_copy_server_make(struct copy_server *s, const char *identity);
void store_copy_server_close(struct copy_server *s);

MUST_USE enum rc store_copy_server_identity(struct copy_server *s, char out[static COPY_IDENTITY_MAX]);
MUST_USE enum rc store_copy_server_begin(struct copy_server *s, bool is_write); /* a transaction */
MUST_USE enum rc store_copy_server_commit(struct copy_server *s);
/* For store_copy_each() and others, with a transaction. */
struct copy_side store_copy_server_side(struct copy_server *s);

/* --- one to read */

/* Those that hold anything. xfree() the list. */
MUST_USE enum rc store_copy_server_segments(struct copy_server *s, struct copy_segments *out);
/* Fills the temporary table `unresolved`: deliveries that a server which was killed had accepted, and of which nothing but
 * their message is written down. */
MUST_USE enum rc store_copy_server_unresolved(struct copy_server *s);

/* --- one to make */

/* RC_CONFLICT: store_copy_server_done() noted it. */
MUST_USE enum rc store_copy_server_has(struct copy_server *s, int64_t n);
/* In a transaction: makes the tables of segment `n`, without indexes. */
MUST_USE enum rc store_copy_server_tables(struct copy_server *s, int64_t n);
/* ... makes partitions of them, once they are filled. */
MUST_USE enum rc store_copy_server_attach(struct copy_server *s, int64_t n, const struct copy_segment *seg);
/* ... and notes that the segment, or whatever else `n` stands for, is there. */
MUST_USE enum rc store_copy_server_done(struct copy_server *s, int64_t n);
/* In a transaction, the last one: from its commit on a server opens it. */
MUST_USE enum rc store_copy_server_finish(struct copy_server *s);
