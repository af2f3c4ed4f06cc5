/* SPDX-License-Identifier: Apache-2.0
 *
 * The doctor's checks: a table, each looks at one thing and says what to do about it.
 */
#include "server/doctor.h"

#include "db/db.h"
#include "server/admin_priv.h"
#include "server/doctor_config_priv.h"
#include "server/doctor_postgres_priv.h"
#include "server/doctor_priv.h"
#include "server/options_priv.h"
#include "server/secret_priv.h"

#include "base/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

enum {
    SYNC_ROUNDS = 21,
    SYNC_BYTES = 4096,
    SYNC_SLOW_US = 10000,
    SYNC_TOO_SLOW_US = 100000,
    CLOCK_OFF_S = 60
};

static enum server_verdict check_conf(const struct conf *c, struct buf *text)
{
    if (server_check(c, text) != RC_OK)
        return SERVER_CHECK_FAIL;
    buf_say(text, "valid");
    return SERVER_CHECK_OK;
}

/* The store's folder, or the one it will be made in. The server makes one folder, not those above. */
static void existing_folder(const struct conf *c, char out[static PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s", c->data_dir);
    if (access(out, F_OK) == 0 || errno != ENOENT)
        return;
    char *end = out + strlen(out);
    while (end > out && end[-1] == '/')
        *--end = '\0';
    char *slash = strrchr(out, '/');
    if (slash == NULL)
        snprintf(out, PATH_MAX, ".");
    else
        slash[slash == out ? 1 : 0] = '\0';
}

static enum server_verdict check_new_folder(const struct conf *c, struct buf *text)
{
    char above[PATH_MAX];

    existing_folder(c, above);
    if (access(above, W_OK | X_OK) == 0) {
        buf_say(text, "%s is not there yet; the first start makes it", c->data_dir);
        return SERVER_CHECK_OK;
    }
    buf_say(text,
            "%s is not there, and this user may not make it (%s: %s); make it and chown it to "
            "the server's user, or set another store.dir",
            c->data_dir, above, strerror(errno));
    return SERVER_CHECK_FAIL;
}

static enum server_verdict check_folder(const struct conf *c, struct buf *text)
{
    struct stat st;

    if (stat(c->data_dir, &st) != 0 && errno == ENOENT)
        return check_new_folder(c, text);
    if (access(c->data_dir, F_OK) != 0) {
        buf_say(text, "%s: %s; run this as the server's user", c->data_dir, strerror(errno));
        return SERVER_CHECK_FAIL;
    }
    if (!S_ISDIR(st.st_mode) || access(c->data_dir, R_OK | W_OK | X_OK) != 0) {
        buf_say(text, "%s: not a folder this user may write to; chown it to the server's user",
                c->data_dir);
        return SERVER_CHECK_FAIL;
    }
    if ((st.st_mode & 077) != 0) {
        buf_say(text, "%s: others may look inside; chmod 700 it", c->data_dir);
        return SERVER_CHECK_WARN;
    }
    buf_say(text, "%s is the server's alone", c->data_dir);
    return SERVER_CHECK_OK;
}

static enum server_verdict check_disk(const struct conf *c, struct buf *text)
{
    struct statvfs fs;
    char folder[PATH_MAX];

    existing_folder(c, folder);
    if (statvfs(folder, &fs) != 0) {
        buf_say(text, "%s: %s", folder, strerror(errno));
        return SERVER_CHECK_FAIL;
    }
    int64_t free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    buf_say(text, "%lld MiB free", (long long)(free_bytes >> 20));
    if (free_bytes < c->store_free_min) {
        buf_say(text, ", less than store.free_min: new messages are refused; make room");
        return SERVER_CHECK_FAIL;
    }
    if (free_bytes < 4 * c->store_free_min) {
        buf_say(text, ", not far above store.free_min; plan for 1.5 KiB and the payload a message");
        return SERVER_CHECK_WARN;
    }
    return SERVER_CHECK_OK;
}

static int by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

/* The median time of an appended and synced page, or -1. */
static int64_t time_sync(const char *folder)
{
    static const char page[SYNC_BYTES];
    int64_t took[SYNC_ROUNDS];
    char path[PATH_MAX + 16];
    size_t done = 0;

    snprintf(path, sizeof path, "%s/.doctor-XXXXXX", folder);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -1;
    (void)unlink(path);
    for (; done < SYNC_ROUNDS; done++) {
        int64_t start = clock_mono_us(clock_system());
        if (write(fd, page, sizeof page) != (ssize_t)sizeof page || fdatasync(fd) != 0)
            break;
        took[done] = clock_mono_us(clock_system()) - start;
    }
    close(fd);
    if (done < SYNC_ROUNDS)
        return -1;
    qsort(took, SYNC_ROUNDS, sizeof *took, by_value);
    return took[SYNC_ROUNDS / 2];
}

static enum server_verdict check_sync(const struct conf *c, struct buf *text)
{
    char folder[PATH_MAX];

    existing_folder(c, folder);
    int64_t us = time_sync(folder);
    if (us < 0) {
        buf_say(text, "cannot write and sync a file in %s: %s", folder, strerror(errno));
        return SERVER_CHECK_FAIL;
    }
    buf_say(text, "%.2f ms a sync", (double)us / 1000);
    if (us < SYNC_SLOW_US)
        return SERVER_CHECK_OK;
    buf_say(text, "; every accepted message waits for one: put store.dir on an SSD");
    return us < SYNC_TOO_SLOW_US ? SERVER_CHECK_WARN : SERVER_CHECK_FAIL;
}

static enum server_verdict check_descriptors(const struct conf *c, struct buf *text)
{
    int64_t limit = files_limit_possible();
    int64_t wanted = server_files_wanted(c);

    if (limit == INT64_MAX)
        buf_say(text, "no limit on open files, %lld wanted", (long long)wanted);
    else
        buf_say(text, "%lld open files allowed, %lld wanted", (long long)limit, (long long)wanted);
    if (limit >= wanted)
        return SERVER_CHECK_OK;
    buf_say(text,
            "; at most %lld connections of clients will be served at once (http.connections_max "
            "is %lld): raise the hard limit (LimitNOFILE) or lower http.connections_max",
            (long long)server_clients_max(c, limit), (long long)c->http_connections_max);
    return SERVER_CHECK_WARN;
}

/* How far the store's youngest file lies in the future: a clock that was set back. */
static int64_t lies_ahead_s(const struct conf *c)
{
    char path[PATH_MAX];
    struct stat st;
    time_t newest = 0;

    snprintf(path, sizeof path, "%s/segments", c->data_dir);
    DIR *folder = opendir(path);
    for (struct dirent *e; folder != NULL && (e = readdir(folder)) != NULL;) {
        if (fstatat(dirfd(folder), e->d_name, &st, 0) == 0 && st.st_mtime > newest)
            newest = st.st_mtime;
    }
    if (folder != NULL)
        closedir(folder);
    return newest - clock_wall_us(clock_system()) / 1000000;
}

static enum server_verdict check_clock(const struct conf *c, struct buf *text)
{
    struct timex state = { 0 };
    char now[TIME_TEXT_LEN + 1];
    int64_t ahead_s = lies_ahead_s(c);

    time_format(clock_wall_us(clock_system()), now);
    buf_say(text, "%s", now);
    if (clock_wall_us(clock_system()) < 1700000000LL * 1000000) {
        buf_say(text,
                ": in the past; receivers refuse signatures more than minutes off; set the clock");
        return SERVER_CHECK_FAIL;
    }
    if (ahead_s > CLOCK_OFF_S) {
        buf_say(text, ": the store was written to %lld s later than that; set the clock",
                (long long)ahead_s);
        return SERVER_CHECK_FAIL;
    }
    if (adjtimex(&state) == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
        buf_say(text, "; not kept in time by NTP, as far as the kernel knows; run a time service");
        return SERVER_CHECK_WARN;
    }
    return SERVER_CHECK_OK;
}

/* "invalid" is reserved, so a working resolver answers at once that there is no such name. */
static enum server_verdict check_dns(const struct conf *c, struct buf *text)
{
    struct addrinfo *found = NULL;
    int error = getaddrinfo("grapnel-doctor.invalid", "443", NULL, &found);

    (void)c;
    if (error == 0) {
        freeaddrinfo(found);
        buf_say(text, "the resolver invents answers for names that do not exist; ask its operator");
        return SERVER_CHECK_WARN;
    }
    if (error == EAI_NONAME) {
        buf_say(text, "the resolver answers");
        return SERVER_CHECK_OK;
    }
    buf_say(text, "%s; see /etc/resolv.conf: deliveries to names will fail", gai_strerror(error));
    return SERVER_CHECK_WARN;
}

static enum server_verdict check_data(const struct conf *c, struct buf *text)
{
    int files;

    if (store_look(c->data_dir, &files, text) != RC_OK)
        return SERVER_CHECK_FAIL;
    if (files == 0)
        buf_say(text, "nothing stored yet");
    else
        buf_say(text, "%d files are sound", files);
    return SERVER_CHECK_OK;
}

/* Sealed secrets are of no use without the main secret they were sealed with. */
static enum server_verdict check_secret(const struct conf *c, struct buf *text)
{
    struct sign_vault *vault = NULL;
    struct db *db = server_doctor_config(c);

    if (db == NULL) {
        buf_say(text,
                "nothing to check it by"); /* a store that cannot be read is another check's */
        return SERVER_CHECK_OK;
    }
    enum rc rc = server_knows_main_secret(c) ? server_vault(c, &vault, text) : RC_OK;
    if (rc == RC_OK)
        rc = server_vault_fits(vault, db);
    if (rc == RC_OK || rc == RC_NOT_FOUND)
        buf_say(text, rc == RC_OK ? "what is sealed opens" : "nothing is sealed yet");
    else if (rc == RC_DENIED && text->len == 0)
        server_say_wrong_secret(c, text);
    else if (text->len == 0)
        buf_say(text, "what is sealed cannot be read: %s", rc_name(rc));
    sign_vault_free(vault);
    db_close(db);
    return rc == RC_OK || rc == RC_NOT_FOUND ? SERVER_CHECK_OK : SERVER_CHECK_FAIL;
}

/* What only one kind of store has. */
enum check_of { OF_ANY, OF_FILES, OF_DATABASE };

static const struct check {
    const char *name;
    enum server_verdict (*look)(const struct conf *c, struct buf *text);
    enum check_of of;
} checks[] = {
    { "configuration", check_conf, OF_ANY },
    { "store folder", check_folder, OF_ANY },
    { "disk space", check_disk, OF_FILES },
    { "disk speed", check_sync, OF_FILES },
    { "database", server_doctor_database, OF_DATABASE },
    { "its pooler", server_doctor_database_pooler, OF_DATABASE },
    { "its rights", server_doctor_database_rights, OF_DATABASE },
    { "its durability", server_doctor_database_durability, OF_DATABASE },
    { "its clock", server_doctor_database_clock, OF_DATABASE },
    { "its connections", server_doctor_database_room, OF_DATABASE },
    { "its transactions", server_doctor_database_open, OF_DATABASE },
    { "other cells", server_doctor_cells, OF_DATABASE },
    { "open files", check_descriptors, OF_ANY },
    { "clock", check_clock, OF_ANY },
    { "names", check_dns, OF_ANY },
    { "authorities", server_doctor_authorities, OF_ANY },
    { "own certificate", server_doctor_client_certificate, OF_ANY },
    { "certificate", server_doctor_certificate, OF_ANY },
    { "addresses", server_doctor_addresses, OF_ANY },
    { "networks", server_doctor_networks, OF_ANY },
    { "presets", server_doctor_presets, OF_ANY },
    { "stored data", check_data, OF_FILES },
    { "processors", server_doctor_processors, OF_ANY },
    { "logins", server_doctor_logins, OF_ANY },
    { "main secret", check_secret, OF_ANY },
};

enum server_verdict server_doctor(const struct conf *c, enum server_doctor_how how,
                                  void (*say)(void *ctx, enum server_verdict verdict,
                                              const char *check, struct str text),
                                  void *ctx)
{
    enum server_verdict worst = SERVER_CHECK_OK;
    struct buf text;

    buf_init(&text, SERVER_WHY_MAX);
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        if ((how == SERVER_DOCTOR_QUICK && checks[i].look == check_data) ||
            checks[i].of == (c->store_url[0] != '\0' ? OF_FILES : OF_DATABASE))
            continue;
        buf_reset(&text);
        enum server_verdict verdict = checks[i].look(c, &text);
        say(ctx, verdict, checks[i].name, buf_str(&text));
        worst = verdict > worst ? verdict : worst;
    }
    buf_fini(&text);
    return worst;
}
