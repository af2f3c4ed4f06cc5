/* SPDX-License-Identifier: Apache-2.0
 *
 * What is configured, for the doctor to look at.
 */
#pragma once

#include "conf/conf.h"
#include "db/db.h"

/* A connection to config.db or to the database of store.url, for db_close(). NULL: there is nothing there yet, or it cannot be
 * read, which another check says. */
struct db *server_doctor_config(const struct conf *c);
