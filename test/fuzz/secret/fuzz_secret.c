/* SPDX-License-Identifier: Apache-2.0
 *
 * Signing secrets as customers paste them, and sealed ones as a store holds them. A secret that is taken
 * has one text, which is read as the same secret; nothing unseals that was not sealed here, and what was
 * sealed unseals under its own context only.
 */
#include "../fuzz.h"

#include "sign/sign.h"

enum { SEALED_MAX = 1 << 16 };

static void check_parsed(struct str text)
{
    char shown[SIGN_SECRET_TEXT_MAX];
    struct sign_key key;
    struct sign_key again;
    struct buf why;
    buf_init(&why, 256);
    if (sign_key_parse(text, &key, &why) == RC_OK) {
        MUST(why.len == 0 && key.len > 0 && key.len <= sizeof(key.bytes));
        MUST(sign_key_parse(sign_key_secret(&key, shown), &again, NULL) == RC_OK);
        MUST(again.kind == key.kind && again.len == key.len);
        MUST(memcmp(again.bytes, key.bytes, key.len) == 0);
        MUST(sign_key_show(&key, shown).len > 0);
    } else {
        MUST(why.len > 0);
    }
    buf_fini(&why);
}

static void check_sealed(const struct sign_vault *vault, struct str bytes)
{
    struct buf sealed;
    struct buf plain;
    struct str context = str_sub(bytes, 0, bytes.len / 2);
    buf_init(&sealed, SEALED_MAX);
    buf_init(&plain, SEALED_MAX);
    MUST(sign_open(vault, STR("endpoint:ep_1"), bytes, &plain) == RC_CORRUPT && plain.len == 0);
    MUST(sign_seal(vault, context, bytes, &sealed) == RC_OK);
    MUST(sign_open(vault, context, buf_str(&sealed), &plain) == RC_OK);
    MUST(str_eq(buf_str(&plain), bytes));
    buf_reset(&plain);
    MUST(sign_open(vault, STR("another"), buf_str(&sealed), &plain) == RC_CORRUPT ||
         str_eq(context, STR("another")));
    buf_fini(&plain);
    buf_fini(&sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sign_vault *vault;
    struct str text = str_of((const char *)data, size);
    if (size > SEALED_MAX / 2)
        return 0;
    if (vault == NULL)
        MUST(sign_vault_new(STR("a main secret of thirty-two bytes"), &vault) == RC_OK);
    check_parsed(text);
    check_sealed(vault, text);
    return 0;
}
