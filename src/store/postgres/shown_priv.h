/* SPDX-License-Identifier: Apache-2.0
 *
 * Times that are shown against times in keys. A window of time that a reader asks for is one of times shown, by the wall
 * clock; keys go by the store's time. The two differ by what the wall clock was set, which is as a rule nothing.
 */
#pragma once

/* By how many seconds the time shown is later. A key begins with the seconds since 1400000000. */
#define POSTGRES_OFF(key, time) "((" time " / 1000000) - (" key " >> 32) - 1400000000)"
/* Worth an entry in the index of those that are off. */
enum { POSTGRES_SHOWN_SLACK_S = 60 };
#define POSTGRES_IS_OFF(key, time) POSTGRES_OFF(key, time) " NOT BETWEEN -60 AND 60"
