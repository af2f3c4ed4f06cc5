/* SPDX-License-Identifier: Apache-2.0
 *
 * A name server on UDP that answers as a name asks it to. A name's first label says how: "A-AAAA", or one
 * word for both. The words are in ANSWERS; any other has 127.0.0.1 and 127.0.0.2, or ::1, for 300 s.
 */
#pragma once

#include "base/base.h"

#include <stdatomic.h>

struct name_server {
    int fd;
    char address[32];
    struct thread *thread;
    atomic_int queries;
    struct mutex lock;
    char last_asked[256]; /* under `lock` */
};
void name_server_start(struct name_server *s);
void name_server_stop(struct name_server *s);
