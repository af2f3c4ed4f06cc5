/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening the store's folder when somebody else may have it. One process at a time has it, for a moment (a command)
 * or for good (a server), so being late is no failure: a server waits for a command, and a command waits for a
 * server that is starting, whose socket it then asks. Only two servers exclude each other.
 *
 * A store in a database has one node at a time, too, whose lease it is. Other nodes stand by: they wait for that lease
 * for as long as they run, are ready to go on the moment it is over, and pass on what they are asked meanwhile.
 */
#include "server/folder_command_priv.h"

#include "server/admin_client_priv.h"
#include "server/folder_priv.h"
#include "server/notify_priv.h"
#include "server/options_priv.h"
#include "server/signals_priv.h"
#include "server/standby_priv.h"

#include <errno.h>
#include <grp.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    TURN_US = 20000,
    COMMAND_PATIENCE_US = 30000000,
    SERVER_PATIENCE_US = 10000000,
    STANDBY_US = 250000
};

/* Consecutive looks at the lock's note that must all name a server: it may be that of the holder before. */
enum { LOOKS = 10 };

static void pause_a_turn(void)
{
    (void)nanosleep(&(struct timespec){ .tv_nsec = TURN_US * 1000L }, NULL);
}

enum rc server_become_owner(const char *dir, struct buf *why)
{
    struct stat st;

    if (geteuid() != 0 || stat(dir, &st) != 0 || st.st_uid == 0)
        return RC_OK;
    if (setgroups(0, NULL) == 0 && setresgid(st.st_gid, st.st_gid, st.st_gid) == 0 &&
        setresuid(st.st_uid, st.st_uid, st.st_uid) == 0)
        return RC_OK;
    buf_say(why,
            "%s belongs to user %u, and this command cannot act as that user: %s; run it as the "
            "server's user",
            dir, (unsigned)st.st_uid, strerror(errno));
    return RC_DENIED;
}

enum rc server_folder_for_command(const struct conf *c, struct store **out, struct buf *why)
{
    struct store_options o = server_store_options(c);
    int64_t until_us = clock_mono_us(clock_system()) + COMMAND_PATIENCE_US;
    enum rc rc = server_become_owner(c->data_dir, why);

    if (rc != RC_OK)
        return rc;
    for (;;) {
        buf_reset(why);
        rc = store_open(&o, out, why);
        if (rc == RC_CONFLICT)
            buf_say(why, "; run this on that node's machine, with its store.dir");
        if (rc != RC_BUSY)
            return rc;
        buf_reset(why);
        if (server_admin_answers(c->data_dir))
            return RC_BUSY;
        if (clock_mono_us(clock_system()) >= until_us)
            break;
        pause_a_turn();
    }
    buf_say(why, "%s: %s has had this store open for %d s, and nothing answers at its admin.sock",
            c->data_dir,
            store_holder(c->data_dir) == STORE_HOLDER_SERVER ? "a server" : "another process",
            COMMAND_PATIENCE_US / 1000000);
    return RC_IO;
}

static bool stop_asked(struct server *s)
{
    return s->stop_asked;
}

static void say_who(struct server *s, bool is_server)
{
    buf_reset(&s->why);
    if (is_server)
        buf_say(&s->why,
                "%s: another server has this store open; stop it, or give this one a store.dir of "
                "its own",
                s->conf->data_dir);
    else if (s->stop_asked)
        buf_say(&s->why, "asked to stop while another process had %s open", s->conf->data_dir);
    else
        buf_say(&s->why, "%s: another process has had this store open for %d s; wait for it to end",
                s->conf->data_dir, SERVER_PATIENCE_US / 1000000);
}

static bool something_asked(struct server *s)
{
    return s->stop_asked || s->reload_asked;
}

/* All that a reload can change now is the certificate; the rest is read again once this node is at work. */
static void reload_on_standby(struct server *s)
{
    if (!s->reload_asked)
        return;
    s->reload_asked = false;
    s->reload_missed = true;
    server_standby_renew(s);
}

/* A supervisor is told that all is well: this is what it was started for. */
static enum rc begin_to_stand_by(struct server *s)
{
    LOG(SERVER_STANDS_BY, F_STR("why", buf_str(&s->why)));
    s->stands_by = true;
    enum rc rc = server_standby_start(s);
    if (rc == RC_OK)
        server_notify("READY=1\nSTATUS=Standing by for another node");
    return rc;
}

/* Waits while another node is at work, and passes requests on to it. A database that goes away meanwhile is waited for; what was seen
 * of it before does not count then, and where the node at work is reached stays as it was. */
static enum rc open_or_stand_by(struct server *s, struct store_options *o)
{
    int64_t seen_from_us = 0;
    struct buf at_work;
    enum rc rc;

    buf_init(&at_work, SERVER_ADDRESS_MAX);
    o->at_work = &at_work;
    for (;;) {
        int64_t now_us = clock_mono_us(clock_system());
        o->seen_us = seen_from_us == 0 ? 0 : now_us - seen_from_us;
        buf_reset(&s->why);
        buf_reset(&at_work);
        rc = store_open(o, &s->store, &s->why);
        if (rc == RC_OK && s->stands_by)
            LOG(SERVER_TAKES_OVER, F_INT("pid", getpid()));
        if (rc != RC_CONFLICT && !(s->stands_by && rc == RC_IO))
            break;
        if (!s->stands_by) {
            enum rc begun = begin_to_stand_by(s);
            if (begun != RC_OK) {
                rc = begun;
                break;
            }
        }
        if (rc == RC_CONFLICT)
            server_standby_aim(s, buf_str(&at_work));
        if (rc == RC_IO)
            seen_from_us = 0;
        else if (seen_from_us == 0)
            seen_from_us = now_us;
        server_notify("WATCHDOG=1");
        (void)server_wait(s, something_asked, clock_mono_us(clock_system()) + STANDBY_US);
        reload_on_standby(s);
        if (s->stop_asked) {
            rc = RC_CONFLICT;
            break;
        }
    }
    o->at_work = NULL;
    buf_fini(&at_work);
    return rc;
}

enum rc server_folder_for_server(struct server *s)
{
    struct store_options o = server_store_options(s->conf);
    int64_t until_us = clock_mono_us(clock_system()) + SERVER_PATIENCE_US;
    int servers_seen = 0;
    bool has_said = false;

    o.is_server = true;
    for (;;) {
        enum rc rc = open_or_stand_by(s, &o);
        if (rc != RC_BUSY)
            return rc;
        bool is_server = store_holder(s->conf->data_dir) == STORE_HOLDER_SERVER;
        servers_seen = is_server ? servers_seen + 1 : 0;
        if (!is_server && !has_said)
            LOG(SERVER_WAITING, F_TEXT("store", s->conf->data_dir));
        has_said = has_said || !is_server;
        if (servers_seen == LOOKS || clock_mono_us(clock_system()) >= until_us)
            break;
        if (server_wait(s, stop_asked, clock_mono_us(clock_system()) + TURN_US))
            break;
    }
    say_who(s, servers_seen == LOOKS);
    return RC_BUSY;
}
