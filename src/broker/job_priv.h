/* SPDX-License-Identifier: Apache-2.0
 *
 * How a job ends: the words for its result, and its way back to the loop it came from.
 */
#pragma once

#include "broker/broker_priv.h"

PRINTF_LIKE(4, 5)
void broker_result_say(struct broker_result *out, enum broker_verdict verdict, int code, const char *fmt, ...);

/* A job's end; it goes back to its loop, where job->on_answered takes it. The link's thread. */
void broker_job_answer(struct broker_job *job, const struct broker_result *result);
