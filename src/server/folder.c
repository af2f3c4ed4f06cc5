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
    LOOK_US = 200000, /* a node that stands by looks so often */
    AGAIN_US = 500000 /* and tries so often to take over, while the node before may come back */
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

/* Since when the database has been seen without a gap; 0: it is not seen now. */
static void note_seen(int64_t *since_us, enum rc rc)
{
    if (rc == RC_IO)
        *since_us = 0;
    else if (*since_us == 0)
        *since_us = clock_mono_us(clock_system());
}

/* One look. A database that goes away is waited for; where the node at work is reached stays as it was then. */
static enum rc look_out(struct server *s, struct store_lookout *l)
{
    struct buf at_work;

    buf_init(&at_work, SERVER_ADDRESS_MAX);
    buf_reset(&s->why);
    enum rc rc = store_lookout_look(l, &at_work, &s->why);
    if (rc != RC_IO)
        server_standby_aim(s, buf_str(&at_work));
    buf_fini(&at_work);
    return rc;
}

/* A node whose lease is over is waited for, too, for as long as it may come back. */
static enum rc take_over(struct server *s, struct store_options *o, struct store_lookout *l)
{
    int64_t since_us = 0;

    while (!s->stop_asked) {
        enum rc rc = look_out(s, l);
        bool is_free = rc == RC_OK;
        note_seen(&since_us, rc);
        if (is_free) {
            o->seen_us = clock_mono_us(clock_system()) - since_us;
            buf_reset(&s->why);
            rc = store_open(o, &s->store, &s->why);
            note_seen(&since_us, rc);
        }
        if (rc == RC_OK)
            LOG(SERVER_TAKES_OVER, F_INT("pid", getpid()));
        if (rc != RC_CONFLICT && rc != RC_IO && rc != RC_BUSY) /* busy: a command has the folder */
            return rc;
        server_notify("WATCHDOG=1");
        (void)server_wait(s, something_asked,
                          clock_mono_us(clock_system()) + (is_free ? AGAIN_US : LOOK_US));
        reload_on_standby(s);
    }
    return RC_CONFLICT;
}

static enum rc open_or_stand_by(struct server *s, struct store_options *o)
{
    buf_reset(&s->why);
    enum rc rc = store_open(o, &s->store, &s->why);
    if (rc != RC_CONFLICT)
        return rc;
    rc = begin_to_stand_by(s);
    if (rc != RC_OK)
        return rc == RC_BUSY ? RC_LIMIT : rc; /* an address is taken, not the folder */
    struct store_lookout *l = store_lookout_new(o);
    rc = take_over(s, o, l);
    store_lookout_free(l);
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
