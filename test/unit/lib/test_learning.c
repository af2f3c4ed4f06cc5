/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets that a receiver learns in handshakes, handed over by many threads at once.
 */
#include "../../../lib/receiver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine.h"
#include "fixture.h"

enum { ANSWER_MAX = 4096, SENDERS = 4, TOKENS_EACH = 50, TOKEN_LEN = 40 };

/* Sends bytes on a new connection; the status of the answer, whose text is in `answer`. */
static int exchange(const struct grapnel_receiver *receiver, const char *text,
                    char answer[static ANSWER_MAX])
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)grapnel_receiver_port(receiver)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t len = 0;
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    for (ssize_t n; len < ANSWER_MAX - 1; len += (size_t)n) {
        n = recv(fd, answer + len, ANSWER_MAX - 1 - len, 0);
        if (n <= 0) {
            break;
        }
    }
    answer[len] = '\0';
    close(fd);
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static bool take(void *ctx, const struct grapnel_event *event)
{
    (void)ctx;
    return gn_eq(event->id, GN_TEXT("e-1"));
}

struct learning {
    struct grapnel_receiver *receiver;
    char tentative[TOKEN_LEN + 1];
    char learned[TOKEN_LEN + 1];
    int told;
};

static void on_tentative(void *ctx, struct grapnel_bytes secret)
{
    struct learning *l = ctx;
    assert_int_equal(secret.len, TOKEN_LEN);
    memcpy(l->tentative, secret.ptr, secret.len); /* calls are made one after another */
    l->told++;
}

static void on_learn(void *ctx, struct grapnel_bytes secret)
{
    struct learning *l = ctx;
    assert_int_equal(secret.len, TOKEN_LEN);
    memcpy(l->learned, secret.ptr, secret.len);
}

struct sender {
    struct learning *learning;
    int number;
};

static void *hand_over(void *arg)
{
    const struct sender *h = arg;
    char answer[ANSWER_MAX];
    for (int i = 0; i < TOKENS_EACH; i++) {
        char body[128];
        char text[512];
        int len = snprintf(body, sizeof(body), "{\"verification_token\":\"secret_%03d_%029d\"}",
                           h->number, i);
        (void)snprintf(
            text, sizeof(text),
            "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len,
            body);
        assert_int_equal(exchange(h->learning->receiver, text, answer), 200);
    }
    return NULL;
}

static int send_event(struct learning *l, const char *secret)
{
    static const char body[] = "{\"id\":\"e-1\"}";
    char answer[ANSWER_MAX];
    char text[512];
    char hex[65] = "";
    unsigned char mac[GN_DIGEST_MAX];
    struct grapnel_bytes piece = GN_TEXT("{\"id\":\"e-1\"}");
    assert_true(gn_hmac(GN_SHA256, gn_cstr(secret), &piece, 1, mac));
    gn_hex_encode(mac, gn_digest_len(GN_SHA256), hex);
    (void)snprintf(
        text, sizeof(text),
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Notion-Signature: sha256=%.64s\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        hex, sizeof(body) - 1, body);
    return exchange(l->receiver, text, answer);
}

static void a_tentative_secret_is_replaced_until_an_event_verifies_with_it(void **state)
{
    static struct learning l;
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    struct grapnel_scheme *scheme;
    char why[256] = "";
    (void)state;
    l = (struct learning){ .told = 0 };
    assert_int_equal(grapnel_scheme_preset("notion", &scheme), GRAPNEL_VERIFIED);
    struct grapnel_receiver_config config = { .listen = "127.0.0.1:0",
                                              .scheme = scheme,
                                              .on_event = take,
                                              .on_learn = on_learn,
                                              .on_tentative = on_tentative,
                                              .ctx = &l };
    l.receiver = grapnel_receiver_start(&config, why, sizeof(why));
    assert_non_null(l.receiver);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){ &l, i };
        assert_int_equal(pthread_create(&threads[i], NULL, hand_over, &senders[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    assert_int_equal(l.told, SENDERS * TOKENS_EACH);
    assert_string_equal(l.learned, "");
    assert_int_equal(send_event(&l, "secret_999_00000000000000000000000000000"), 401);
    assert_int_equal(send_event(&l, l.tentative), 200);
    assert_string_equal(l.learned, l.tentative);
    assert_int_equal(send_event(&l, l.learned), 200);
    grapnel_receiver_stop(l.receiver, true);
    grapnel_scheme_free(scheme);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tentative_secret_is_replaced_until_an_event_verifies_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
