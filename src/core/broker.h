/* SPDX-License-Identifier: Apache-2.0
 *
 * What an endpoint of kind "amqp" needs beside the usual: its broker, with credentials, and its way
 * in. Part of a view.
 */
#pragma once

#include "broker/route.h"
#include "broker/url.h"
#include "core/directory.h"

struct core_broker {
    struct broker_url url;
    struct broker_route route;
};

/* Fills ep->broker and ep->ordered; kind, url and options_sealed are there already. What cannot be
 * read is logged, and leaves ep->broker NULL. */
void core_endpoint_read_broker(struct arena *a, const json_t *options, struct core_endpoint *ep);

/* In the object of sealed options: the credentials of the URL as {"amqp": {"user", "password"}}. */
void core_broker_keep_credentials(json_t *sealed, const struct broker_url *url);
