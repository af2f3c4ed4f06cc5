/* SPDX-License-Identifier: Apache-2.0
 *
 * See broker/job_priv.h.
 */
#include "broker/job_priv.h"

#include <stdarg.h>
#include <stdio.h>

void broker_result_say(struct broker_result *out, enum broker_verdict verdict, int code,
                       const char *fmt, ...)
{
    va_list args;
    out->verdict = verdict;
    out->code = code;
    va_start(args, fmt);
    (void)vsnprintf(out->detail, sizeof(out->detail), fmt, args);
    va_end(args);
}

void broker_job_answer(struct broker_job *job, const struct broker_result *result)
{
    job->result = *result;
    job->task = (struct loop_task){ .fn = job->on_answered, .arg = job };
    loop_post(job->client->loop, &job->task);
}
