"""Dataclasses taken apart, to be made again with a field changed."""

from typing import Any


def fields_of(record: Any) -> dict[str, Any]:
    """The fields of a dataclass's instance, by name, as they are."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
