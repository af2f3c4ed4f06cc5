/* SPDX-License-Identifier: Apache-2.0
 *
 * A scheme with what the server wants to know beforehand: where it may be judged, and whether it
 * can be judged without a secret. Both are in its "auth" line, which the engine has checked.
 */
#include "verify/verify_priv.h"

static struct str auth_of(struct str text)
{
    struct str line;
    while (str_split(&text, '\n', &line)) {
        line = str_trim(line);
        if (str_skip_prefix(&line, STR("auth ")))
            return str_trim(line);
    }
    return STR_NONE;
}

static bool has_line(struct str text, struct str start)
{
    struct str line;
    while (str_split(&text, '\n', &line))
        if (str_starts(line, start))
            return true;
    return false;
}

static bool is_one_of(struct str word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(word, str_from(list[i])))
            return true;
    return false;
}

struct str verify_scheme_line(const struct verify_scheme *s, struct str name, size_t index)
{
    struct str text = s->text, line;
    while (str_split(&text, '\n', &line)) {
        line = str_trim(line);
        bool is_named = str_skip_prefix(&line, name) && str_skip_prefix(&line, STR(" "));
        if (is_named && index-- == 0)
            return str_trim(line);
    }
    return STR_NONE;
}

struct verify_scheme *verify_scheme_wrap(struct grapnel_scheme *engine, struct str name,
                                         struct str text, const char *origin)
{
    static const char *const slow[] = { "ed25519", "ecdsa-p256", "rsa", "jwt", "aws-sns" };
    static const char *const tokens[] = { "equal", "basic" };
    struct verify_scheme *s = XNEW(struct verify_scheme);
    struct str auth = auth_of(text);
    s->engine = engine;
    s->title = verify_str(grapnel_scheme_title(engine));
    s->name = str_of(xmemdup(name.ptr == NULL ? "" : name.ptr, name.len), name.len);
    s->text = str_of(xmemdup(text.ptr, text.len), text.len);
    s->origin = xstrdup(origin);
    s->is_slow = is_one_of(auth, slow, COUNT_OF(slow));
    s->is_sns = str_eq(auth, STR("aws-sns"));
    s->is_token = is_one_of(auth, tokens, COUNT_OF(tokens));
    s->fetches_keys = has_line(text, STR("jwks "));
    s->needs_secret = !s->is_sns && !s->fetches_keys && !str_eq(auth, STR("none"));
    return s;
}

enum rc verify_scheme_read(struct str text, struct verify_scheme **out, struct buf *why)
{
    return verify_scheme_read_with(text, STR_NONE, out, why);
}

enum rc verify_scheme_read_with(struct str text, struct str identity, struct verify_scheme **out,
                                struct buf *why)
{
    struct grapnel_scheme *engine = NULL;
    struct grapnel_scheme_error error = { 0 };
    *out = NULL;
    enum grapnel_status status = grapnel_scheme_parse(verify_bytes(text), &engine, &error);
    if (status == GRAPNEL_VERIFIED && identity.len > 0)
        status = grapnel_scheme_dedupe(engine, verify_bytes(identity), &error.reason);
    if (status != GRAPNEL_VERIFIED) {
        buf_say(why, "line %u: %s", error.line,
                error.reason == NULL ? "not a scheme" : error.reason);
        grapnel_scheme_free(engine);
        return RC_INVALID;
    }
    *out = verify_scheme_wrap(engine, STR_NONE, text, "");
    return RC_OK;
}

const char *verify_identity_fault(struct str identity)
{
    struct grapnel_scheme *any = NULL;
    const char *reason = NULL;
    MUST(grapnel_scheme_parse(verify_bytes(STR("auth none\n")), &any, NULL) == GRAPNEL_VERIFIED);
    if (grapnel_scheme_dedupe(any, verify_bytes(identity), &reason) != GRAPNEL_VERIFIED &&
        reason == NULL)
        reason = "too little memory";
    grapnel_scheme_free(any);
    return reason;
}

void verify_scheme_free(struct verify_scheme *s)
{
    if (s == NULL)
        return;
    grapnel_scheme_free(
        (struct grapnel_scheme *)(uintptr_t)s->engine); /* const for everyone else */
    xfree((char *)(uintptr_t)s->name.ptr);
    xfree((char *)(uintptr_t)s->text.ptr);
    xfree((char *)(uintptr_t)s->origin);
    xfree(s);
}
