"""Values that a suite makes by the hundred thousand."""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """Make a class of values: a frozen dataclass to the type checker, which refuses a change of its fields.

    At run time nothing guards them: making a frozen one takes four times as long, for each of its fields is
    set past the guard, and compiling a wide survey makes a million.
    """
    return dataclass(slots=True)(cls)
