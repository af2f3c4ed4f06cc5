/* SPDX-License-Identifier: Apache-2.0
 *
 * Services that vouch for callers: a CKAN site (1), which is asked user_show with the caller's own credential, and the tenant
 * service of Gaia (2), which is asked whose a token is. Users come with the credential "pass-<number>-", and what is a
 * user's carries its mark.
 */
#include "workload.h"

#include <stdlib.h>
#include <string.h>

enum {
    CKAN = 1,
    TENANTS = 2,
    LATE_US = 5000,
    GOOD_USERS = MODEL_USERS - 2,
    STRANGER = GOOD_USERS + 1,
    HALF = 80 /* bytes: the head, and not all of any body */
};

static struct model *books(void)
{
    return &workload->model;
}

static const char *site_address(int site, char out[static 32])
{
    (void)snprintf(out, 32, "93.184.216.%d:%d", 150 + site, WORKLOAD_PORT);
    return out;
}

static bool site_does(enum plan_word word, int site)
{
    return workload_line_that_hits(word, "site", site) != NULL;
}

/* --- what sites say ------------------------------------------------------------------------------------------------ */

/* Who asks: CKAN gets the credential itself, the tenant service has it in the path. */
static int user_asked(int site, const struct http_request *req)
{
    char value[200] = "";
    (void)http_header(req->head, "authorization", value, sizeof value);
    const char *text = site == CKAN ? value : req->path;
    return workload_number(text, strlen(text), "pass-");
}

/* By which the user is let in; of the last one it is as good as that, but for one thing. */
static void make_vouch(int site, int user, char *out, size_t size)
{
    bool is_last = user == MODEL_USERS;
    if (site == CKAN)
        (void)snprintf(
            out, size,
            "{\"success\":true,\"result\":{\"id\":\"user-%d\",\"name\":\"user-%d\",\"sysadmin\":false,"
            "\"state\":\"%s\"}}",
            user, user, is_last ? "deleted" : "active");
    else
        (void)snprintf(out, size, is_last ? "{\"tenantId\":\"%d\"}" : "{\"tenantId\":%d}", user);
}

static void say_whole(struct http_exchange *x, int status, const char *body)
{
    http_reply(x, status, "content-type: application/json\r\n", body);
}

/* An answer that vouches for nobody, with one behind it that does, for whom it may. */
static void say_two(struct http_exchange *x, int site, int user)
{
    char vouch[200], text[500];
    make_vouch(site, user, vouch, sizeof vouch);
    int len = snprintf(
        text, sizeof text,
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n%s",
        strlen(vouch), vouch);
    http_close_after(x);
    (void)sim_send(http_socket(x), text, (size_t)len);
    sim_sleep(SIM_MINUTE);
}

static void say_half(struct http_exchange *x, int site, int user)
{
    char vouch[200];
    make_vouch(site, user, vouch, sizeof vouch);
    if (sim_once_in(SIM_RECEIVERS, 2)) {
        http_reply_reset(x);
        return;
    }
    http_close_after(x);
    http_reply_part(x, 200, "content-type: application/json\r\n", vouch, HALF);
}

static void say_who(struct http_exchange *x, int site, int user)
{
    static const char *const garbage[] = { "", "[]", "{\"success\":true}", "{\"tenantId\":1",
                                           "\xff" };
    char vouch[200];
    const struct plan_line *status = workload_line_that_hits(PLAN_SITE_STATUS, "site", site);
    make_vouch(site, user, vouch, sizeof vouch);
    if (status != NULL)
        say_whole(x, (int)plan_int(status, "status", 500), vouch);
    else if (site_does(PLAN_SITE_GARBAGE, site))
        say_whole(x, 200, garbage[sim_dice(SIM_RECEIVERS, 5)]);
    else if (user < 1 || user > MODEL_USERS || user == STRANGER)
        say_whole(x, site == CKAN ? 403 : 401, "{\"success\":false}");
    else {
        say_whole(x, 200, vouch);
        if (user <= GOOD_USERS)
            (void)model_vouch(books(), &(struct model_vouch){ .site = site,
                                                              .user = user,
                                                              .life = sim_life(),
                                                              .end_us = sim_now_us() });
    }
}

static void take_site_question(void *ctx, struct http_exchange *x, const struct http_request *req)
{
    int site = (int)(intptr_t)ctx, user = user_asked(site, req);
    const struct plan_line *slow = workload_line_that_hits(PLAN_SITE_SLOW, "site", site);
    sim_sleep((int64_t)sim_dice(SIM_RECEIVERS, LATE_US) +
              (slow != NULL ? plan_us(slow, "by", 0) : 0));
    if (site_does(PLAN_SITE_SILENT, site))
        sim_sleep(SIM_MINUTE);
    else if (site_does(PLAN_SITE_CUT, site))
        say_half(x, site, user);
    else if (site_does(PLAN_SITE_LIE, site))
        say_two(x, site, user);
    else
        say_who(x, site, user);
}

/* --- setting up ----------------------------------------------------------------------------------------------------- */

void workload_configure_sites(FILE *conf)
{
    char address[32], broker[32];
    const struct plan_line *ckan = plan_numbered(&workload_plan, PLAN_SITE, CKAN);
    const struct plan_line *tenants = plan_numbered(&workload_plan, PLAN_SITE, TENANTS);
    if (ckan != NULL) {
        const char *keep = plan_text(ckan, "keep", "60s"),
                   *timeout = plan_text(ckan, "timeout", "5s");
        books()->sites[CKAN] =
            (struct model_site){ .keep_us = plan_us(ckan, "keep", SIM_MINUTE),
                                 .timeout_us = plan_us(ckan, "timeout", 5 * SIM_SECOND) };
        (void)fprintf(conf,
                      "ckan.enabled = true\nckan.site_url = http://%s\nckan.auth_cache = %s\n"
                      "ckan.site_timeout = %s\n",
                      site_address(CKAN, address), keep, timeout);
    }
    if (tenants != NULL) {
        books()->sites[TENANTS] =
            (struct model_site){ .keep_us = 30 * SIM_SECOND, .timeout_us = 5 * SIM_SECOND };
        (void)fprintf(conf,
                      "gaia.enabled = true\ngaia.auth_server = %s\ngaia.amqp_url = amqp://%s/\n",
                      site_address(TENANTS, address), workload_broker_address(1, broker));
    }
}

void workload_start_sites(void)
{
    char address[32];
    for (int n = 1; n <= MODEL_SITES; n++)
        if (books()->sites[n].timeout_us != 0)
            (void)http_receiver_start(site_address(n, address), take_site_question,
                                      (void *)(intptr_t)n);
}

/* --- entering -------------------------------------------------------------------------------------------------------- */

/* Something of another user's is in the answer. */
static bool has_other_mark(const json_t *json, int user)
{
    bool has = false;
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    for (int other = 1; text != NULL && other <= MODEL_USERS; other++) {
        char mark[32];
        (void)snprintf(mark, sizeof mark, "mark-of-user-%d-", other);
        has |= other != user && strstr(text, mark) != NULL;
    }
    free(text);
    return has;
}

static struct workload_answer enter(struct http_client *c, int site, int user, const char *method,
                                    const char *path, const char *body)
{
    struct check_broken broken;
    struct workload_answer a =
        workload_ask(c, 0, method, path, "x-orig-server: hooks.example.com\r\n", body);
    struct model_entry e = { .site = site,
                             .user = user,
                             .life = sim_life(),
                             .begin_us = a.begin_us,
                             .end_us = a.end_us,
                             .status = a.status,
                             .has_strange = has_other_mark(a.json, user) };
    if (a.status <= 0)
        return a;
    (void)model_entry(books(), &e);
    workload_judge(check_entry_time(books(), &e, workload->clients, &broken), &broken);
    return a;
}

/* The list has ids alone: what they stand for is read as well. */
static void ckan_read(struct http_client *c, int user)
{
    enum { READ_MAX = 3 };
    struct workload_answer list = enter(c, CKAN, user, "GET", "/api/3/action/webhook_list", "");
    const json_t *ids = json_object_get(list.json, "result");
    for (size_t i = 0; i < json_array_size(ids) && i < READ_MAX; i++) {
        char path[WORKLOAD_PATH];
        const char *id = json_string_value(json_array_get(ids, i));
        (void)snprintf(path, sizeof path, "/api/3/action/webhook_show?id=%s", id != NULL ? id : "");
        struct workload_answer one = enter(c, CKAN, user, "GET", path, "");
        workload_answer_free(&one);
    }
    workload_answer_free(&list);
}

static void site_make(struct http_client *c, int site, int user)
{
    char body[200];
    if (site == CKAN)
        (void)snprintf(
            body, sizeof body,
            "{\"topic\":\"dataset/create\",\"address\":\"http://93.184.216.34/mark-of-user-%d-\"}",
            user);
    else
        (void)snprintf(body, sizeof body,
                       "{\"datasource\":\"mark-of-user-%d-\",\"event\":\"made\"}", user);
    const char *path = site == CKAN ? "/api/3/action/webhook_create" : "/wh/config";
    struct workload_answer a = enter(c, site, user, "POST", path, body);
    workload_answer_free(&a);
}

void workload_enter(const struct plan_line *l)
{
    char pass[32];
    int site = (int)plan_int(l, "site", 1), user = (int)plan_int(l, "user", 1);
    if (site < 1 || site > MODEL_SITES || books()->sites[site].timeout_us == 0)
        return;
    (void)snprintf(pass, sizeof pass, "pass-%d-", user);
    struct http_client *c = workload_client(pass);
    if (plan_int(l, "make", 0) != 0) {
        site_make(c, site, user);
    } else if (site == CKAN) {
        ckan_read(c, user);
    } else {
        struct workload_answer a = enter(c, site, user, "GET", "/wh/config", "");
        workload_answer_free(&a);
    }
    http_client_free(c);
}
