/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a message that was handed in was not taken: the few reasons that `grapnel_messages_refused_total` has a row for.
 * A batch counts message by message, anything else request by request.
 */
#pragma once

#include "base/base.h"

enum core_refusal {
    CORE_REFUSAL_NONE,         /* nobody has said: the answer's status tells */
    CORE_REFUSAL_INVALID,      /* the message, or the request around it, breaks a rule */
    CORE_REFUSAL_UNAUTHORIZED, /* no valid token, not enough rights, or a signature that is wrong */
    CORE_REFUSAL_NOT_FOUND,    /* no such application, source or webhook */
    CORE_REFUSAL_CONFLICT,     /* its event id, or its key with another body, was used before */
    CORE_REFUSAL_TOO_LARGE,
    CORE_REFUSAL_BUSY,   /* a queue or a share of the server is full; the sender is told to try again */
    CORE_REFUSAL_DISK,   /* less than `store.free_min` is free, or the disk is full */
    CORE_REFUSAL_FAILED, /* the store did not take it, or the server failed */
    CORE_REFUSAL_COUNTED /* the handler has counted what it refused, message by message */
};

/* What an answer with that status means; CORE_REFUSAL_NONE below 400. */
enum core_refusal core_refusal_of_status(int status);
/* What it means that publishing ended so; CORE_REFUSAL_NONE for RC_OK. */
enum core_refusal core_refusal_of(enum rc rc);
/* Any thread. Nothing is counted for CORE_REFUSAL_NONE and CORE_REFUSAL_COUNTED. */
void core_refusal_count(enum core_refusal why);
