# SPDX-License-Identifier: Apache-2.0
"""The API's answers as TypeScript, from docs/reference/openapi.json, and a program that compares the pages' own types
with them: a member that the pages read is in the answer, is of the same kind, and may be null here if it may be so there."""
import json
import re

PRIMITIVES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}

# The pages' types, by file, and the schema of the answers they stand for.
PAGES = {
    "console/types.ts": {
        "Application": "ApplicationOut", "Endpoint": "EndpointOut", "EndpointMessage": "EndpointMessageOut", "EventType": "EventTypeOut",
        "FilterChain": "FilterChainOut", "FilterRun": "FilterRunOut", "Health": "EndpointHealth", "Message": "MessageOut",
        "MessageExplanation": "MessageExplainOut", "Attempt": "MessageAttemptOut", "Source": "IngestSourceOut",
        "SourceRequest": "IngestRequestOut", "Stats": "EndpointStats", "Task": "BackgroundTaskOut", "Webfilter": "FilterOut",
        "Headers": "EndpointHeadersOut",
    },
    "console/find.tsx": {"Found": "FoundOut", "FoundList": "FoundListOut"},
    "console/pages/access.tsx": {"Token": "TokenOut", "Use": "TokenUseOut"},
    "console/pages/access_sessions.tsx": {"Session": "SessionOut"},
    "console/pages/access_users.tsx": {"User": "UserOut"},
    "console/pages/access_tenants.tsx": {"Tenant": "TenantOut"},
    "console/pages/audit.tsx": {"Row": "AuditOut"},
    "console/pages/bulk.tsx": {"Count": "BulkCountOut"},
    "console/pages/chain_side.tsx": {"RunOut": "FilterChainRunOut", "Trial": "FilterTrialOut"},
    "console/pages/ckan.tsx": {"Site": "CkanSiteOut", "Tried": "CkanSiteTestOut"},
    "console/pages/deliveries.tsx": {"Delivery": "DeliveryOut", "Found": "DeliveryListOut"},
    "console/pages/filters.tsx": {"Catalogue": "OpenedxCatalogueOut"},
    "console/pages/operational.tsx": {"Rule": "AlertRuleOut"},
    "console/pages/play_chain.tsx": {"Tried": "FilterTryOut"},
    "console/pages/second_factor.tsx": {"Factor": "SecondFactorOut"},
    "console/pages/sources.tsx": {"Preset": "IngestPresetOut"},
    "console/pages/system.tsx": {"Check": "DoctorCheckOut"},
    "console/pages/system_disk.tsx": {"Large": "SystemLargestRowOut", "Largest": "SystemLargestOut"},
    "console/pages/system_types.ts": {"Lane": "SystemLaneOut", "Segment": "SystemSegmentOut", "Limit": "SystemLimitOut",
                                      "Option": "SystemOptionOut", "Store": "SystemStoreOut", "System": "SystemOut"},
    "console/pages/system_disk.tsx": {"Large": "SystemLargestRowOut", "Largest": "SystemLargestOut"},
    "console/pages/types.tsx": {"Imported": "EventTypeImportOpenApiOut", "Listener": "EventTypeListenerOut"},
    "console/series.ts": {"Measure": "Series", "Series": "SeriesOut", "SeriesRows": "SeriesRowsOut"},
    "console/session.tsx": {"Who": "WhoOut"},
    "console/trouble.tsx": {"Trouble": "IssueOut", "TroubleList": "IssueListOut"},
    "console/views.tsx": {"SavedView": "ViewOut"},
    "console/ways.tsx": {"Ways": "ConsoleWaysOut"},
    "play/filter.tsx": {"FilterOut": "FilterTestOut"},
    "play/signature.tsx": {"VerifyOut": "VerifyTestOut"},
    "play/transform.tsx": {"TransformOut": "TransformTestOut"},
    "play/trial.tsx": {"Trial": "EndpointTrialOut", "Tried": "TriedMessageOut", "Side": "TriedSideOut"},
    "portal/model.ts": {
        "Attempt": "MessageAttemptOut", "Counts": "EndpointStats", "Delivery": "DeliveryOut", "Endpoint": "EndpointOut",
        "EventType": "EventTypeOut", "Headers": "EndpointHeadersOut", "Health": "EndpointHealth", "Message": "MessageOut",
        "Received": "IngestRequestOut", "Source": "IngestSourceOut", "Task": "BackgroundTaskOut",
        "Transformation": "EndpointTransformationOut",
    },
    "portal/session.ts": {"Config": "PortalConfigOut", "Whoami": "WhoOut"},
}

MADE_HERE = {("console/types.ts", "Endpoint"): "filterText"}  # by the page itself, from the answer's text

# Each member of a page's type: "never" when it agrees with the answer's, else the sentence that the compiler shows. Members
# that a schema does not require are there all the same, as null if they may be: the server writes all of them.
COMPARE = """
export type Wrong<Answer, Page> = { [K in keyof Page]-?: K extends keyof Answer
  ? IsOpen<Answer[K]> extends true ? never
    : (null extends Answer[K] ? (null extends Page[K] ? never : `${string & K} may be null`) : never)
      | (IsOpen<Page[K]> extends true ? never : Kind<Answer[K]> extends Kind<Page[K]> ? never : `${string & K} is a ${Kind<Answer[K]>}`)
  : `${string & K} is not in the answer` }[keyof Page];
type IsOpen<T> = unknown extends T ? true : false;
type Kind<T> = NonNullable<T> extends string ? "string" : NonNullable<T> extends number ? "number" : NonNullable<T> extends boolean
  ? "boolean" : NonNullable<T> extends readonly unknown[] ? "list" : "object";
"""


def type_of(schema):
    """A schema as a type; what stands in objects without names is anything."""
    if "$ref" in schema:
        text = schema["$ref"].rsplit("/", 1)[1]
    elif schema.get("type") == "array":
        text = f"({type_of(schema.get('items', {}))})[]"
    elif schema.get("type") == "object":
        text = members_of(schema) if "properties" in schema else f"Record<string, {type_of(schema.get('additionalProperties') or {})}>"
    else:
        text = PRIMITIVES.get(schema.get("type"), "any")
    return f"{text} | null" if schema.get("nullable") else text


def members_of(schema):
    members = (f"{json.dumps(name)}: {type_of(member)};" for name, member in schema["properties"].items())
    return "{ " + " ".join(members) + " }"


def write(openapi, source):
    """`source`: the pages' folder src, a copy. Its types are exported there, as the comparison is a file of its own."""
    schemas = json.loads(openapi.read_text())["components"]["schemas"]
    lines = [f"export type {name} = {type_of(schema)};" for name, schema in schemas.items() if re.fullmatch(r"\w+", name)]
    (source / "answers.ts").write_text("\n".join(lines) + "\n")
    imports, checks = ['import type * as answers from "./answers";'], []
    for number, (file, pairs) in enumerate(PAGES.items()):
        path = source / file
        path.write_text(re.sub(r"^(interface|type) (?=\w)", r"export \1 ", path.read_text(), flags=re.M))
        imports.append(f'import type * as p{number} from "./{file.rsplit(".", 1)[0]}";')
        for page, schema in pairs.items():
            own = MADE_HERE.get((file, page))
            read = f'Omit<p{number}.{page}, "{own}">' if own else f"p{number}.{page}"
            checks.append(f"export const c{number}{page}: never = undefined as unknown as Wrong<answers.{schema}, {read}>;")
    (source / "answers_check.ts").write_text("\n".join([*imports, COMPARE, *checks]) + "\n")
