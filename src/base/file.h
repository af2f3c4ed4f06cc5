/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that must still be there after a power cut. A file is on the disk once its content is synced and
 * the folder that holds its name is synced, too. After a failed sync nothing is known about either: the
 * system may have dropped what it could not write, and reports that once. So no result here may be ignored.
 *
 * All functions may block. When they fail, errno says why.
 */
#pragma once

#include "base/str.h"

/* What a failed call means: RC_LIMIT when the disk is full or a quota is used up, else RC_IO. */
enum rc file_rc(int error);

/* Writes all of it. RC_LIMIT, RC_IO. */
MUST_USE enum rc file_write(int fd, const void *bytes, size_t len);

/* Makes the names in a folder durable. A file system that cannot sync folders is taken at its word. */
MUST_USE enum rc file_sync_folder(const char *folder);
/* ... in the folder that holds `path`. */
MUST_USE enum rc file_sync_parent(const char *path);

/* Renames within a folder, durable when it returns RC_OK (unless `no_sync`). After a failure the file has
 * one of the two names. */
MUST_USE enum rc file_rename(const char *from, const char *to, bool no_sync);

/* Makes `path` hold exactly these parts, durable when it returns RC_OK (unless `no_sync`). They are written to
 * "<path>.new" first, mode 0600. After a failure the old content or the new one is there, never a part. */
MUST_USE enum rc file_replace(const char *path, const struct str *parts, size_t count, bool no_sync);
