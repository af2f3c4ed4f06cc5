/* SPDX-License-Identifier: Apache-2.0
 *
 * What descriptors need of the other parts.
 */
#pragma once

#include <stddef.h>

#define SIM_DNS_HOST "10.53.0.1" /* of /etc/resolv.conf */

void net_duplicated(int fd, int copy);
void time_fill_random(void *out, size_t len);
