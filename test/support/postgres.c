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
    char url[URL_MAX]; /* of the maintenance database */
    char *names[DATABASES_MAX];
    size_t count;
} server;

/* --- the server ------------------------------------------------------------------------------------ */

/* Close-on-exec: no child of the tests may hold the keeper's pipe open. */
static void keeper_pipe(int ends[static 2])
{
    MUST(pipe2(ends, O_CLOEXEC) == 0);
}

static pid_t keeper_spawn(int input, int output)
{
    char python[] = "python3", program[] = POSTGRES_SERVER, sync[] = "--sync";
    char *const arguments[] = { python, program, server.wants_sync ? sync : NULL, NULL };
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
    (void)close(output[0]);
    if (is_there)
        return true;
    MUST(waitpid(pid, &status, 0) == pid);
    MUST(WIFEXITED(status) && WEXITSTATUS(status) == KEEPER_SKIPPED); /* it said what is wrong */
    (void)close(input[1]);
    return false;
}

static bool server_find(void)
{
    const char *url = getenv("GRAPNEL_TEST_POSTGRES");
    if (url == NULL || url[0] == '\0' || server.wants_sync)
        return server_start();
    MUST(strlen(url) < sizeof server.url);
    (void)snprintf(server.url, sizeof server.url, "%s", url);
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
    printf("1..0 # SKIP PostgreSQL is not there: postgresql-15\n");
    return 0;
}

/* --- databases ------------------------------------------------------------------------------------- */

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
    PGconn *conn = PQconnectdb(url);
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

/* The maintenance URL with another database in it. */
static char *url_of_database(const char *name)
{
    struct buf url;
    struct str from = str_from(server.url);
    size_t start = str_find(from, ':') + 3; /* behind "://" */
    MUST(start < from.len);
    start += str_find(str_sub(from, start, from.len), '/');
    size_t end = start + str_find(str_sub(from, start, from.len), '?');
    buf_init(&url, URL_MAX + 128);
    buf_say(&url, "%.*s/%s%.*s", STR_ARGS(str_sub(from, 0, start)), name,
            STR_ARGS(str_sub(from, end, from.len)));
    char *text = xmemdup(url.ptr, url.len);
    buf_fini(&url);
    return text;
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
    return url_of_database(name);
}

void postgres_empty(const char *url)
{
    xfree(postgres_run(url, "SET client_min_messages = warning;"
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE datname = current_database() AND pid <> pg_backend_pid();"
                            "DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
}
