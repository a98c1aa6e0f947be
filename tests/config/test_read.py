from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import pytest
from omegaconf import OmegaConf

from coaddc.config.read import read
from coaddc.config.schema import mutable
from coaddc.model.errors import ConfigError
from coaddc.model.options import option


class Colour(Enum):
    red = "r"
    none = "n"


@dataclass(frozen=True, kw_only=True)
class Part:
    size: float = option(1.0, "side")
    colour: Colour = option(Colour.none, "colour")

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise ConfigError(f"part.size={self.size}: must be positive")


@dataclass(frozen=True, kw_only=True)
class All:
    name: str = option("???", "must be said")
    flag: bool = option(False, "a flag")
    count: int | None = option(None, "a number or null")
    either: int | str = option("x", "one or the other")
    part: Part = option(Part(size=2.0), "nested")
    maybe: Part | None = option(None, "nested or null")
    parts: dict[str, float] = option({"a": 1.0}, "numbers")
    colours: list[Colour] = option([Colour.red], "colours")
    pair: tuple[int, ...] = option((1, 2), "numbers")
    order: Literal["up", "down"] = option("up", "a literal")
    free: Any = option(None, "whatever")


def through_omegaconf(**data: Any) -> All:
    """Merge into the derived schema and read back, as a command does."""
    merged = OmegaConf.merge(OmegaConf.structured(mutable(All)), data)
    return read(All, OmegaConf.to_container(merged, enum_to_str=True), "all")


def test_defaults_survive_the_way_through_the_schema():
    assert through_omegaconf(name="n") == All(name="n")


def test_every_kind_of_field_is_read_as_its_own_type():
    value = through_omegaconf(
        name="n",
        flag=True,
        count=3,
        either=4,
        part={"size": 3},
        maybe={"colour": "red"},
        parts={"b": 2},
        colours=["none", "red"],
        pair=[5],
        order="down",
        free={"fraction": 0.5},
    )
    assert value == All(
        name="n",
        flag=True,
        count=3,
        either=4,
        part=Part(size=3.0),
        maybe=Part(colour=Colour.red),
        parts={"a": 1.0, "b": 2.0},
        colours=[Colour.none, Colour.red],
        pair=(5,),
        order="down",
        free={"fraction": 0.5},
    )
    assert isinstance(value.part.size, float)
    assert isinstance(value.parts["b"], float)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "all.name has no value: give one in conf/, or as all.name=..."),
        ({"name": "n", "part": {"sise": 1}}, "all.part.sise: no such field; did you mean 'size'?"),
        ({"name": "n", "part": 3}, "all.part=3: expected a section"),
        ({"name": "n", "flag": 1}, "all.flag=1: expected true or false"),
        ({"name": "n", "count": True}, "all.count=True: expected a whole number"),
        ({"name": "n", "part": {"size": True}}, "all.part.size=True: expected a number"),
        ({"name": "n", "colours": ["rde"]}, "all.colours[0]=rde: no such choice; did you mean 'red'?"),
        ({"name": "n", "colours": "red"}, "all.colours=red: expected a list"),
        ({"name": "n", "parts": [1]}, "expected a mapping, each a number"),
        ({"name": "n", "order": "left"}, "all.order=left: expected one of up, down"),
        ({"name": "n", "part": {"size": -1}}, "part.size=-1.0: must be positive"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(data, message):
    with pytest.raises(ConfigError, match=r".*") as caught:
        read(All, {"name": "???", **data}, "all")
    assert message in str(caught.value)
