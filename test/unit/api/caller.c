/* SPDX-License-Identifier: Apache-2.0 */
#include "caller.h"

#include "on_server.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "http/query_priv.h"
#include "http/wire.h"
#include "store/application.h"
#include "webfilter/set.h"

enum { HEAD_MAX = 16384, STATS_MAX = 1 << 24 };

/* --- the world ------------------------------------------------------------------------------------- */

static void open_store(struct caller *c)
{
    struct store_options o;
    struct buf why;
    (void)snprintf(c->dir, sizeof(c->dir), "/tmp/grapnel-api-XXXXXX");
    assert_non_null(mkdtemp(c->dir));
    store_options_defaults(&o);
    o.dir = c->dir;
    o.url = on_server_url();
    o.no_sync = true;
    o.free_min_bytes = 0;
    buf_init(&why, 256);
    assert_int_equal(store_open(&o, &c->store, &why), RC_OK);
    buf_fini(&why);
}

static void run_loop(void *arg)
{
    loop_run(arg);
}

static void drop_deliveries(void *ctx, struct store_message *message, const int64_t *endpoints,
                            size_t count)
{
    (void)ctx;
    (void)message;
    (void)endpoints;
    (void)count;
}

static void open_core(struct caller *c)
{
    struct str id;
    assert_int_equal(sign_vault_new(STR("a main secret of enough length"), &c->vault), RC_OK);
    c->directory = core_directory_new(&(struct core_directory_options){
        .store = c->store, .vault = c->vault, .clock = store_clock(c->store), .apps_max = 100 });
    c->access = access_new(&(struct access_options){
        .store = c->store, .clock = clock_system(), .rng = rng_system(), .cached_max = 100 });
    assert_int_equal(access_default_org(c->access, STR("default"), &c->arena, &c->org, &id), RC_OK);
    struct access_token_spec spec = { .org = c->org, .name = STR("test") };
    assert_int_equal(access_create(c->access, &spec, c->token, NULL), RC_OK);
    c->publisher =
        core_publisher_new(&(struct core_publisher_options){ .store = c->store,
                                                             .directory = c->directory,
                                                             .clock = clock_system(),
                                                             .loops = &c->loop,
                                                             .loop_count = 1,
                                                             .hand_over = drop_deliveries });
    c->events = core_events_new(&(struct core_events_options){ .store = c->store,
                                                               .directory = c->directory,
                                                               .publisher = c->publisher,
                                                               .pool = c->pool,
                                                               .clock = clock_system() });
}

static void open_inbound(struct caller *c)
{
    struct buf why;
    buf_init(&why, 256);
    assert_int_equal(verify_book_open(NULL, &c->book, &why), RC_OK);
    buf_fini(&why);
    c->inbound = inbound_new(&(struct inbound_options){ .store = c->store,
                                                        .directory = c->directory,
                                                        .publisher = c->publisher,
                                                        .vault = c->vault,
                                                        .book = c->book,
                                                        .pool = c->pool,
                                                        .clock = clock_system(),
                                                        .rng = rng_system(),
                                                        .public_url = "https://hooks.test",
                                                        .sources_max = 100 });
}

static void add_route(void *ctx, const struct http_route *route)
{
    http_match_add(ctx, route);
}

void caller_take_routes(struct caller *c)
{
    http_match_free(c->routes);
    c->routes = http_match_new();
    http_router_each(c->router, add_route, c->routes);
}

static void open_api(struct caller *c)
{
    c->stats = stats_open(&(struct stats_options){ .dir = c->dir,
                                                   .clock = clock_system(),
                                                   .own = store_clock(c->store),
                                                   .rng = rng_system(),
                                                   .size_max = STATS_MAX,
                                                   .no_thread = true });
    store_watch(c->store, stats_watcher(c->stats));
    struct api_options o = { .store = c->store,
                             .stats = c->stats,
                             .directory = c->directory,
                             .access = c->access,
                             .publisher = c->publisher,
                             .events = c->events,
                             .vault = c->vault,
                             .pool = c->pool,
                             .loops = &c->loop,
                             .loop_count = 1,
                             .clock = clock_system(),
                             .rng = rng_system(),
                             .public_url = "https://hooks.test",
                             .console_url = "https://hooks.test",
                             .inbound = c->inbound,
                             .book = c->book,
                             .operator_org = c->org,
                             .has_console = true,
                             .logins_at_once = 2,
                             .issue_look_us = INT64_MAX / 2, /* tests look themselves */
                             .webfilter_sets = c->webfilter_sets };
    c->api = api_new(&o);
    c->router = http_router_new(&(struct http_router_options){ .pool = c->pool, .ctx = c->api });
    api_add_routes(c->api, c->router);
    caller_take_routes(c);
}

int caller_open(void **state)
{
    struct caller *c = XNEW(struct caller);
    *state = c;
    arena_init(&c->arena);
    c->pool = work_pool_new(2, 100);
    c->loop = loop_new("test", clock_system());
    assert_true(c->pool != NULL && c->loop != NULL);
    c->loop_thread = thread_start("loop", THREAD_LOOP, run_loop, c->loop);
    open_store(c);
    open_core(c);
    c->webfilter_sets = webfilter_sets_new(c->store, c->vault, 100);
    open_inbound(c);
    open_api(c);
    thread_set_kind(THREAD_WORKER);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int caller_close(void **state)
{
    struct caller *c = *state;
    arena_fini(&c->arena); /* first: it holds identities and answers */
    api_stop(c->api);
    work_pool_free(c->pool);
    loop_stop(c->loop);
    thread_join(c->loop_thread);
    http_match_free(c->routes);
    http_router_free(c->router);
    api_free(c->api);
    inbound_free(c->inbound);
    verify_book_free(c->book);
    webfilter_sets_free(c->webfilter_sets);
    core_events_free(c->events);
    core_publisher_free(c->publisher);
    access_free(c->access);
    core_directory_free(c->directory);
    stats_stop(c->stats);
    store_close(c->store);
    stats_close(c->stats);
    loop_free(c->loop);
    sign_vault_free(c->vault);
    (void)nftw(c->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    xfree(c);
    return 0;
}

/* --- calling --------------------------------------------------------------------------------------- */

static void drop_json(void *value)
{
    json_decref(value);
}

static struct http_head *head_of(struct caller *c, const char *token, const char *header,
                                 const char *method, const char *target)
{
    struct http_head *head = ARENA_NEW(&c->arena, struct http_head);
    struct http_parse_error error;
    size_t used;
    struct str text = arena_fmt(&c->arena, "%s %s HTTP/1.1\r\nhost: test\r\n%s%s%s%s%s\r\n", method,
                                target, token[0] == '\0' ? "" : "authorization: Bearer ", token,
                                token[0] == '\0' ? "" : "\r\n", header == NULL ? "" : header,
                                header == NULL ? "" : "\r\n");
    if (http_parse_request(text, HEAD_MAX, head, &used, &error) != HTTP_PARSE_OK)
        fail_msg("%s %s: not a request", method, target);
    return head;
}

struct answer call_as(struct caller *c, const char *token, const char *header, const char *method,
                      const char *target, const char *body)
{
    struct match m;
    struct http_call *http = ARENA_NEW(&c->arena, struct http_call);
    struct http_request *req = ARENA_NEW(&c->arena, struct http_request);
    http->arena = &c->arena;
    http->head = head_of(c, token, header, method, target);
    http->body = body == NULL ? STR("") : arena_str(&c->arena, str_from(body));
    http->body_max = 1 << 20;
    http->peer = STR("192.0.2.7");
    http->request_id = STR("req_test");
    http->loop = c->loop;
    *req = (struct http_request){ .call = http, .arena = &c->arena, .ctx = c->api };
    http_match_find(c->routes, http->head->method, http->head->path, &m);
    if (m.route == NULL || m.route->kind != HTTP_WORKER)
        fail_msg("%s %s: no worker's route", method, target);
    req->route = m.route;
    for (size_t i = 0; i < m.param_count; i++)
        assert_true(http_decode(&c->arena, m.params[i], false, &req->params[i]));
    api_act_enter(req);
    m.route->handler(req);
    api_act_leave(req);
    struct answer a = { .status = req->reply.status,
                        .text = req->reply.body,
                        .reply = &req->reply };
    assert_int_not_equal(a.status, 0);
    if (a.text.len > 0 && a.text.ptr[0] == '{' && /* not when it is packed */
        str_eq(req->reply.content_type, STR("application/json"))) {
        assert_int_equal(json_parse(a.text, &a.body, NULL), RC_OK);
        arena_defer(&c->arena, drop_json, a.body);
    }
    return a;
}

struct answer call(struct caller *c, const char *method, const char *target, const char *body)
{
    return call_as(c, c->token, NULL, method, target, body);
}

const char *token_of_app(struct caller *c, const char *app, bool read_only)
{
    struct store_application row;
    struct store_tx *tx;
    char *token = arena_alloc(&c->arena, ACCESS_TOKEN_TEXT + 1);
    assert_int_equal(store_read(c->store, &tx), RC_OK);
    enum rc rc = store_application_find(tx, c->org, str_from(app), &c->arena, &row);
    store_end(tx);
    assert_int_equal(rc, RC_OK);
    struct access_token_spec spec = {
        .org = c->org, .app = row.num, .name = STR("test"), .read_only = read_only
    };
    assert_int_equal(access_create(c->access, &spec, token, NULL), RC_OK);
    return token;
}

/* --- looking --------------------------------------------------------------------------------------- */

const json_t *at(struct answer a, const char *path)
{
    const json_t *v = a.body;
    struct str rest = str_from(path), name;
    while (v != NULL && str_split(&rest, '.', &name)) {
        int64_t index;
        if (json_is_array(v) && str_to_i64(name, &index) == RC_OK)
            v = json_array_get(v, (size_t)index);
        else
            v = json_object_getn(v, name.ptr, name.len);
    }
    return v;
}

const char *text_at(struct answer a, const char *path)
{
    const char *text = json_string_value(at(a, path));
    if (text == NULL)
        fail_msg("no string at %s of %.*s", path, STR_ARGS(a.text));
    return text;
}

const char *make_app(struct caller *c, const char *uid)
{
    struct str body = arena_fmt(&c->arena, "{\"name\":\"%s\",\"uid\":\"%s\"}", uid, uid);
    struct answer a = call(c, "POST", "/api/v1/app", body.ptr);
    assert_int_equal(a.status, 201);
    return text_at(a, "id");
}

const char *make_endpoint(struct caller *c, const char *app, const char *body)
{
    struct str target = arena_fmt(&c->arena, "/api/v1/app/%s/endpoint", app);
    struct answer a = call(c, "POST", target.ptr, body);
    if (a.status != 201)
        fail_msg("%d %.*s", a.status, STR_ARGS(a.text));
    return text_at(a, "id");
}
