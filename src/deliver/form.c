/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a delivery to an endpoint with form encoding: the payload's object, flattened. A payload
 * that came as a form is one already, and stays byte for byte what it was.
 */
#include "json/form.h"
#include "deliver/attempt_priv.h"

enum rc deliver_form_body(struct deliver_attempt *a)
{
    json_t *payload = NULL;
    bool is_transformed = a->transform != NULL && a->transform->result.body.ptr != NULL;
    if (!is_transformed && json_form_is_type(a->item->payload->content_type))
        return RC_OK;
    enum rc rc = json_parse(a->payload, &payload, NULL);
    buf_reset(&a->body); /* an envelope that was just read may be in it */
    if (rc == RC_OK)
        rc = json_form_write(payload, &a->body);
    json_decref(payload);
    if (rc == RC_OK)
        a->payload = buf_str(&a->body);
    return rc;
}
