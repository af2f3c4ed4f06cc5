/* SPDX-License-Identifier: Apache-2.0
 *
 * The channels of a link. Where the connection is found lost, `why` says so, and the caller ends it; nothing is
 * touched any more until then.
 */
#pragma once

#include "broker/broker_priv.h"

/* Publishes on the exchange's channel, opening it if need be. False: the connection was lost; *why. */
bool broker_channel_publish(struct broker_link *link, struct broker_job *job, struct broker_result *why);
bool broker_channel_has_room(const struct broker_link *link, const struct broker_job *job);
/* A frame that came. False: the connection was lost; *why. */
bool broker_channel_frame(struct broker_link *link, const amqp_frame_t *frame, struct broker_result *why);
/* Everything published and not confirmed fails. */
void broker_channel_fail_all(struct broker_link *link, const struct broker_result *why);
void broker_channel_forget_all(struct broker_link *link);
