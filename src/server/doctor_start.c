/* SPDX-License-Identifier: Apache-2.0
 *
 * The doctor's look at what a start reads: certificates, addresses, networks, presets. By the functions that the
 * start uses, so that nothing passes here which a server then refuses; and by the clock, at which a server that
 * starts does not look.
 */
#include "server/addresses_priv.h"
#include "server/admin_client_priv.h"
#include "server/clients_priv.h"
#include "server/doctor_priv.h"
#include "server/logins_priv.h"
#include "server/options_priv.h"

enum { DAYS_AHEAD = 14 };

static const int64_t day_us = INT64_C(86400) * 1000000;

static enum server_verdict check_validity(SSL_CTX *ctx, const char *option, struct buf *text)
{
    int64_t now_us = clock_wall_us(clock_system());
    int64_t from_us, until_us;
    char when[TIME_TEXT_LEN + 1];

    if (!tls_own_validity(ctx, &from_us, &until_us))
        return SERVER_CHECK_OK;
    if (from_us > now_us) {
        time_format(from_us, when);
        buf_say(text, "%s: not valid before %s; look at the clock, too", option, when);
        return SERVER_CHECK_FAIL;
    }
    time_format(until_us, when);
    if (until_us <= now_us) {
        buf_say(text, "%s: expired on %s; renew it", option, when);
        return SERVER_CHECK_FAIL;
    }
    buf_say(text, "belongs to its key and is valid until %s", when);
    if (until_us - now_us >= DAYS_AHEAD * day_us)
        return SERVER_CHECK_OK;
    buf_say(text, "; renew %s soon", option);
    return SERVER_CHECK_WARN;
}

enum server_verdict server_doctor_certificate(const struct conf *c, struct buf *text)
{
    SSL_CTX *ctx = NULL;

    if (server_open_tls(c, &ctx, text) != RC_OK)
        return SERVER_CHECK_FAIL;
    if (ctx == NULL) {
        buf_say(text, "no certificate: listeners speak plain HTTP, for use behind a proxy");
        return SERVER_CHECK_OK;
    }
    enum server_verdict verdict = check_validity(ctx, "server.tls_cert", text);
    SSL_CTX_free(ctx);
    return verdict;
}

enum server_verdict server_doctor_client_certificate(const struct conf *c, struct buf *text)
{
    SSL_CTX *ctx = NULL;

    if (server_text(c->fetch_cert) == NULL) {
        buf_say(text, "none is shown to receivers");
        return SERVER_CHECK_OK;
    }
    if (server_client_tls(c, &ctx, text) != RC_OK)
        return SERVER_CHECK_FAIL;
    enum server_verdict verdict = check_validity(ctx, "fetch.cert", text);
    SSL_CTX_free(ctx);
    return verdict;
}

enum server_verdict server_doctor_authorities(const struct conf *c, struct buf *text)
{
    enum server_verdict verdict = SERVER_CHECK_FAIL;
    SSL_CTX *ctx = NULL;

    if (server_client_tls(c, &ctx, text) != RC_OK) {
        buf_say(text, "; install ca-certificates, or see fetch.ca_file, fetch.cert and fetch.key");
        return SERVER_CHECK_FAIL;
    }
    if (!tls_client_knows_authorities(ctx)) {
        buf_say(text, "none is known, so deliveries over https will fail; install "
                      "ca-certificates, or set fetch.ca_file");
    } else if (!tls_client_authorities_valid(ctx, clock_wall_us(clock_system()))) {
        buf_say(text, "all have expired or are not valid yet, so deliveries over https will fail; "
                      "look at the clock, then at fetch.ca_file");
    } else {
        buf_say(text, "receivers' certificates can be checked");
        verdict = SERVER_CHECK_OK;
    }
    SSL_CTX_free(ctx);
    return verdict;
}

static enum server_verdict check_addresses(const struct conf *c, const char *option,
                                           const char *list, struct buf *text)
{
    struct str rest = str_from(list);
    char address[SERVER_ADDRESS_MAX];
    size_t count = 0;
    enum rc rc;

    while ((rc = server_next_address(option, &rest, count++, address, text)) == RC_OK) {
        rc = http_listen_check(address, text);
        if (rc == RC_BUSY && server_admin_answers(c->data_dir)) {
            buf_say(text, "; the server that runs on this store is there");
            return SERVER_CHECK_OK;
        }
        if (rc == RC_BUSY)
            buf_say(text, "; stop what is there, or set another %s", option);
        else if (rc != RC_OK)
            buf_say(text, "; see %s", option);
        if (rc != RC_OK)
            return SERVER_CHECK_FAIL;
    }
    if (rc != RC_NOT_FOUND)
        return SERVER_CHECK_FAIL;
    buf_say(text, "%s can be opened", list);
    return SERVER_CHECK_OK;
}

enum server_verdict server_doctor_addresses(const struct conf *c, struct buf *text)
{
    enum server_verdict verdict = check_addresses(c, "server.listen", c->listen, text);

    if (verdict != SERVER_CHECK_OK || !server_console_is_apart(c))
        return verdict;
    buf_say(text, "; ");
    return check_addresses(c, "console.listen", c->console_listen, text);
}

enum server_verdict server_doctor_networks(const struct conf *c, struct buf *text)
{
    struct fetch_policy *policy = NULL;

    if (server_fetch_policy(c, &policy, text) != RC_OK)
        return SERVER_CHECK_FAIL;
    fetch_policy_unref(policy);
    buf_say(text, "fetch.allow and fetch.deny are understood");
    return SERVER_CHECK_OK;
}

enum server_verdict server_doctor_presets(const struct conf *c, struct buf *text)
{
    struct verify_book *book = NULL;

    if (verify_book_open(c->inbound_presets, &book, text) != RC_OK)
        return SERVER_CHECK_FAIL;
    verify_book_free(book);
    buf_say(text, server_text(c->inbound_presets) == NULL
                      ? "those that are built in"
                      : "those of inbound.presets are understood");
    return SERVER_CHECK_OK;
}
