/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection of the writers, the beat and the keeper: statements with binary parameters and results, one at a time or as a
 * pipeline, and each exchange with a deadline of its own, because TCP does not notice an answer that was swallowed.
 *
 * An exchange fails once: from then on its calls do nothing, and `rc`, `state` and `words` say what was first.
 * `is_lost` means that the connection is gone: nobody knows whether what was sent has been done.
 *
 * One thread at a time.
 */
#pragma once

#include <libpq-fe.h>

#include "store/postgres/params_priv.h"

enum { POSTGRES_STATEMENTS_MAX = 48, POSTGRES_UNREAD_MAX = 64, POSTGRES_ANSWER_US = 5000000,
       POSTGRES_SLOW_ANSWER_US = 35000000 /* of what may wait for a lock, or work for long */ };

struct postgres_statement {
    char *sql; /* owned */
    char name[16];
    bool is_there; /* the server has it */
};

struct postgres_conn {
    const char *url;     /* borrowed */
    PGconn *pg;          /* NULL: not connected */
    bool is_pooled;      /* each transaction may be another session (db/dial.h) */
    bool is_unconfirmed; /* the standby did not confirm what the exchange under way says is done */
    int64_t answer_us;   /* how long an exchange may take */
    int64_t deadline_us; /* of the one under way; monotonic */
    /* What became of the last exchange: */
    enum rc rc;
    bool is_lost;
    char state[6];       /* SQLSTATE; "": none */
    char words[256];
    /* Prepared on this connection, found by their text: */
    struct postgres_statement statements[POSTGRES_STATEMENTS_MAX];
    size_t statement_count;
    /* What was sent and not read, in order: which statement is being prepared; NULL: an answer to be taken. */
    struct postgres_statement *unread[POSTGRES_UNREAD_MAX];
    size_t unread_first, unread_count;
    /* Of a pipeline through a pooler: the settings go before the first statement that does not begin the transaction. */
    bool needs_settings;
    struct postgres_statement settings; /* stands in `unread` for their answer, which nobody takes */
};

void store_postgres_conn_init(struct postgres_conn *c, const char *url);
void store_postgres_conn_close(struct postgres_conn *c); /* fine when it is closed; may be opened again */
/* Connects, if it is not connected, to the primary (db/dial.h): 2 s for each host of the URL, unless that says otherwise. RC_IO. */
MUST_USE enum rc store_postgres_conn_open(struct postgres_conn *c);

/* Statements of ours without parameters, separated by semicolons; what they answer is dropped. */
MUST_USE enum rc store_postgres_exec(struct postgres_conn *c, const char *sql);
/* One statement that PostgreSQL runs outside of transactions only (VACUUM): through a pooler, without our settings. */
MUST_USE enum rc store_postgres_exec_alone(struct postgres_conn *c, const char *sql);
/* One statement. *out is to be cleared by the caller when it is RC_OK. `params`: NULL: none. */
MUST_USE enum rc store_postgres_query(struct postgres_conn *c, const char *sql, const struct postgres_params *params,
                                      PGresult **out);

/* A pipeline: what is sent is answered in order, the rest is skipped after the first failure. */
void store_postgres_pipe_begin(struct postgres_conn *c);
void store_postgres_pipe_send(struct postgres_conn *c, const char *sql, const struct postgres_params *params);
void store_postgres_pipe_flush(struct postgres_conn *c); /* what was sent so far is answered now */
/* The answer to the next one, for PQclear(); NULL: it failed. */
PGresult *store_postgres_pipe_take(struct postgres_conn *c);
/* The same for one whose answer has nothing to read. */
void store_postgres_pipe_skip(struct postgres_conn *c);
/* Reads the rest; rolls back what a failure left open. */
MUST_USE enum rc store_postgres_pipe_end(struct postgres_conn *c);

/* Values of a binary result. */
int64_t store_postgres_int(const PGresult *r, int row, int column); /* integers of any width, booleans; 0 for NULL */
struct str store_postgres_bytes(const PGresult *r, int row, int column); /* ptr NULL for NULL; borrowed from r */
