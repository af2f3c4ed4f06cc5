/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes through the server: matching, methods, parameters, workers, errors in words.
 */
#include "harness.h"

#include "http/router.h"

#include <stdio.h>
#include <unistd.h>

static int observed_status;
static const struct http_route *observed_route;

static void echo(struct http_request *req)
{
    struct str page = STR("-");
    (void)http_query(req, "page", 0, &page);
    req->reply.status = 200;
    req->reply.body = arena_fmt(req->arena, "%s|%.*s|%.*s|%.*s", req->route->pattern,
                                STR_ARGS(req->params[0]), STR_ARGS(req->params[1]), STR_ARGS(page));
}

static void echo_inline(struct http_request *req)
{
    echo(req);
    http_answer(req);
}

static void echo_on_worker(struct http_request *req)
{
    thread_must_be(THREAD_WORKER);
    echo(req);
}

static void invalid(struct http_request *req)
{
    http_invalid(req, "body.url", "value_error", "not \"good\": %d", 7);
    http_answer(req);
}

static struct mutex gate;

static void wait_for_gate(struct http_request *req)
{
    mutex_lock(&gate);
    mutex_unlock(&gate);
    echo(req);
}

static void refuse_unknown(struct http_request *req)
{
    http_error(req, 404, "not_found", "not known here");
    req->sought = "a proof";
    http_answer(req);
}

/* What must not happen before it is settled that nobody else knows it. */
static int settled_count;

static void seek_on_worker(struct http_request *req)
{
    req->sought = "a proof";
    http_error(req, 401, "wrong", "run %s", req->is_settled ? "again" : "once");
    if (http_has_elsewhere(req))
        req->runs_again = true;
    else
        settled_count++;
}

static const struct http_route ROUTES[] = {
    { .method = HTTP_GET, .pattern = "/", .handler = echo_inline },
    { .method = HTTP_GET, .pattern = "/app", .handler = echo_inline },
    { .method = HTTP_POST, .pattern = "/app", .handler = echo_inline },
    { .method = HTTP_GET, .pattern = "/app/{app}", .handler = echo_inline },
    { .method = HTTP_GET, .pattern = "/app/new", .handler = echo_inline },
    { .method = HTTP_DELETE, .pattern = "/app/{app}/msg/{msg}", .handler = echo_inline },
    { .method = HTTP_GET, .pattern = "/app/new/other/{x}", .handler = echo_inline },
    { .method = HTTP_GET, .pattern = "/files/{*rest}", .handler = echo_inline },
    { .method = HTTP_GET, .pattern = "/files/one", .handler = echo_inline },
    { .method = HTTP_POST, .pattern = "/invalid", .handler = invalid },
    { .method = HTTP_GET,
      .pattern = "/worker/{n}",
      .kind = HTTP_WORKER,
      .handler = echo_on_worker },
    { .method = HTTP_GET, .pattern = "/unknown", .handler = refuse_unknown },
    { .method = HTTP_GET, .pattern = "/sought", .kind = HTTP_WORKER, .handler = seek_on_worker },
    { .method = HTTP_GET, .pattern = "/gate", .kind = HTTP_WORKER, .handler = wait_for_gate },
};

static bool before(struct http_request *req)
{
    if (http_call_header(req->call, "x-deny").len == 0)
        return true;
    http_error(req, 401, "denied", "no \"%s\"", "entry");
    http_answer(req);
    return false;
}

static void observe(const struct http_request *req, int status, int64_t took_us)
{
    observed_status = status;
    observed_route = req->route;
    assert_true(took_us >= 0);
}

struct routed_server {
    struct harness h;
    struct work_pool *pool;
    struct http_router *router;
    int fd;
};

static uint64_t owner_turn;
static bool owners_differ;

/* Everybody is one owner, or each request is another's. */
static bool owner(struct http_request *req, uint64_t *out)
{
    (void)req;
    *out = owners_differ ? ++owner_turn : 1;
    return true;
}

/* Somebody who is asked, and knows nothing. */
static int asked_count;
static bool others_are_there;

static bool knows_nothing(void *ctx, struct http_request *req, const void *sought)
{
    (void)ctx;
    (void)req;
    (void)sought;
    return false;
}

static bool asks_in_vain(void *ctx, struct http_request *req)
{
    (void)ctx;
    asked_count++;
    http_settle(req);
    return true;
}

static void start(struct routed_server *s, unsigned threads, size_t queue_max)
{
    *s = (struct routed_server){ 0 };
    s->pool = work_pool_new(threads, queue_max);
    s->router = http_router_new(&(struct http_router_options){
        .pool = s->pool,
        .before = before,
        .observe = observe,
        .owner = owner,
        .elsewhere = { others_are_there ? &asked_count : NULL, knows_nothing, asks_in_vain } });
    http_router_add(s->router, ROUTES, 6);
    http_router_add(s->router, ROUTES + 6, COUNT_OF(ROUTES) - 6);
    s->h.handler = http_router_handle;
    s->h.handler_ctx = s->router;
    harness_start(&s->h);
    s->fd = client_connect(&s->h);
}

static void stop(struct routed_server *s)
{
    (void)close(s->fd);
    work_pool_free(s->pool);
    pump(&s->h);
    harness_stop(&s->h);
    http_router_free(s->router);
}

/* Sends "<line> HTTP/1.1" with `headers`; returns the whole answer. */
static struct str ask(struct routed_server *s, const char *line, const char *headers)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: a\r\n%s\r\n", line, headers);
    return client_exchange(&s->h, s->fd, str_of(text, (size_t)len));
}

static void assert_has(struct str s, const char *what)
{
    if (!str_contains(s, str_from(what)))
        fail_msg("'%s' is not in '%.*s'", what, STR_ARGS(s));
}

static void finds_the_route_of_a_path(void **state)
{
    (void)state;
    static const char *const ROWS[][2] = {
        { "GET /", "\r\n\r\n/|||-" },
        { "GET /app", "\r\n\r\n/app|||-" },
        { "GET /app/", "\r\n\r\n/app|||-" },
        { "GET /app/x", "\r\n\r\n/app/{app}|x||-" },
        { "GET /app/new", "\r\n\r\n/app/new|||-" },
        { "GET /app/a%2Fb%20c", "\r\n\r\n/app/{app}|a/b c||-" },
        { "DELETE /app/new/msg/m",
          "\r\n\r\n/app/{app}/msg/{msg}|new|m|-" }, /* a wrong turn taken back */
        { "GET /app/new/other/y", "\r\n\r\n/app/new/other/{x}|y||-" },
        { "GET /files/a/b/c", "\r\n\r\n/files/{*rest}|a/b/c||-" },
        { "GET /files/one", "\r\n\r\n/files/one|||-" },
        { "GET /files/one/two", "\r\n\r\n/files/{*rest}|one/two||-" },
        { "GET /app/x?page=2", "|x||2" },
        { "GET /app/x?a&page=%41+b&page=3", "|x||A b" },
        { "GET /app/x?page=%zz&page=3", "|x||3" },
        { "GET /nothing", "404 Not Found" },
        { "GET /app//msg", "404 Not Found" },
        { "GET /app/x/msg", "404 Not Found" },
        { "GET /app/%zz", "400 Bad Request" },
        { "POST /app/x", "405 Method Not Allowed" },
        { "PROPFIND /app", "405 Method Not Allowed" },
    };
    struct routed_server s;
    start(&s, 1, 10);
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct str got = ask(&s, ROWS[i][0], "");
        if (!str_contains(got, str_from(ROWS[i][1])))
            fail_msg("%s: '%.*s'", ROWS[i][0], STR_ARGS(got));
    }
    stop(&s);
}

static void says_in_json_what_is_wrong(void **state)
{
    (void)state;
    struct routed_server s;
    start(&s, 1, 10);
    struct str got = ask(&s, "GET /nothing", "");
    assert_has(got, "Content-Type: application/json\r\n");
    assert_has(got, "{\"code\":\"not_found\",\"detail\":\"");
    assert_int_equal(observed_status, 404);
    assert_null(observed_route);
    got = ask(&s, "PUT /app", "");
    assert_has(got, "Allow: GET, HEAD, POST, OPTIONS\r\n");
    assert_has(got, "{\"code\":\"method_not_allowed\",\"detail\":\"");
    got = ask(&s, "POST /invalid", "");
    assert_has(got, "HTTP/1.1 422 ");
    assert_has(
        got,
        "{\"detail\":[{\"loc\":[\"body\",\"url\"],\"msg\":\"not \\\"good\\\": 7\",\"type\":\"value_error\"}]}");
    got = ask(&s, "GET /app", "X-Deny: 1\r\n");
    assert_has(got, "{\"code\":\"denied\",\"detail\":\"no \\\"entry\\\"\"}");
    assert_int_equal(observed_status, 401);
    assert_ptr_equal(observed_route, &ROUTES[1]);
    stop(&s);
}

static void serves_head_by_get(void **state)
{
    (void)state;
    struct routed_server s;
    start(&s, 1, 10);
    struct str got = ask(&s, "HEAD /app", "");
    assert_has(got, "200 OK");
    assert_true(str_ends(got, STR("\r\n\r\n")));
    stop(&s);
}

static void allows_every_origin(void **state)
{
    (void)state;
    struct routed_server s;
    start(&s, 1, 10);
    struct str got = ask(&s, "OPTIONS /app",
                         "Origin: http://x\r\nAccess-Control-Request-Method: POST\r\n"
                         "Access-Control-Request-Headers: authorization, x-a\r\n");
    assert_has(got, "HTTP/1.1 204 ");
    assert_has(got, "Access-Control-Allow-Origin: *\r\n");
    assert_has(got, "Access-Control-Allow-Methods: GET, HEAD, POST, OPTIONS\r\n");
    assert_has(got, "Access-Control-Allow-Headers: authorization, x-a\r\n");
    assert_has(got, "Access-Control-Max-Age: 600\r\n");
    assert_has(ask(&s, "GET /app", "Origin: http://x\r\n"), "Access-Control-Allow-Origin: *\r\n");
    assert_false(str_contains(ask(&s, "GET /app", ""), STR("Access-Control")));
    assert_has(ask(&s, "OPTIONS /nothing", "Origin: http://x\r\n"), "404");
    stop(&s);
}

static void runs_worker_routes_on_workers(void **state)
{
    (void)state;
    struct routed_server s;
    bool closed;
    start(&s, 2, 100);
    for (int i = 0; i < 50; i++) {
        char text[100];
        int len = snprintf(text, sizeof(text), "GET /worker/%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        client_send(s.fd, str_of(text, (size_t)len));
        struct str got = client_read(&s.h, s.fd, 80, &closed);
        (void)snprintf(text, sizeof(text), "/worker/{n}|%d||-", i);
        assert_has(got, text);
    }
    stop(&s);
}

/* More requests than the workers' queue of four takes; how many were answered 200, the others by `refusal`. */
static size_t serve_too_many(const char *refusal)
{
    enum { CLIENTS = 8 };
    struct routed_server s;
    int fds[CLIENTS];
    size_t refused = 0, served = 0;
    mutex_init(&gate);
    start(&s, 1, 4);
    mutex_lock(&gate);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = client_connect(&s.h);
        client_send(fds[i], STR("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n"));
        pump(&s.h);
    }
    mutex_unlock(&gate);
    for (int i = 0; i < CLIENTS; i++) {
        bool closed;
        struct str got = client_read(&s.h, fds[i], 230, &closed);
        if (str_contains(got, STR("200 OK")))
            served++;
        if (str_contains(got, str_from(refusal))) {
            refused++;
            assert_has(got, "Retry-After: 1\r\n");
        }
        (void)close(fds[i]);
    }
    assert_int_equal(served + refused, CLIENTS);
    stop(&s);
    mutex_fini(&gate);
    return served;
}

static void answers_503_when_the_workers_have_too_much_to_do(void **state)
{
    (void)state;
    owners_differ = true;
    size_t served = serve_too_many("the server has too much");
    owners_differ = false;
    assert_in_range(served, 4, 5); /* four waiting, and one running if it was taken in time */
}

static void refuses_whoever_has_its_share_of_the_workers_already(void **state)
{
    (void)state;
    assert_in_range(serve_too_many("too many of your requests"), 1, 2);
}

static void count_route(void *ctx, const struct http_route *route)
{
    assert_ptr_equal(route, &ROUTES[*(size_t *)ctx]);
    (*(size_t *)ctx)++;
}

static void lists_its_routes_in_order(void **state)
{
    (void)state;
    struct routed_server s;
    size_t count = 0;
    start(&s, 1, 1);
    http_router_each(s.router, count_route, &count);
    assert_int_equal(count, COUNT_OF(ROUTES));
    stop(&s);
}

static void what_is_not_known_is_refused_once_others_were_asked(void **state)
{
    struct routed_server s;
    (void)state;
    for (int others = 0; others < 2; others++) {
        asked_count = settled_count = 0;
        others_are_there = others != 0;
        start(&s, 1, 16);
        assert_has(ask(&s, "GET /unknown", ""), "404 Not Found");
        assert_int_equal(asked_count, others);
        assert_has(ask(&s, "GET /sought", ""), others != 0 ? "run again" : "run once");
        assert_int_equal(asked_count, 2 * others);
        assert_int_equal(settled_count, 1);
        stop(&s);
    }
    others_are_there = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_route_of_a_path),
        cmocka_unit_test(says_in_json_what_is_wrong),
        cmocka_unit_test(serves_head_by_get),
        cmocka_unit_test(allows_every_origin),
        cmocka_unit_test(runs_worker_routes_on_workers),
        cmocka_unit_test(answers_503_when_the_workers_have_too_much_to_do),
        cmocka_unit_test(refuses_whoever_has_its_share_of_the_workers_already),
        cmocka_unit_test(lists_its_routes_in_order),
        cmocka_unit_test(what_is_not_known_is_refused_once_others_were_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
