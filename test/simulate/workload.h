/* SPDX-License-Identifier: Apache-2.0
 *
 * The world that plays a plan (plan.h) around the simulated server (sim.h) and writes down what it sees (model.h):
 * clients that use the public API, receivers that the server delivers to, and the faults. A run has two phases. In the
 * first everything of the plan happens, through kills and restarts. Then all faults end, receivers are well, and
 * everything that was accepted has to come to its end; what the API says of each delivery is read back and judged.
 *
 * Private to workload*.c. All of it is called from world tasks.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "check.h"
#include "plan.h"
#include "sim.h"
#include "world_http.h"

enum { WORKLOAD_CLIENTS = 16, WORKLOAD_TOKEN = 256, WORKLOAD_PATH = 200, WORKLOAD_PORT = 80, WORKLOAD_BROKERS = 3, WORKLOAD_BROKER_PORT = 5672 };

/* What outlives the lives. */
struct workload {
    struct model model;
    int64_t safety_us;
    int tenants, clients;
    bool has_tenant[MODEL_TENANTS + 1], has_endpoint[MODEL_ENDPOINTS + 1], has_filter[MODEL_FILTERS + 1],
        has_chain[MODEL_TENANTS + 1];
    char tokens[MODEL_TENANTS + 1][WORKLOAD_TOKEN]; /* of the tenants' own */
    size_t client_at[WORKLOAD_CLIENTS + 1];         /* the next line of the plan that each looks at */
    size_t fault_at;
    int64_t last_life_us; /* when the last line that ends a life has happened */
};

extern struct workload *workload;
extern struct plan workload_plan; /* of this life's memory */

/* A client of its own connection. The answer's JSON, NULL if there is none; a borrowed status. Bytes of other tenants
 * and slow answers end the run. `tenant`: whose things are asked for; 0: nobody's. */
struct workload_answer {
    int status; /* as of struct http_answer */
    enum model_answer answer;
    bool is_replay;
    int64_t begin_us, end_us;
    json_t *json; /* workload_answer_free() */
};
struct workload_answer workload_ask(struct http_client *c, int tenant, const char *method, const char *path,
                                    const char *headers, const char *body);
void workload_answer_free(struct workload_answer *a);
const char *workload_text(const json_t *object, const char *name); /* "" when it has none */
struct http_client *workload_client(const char *token); /* NULL: the administrator's */
/* Ends the run when `holds` is false. */
void workload_judge(bool holds, const struct check_broken *broken);

/* Applications, tokens and endpoints: what is missing of them is made. False: not all could be. */
bool workload_set_up(struct http_client *c);
/* One operation of the plan, from beginning to end. */
void workload_operate(struct http_client *c, const struct plan_line *line);
/* The payload of a publishing line's message; free() it. `is_other`: another one for the same key. */
char *workload_payload(const struct plan_line *line, int item, bool is_other);
void workload_list(struct http_client *c, int tenant, int64_t limit);
void workload_read(struct http_client *c, int endpoint);
/* True when none of the background tasks runs any more. */
bool workload_tasks_are_over(struct http_client *c);

/* The first line of that word which holds now for the thing of that number, and hits by its rate; NULL: none. `field`: what
 * the number is of, such as "endpoint". */
const struct plan_line *workload_line_that_hits(enum plan_word word, const char *field, int number);
/* The number behind a text in a payload, which the workload made itself; 0: there is none. */
int workload_number(const char *body, size_t len, const char *before);
/* With the secret of that number, of workload_secret(). */
bool workload_is_signed(int number, const struct http_request *req, const char *id);
/* What has arrived at an endpoint, before it is answered. */
struct model_attempt *workload_note_attempt(int endpoint, const char *id, const char *body, size_t len);

void workload_start_receivers(void);
const char *workload_address(int endpoint, char out[static 32]);
/* The endpoint's signing secret: text for the API, and the key's bytes. */
enum { WORKLOAD_SECRET_BYTES = 24 };
const char *workload_secret(int endpoint, char text[static 64], unsigned char key[static WORKLOAD_SECRET_BYTES + 1]);

void workload_start_brokers(void);
const char *workload_broker_address(int broker, char out[static 32]);
const char *workload_exchange(int exchange, char out[static 16]); /* its name */
/* A broker.block or broker.restart begins, or goes on in a new life. */
void workload_broker_weather(struct plan_line *l);
void workload_heal_brokers(void);

/* Webfilters and chains: what is missing is made. False: not all could be. */
bool workload_set_up_filters(struct http_client *c);
void workload_start_processors(void);
void workload_question(struct http_client *c, const struct plan_line *line);
/* What is kept of the runs of questions, when all is quiet. */
void workload_read_runs(struct http_client *c);
/* Sites that vouch for callers: their lines of the configuration, and their answers. */
void workload_configure_sites(FILE *conf);
void workload_start_sites(void);
void workload_enter(const struct plan_line *line);
/* Ends the run when a line of the log has what is hidden. */
void workload_judge_line(const char *line, size_t len);

/* Plays the plan's faults and ends of lives from where the last life left off; returns at the end of the first phase. */
void workload_play_faults(void);
/* Everything well again. */
void workload_heal(void);
/* The second phase: waits until nothing is pending, at most as long as retries can take, and reads the states. */
void workload_settle(struct http_client *c);
