/* SPDX-License-Identifier: Apache-2.0
 *
 * See postgres.h. The server's keeper is a process in a session of its own, so that no signal meant for the tests
 * reaches it; it ends when the pipe to it closes, which the kernel sees to when this program dies.
 */
#include "postgres.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { URL_MAX = 512, DATABASES_MAX = 64, KEEPER_SKIPPED = 77 };

extern char **environ;

static struct {
    bool is_asked, is_there, is_shared, wants_sync;
    char url[URL_MAX];    /* of the maintenance database */
    char pooled[URL_MAX]; /* the same through a pooler; "": none is wanted */
    char *names[DATABASES_MAX];
    size_t count;
} server;

/* --- the server ------------------------------------------------------------------------------------ */

/* Close-on-exec: no child of the tests may hold the keeper's pipe open. */
static void keeper_pipe(int ends[static 2])
{
    MUST(pipe2(ends, O_CLOEXEC) == 0);
}

static bool wants_pooler(void)
{
    return getenv("STORE_POOLER") != NULL;
}

static pid_t keeper_spawn(int input, int output)
{
    char python[] = "python3", program[] = POSTGRES_SERVER, sync[] = "--sync",
         pooler[] = "--pooler";
    char *how = server.wants_sync ? sync : wants_pooler() ? pooler : NULL;
    char *const arguments[] = { python, program, how, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    pid_t pid;
    MUST(posix_spawn_file_actions_init(&files) == 0 && posix_spawnattr_init(&attributes) == 0);
    MUST(posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO) == 0);
    MUST(posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO) == 0);
    MUST(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID) == 0);
    MUST(posix_spawnp(&pid, python, &files, &attributes, arguments, environ) == 0);
    MUST(posix_spawn_file_actions_destroy(&files) == 0 &&
         posix_spawnattr_destroy(&attributes) == 0);
    return pid;
}

static bool read_line(int fd, char *out, size_t size)
{
    size_t len = 0;
    while (len + 1 < size) {
        ssize_t got = read(fd, out + len, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got != 1 || out[len] == '\n')
            break;
        len++;
    }
    out[len] = '\0';
    return len > 0;
}

/* The pipe to the keeper stays open until this program ends. */
static bool server_start(void)
{
    int input[2], output[2], status;
    keeper_pipe(input);
    keeper_pipe(output);
    pid_t pid = keeper_spawn(input[0], output[1]);
    (void)close(input[0]);
    (void)close(output[1]);
    bool is_there = read_line(output[0], server.url, sizeof server.url);
    bool is_usable =
        is_there && (!wants_pooler() || read_line(output[0], server.pooled, sizeof server.pooled));
    (void)close(output[0]);
    if (is_there)
        return is_usable;
    MUST(waitpid(pid, &status, 0) == pid);
    MUST(WIFEXITED(status) && WEXITSTATUS(status) == KEEPER_SKIPPED); /* it said what is wrong */
    (void)close(input[1]);
    return false;
}

static bool server_find(void)
{
    const char *url = getenv("GRAPNEL_TEST_POSTGRES"), *pooled = getenv("GRAPNEL_TEST_POOLER");
    if (url == NULL || url[0] == '\0' || server.wants_sync)
        return server_start();
    if (wants_pooler() && (pooled == NULL || pooled[0] == '\0'))
        return false;
    MUST(strlen(url) < sizeof server.url);
    (void)snprintf(server.url, sizeof server.url, "%s", url);
    if (wants_pooler()) {
        MUST(strlen(pooled) < sizeof server.pooled);
        (void)snprintf(server.pooled, sizeof server.pooled, "%s", pooled);
    }
    server.is_shared = true;
    return true;
}

bool postgres_is_there(void)
{
    if (!server.is_asked)
        server.is_there = server_find();
    server.is_asked = true;
    return server.is_there;
}

void postgres_want_sync(void)
{
    MUST(!server.is_asked);
    server.wants_sync = true;
}

int postgres_skip(void)
{
    printf("1..0 # SKIP %s\n", wants_pooler() ? "pgbouncer or PostgreSQL is not there"
                                              : "PostgreSQL is not there: postgresql-15");
    return 0;
}

/* --- databases ------------------------------------------------------------------------------------- */

/* What is before the database's name, the name, and what is behind it. */
static void url_split(struct str url, struct str out[static 3])
{
    size_t start = str_find(url, ':') + 3; /* behind "://" */
    MUST(start < url.len);
    start += str_find(str_sub(url, start, url.len), '/') + 1;
    size_t end = start + str_find(str_sub(url, start, url.len), '?');
    out[0] = str_sub(url, 0, start);
    out[1] = str_sub(url, start, end - start);
    out[2] = str_sub(url, end, url.len);
}

/* A maintenance URL with another database in it. */
static char *url_with_database(const char *maintenance, struct str name)
{
    struct buf url;
    struct str parts[3];
    url_split(str_from(maintenance), parts);
    buf_init(&url, URL_MAX + 128);
    buf_say(&url, "%.*s%.*s%.*s", STR_ARGS(parts[0]), STR_ARGS(name), STR_ARGS(parts[2]));
    char *text = xmemdup(url.ptr, url.len);
    buf_fini(&url);
    return text;
}

/* What a test does to the server it does on the server: not in a session that it is just ending. */
static char *url_without_pooler(const char *url)
{
    struct str pooled[3], given[3];
    if (server.pooled[0] == '\0')
        return xstrdup(url);
    url_split(str_from(server.pooled), pooled);
    url_split(str_from(url), given);
    return str_eq(given[2], pooled[2]) ? url_with_database(server.url, given[1]) : xstrdup(url);
}

static _Noreturn void postgres_fail(const char *what, const PGconn *conn)
{
    (void)fprintf(stderr, "%s: %s", what, PQerrorMessage(conn));
    abort();
}

static void notice_ignore(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

char *postgres_run(const char *url, const char *sql)
{
    char *direct = url_without_pooler(url);
    PGconn *conn = PQconnectdb(direct);
    xfree(direct);
    (void)PQsetNoticeProcessor(conn, notice_ignore, NULL);
    char *text = NULL;
    if (PQstatus(conn) != CONNECTION_OK)
        postgres_fail(url, conn);
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        postgres_fail(sql, conn);
    if (PQntuples(result) > 0 && PQgetisnull(result, 0, 0) == 0)
        text = xstrdup(PQgetvalue(result, 0, 0));
    PQclear(result);
    PQfinish(conn);
    return text;
}

/* A statement about one database: its beginning, the name, its end. */
static void server_run(const char *what, const char *name, const char *how)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "%s %s %s", what, name, how);
    xfree(postgres_run(server.url, sql));
}

static void server_drop_all(void)
{
    for (size_t i = 0; i < server.count; i++) {
        server_run("DROP DATABASE IF EXISTS", server.names[i], "WITH (FORCE)");
        xfree(server.names[i]);
    }
    server.count = 0;
}

char *postgres_database(void)
{
    static int last;
    char name[64];
    MUST(postgres_is_there());
    (void)snprintf(name, sizeof name, "grapnel_test_%ld_%d", (long)getpid(), ++last);
    server_run("DROP DATABASE IF EXISTS", name,
               "WITH (FORCE)"); /* of a program before, with the same pid */
    server_run("CREATE DATABASE", name, "TEMPLATE template0 ENCODING 'UTF8'");
    if (server.is_shared) {
        MUST(server.count < DATABASES_MAX);
        MUST(server.count > 0 || atexit(server_drop_all) == 0);
        server.names[server.count++] = xstrdup(name);
    }
    return url_with_database(wants_pooler() ? server.pooled : server.url, str_from(name));
}

void postgres_empty(const char *url)
{
    xfree(postgres_run(url, "SET client_min_messages = warning;"
                            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                            " WHERE datname = current_database() AND pid <> pg_backend_pid();"
                            "DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
}
