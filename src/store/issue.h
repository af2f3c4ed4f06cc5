/* SPDX-License-Identifier: Apache-2.0
 *
 * What people said of trouble (store/trouble.h), and the rules by which lasting trouble is told. Trouble itself is not
 * stored: it is found anew each time, and an issue is known by its key, a text that is the same for as long as the same
 * thing is wrong with the same object. See store/config.h for the rules of transactions.
 */
#pragma once

#include "store/config.h"

enum {
    STORE_ISSUE_MARKS_MAX = 1000,   /* of an organisation */
    STORE_ALERT_RULES_MAX = 50,     /* of an organisation */
    STORE_ALERT_SIGHTINGS_MAX = 1000 /* of a rule */
};

/* What somebody said of an issue. */
struct store_issue_mark {
    int64_t org;
    struct str key;
    struct str note;     /* may be empty */
    struct str by;       /* JSON object text: who */
    int64_t made_us;     /* wall clock */
    int64_t until_us;    /* wall clock: muted until then; 0: acknowledged until it ends */
    int64_t episode;     /* tells this time from the next, as the issue's finder has it; 0: it does not know */
};
/* Makes it or replaces the one there is. RC_LIMIT: STORE_ISSUE_MARKS_MAX others are there. */
MUST_USE enum rc store_issue_mark_set(struct store_tx *tx, const struct store_issue_mark *m);
/* `made_us`: only the one that was made then; 0: whichever is there. RC_NOT_FOUND. */
MUST_USE enum rc store_issue_mark_remove(struct store_tx *tx, int64_t org, struct str key, int64_t made_us);
/* All of the organisation, by key. */
MUST_USE enum rc store_issue_mark_all(struct store_tx *tx, int64_t org, struct arena *a,
                                      struct store_issue_mark **out, size_t *count);

struct store_alert_rule {
    int64_t num;
    int64_t org;
    struct str id;       /* "alert_..." */
    struct str name;
    struct str kinds;    /* JSON array text: of these kinds; ptr NULL: of all */
    int64_t after_us;    /* an issue that has lasted for so long is told */
    bool enabled;
    int64_t created_us;
    int64_t updated_us;
};
/* Fills num. RC_LIMIT: STORE_ALERT_RULES_MAX are there. */
MUST_USE enum rc store_alert_rule_insert(struct store_tx *tx, struct store_alert_rule *r);
MUST_USE enum rc store_alert_rule_update(struct store_tx *tx, const struct store_alert_rule *r);
/* With its sightings. */
MUST_USE enum rc store_alert_rule_remove(struct store_tx *tx, int64_t num);
MUST_USE enum rc store_alert_rule_find(struct store_tx *tx, int64_t org, struct str id, struct arena *a,
                                       struct store_alert_rule *out);
/* All of the organisation, oldest first. */
MUST_USE enum rc store_alert_rule_all(struct store_tx *tx, int64_t org, struct arena *a,
                                      struct store_alert_rule **out, size_t *count);

/* An issue that a rule watches: since when, and whether it was told. */
struct store_alert_sighting {
    int64_t rule;        /* num */
    struct str key;
    int64_t first_us;    /* wall clock */
    int64_t told_us;     /* wall clock; 0: not yet */
    struct str what;     /* JSON object text: the issue as it was told; ptr NULL: not yet */
};
/* Makes it or replaces the one there is. RC_LIMIT: STORE_ALERT_SIGHTINGS_MAX others are there. */
MUST_USE enum rc store_alert_sighting_set(struct store_tx *tx, const struct store_alert_sighting *s);
MUST_USE enum rc store_alert_sighting_remove(struct store_tx *tx, int64_t rule, struct str key);
/* Of all rules of the organisation, by rule and key. */
MUST_USE enum rc store_alert_sighting_all(struct store_tx *tx, int64_t org, struct arena *a,
                                          struct store_alert_sighting **out, size_t *count);

/* The organisations that have marks or rules, oldest first. */
MUST_USE enum rc store_issue_orgs(struct store_tx *tx, struct arena *a, int64_t **out, size_t *count);
