/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line's end of the admin socket: where it is, and one request, one answer, in plain blocking code.
 */
#include "server/admin_client_priv.h"

#include "http/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 1 << 21, HEAD_MAX = 16384, PATIENCE_S = 15 };

enum rc server_admin_address(const char *dir, struct sockaddr_un *out, int *dir_fd)
{
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? RC_NOT_FOUND : RC_IO;
    *dir_fd = fd;
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/admin.sock", fd);
    return RC_OK;
}

static enum rc admin_client_build(const struct server_token_request *request, struct buf *out)
{
    static const char end[] =
        " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    enum rc rc;

    switch (request->verb) {
    case SERVER_TOKEN_CREATE:
        rc = buf_add_str(out, STR("POST /tokens?name="));
        if (rc == RC_OK)
            rc = percent_encode(request->name, out);
        if (rc == RC_OK)
            rc = buf_addf(out, "&lifetime_us=%lld&read_only=%s", (long long)request->lifetime_us,
                          request->read_only ? "true" : "false");
        break;
    case SERVER_TOKEN_LIST: rc = buf_add_str(out, STR("GET /tokens")); break;
    case SERVER_TOKEN_REVOKE:
    default: rc = buf_addf(out, "DELETE /tokens/%lld", (long long)request->num); break;
    }
    return rc == RC_OK ? buf_add_str(out, str_from(end)) : rc;
}

static enum rc admin_client_exchange(int fd, struct str request, struct buf *answer)
{
    ssize_t n;

    while (request.len > 0) {
        n = send(fd, request.ptr, request.len, MSG_NOSIGNAL);
        if (n <= 0)
            return RC_IO;
        request = str_sub(request, (size_t)n, request.len);
    }
    for (;;) {
        if (buf_reserve(answer, 4096) != RC_OK)
            return RC_LIMIT;
        n = recv(fd, answer->ptr + answer->len, 4096, 0);
        if (n <= 0)
            return n == 0 ? RC_OK : RC_IO;
        answer->len += (size_t)n;
    }
}

static enum rc admin_client_read_answer(struct str answer, struct buf *out, struct buf *why)
{
    struct http_head head;
    struct http_parse_error error;
    size_t used;

    if (http_parse_response(answer, HEAD_MAX, &head, &used, &error) != HTTP_PARSE_OK) {
        buf_say(why, "the server's answer is not HTTP");
        return RC_IO;
    }
    struct str body = str_sub(answer, used, answer.len);
    if (head.status == 200)
        return buf_add_str(out, body);
    buf_say(why, "%.*s", STR_ARGS(body));
    switch (head.status) {
    case 404: return RC_NOT_FOUND;
    case 409: return RC_CONFLICT;
    case 422: return RC_INVALID;
    default: return RC_IO;
    }
}

static int connect_to(const char *dir)
{
    struct sockaddr_un address;
    struct timeval patience = { .tv_sec = PATIENCE_S };
    int dir_fd;

    if (server_admin_address(dir, &address, &dir_fd) != RC_OK)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
            int error = errno;
            close(fd);
            errno = error;
            fd = -1;
        }
    }
    close(dir_fd);
    return fd;
}

bool server_admin_answers(const char *dir)
{
    int fd = connect_to(dir);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* Sends the request's text and reads the answer; wipes both, which may hold secrets. */
static enum rc admin_client_converse(const char *dir, struct buf *text, struct buf *out,
                                     struct buf *why)
{
    struct buf answer;
    int fd = connect_to(dir);

    if (fd < 0) {
        buf_say(why, "%s is in use, but its admin.sock does not answer: %s", dir, strerror(errno));
        return RC_IO;
    }
    buf_init(&answer, ANSWER_MAX);
    enum rc rc = admin_client_exchange(fd, buf_str(text), &answer);
    if (rc == RC_OK)
        rc = admin_client_read_answer(buf_str(&answer), out, why);
    else
        buf_say(why, "%s/admin.sock: no answer: %s", dir, strerror(errno));
    if (answer.ptr != NULL)
        mem_wipe(answer.ptr, answer.len);
    if (text->ptr != NULL)
        mem_wipe(text->ptr, text->len);
    buf_fini(&answer);
    close(fd);
    return rc;
}

enum rc server_tokens_ask(const char *dir, const struct server_token_request *request,
                          struct buf *out, struct buf *why)
{
    struct buf text;

    buf_init(&text, HEAD_MAX);
    enum rc rc = admin_client_build(request, &text);
    if (rc == RC_OK)
        rc = admin_client_converse(dir, &text, out, why);
    else
        buf_say(why, "the request is too long");
    buf_fini(&text);
    return rc;
}

enum rc server_users_ask(const char *dir, const json_t *request, struct buf *out, struct buf *why)
{
    struct buf text, body;

    buf_init(&text, HEAD_MAX * 2);
    buf_init(&body, HEAD_MAX);
    enum rc rc = json_write(request, &body);
    if (rc == RC_OK)
        rc = buf_addf(&text,
                      "POST /users HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                      "Content-Length: %zu\r\n\r\n",
                      body.len);
    if (rc == RC_OK)
        rc = buf_add_str(&text, buf_str(&body));
    if (rc == RC_OK)
        rc = admin_client_converse(dir, &text, out, why);
    else
        buf_say(why, "the request is too long");
    if (body.ptr != NULL)
        mem_wipe(body.ptr, body.len);
    buf_fini(&text);
    buf_fini(&body);
    return rc;
}

/* A request without a body. */
static enum rc ask_plain(const char *dir, const char *line, struct buf *out, struct buf *why)
{
    struct buf text;

    buf_init(&text, HEAD_MAX);
    enum rc rc = buf_addf(&text,
                          "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                          "Content-Length: 0\r\n\r\n",
                          line);
    if (rc == RC_OK)
        rc = admin_client_converse(dir, &text, out, why);
    buf_fini(&text);
    return rc;
}

enum rc server_console_ask(const char *dir, struct buf *out, struct buf *why)
{
    return ask_plain(dir, "POST /console", out, why);
}

enum rc server_cells_ask(const char *dir, struct buf *out, struct buf *why)
{
    return ask_plain(dir, "GET /cells", out, why);
}
