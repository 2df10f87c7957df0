"""Writes DIRECTORY/{machines,models,recipes}.json: JSON Schemas of profiles, made from that of a run file (stdin)."""

import json
import pathlib
import sys

directory = pathlib.Path(sys.argv[1])
run_file = json.load(sys.stdin)


def profile_of(section, extra):
    """A profile is the section without its name, and what only profiles have."""
    schema = next(form for form in run_file["properties"][section]["anyOf"] if form["type"] == "object")
    return schema | {"properties": schema["properties"] | extra}


schemas = {
    "machines": profile_of("machine", {}),
    "models": profile_of("model", {"keys": {"type": "array", "items": {"type": "string"}}}),
    "recipes": run_file,
}
for name, schema in schemas.items():
    (directory / f"{name}.json").write_text(json.dumps(schema))
