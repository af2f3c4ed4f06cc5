/* SPDX-License-Identifier: Apache-2.0
 *
 * The envelope of endpoints with form encoding: the payload's object, flattened. A payload that came as a form is one
 * already, and stays byte for byte what it was.
 */
#include "dest/dest.h"

#include "json/form.h"

static enum rc form_body(struct dest_call *c, const void *settings)
{
    json_t *payload = NULL;
    (void)settings;
    if (!c->is_transformed && json_form_is_type(c->message->content_type))
        return RC_OK;
    enum rc rc = json_parse(c->payload, &payload, NULL);
    buf_reset(c->body); /* an envelope that was just read may be in it */
    if (rc == RC_OK)
        rc = json_form_write(payload, c->body);
    json_decref(payload);
    if (rc == RC_OK)
        c->payload = buf_str(c->body);
    return rc;
}

const struct dest_envelope dest_envelope_form = {
    .option = "encoding",
    .value = "form",
    .content_type = "application/x-www-form-urlencoded",
    .unfit = "the payload is not a JSON object",
    .body = form_body,
};
