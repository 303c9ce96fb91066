"""The reference of all events, made from the classes: a page for people and an AsyncAPI 3 document for tools.

`python -m contracts.reference FOLDER` writes both; a test holds them against the classes.
"""

import json
import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from contracts.catalogue import EVENTS, OWNERS, TOPICS
from contracts.codec import INBOUND
from contracts.event import Event

PAGE, ASYNCAPI = "events.md", "asyncapi.json"

_HEAD = """# Events

Made from the classes in `libs/contracts` by `make docs`; do not edit.

Every event is a CloudEvent 1.0 on Kafka, written in binary content mode and read in both: the attributes are headers
(`ce_id`, `ce_type`, `ce_source`, `ce_subject`, `ce_time`, and the extensions `ce_tenant`, `ce_campaignid`,
`ce_correlationid`, `ce_causationid`, `ce_sequence`, `ce_epoch`, `ce_traceparent`), the value is the event as JSON.
`ce_sequence` counts per tenant, topic and campaign within `ce_epoch`; `inbound.*` carries neither. Readers ignore
fields they do not know. The record key is the campaign's id, on `inbound.engagement.v1` and `inbound.contacts.v1`
`<campaign id>:<recipient hash>`. **Signed** events also carry `ce_keyid` and `ce_signature`: Ed25519 over
name and value of every `ce_*` header but the signature, sorted by name, then the value, each part framed by its length
in 4 bytes big-endian.
"""


def page() -> str:
    """The page for people."""
    parts = [_HEAD]
    for topic in TOPICS:
        owner = "outsiders" if topic.startswith(INBOUND) else OWNERS[topic]
        parts.append(f"\n## `{topic}`\n\nPublished by {owner}.\n")
        for event in EVENTS:
            if event.topic == topic:
                parts.append(_section(event))
    return "".join(parts)


def asyncapi() -> str:
    """The AsyncAPI 3.0.0 document, as JSON."""
    _, schemas = models_json_schema(
        [(event, "serialization") for event in EVENTS], ref_template="#/components/schemas/{model}"
    )
    messages = {
        event.__name__: {
            "name": event.type,
            "title": event.__name__,
            "summary": _said(event),
            "contentType": "application/json",
            "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
            "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        }
        for event in EVENTS
    }
    channels = {
        topic: {
            "address": topic,
            "messages": {
                event.__name__: {"$ref": f"#/components/messages/{event.__name__}"}
                for event in EVENTS
                if event.topic == topic
            },
        }
        for topic in TOPICS
    }
    operations = {
        f"{OWNERS[topic]}.{topic}": {
            "action": "receive" if topic.startswith(INBOUND) else "send",
            "channel": {"$ref": f"#/channels/{topic}"},
        }
        for topic in TOPICS
    }
    names = ["id", "type", "source", "subject", "time", "tenant", "campaignid", "correlationid"]
    headers = {
        "type": "object",
        "required": ["ce_specversion", *(f"ce_{name}" for name in names if name not in ("subject", "correlationid"))],
        "properties": {
            "ce_specversion": {"const": "1.0"},
            **{f"ce_{name}": {"type": "string"} for name in names},
            **{
                f"ce_{name}": {"type": "string"}
                for name in ("causationid", "sequence", "epoch", "traceparent", "keyid", "signature")
            },
        },
    }
    document = {
        "asyncapi": "3.0.0",
        "info": {"title": "Handrail", "version": "1.0.0", "description": "Every event of Handrail."},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {**schemas["$defs"], "CloudEventHeaders": headers}},
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _section(event: type[Event]) -> str:
    signed = " **Signed.**" if event.signed else ""
    lines = [f"\n### {event.__name__}\n\n`{event.type}`. {_said(event)}{signed}\n"]
    if event.model_fields:
        lines.append("\n| field | type |\n|---|---|\n")
        lines += [f"| `{name}` | {_type(info.annotation)} |\n" for name, info in event.model_fields.items()]
    return "".join(lines)


def _said(event: type[Event]) -> str:
    return " ".join((event.__doc__ or "").split())


def _type(annotation: Any) -> str:
    """A field's type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_type(one) for one in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}" if arguments[-1] is Ellipsis else "pair of numbers"
    if annotation is NoneType:
        return "null"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.__name__
    values = TypeAdapter(annotation).json_schema().get("enum")
    return " \\| ".join(f"`{value}`" for value in values) if values else annotation.__name__


def main() -> None:
    folder = Path(sys.argv[1])
    (folder / PAGE).write_text(page(), encoding="utf-8")
    (folder / ASYNCAPI).write_text(asyncapi(), encoding="utf-8")


if __name__ == "__main__":
    main()
