/* SPDX-License-Identifier: Apache-2.0
 *
 * A name server for the world: the one that the server's resolver asks (10.53.0.1). It answers A and AAAA, over
 * datagrams. World tasks only; the rules of sim.h hold. A life begins without names.
 */
#pragma once

#include "sim.h"

/* Once in a life, before the first name. */
void dns_start(void);
/* The name has this address, IPv4 or IPv6, beside those that it has; or none any more. */
void dns_add(const char *name, const char *address);
void dns_forget(const char *name);

enum dns_mood {
    DNS_WELL,    /* answers within some milliseconds; what it does not know is NXDOMAIN */
    DNS_SLOW,    /* within 20 seconds */
    DNS_SILENT,
    DNS_FAILING, /* SERVFAIL */
    DNS_LYING,   /* answers with another question's number: it has to be ignored */
    DNS_MOODS
};
void dns_set_mood(enum dns_mood mood);
/* How many questions there were in this life. */
uint64_t dns_questions(void);
