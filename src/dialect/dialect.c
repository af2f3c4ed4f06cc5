/* SPDX-License-Identifier: Apache-2.0
 *
 * The dialects that are switched on.
 */
#include "dialect/envelopes_priv.h"
#include "dialect/list_tables_priv.h"
#include "dialect/openedx.h"

const struct dest_envelope *const dialect_envelopes[] = { &preservica_envelope, &ckan_envelope,
                                                          &dest_envelope_form, NULL };
const struct deliver_handshake_kind *const dialect_handshakes[] = { &preservica_handshake,
                                                                    &deliver_handshake_cloudevents,
                                                                    &deliver_handshake_websub,
                                                                    &deliver_handshake_ping, NULL };

enum rc dialect_set_new(const struct dialect_options *o, struct dialect_set **out, struct buf *why)
{
    struct dialect_set *set = XNEW(struct dialect_set);
    set->o = *o;
    enum rc rc = RC_OK;
    if (o->conf->gaia_enabled)
        rc = dialect_gaia_new(set, why);
    if (rc == RC_OK && o->conf->preservica_enabled)
        rc = dialect_preservica_new(set, why);
    if (rc == RC_OK && o->conf->ckan_enabled)
        rc = dialect_ckan_new(set, why);
    if (rc == RC_OK)
        *out = set;
    else
        dialect_set_free(set);
    return rc;
}

void dialect_set_free(struct dialect_set *set)
{
    if (set == NULL)
        return;
    dialect_gaia_free(set->gaia);
    dialect_ckan_free(set->ckan);
    dialect_preservica_free(set->preservica);
    xfree(set);
}

void dialect_add_routes(struct api *api, struct http_router *router)
{
    dialect_openedx_add_routes(router);
    api_add_table(api, router, &dialect_openedx_list);
    api_add_table(api, router, &dialect_ckan_list);
    api_add_table(api, router, &dialect_ckan_operate);
    api_add_table(api, router, &dialect_preservica_list);
    api_add_table(api, router, &dialect_preservica_operate);
    api_add_table(api, router, &dialect_gaia_list);
    api_add_table(api, router, &dialect_gaia_operate);
}

void dialect_set_add_routes(struct dialect_set *set, struct http_router *router)
{
    api_set_dialects(set->o.api, set);
    if (set->gaia != NULL)
        dialect_gaia_add_routes(router);
    if (set->preservica != NULL)
        dialect_preservica_add_routes(router);
    if (set->ckan != NULL)
        dialect_ckan_add_routes(router);
}
