/* SPDX-License-Identifier: Apache-2.0
 *
 * Organisations (tenants of the server) and their applications. See store/config.h for the rules.
 */
#pragma once

#include "store/config.h"

struct store_org {
    int64_t num;
    struct str id; /* "org_..." */
    struct str name;
    int64_t created_us;
    /* Empty: it lives here. "to:<cell>": it is held, on its way there. "from:<cell>": it arrives, and is not served yet.
     * "gone:<cell>": it lives there; of what was here nothing but this row counts. */
    struct str moving;
};
/* RC_CONFLICT: the id is taken. Fills num. */
MUST_USE enum rc store_org_insert(struct store_tx *tx, struct store_org *org);
MUST_USE enum rc store_org_set_moving(struct store_tx *tx, int64_t num, struct str moving); /* RC_NOT_FOUND */
MUST_USE enum rc store_org_find(struct store_tx *tx, struct str id, struct arena *a,
                                struct store_org *out);
MUST_USE enum rc store_org_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                                  struct store_org *out);

/* The oldest of that name: names are unique only among those that were made as tenants. */
MUST_USE enum rc store_org_named(struct store_tx *tx, struct str name, struct arena *a,
                                 struct store_org *out);
/* Id of the organisation that hidden applications belong to, those of sources and of operational webhooks; it is no customer.
 * Empty: there is none yet. */
MUST_USE enum rc store_org_hidden(struct store_tx *tx, struct arena *a, struct str *id);
/* All that are for customers, oldest first; *out in the arena. */
MUST_USE enum rc store_org_list(struct store_tx *tx, struct arena *a, struct store_org **out,
                                size_t *count);
/* Of them, by id. */
MUST_USE enum rc store_org_page(struct store_tx *tx, const struct store_page *page, struct arena *a,
                                struct store_org *out, struct store_page_end *end);

struct store_application {
    int64_t num;
    int64_t org;
    struct str id;  /* "app_..." */
    struct str uid; /* ptr NULL: none */
    struct str name;
    struct str metadata; /* JSON object text */
    int64_t throttle;    /* messages a second; 0: none */
    int64_t created_us;
    int64_t updated_us;
    bool deleted; /* only from by_num */
};
MUST_USE enum rc store_application_insert(
    struct store_tx *tx, struct store_application *app); /* fills num; RC_CONFLICT: uid taken */
MUST_USE enum rc store_application_update(
    struct store_tx *tx, const struct store_application *app); /* by num; RC_CONFLICT */
MUST_USE enum rc store_application_delete(struct store_tx *tx, int64_t num,
                                          int64_t now_us); /* frees the uid; its endpoints go too */
/* By id or uid within the org. RC_NOT_FOUND. */
MUST_USE enum rc store_application_find(struct store_tx *tx, int64_t org, struct str id_or_uid,
                                        struct arena *a, struct store_application *out);
MUST_USE enum rc store_application_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                                          struct store_application *out);
struct store_application_filter {
    bool with_endpoint;     /* only those that have an endpoint */
    bool not_all_disabled;  /* none whose endpoints are all disabled; those without endpoints stay */
};
/* Searching: `text` is a part of the name or uid, or the id; empty: all. ASCII letters in any case. */
enum store_application_order {
    STORE_APPLICATIONS_BY_NAME,
    STORE_APPLICATIONS_BY_CREATION,
    STORE_APPLICATIONS_BY_UPDATE,
    STORE_APPLICATIONS_BY_ENDPOINTS, /* how many it has */
    STORE_APPLICATION_ORDERS
};
struct store_application_found {
    struct store_application app;
    int64_t endpoint_count, failing_count, disabled_count; /* disabled ones do not count as failing */
};
/* `out` has room for page->limit. page->after: an id, of one that may have been deleted since; forwards only. Reads all of
 * the organisation's applications. RC_INVALID: the id is none of the organisation's. */
MUST_USE enum rc store_application_search(struct store_tx *tx, int64_t org, struct str text, enum store_application_order order,
                                          const struct store_page *page, struct arena *a,
                                          struct store_application_found *out, struct store_page_end *end);
/* `out` has room for page->limit. Always in canonical order (descending or not), also backwards. `f`: NULL for all. */
MUST_USE enum rc store_application_list(struct store_tx *tx, int64_t org,
                                        const struct store_application_filter *f,
                                        const struct store_page *page, struct arena *a,
                                        struct store_application *out, struct store_page_end *end);
