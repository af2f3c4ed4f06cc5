/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of the lists for operators, for who adds them to the API. The files that have them do not include this: it
 * would tie the dialects to each other.
 */
#pragma once

#include "api/kit/route.h"

extern const struct api_route_table dialect_openedx_list, dialect_ckan_list, dialect_ckan_operate, dialect_preservica_list;
extern const struct api_route_table dialect_preservica_operate, dialect_gaia_list, dialect_gaia_operate;
