/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks the ground a server would stand on: configuration, folder, disk, limits, clock, names, TLS,
 * addresses, stored data. Changes nothing but a scratch file that it removes. Also fine beside a
 * running server.
 */
#pragma once

#include "base/base.h"
#include "conf/conf.h"

enum server_verdict { SERVER_CHECK_OK, SERVER_CHECK_WARN, SERVER_CHECK_FAIL };

enum server_doctor_how {
    SERVER_DOCTOR_ALL,
    SERVER_DOCTOR_QUICK /* without reading the stored data, which can take minutes */
};

/* Calls `say` once a check; `text` says what was found and, when it is not ok, what to do. Returns
 * the worst verdict. */
enum server_verdict server_doctor(const struct conf *c, enum server_doctor_how how,
                                  void (*say)(void *ctx, enum server_verdict verdict,
                                              const char *check, struct str text),
                                  void *ctx);
