/* SPDX-License-Identifier: Apache-2.0
 *
 * What others may see and do of a link while its thread works or hangs; under the pool's lock.
 */
#pragma once

#include "broker/broker_priv.h"

/* The link's thread: true if it has been idle long enough; then nobody can take it any more. */
bool broker_links_retire(struct broker_link *link);
void broker_links_set_fd(struct broker_link *link, int fd);
/* The thread is about to wait in the library, or has come back: for broker_links_cut_if_dead(). */
void broker_links_note_busy(struct broker_link *link);
/* Any thread, when the time of a call is over that was started then: shuts the connection down if it is no use. */
void broker_links_cut_if_dead(struct broker_link *link, int64_t started_us);
