/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of the doctor that have a file of their own. Each says what it found, and what to do about it.
 */
#pragma once

#include "server/doctor.h"
#include "server/server_priv.h"

/* Can the processors of webfilters be asked? */
enum server_verdict server_doctor_processors(const struct conf *c, struct buf *text);

/* Can people log in to the console by what others say of them? */
enum server_verdict server_doctor_logins(const struct conf *c, struct buf *text);

/* What a start reads, in doctor_start.c: by the functions of the start. */
enum server_verdict server_doctor_authorities(const struct conf *c, struct buf *text);
enum server_verdict server_doctor_client_certificate(const struct conf *c, struct buf *text);
enum server_verdict server_doctor_certificate(const struct conf *c, struct buf *text);
enum server_verdict server_doctor_addresses(const struct conf *c, struct buf *text);
enum server_verdict server_doctor_networks(const struct conf *c, struct buf *text);
enum server_verdict server_doctor_presets(const struct conf *c, struct buf *text);
