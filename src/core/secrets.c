/* SPDX-License-Identifier: Apache-2.0
 *
 * An endpoint's secrets at rest: which text is sealed, and under which context. The context names
 * the kind and the endpoint, so that a sealed value moved to another row or column does not open.
 */
#include "core/secrets.h"

enum {
    CONTEXT_MAX = 64 + ID_TEXT_MAX,
    SECRET_MAX = 1024 * 1024 /* what the API accepts is far below */
};

static struct str context_of(const char *kind, struct str endpoint_id, struct buf *text)
{
    buf_init(text, CONTEXT_MAX);
    buf_say(text, "%s:%.*s", kind, STR_ARGS(endpoint_id));
    return buf_str(text);
}

static void secrets_forget(struct buf *b)
{
    if (b->ptr != NULL)
        mem_wipe(b->ptr, b->len);
    buf_fini(b);
}

enum rc core_seal_key(const struct sign_vault *v, struct str endpoint_id,
                      const struct sign_key *key, struct buf *out)
{
    char text[SIGN_SECRET_TEXT_MAX];
    struct str secret = sign_key_secret(key, text);
    struct buf context;
    enum rc rc = sign_seal(v, context_of("endpoint", endpoint_id, &context), secret, out);
    buf_fini(&context);
    mem_wipe(text, sizeof(text));
    return rc;
}

enum rc core_open_key(const struct sign_vault *v, struct str endpoint_id, struct str sealed,
                      struct sign_key *out)
{
    struct buf context;
    struct buf plain;
    buf_init(&plain, SIGN_SECRET_TEXT_MAX);
    enum rc rc = sign_open(v, context_of("endpoint", endpoint_id, &context), sealed, &plain);
    if (rc == RC_OK && sign_key_parse(buf_str(&plain), out, NULL) != RC_OK)
        rc = RC_CORRUPT;
    buf_fini(&context);
    secrets_forget(&plain);
    return rc;
}

static const char *kind_of(enum core_secret what)
{
    return what == CORE_SECRET_HEADERS ? "headers" : "options";
}

enum rc core_seal_json(const struct sign_vault *v, enum core_secret what, struct str endpoint_id,
                       struct str json, struct buf *out)
{
    struct buf context;
    enum rc rc = sign_seal(v, context_of(kind_of(what), endpoint_id, &context), json, out);
    buf_fini(&context);
    return rc;
}

static void wipe_text(void *text)
{
    mem_wipe(text, strlen(text));
}

enum rc core_open_json(const struct sign_vault *v, enum core_secret what, struct str endpoint_id,
                       struct str sealed, struct arena *a, struct str *out)
{
    struct buf context;
    struct buf plain;
    buf_init(&plain, SECRET_MAX);
    enum rc rc = sign_open(v, context_of(kind_of(what), endpoint_id, &context), sealed, &plain);
    if (rc == RC_OK && plain.len > 0 && memchr(plain.ptr, '\0', plain.len) != NULL)
        rc = RC_CORRUPT;
    if (rc == RC_OK) {
        char *text = arena_cstr(a, buf_str(&plain));
        *out = str_of(text, plain.len);
        arena_defer(a, wipe_text, text);
    }
    buf_fini(&context);
    secrets_forget(&plain);
    return rc;
}
