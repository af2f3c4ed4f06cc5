/* SPDX-License-Identifier: Apache-2.0
 *
 * Issues: trouble that has an identity, so that people can say something of it and rules can time it.
 */
#pragma once

#include "api/resource/trouble_priv.h"
#include "store/issue.h"

/* One for what is failing, whether it is parked at the moment or not; else the kind of trouble. */
const char *api_issue_kind(const struct api_trouble *t);
bool api_issue_kind_is_known(struct str kind);
/* "issue_" and 27 digits: the same for as long as the same is wrong with the same object. */
struct str api_issue_key(struct arena *a, const struct api_trouble *t);
/* Differs between one time that it is wrong and the next; 0: nobody knows. */
int64_t api_issue_episode(const struct api_trouble *t);
/* Until when it is known to have lasted: now, or when somebody was last refused or halted. */
int64_t api_issue_lasts_until(const struct api_trouble *t, int64_t now_us);

/* Is that still said of the issue? */
bool api_issue_mark_holds(const struct store_issue_mark *m, const struct api_trouble *t, int64_t now_us);
/* The one of that key among marks sorted by it; NULL: none. */
const struct store_issue_mark *api_issue_mark_of(const struct store_issue_mark *marks, size_t count, struct str key);

/* The watch: every api_options.issue_look_us it looks at the organisations that have marks or rules. It ends marks of
 * issues that are over, and tells of issues that have lasted for as long as a rule says. */
struct api_watch;
void api_watch_init(struct api *api);
void api_watch_fini(struct api *api); /* after the loops' threads ended */
void api_watch_start(struct api *api);
void api_watch_stop(struct api *api);
/* Worker. One look at one organisation, as the watch does it. */
MUST_USE enum rc api_watch_look(struct api *api, int64_t org);
