/* SPDX-License-Identifier: Apache-2.0
 *
 * Golden signatures: published by Standard Webhooks and Svix (MIT), and by webhook-receiver-
 * conformance (Apache-2.0); see test/data/signatures.json.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sign/sign.h"

enum { SECRETS_MAX = 2, THREADS = 4, ROUNDS = 200 };

static const struct golden {
    const char *secrets[SECRETS_MAX];
    const char *id;
    int64_t timestamp_s;
    const char *body;
    const char *header;
} goldens[] = {
    { { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
      "msg_p5jXN8AQM9LWM0D4loKWxJek",
      1614265330,
      "{\"test\": 2432232314}",
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
    { { "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" },
      "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
      1649367553,
      "{\"email\":\"test@example.com\",\"username\":\"test_user\"}",
      "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=" },
    { { "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==" },
      "msg_p5jXN8AQM9LWM0D4loKWxJek",
      1614265330,
      "{\"test\": 2432232314}",
      "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==" },
    { { "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=" },
      "msg_2K5E7Y8J6T4Q",
      1700000000,
      "{\"id\":\"evt_1\",\"ok\":true}",
      "v1,LH6iSeIQ4CSoqKp0jPAjIJGJrjbG3QBKt3lLL0ewpCg= v1,uwz7cFaMiqTYKFpTuAf20S6PrXS9anmY7b93FEH1F0s=" },
    { { "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==" },
      "msg_p5jXN8AQM9LWM0D4loKWxJek",
      1614265330,
      "{\"test\": 2432232314}",
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= "
      "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==" },
};

static struct sign_keyring *ring_of(const struct golden *golden)
{
    struct sign_key keys[SECRETS_MAX];
    struct sign_keyring *ring = NULL;
    size_t count = 0;
    while (count < SECRETS_MAX && golden->secrets[count] != NULL) {
        assert_int_equal(sign_key_parse(str_from(golden->secrets[count]), &keys[count], NULL),
                         RC_OK);
        count++;
    }
    assert_int_equal(sign_keyring_new(keys, count, &ring), RC_OK);
    return ring;
}

static struct sign_message message_of(const struct golden *golden)
{
    return (struct sign_message){ str_from(golden->id), golden->timestamp_s,
                                  str_from(golden->body) };
}

static bool gives_its_golden(const struct golden *golden, const struct sign_keyring *ring)
{
    struct sign_message msg = message_of(golden);
    struct buf out;
    buf_init(&out, SIGN_HEADER_MAX);
    bool right =
        sign_header(ring, &msg, &out) == RC_OK && str_eq(buf_str(&out), str_from(golden->header));
    buf_fini(&out);
    return right;
}

static void signs_as_the_published_vectors_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(goldens); i++) {
        struct sign_keyring *ring = ring_of(&goldens[i]);
        assert_true(gives_its_golden(&goldens[i], ring));
        assert_true(gives_its_golden(&goldens[i], ring)); /* a ring is not used up */
        sign_keyring_free(ring);
    }
}

struct job {
    const struct sign_keyring *ring;
    bool right;
};

static void sign_many(void *arg)
{
    struct job *job = arg;
    job->right = true;
    for (int i = 0; i < ROUNDS; i++) {
        job->right = job->right && gives_its_golden(&goldens[COUNT_OF(goldens) - 1], job->ring);
    }
}

static void one_ring_serves_many_threads_at_once(void **state)
{
    (void)state;
    struct sign_keyring *ring = ring_of(&goldens[COUNT_OF(goldens) - 1]);
    struct job jobs[THREADS];
    struct thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        jobs[i].ring = ring;
        threads[i] = thread_start("sign", THREAD_OTHER, sign_many, &jobs[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        thread_join(threads[i]);
        assert_true(jobs[i].right);
    }
    sign_keyring_free(ring);
}

static void signs_an_empty_body_and_any_bytes(void **state)
{
    (void)state;
    struct sign_keyring *ring = ring_of(&goldens[4]);
    const struct str bodies[] = { STR_NONE, STR("\0\xff\r\n") };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct sign_message msg = { STR("msg_1"), 0, bodies[i] };
        struct buf out;
        buf_init(&out, SIGN_HEADER_MAX);
        assert_int_equal(sign_header(ring, &msg, &out), RC_OK);
        assert_true(str_starts(buf_str(&out), STR("v1,")));
        buf_fini(&out);
    }
    sign_keyring_free(ring);
}

static void eleven_keys_fit_the_header_and_twelve_are_refused(void **state)
{
    (void)state;
    struct sign_key keys[SIGN_KEYS_MAX + 1];
    struct sign_keyring *ring = NULL;
    struct sign_message msg = message_of(&goldens[0]);
    struct buf out;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        sign_key_generate(SIGN_ED25519, rng_system(), &keys[i]);
    }
    assert_int_equal(sign_keyring_new(keys, SIGN_KEYS_MAX + 1, &ring), RC_INVALID);
    assert_int_equal(sign_keyring_new(keys, 0, &ring), RC_INVALID);
    assert_null(ring);
    assert_int_equal(sign_keyring_new(keys, SIGN_KEYS_MAX, &ring), RC_OK);
    buf_init(&out, SIGN_HEADER_MAX);
    assert_int_equal(sign_header(ring, &msg, &out), RC_OK);
    buf_fini(&out);
    sign_keyring_free(ring);
}

static void refuses_malformed_keys(void **state)
{
    (void)state;
    struct sign_keyring *ring = NULL;
    struct sign_key shorter;
    struct sign_key halves;
    sign_key_generate(SIGN_HMAC256, rng_system(), &shorter);
    shorter.len = SIGN_SECRET_MIN - 1;
    assert_int_equal(sign_keyring_new(&shorter, 1, &ring), RC_INVALID);
    sign_key_generate(SIGN_ED25519, rng_system(), &halves);
    halves.bytes[63] ^= 1;
    assert_int_equal(sign_keyring_new(&halves, 1, &ring), RC_INVALID);
    sign_keyring_free(NULL);
}

static void a_header_past_the_limit_adds_nothing(void **state)
{
    (void)state;
    struct sign_keyring *ring = ring_of(&goldens[0]);
    struct sign_message msg = message_of(&goldens[0]);
    struct buf out;
    buf_init(&out, 20);
    assert_int_equal(buf_add_str(&out, STR("abc")), RC_OK);
    assert_int_equal(sign_header(ring, &msg, &out), RC_LIMIT);
    assert_true(str_eq(buf_str(&out), STR("abc")));
    buf_fini(&out);
    sign_keyring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_as_the_published_vectors_do),
        cmocka_unit_test(one_ring_serves_many_threads_at_once),
        cmocka_unit_test(signs_an_empty_body_and_any_bytes),
        cmocka_unit_test(eleven_keys_fit_the_header_and_twelve_are_refused),
        cmocka_unit_test(refuses_malformed_keys),
        cmocka_unit_test(a_header_past_the_limit_adds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
