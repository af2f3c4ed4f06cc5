/* SPDX-License-Identifier: Apache-2.0
 *
 * What a delivery needs of its endpoint, as views hold it.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"
#include "sign/sign.h"

struct filter_program; /* filter/language.h */
struct dest_kind;      /* dest/dest.h */

struct core_statuses;  /* core/retry.h */

/* What a delivery needs of its endpoint. It never changes, but for how it fares: a change makes a new one. Views share
 * it; borrowed while one of them is held, or kept with a reference of one's own. */
struct core_endpoint {
    atomic_int _refs;
    struct arena _arena;
    int64_t num, app;
    struct str id, uid;
    const struct dest_kind *kind;    /* NULL: there is none of that name */
    const void *settings;            /* what the kind needs; NULL: cannot be read, never send */
    struct str url;                  /* with its credentials where the kind sends them as a part of it */
    struct str shown_url;            /* without them: for whatever is kept or shown */
    struct str options;              /* JSON object text, or ptr NULL */
    struct str options_sealed;       /* opened JSON of secret options, or ptr NULL */
    struct str headers;              /* ready lines "Name: value\r\n" of the configured headers */
    const struct sign_keyring *keyring; /* NULL: there is no key, or it cannot be opened; never send unsigned */
    const struct str *event_types;   /* sorted; NULL: all. "a.b.*" style patterns are not expanded: exact names */
    size_t event_type_count;
    const struct str *channels;      /* NULL: all */
    size_t channel_count;
    bool has_filter;
    const struct filter_program *filter; /* NULL with has_filter: it is broken, nothing passes */
    struct str transform;            /* a jq program, or ptr NULL */
    int64_t throttle;                /* messages a second; 0: none */
    int64_t timeout_us;              /* total deadline of an attempt; 0: the server's default */
    const int64_t *retry_us;         /* delays; NULL: the server's default schedule */
    size_t retry_count;
    const struct core_statuses *retry_except; /* statuses not retried; NULL: the server's */
    bool ordered;                    /* one attempt at a time, and a failed one holds back those behind it */
    bool disabled;                   /* also while a handshake it must pass has not been passed */
    _Atomic int64_t failing_since_us; /* health: as it was written last */
    _Atomic int64_t last_failure_us;  /* ... which is not at each failure */
    int64_t fresh_until_us;          /* store_clock(): an old key ends then, it has to be read again; INT64_MAX: never */
    bool is_personal;                /* nothing is sent to it that it does not want, by hand neither */
    int64_t gap_us;                  /* between deliveries, as a receiver allowed; 0: none */
};

const struct core_endpoint *core_endpoint_ref(const struct core_endpoint *ep);
void core_endpoint_unref(const struct core_endpoint *ep); /* NULL is fine */
