/* SPDX-License-Identifier: Apache-2.0
 *
 * The plugin's filters and events as tables.
 */
#include "dialect/openedx.h"

const struct openedx_filter openedx_filters[] = {
#define OPENEDX_FILTER(name, type, halt, takes, exceptions) { name, type, halt, takes, exceptions },
#define OPENEDX_EVENT(name, type)
#include "dialect/openedx_catalogue.def"
#undef OPENEDX_FILTER
#undef OPENEDX_EVENT
};
const size_t openedx_filter_count = COUNT_OF(openedx_filters);

const struct openedx_event openedx_events[] = {
#define OPENEDX_FILTER(name, type, halt, takes, exceptions)
#define OPENEDX_EVENT(name, type) { name, type },
#include "dialect/openedx_catalogue.def"
#undef OPENEDX_FILTER
#undef OPENEDX_EVENT
};
const size_t openedx_event_count = COUNT_OF(openedx_events);

const struct openedx_filter *openedx_filter_find(struct str name)
{
    for (size_t i = 0; i < openedx_filter_count; i++)
        if (str_eq(name, str_from(openedx_filters[i].name)))
            return &openedx_filters[i];
    return NULL;
}

/* Takes the next word of "student.login_x" off. */
static struct str take_word(struct str *type)
{
    size_t len = 0;
    while (len < type->len && type->ptr[len] != '.' && type->ptr[len] != '_')
        len++;
    struct str word = str_sub(*type, 0, len);
    *type = str_sub(*type, len + 1, type->len);
    return word;
}

/* The form makes its names of the words after the third, without the last ("v1"), each with a capital. */
static bool is_choice_of(const struct openedx_filter *f, struct str choice)
{
    struct str type = str_from(f->type), word = STR("");
    for (int i = 0; i < 3; i++)
        (void)take_word(&type);
    while (choice.len > 0 && type.len > 0) {
        word = take_word(&type);
        if (choice.ptr[0] >= 'a' || !str_ieq(word, str_sub(choice, 0, word.len)))
            return false;
        choice = str_sub(choice, word.len, choice.len);
    }
    return choice.len == 0 && str_eq(type, STR("v1"));
}

const struct openedx_filter *openedx_filter_of_choice(struct str choice)
{
    for (size_t i = 0; i < openedx_filter_count; i++)
        if (is_choice_of(&openedx_filters[i], choice))
            return &openedx_filters[i];
    return NULL;
}

const struct openedx_event *openedx_event_find(struct str name)
{
    for (size_t i = 0; i < openedx_event_count; i++)
        if (str_eq(name, str_from(openedx_events[i].name)))
            return &openedx_events[i];
    return NULL;
}
