/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of the API: a byte that picks a shape, then the body. Either it is of that shape, or it is said
 * where and why not, in words that fit into an answer.
 */
#include "../fuzz.h"

#include "api/schemas/schemas.h"

static const struct api_schema *const shapes[] = {
    &api_schema_ApplicationIn,     &api_schema_ApplicationPatch,
    &api_schema_EndpointIn,        &api_schema_EndpointUpsertIn,
    &api_schema_EndpointPatch,     &api_schema_EndpointHandshakeIn,
    &api_schema_EndpointHeadersIn, &api_schema_EndpointHeadersPatchIn,
    &api_schema_EventTypeIn,       &api_schema_EventTypePatch,
    &api_schema_EnvironmentIn,     &api_schema_AppPortalAccessIn,
    &api_schema_FilterTestIn,      &api_schema_TransformTestIn,
    &api_schema_IngestSourceIn,    &api_schema_IngestReplayIn,
    &api_schema_FilterIn,          &api_schema_FilterChainIn,
    &api_schema_FilterChainRunIn,  &api_schema_FilterTrialIn,
    &api_schema_MessageIn,         &api_schema_MessageBatchIn,
    &api_schema_MessagePrecheckIn, &api_schema_RecoverIn,
    &api_schema_BulkReplayIn,      &api_schema_AppUsageStatsIn,
};

/* What every shape asks of an object: its required members, of the right kind. */
static void check_taken(const struct api_schema *shape, const json_t *object)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct api_field *f = &shape->fields[i];
        const json_t *value = json_object_get(object, f->name);
        MUST((f->flags & API_REQUIRED) == 0 || value != NULL);
        if (value == NULL || json_is_null(value))
            continue;
        MUST(f->type != API_STRING || json_is_string(value));
        MUST(f->type != API_URL || json_is_string(value));
        MUST(f->type != API_INT || (json_is_integer(value) && json_integer_value(value) >= f->min));
        MUST(f->type != API_BOOL || json_is_boolean(value));
    }
}

static void check_sets(const struct api_schema *shape, const json_t *object)
{
    for (size_t i = 0; i < shape->count; i++) {
        const json_t *list = json_object_get(object, shape->fields[i].name);
        if (shape->fields[i].type != API_LIST || json_array_size(list) > 100)
            continue;
        for (size_t a = 0; a < json_array_size(list); a++)
            for (size_t b = 0; b < a; b++)
                MUST(!json_equal(json_array_get(list, a), json_array_get(list, b)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_fault fault = { 0 };
    json_t *object = NULL;
    if (size == 0 || json_parse(str_of((const char *)data + 1, size - 1), &object, NULL) != RC_OK)
        return 0;
    if (!json_is_object(object)) { /* callers have looked */
        json_decref(object);
        return 0;
    }
    const struct api_schema *shape = shapes[data[0] % COUNT_OF(shapes)];
    enum rc rc = api_schema_check(shape, object, "body", &fault);
    MUST(rc == RC_OK || rc == RC_INVALID);
    if (rc == RC_OK) {
        check_taken(shape, object);
        api_schema_settle(shape, object);
        check_sets(shape, object);
        MUST(api_schema_check(shape, object, "body", &fault) == RC_OK);
    } else {
        MUST(fault.words[0] != '\0' && fault.type != NULL);
        MUST(str_starts(str_from(fault.where), STR("body")));
        MUST(memchr(fault.where, '\0', sizeof(fault.where)) != NULL);
    }
    json_decref(object);
    return 0;
}
