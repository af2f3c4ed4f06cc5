/* SPDX-License-Identifier: Apache-2.0
 *
 * The doctor's checks of the database of store.url: can it be had, may it be used, what breaks a promise.
 */
#pragma once

#include "server/doctor.h"
#include "server/server_priv.h"

enum server_verdict server_doctor_database(const struct conf *c, struct buf *text);
enum server_verdict server_doctor_database_pooler(const struct conf *c, struct buf *text);
enum server_verdict server_doctor_database_rights(const struct conf *c, struct buf *text);
enum server_verdict server_doctor_database_durability(const struct conf *c, struct buf *text);
enum server_verdict server_doctor_database_clock(const struct conf *c, struct buf *text);
enum server_verdict server_doctor_database_room(const struct conf *c, struct buf *text);
enum server_verdict server_doctor_database_open(const struct conf *c, struct buf *text);
/* cells_show.c: the other cells' databases, names, numbers and main secret. */
enum server_verdict server_doctor_cells(const struct conf *c, struct buf *text);
