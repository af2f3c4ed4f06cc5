/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store's tests share: a store in a folder of its own with a clock the test moves, and
 * the writes as calls that wait for their commit. Only the public interface is used, so the suite
 * can run on another backend.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/application.h"
#include "store/endpoint.h"
#include "store/event_type.h"
#include "store/flow.h"
#include "store/token.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

enum { TEST_APP = 7, TEST_ORG = 3 };

struct fixture {
    char dir[64];
    struct store_options options;
    struct store *store;
    struct arena arena;
};

/* With STORE_CONFIG=postgres the configuration is on PostgreSQL, and what flows where the backend keeps it. */
/* cmocka set-up and tear-down: *state is a struct fixture, its store is open. */
int fixture_open(void **state);
int fixture_close(void **state);
void fixture_reopen(struct fixture *f);
/* Are its segments files? Then what rolls one and what is beside it can be seen. */
bool fixture_is_files(const struct fixture *f);
/* Removes the folder and what is in it. */
void remove_folder(const char *dir);

/* The clock of all fixtures. */
int64_t test_now_us(void);
void test_advance_us(int64_t us);
/* Sets the wall clock alone, ahead of the monotonic one by so much; fixture_open() sets it right. */
void test_set_wall_ahead_us(int64_t us);

/* Polls until `is_so(arg)`, at most 20 s of real time; fails the test otherwise. */
void wait_until(bool (*is_so)(void *arg), void *arg);

/* --- writes that wait ------------------------------------------------------------------------------- */
struct publish_spec {
    int64_t app;                                                                /* 0: TEST_APP */
    const char *event_type, *event_id, *channels, *tags, *key, *body, *payload; /* NULL: none */
    const int64_t *endpoints; /* NULL: endpoint 1 alone */
    size_t endpoint_count;
    int64_t deliver_at_us, expires_us;
};
struct published {
    enum rc rc;
    enum store_published result;
    struct id id, first;
    int64_t first_created_us;
};
struct published publish(struct fixture *f, struct publish_spec spec);
/* Publishes a message that was made before (its id is taken as it is) under a key; RC_OK is required. */
enum store_published publish_made(struct fixture *f, const struct store_message *from, uint8_t key);
/* The first attempt of (message, endpoint) ends in `to`. */
enum rc finish(struct fixture *f, struct id message, int64_t endpoint, enum store_state from,
               enum store_state to);
enum rc record(struct fixture *f, struct store_outcome *o);
/* An outcome as `finish` sends it, to change before record(). */
struct store_outcome outcome_of(struct fixture *f, struct id message, int64_t endpoint,
                                enum store_state from, enum store_state to);
enum rc requeue(struct fixture *f, struct store_requeue *r);
enum rc expunge(struct fixture *f, struct store_expunge *e);

/* State of one delivery; 0 when there is none. */
int state_of(struct fixture *f, struct id message, int64_t endpoint);
const char *id_text(struct fixture *f, const char *prefix, struct id id);
