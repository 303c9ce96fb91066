"""A brief as people write it: YAML or JSON, every complaint with its line.

YAML here has JSON's values only: `no` is the country of Norway, and `20:00` a time of day, never a number.
"""

import json
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from contracts.brief import BriefDraft
from handrail.cli_terminal import Failure

LIMIT_BYTES = 256 * 1024


class _Loader(yaml.SafeLoader):
    """SafeLoader without YAML 1.1's surprises."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for name, _ in node.value:
            if name.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {name.value!r} twice", name.start_mark)
            seen.add(name.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:null|~|)$"), ["n", "~", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]*)$"), list("-0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^-?[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?$"), list("-0123456789")
)


def read(file: Path) -> BriefDraft:
    """The brief in `file`. Raises Failure that names line and field."""
    raw = file.read_bytes()
    if len(raw) > LIMIT_BYTES:
        raise Failure(f"{file}: {len(raw)} bytes, a brief has at most {LIMIT_BYTES}")
    try:
        text = raw.decode()
        tree = yaml.compose(text, Loader=_Loader)
        value = yaml.load(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        raise Failure(f"{file}:{raw[: error.start].count(10) + 1}: not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1"
        raise Failure(f"{file}:{place}: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise Failure(f"{file}: not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(value, dict) or tree is None:
        raise Failure(f"{file}:1: a brief is a mapping of fields, such as `name: Webinar follow-up`")
    try:
        return BriefDraft.model_validate_json(json.dumps(value))
    except ValidationError as error:
        found = [
            f"{file}:{_line(tree, each['loc'])}: {'.'.join(map(str, each['loc']))}: {_said(each['msg'])}"
            for each in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise Failure("\n  ".join([f"{file} does not fit", *found])) from None


def _said(message: str) -> str:
    if message.startswith("Extra inputs"):
        return "no such field: misspelt?"
    return message.removeprefix("Value error, ")


def _line(tree: yaml.Node, place: tuple[int | str, ...]) -> int:
    """The line of the innermost part of `place` that is there."""
    node, line = tree, tree.start_mark.line
    for step in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((name, each) for name, each in node.value if name.value == str(step)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return line + 1
