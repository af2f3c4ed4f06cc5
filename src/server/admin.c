/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's end of the admin socket. A stale socket file of a server that was killed is replaced:
 * the lock on the folder already proves that nobody else serves it.
 */
#include "server/admin_client_priv.h"
#include "server/admin_socket_priv.h"
#include "server/cells_priv.h"
#include "server/command_act_priv.h"
#include "server/console_priv.h"
#include "server/options_priv.h"
#include "server/tokens_priv.h"
#include "server/users_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ADMIN_BACKLOG = 16, ADMIN_TEXT_MAX = 1 << 20 };

/* --- routes ---------------------------------------------------------------------------------------- */

static void admin_answer(struct http_request *req, enum rc rc, struct buf *out, struct buf *why)
{
    req->reply.content_type = STR("text/plain; charset=utf-8");
    if (rc == RC_OK) {
        req->reply.status = 200;
        req->reply.body = arena_str(req->arena, buf_str(out));
    } else {
        req->reply.status = rc == RC_NOT_FOUND  ? 404
                            : rc == RC_CONFLICT ? 409
                            : rc == RC_INVALID  ? 422
                                                : 500;
        req->reply.body =
            arena_str(req->arena, why->len > 0 ? buf_str(why) : str_from(rc_name(rc)));
    }
    if (out->ptr != NULL)
        mem_wipe(out->ptr, out->len);
    buf_fini(out);
    buf_fini(why);
}

static void admin_run(struct http_request *req, const struct server_token_request *request)
{
    struct server *s = req->ctx;
    struct buf out, why;

    buf_init(&out, ADMIN_TEXT_MAX);
    buf_init(&why, SERVER_WHY_MAX);
    enum rc rc = server_tokens_on(s->store, s->access, s->org, request, &out, &why);
    admin_answer(req, rc, &out, &why);
}

static void change_users(struct http_request *req)
{
    struct server *s = req->ctx;
    struct server_users_at at = { .store = s->store, .access = s->access, .vault = s->vault };
    struct buf out, why;
    json_t *request = NULL;

    buf_init(&out, SERVER_USERS_OUT_MAX);
    buf_init(&why, SERVER_WHY_MAX);
    enum rc rc = json_parse(req->call->body, &request, NULL);
    if (rc == RC_OK)
        rc = server_users_on(&at, request, &out, &why);
    admin_answer(req, rc, &out, &why);
    json_decref(request);
}

static void create_token(struct http_request *req)
{
    struct server_token_request request = { .verb = SERVER_TOKEN_CREATE, .name = STR("") };
    struct str value;

    if (http_query(req, "name", 0, &value))
        request.name = value;
    request.read_only = http_query(req, "read_only", 0, &value) && str_eq(value, STR("true"));
    if (http_query(req, "lifetime_us", 0, &value) &&
        str_to_i64(value, &request.lifetime_us) != RC_OK) {
        http_error(req, 422, "invalid", "lifetime_us is not a number");
        return;
    }
    admin_run(req, &request);
}

static void list_tokens(struct http_request *req)
{
    admin_run(req, &(struct server_token_request){ .verb = SERVER_TOKEN_LIST });
}

static void revoke_token(struct http_request *req)
{
    struct server_token_request request = { .verb = SERVER_TOKEN_REVOKE };

    if (str_to_i64(req->params[0], &request.num) != RC_OK)
        http_error(req, 404, "not_found", "not a token's number");
    else
        admin_run(req, &request);
}

static void make_link(struct http_request *req)
{
    struct buf out, why;

    buf_init(&out, ADMIN_TEXT_MAX);
    buf_init(&why, SERVER_WHY_MAX);
    admin_answer(req, server_console_link(req->ctx, &out, &why), &out, &why);
}

static void list_cells(struct http_request *req)
{
    struct buf out, why;

    buf_init(&out, ADMIN_TEXT_MAX);
    buf_init(&why, SERVER_WHY_MAX);
    admin_answer(req, server_cells_list(req->ctx, &out, &why), &out, &why);
}

static const struct http_route routes[] = {
    { HTTP_POST, "/tokens", HTTP_WORKER, create_token, API_OPEN, NULL, "Make a token" },
    { HTTP_GET, "/tokens", HTTP_WORKER, list_tokens, API_OPEN, NULL, "List the tokens" },
    { HTTP_POST, "/users", HTTP_WORKER, change_users, API_OPEN, NULL, "Users and tenants" },
    { HTTP_GET, "/cells", HTTP_WORKER, list_cells, API_OPEN, NULL, "List the cells" },
    { HTTP_POST, "/console", HTTP_WORKER, make_link, API_OPEN, NULL, "A link to the console" },
    { HTTP_DELETE, "/tokens/{number}", HTTP_WORKER, revoke_token, API_OPEN, NULL, "End a token" },
};

/* --- the socket ------------------------------------------------------------------------------------- */

static int listen_in(const char *dir)
{
    struct sockaddr_un address;
    int dir_fd = -1;
    int fd = -1;

    if (server_admin_address(dir, &address, &dir_fd) != RC_OK)
        return -1;
    (void)unlinkat(dir_fd, "admin.sock", 0);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t before = umask(0177);
    bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
              listen(fd, ADMIN_BACKLOG) == 0;
    int error = errno;
    umask(before);
    close(dir_fd);
    if (!ok && fd >= 0) {
        close(fd);
        fd = -1;
    }
    errno = error;
    return fd;
}

/* Whatever a route does, it is a command's doing. */
static void admin_enter(struct http_request *req)
{
    struct store_act *act = ARENA_NEW(req->arena, struct store_act);
    server_act_begin(act, arena_fmt(req->arena, "%.*s %s",
                                    STR_ARGS(http_method_name(req->route->method)),
                                    req->route->pattern));
}

static void admin_leave(struct http_request *req)
{
    (void)req;
    store_act_end(store_act_now());
}

enum rc server_admin_open(struct server *s)
{
    struct http_limits limits = server_http_limits(s->conf, s->loop_count);
    int fd = listen_in(s->conf->data_dir);

    if (fd < 0) {
        buf_say(&s->why, "%s/admin.sock: %s", s->conf->data_dir, strerror(errno));
        return RC_IO;
    }
    s->admin_router = http_router_new(&(struct http_router_options){
        .pool = s->pool, .ctx = s, .enter = admin_enter, .leave = admin_leave });
    http_router_add(s->admin_router, routes, COUNT_OF(routes));
    s->admin =
        http_server_new(s->loops[0].loop, fd, NULL, &limits, http_router_handle, s->admin_router);
    return RC_OK;
}

/* The folder is still locked, so that the socket is nobody else's. */
void server_admin_close(struct server *s)
{
    struct sockaddr_un address;
    int dir_fd = -1;

    if (s->admin == NULL)
        return;
    http_server_free(s->admin);
    s->admin = NULL;
    if (server_admin_address(s->conf->data_dir, &address, &dir_fd) != RC_OK)
        return;
    (void)unlinkat(dir_fd, "admin.sock", 0);
    close(dir_fd);
}
