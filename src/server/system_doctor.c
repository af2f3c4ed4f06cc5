/* SPDX-License-Identifier: Apache-2.0
 *
 * The doctor inside the server. It runs on the call's worker, one at a time, and leaves out what would take minutes.
 */
#include "server/system_priv.h"

#include "server/doctor.h"

static const char *const verdicts[] = {
    [SERVER_CHECK_OK] = "ok", [SERVER_CHECK_WARN] = "warn", [SERVER_CHECK_FAIL] = "fail"
};

static void system_doctor_say(void *ctx, enum server_verdict verdict, const char *check,
                              struct str text)
{
    struct api_out *o = ctx;
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_str(o, "name", str_from(check));
    api_out_str(o, "verdict", str_from(verdicts[verdict]));
    api_out_str(o, "text", text);
    api_out_end(o, '}');
}

void server_post_doctor(struct api_ctx *c)
{
    struct server *s = api_owner(c->api);
    struct api_out o;
    if (!server_is_for_operator(c))
        return;
    if (atomic_exchange(&s->doctor_is_in, true)) {
        http_error(c->req, 409, "conflict",
                   "The doctor is running already. Try again in a minute.");
        return;
    }
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_key(&o, "checks");
    api_out_begin(&o, '[');
    enum server_verdict worst = server_doctor(s->conf, SERVER_DOCTOR_QUICK, system_doctor_say, &o);
    api_out_end(&o, ']');
    api_out_str(&o, "verdict", str_from(verdicts[worst]));
    api_out_end(&o, '}');
    atomic_store(&s->doctor_is_in, false);
    api_reply(c, 200, &o);
}
