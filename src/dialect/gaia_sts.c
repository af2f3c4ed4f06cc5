/* SPDX-License-Identifier: Apache-2.0
 *
 * The tenant service ("STS"). Its address is the operator's setting, so the policy for receivers'
 * addresses does not apply. Answers are kept by the token's hash for 30 s, refusals too, in a table
 * of fixed size: a newer answer takes an older one's place.
 */
#include "dialect/gaia_sts_priv.h"

#include "http/url.h"
#include "metrics/metrics.h"

enum { SLOTS = 4096, ANSWER_MAX = 65536 };
static const int64_t kept_us = 30000000;
static const int64_t deadline_us = 5000000;

struct slot {
    uint8_t hash[32];
    int64_t until_us; /* 0: empty */
    int64_t tenant;
    bool is_denied;
};

struct dialect_sts {
    struct mutex lock; /* guards slots */
    struct slot slots[SLOTS];
    struct fetch_policy *policy;
    SSL_CTX *tls;
    atomic_int asking; /* workers that wait for an answer */
    char *base;        /* "http://host:port/sts/oauth/check_token?token=" */
};

enum rc dialect_sts_new(const struct conf *conf, struct dialect_sts **out, struct buf *why)
{
    struct http_url url;
    struct buf base;
    struct str server = str_from(conf->gaia_auth_server);
    bool has_scheme = str_starts(server, STR("http://")) || str_starts(server, STR("https://"));
    buf_init(&base, 2048);
    buf_say(&base, "%s%.*s", has_scheme ? "" : "http://", STR_ARGS(server));
    while (base.len > 0 && base.ptr[base.len - 1] == '/')
        buf_cut(&base, base.len - 1);
    buf_say(&base, "/sts/oauth/check_token?token=");
    struct dialect_sts *sts = XNEW(struct dialect_sts);
    mutex_init(&sts->lock);
    atomic_init(&sts->asking, 0);
    sts->base = xmemdup(base.ptr, base.len);
    buf_fini(&base);
    enum rc rc = http_url_parse(str_from(sts->base), &url, NULL);
    if (rc != RC_OK || server.len == 0)
        buf_say(why, "gaia.auth_server: a host, host:port, or an http or https URL is needed");
    rc = server.len == 0 ? RC_INVALID : rc;
    if (rc == RC_OK)
        rc = fetch_policy_new(STR("0.0.0.0/0,::/0"), STR(""), false, &sts->policy, why);
    if (rc == RC_OK && url.tls)
        rc = tls_client_context(
            &(struct tls_client_options){ .ca_file = dialect_file(conf->fetch_ca_file),
                                          .verify = true },
            &sts->tls, why);
    if (rc == RC_OK)
        *out = sts;
    else
        dialect_sts_free(sts);
    return rc;
}

void dialect_sts_free(struct dialect_sts *sts)
{
    if (sts == NULL)
        return;
    SSL_CTX_free(sts->tls);
    fetch_policy_unref(sts->policy);
    mutex_fini(&sts->lock);
    xfree(sts->base);
    xfree(sts);
}

/* --- what is known ---------------------------------------------------------------------------- */

static struct slot *slot_of(struct dialect_sts *sts, const uint8_t hash[static 32])
{
    return &sts->slots[(hash[0] | (unsigned)hash[1] << 8) % SLOTS];
}

static bool gaia_sts_recall(struct dialect_sts *sts, const uint8_t hash[static 32],
                            struct slot *out)
{
    mutex_lock(&sts->lock);
    *out = *slot_of(sts, hash);
    mutex_unlock(&sts->lock);
    return out->until_us > clock_mono_us(clock_system()) &&
           memcmp(out->hash, hash, sizeof(out->hash)) == 0;
}

static void gaia_sts_remember(struct dialect_sts *sts, const struct slot *s)
{
    mutex_lock(&sts->lock);
    *slot_of(sts, s->hash) = *s;
    mutex_unlock(&sts->lock);
}

/* --- asking ------------------------------------------------------------------------------------ */

/* A 2xx answer with a number as tenantId. */
static enum rc gaia_sts_read_answer(const struct fetch_call *call, int64_t *tenant)
{
    json_t *answer = NULL;
    if (call->error != FETCH_OK || call->response_cut || call->status >= 500)
        return RC_IO;
    if (call->status < 200 || call->status > 299 ||
        json_parse(call->response, &answer, NULL) != RC_OK)
        return RC_DENIED;
    const json_t *id = json_object_get(answer, "tenantId");
    bool is_number = json_is_integer(id);
    *tenant = json_integer_value(id);
    json_decref(answer);
    return is_number ? RC_OK : RC_DENIED;
}

static enum rc gaia_sts_ask(struct dialect_sts *sts, struct str token, int64_t *tenant)
{
    struct http_url url;
    struct fetch_call call;
    struct buf text;
    buf_init(&text, GAIA_BEARER_MAX * 3 + 2048);
    enum rc rc = buf_add_str(&text, str_from(sts->base));
    if (rc == RC_OK)
        rc = percent_encode(token, &text);
    if (rc == RC_OK)
        rc = http_url_parse(buf_str(&text), &url, NULL);
    if (rc == RC_OK) {
        fetch_call_init(&call);
        call.method = HTTP_GET;
        call.url = &url;
        call.headers = STR("Accept: application/json\r\n");
        call.deadline_us = deadline_us;
        call.connect_us = deadline_us;
        call.response_keep = ANSWER_MAX;
        call.response_read = ANSWER_MAX;
        fetch_run(&(struct fetch_options){ .policy = sts->policy, .tls = sts->tls }, &call);
        rc = gaia_sts_read_answer(&call, tenant);
        if (rc == RC_IO)
            LOG(DIALECT_STS_FAILED, F_TEXT("error", fetch_error_name(call.error)),
                F_INT("status", call.status), F_TEXT("why", call.detail));
        fetch_call_fini(&call);
    }
    if (text.ptr != NULL)
        mem_wipe(text.ptr, text.len);
    buf_fini(&text);
    return rc;
}

enum rc dialect_sts_check(struct dialect_sts *sts, struct str token, int64_t *tenant)
{
    struct slot s = { 0 };
    uint8_t hash[32];
    thread_must_be(THREAD_WORKER);
    if (token.len == 0 || token.len > GAIA_BEARER_MAX)
        return RC_DENIED;
    sign_sha256(token, hash);
    if (gaia_sts_recall(sts, hash, &s)) {
        *tenant = s.tenant;
        return s.is_denied ? RC_DENIED : RC_OK;
    }
    enum rc rc = RC_BUSY;
    if (atomic_fetch_add(&sts->asking, 1) < GAIA_STS_AT_ONCE)
        rc = gaia_sts_ask(sts, token, tenant);
    atomic_fetch_sub(&sts->asking, 1);
    if (rc == RC_OK || rc == RC_DENIED) {
        s = (struct slot){ .until_us = clock_mono_us(clock_system()) + kept_us,
                           .tenant = *tenant,
                           .is_denied = rc == RC_DENIED };
        memcpy(s.hash, hash, sizeof(hash));
        gaia_sts_remember(sts, &s);
    }
    return rc;
}
