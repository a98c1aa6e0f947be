"""A plan as a graph, in the words of Mermaid or Graphviz: what products share can be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from coaddc.model.product import PLACE_KEYS, DataId
from coaddc.plan.phases import visits_of
from coaddc.plan.plan import Plan, Unit
from coaddc.plan.shared import wanted_by


@dataclass
class Node:
    """Tasks of one op that take alike and are needed by the same products; visits are not told apart.

    Attributes
    ----------
    op
        The op.
    products
        The products that need it.
    inputs
        Numbers of the nodes that it takes, ascending.
    tasks, visits
        How many tasks, and of how many visits.
    """

    op: str
    products: tuple[str, ...]
    inputs: tuple[int, ...]
    tasks: int = 0
    visits: set[tuple[str, int]] = field(default_factory=set)

    @property
    def label(self) -> str:
        """What is written on it."""
        if self.op == "coadd":
            return self.products[0]
        visits = f" of {len(self.visits)} visits" if self.visits else ""
        many = f", for {len(self.products)} products" if len(self.products) > 1 else ""
        return f"{self.tasks} {self.op}{visits}{many}"


@dataclass
class Graph:
    """The nodes of all units that come to the same graph; those that a node takes come before it."""

    units: list[str]
    nodes: list[Node]

    @property
    def title(self) -> str:
        """Where it is."""
        more = f" and {len(self.units) - 1} more like it" if len(self.units) > 1 else ""
        return self.units[0] + more


def graphs(plan: Plan) -> list[Graph]:
    """Return a plan as graphs, one for all units that differ only in their numbers of exposures."""
    found: dict[tuple[tuple[str, tuple[str, ...], tuple[int, ...]], ...], Graph] = {}
    for unit in plan.units:
        nodes = _nodes(unit)
        shape = tuple((node.op, node.products, node.inputs) for node in nodes)
        known = found.setdefault(shape, Graph([], [Node(*key) for key in shape]))
        known.units.append(unit.name)
        for node, more in zip(known.nodes, nodes, strict=True):
            node.tasks += more.tasks
            node.visits |= {(unit.band, visit) for _, visit in more.visits}
    return list(found.values())


def _nodes(unit: Unit) -> list[Node]:
    """Gather the tasks of a unit: those of one op and with the same inputs and products are one node."""
    visits, wanted = visits_of(unit.tasks), wanted_by(unit)
    names = [_named(target.product.data_id) for target in unit.targets]
    numbers: dict[tuple[str, tuple[str, ...], tuple[int, ...]], int] = {}
    nodes: list[Node] = []
    place: dict[str, int] = {}
    for task in unit.tasks:
        inputs = tuple(sorted({place[needed.digest] for needed in task.inputs}))
        key = task.op, tuple(names[n] for n in wanted[task.digest]), inputs
        number = numbers.setdefault(key, len(nodes))
        if number == len(nodes):
            nodes.append(Node(*key))
        place[task.digest] = number
        nodes[number].tasks += 1
        visit = visits[task.digest]
        if visit is not None:
            nodes[number].visits.add((unit.band, visit))
    return nodes


def _named(data_id: DataId) -> str:
    return " ".join(f"{key}={value}" for key, value in data_id.items() if key not in PLACE_KEYS)


def mermaid(plans: Sequence[Plan]) -> str:
    """Return plans as a flow chart of Mermaid; what several products need is drawn thick."""
    lines = ["flowchart LR"]
    for number, graph in enumerate(graph for plan in plans for graph in graphs(plan)):
        lines.append(f'  subgraph g{number}["{_plain(graph.title)}"]')
        for i, node in enumerate(graph.nodes):
            lines.append(f'    g{number}n{i}["{_plain(node.label)}"]')
            lines += [f"    g{number}n{source} --> g{number}n{i}" for source in node.inputs]
        lines.append("  end")
        thick = [f"g{number}n{i}" for i, node in enumerate(graph.nodes) if len(node.products) > 1]
        lines += [f"  style {name} stroke-width:3px" for name in thick]
    return "\n".join(lines) + "\n"


def dot(plans: Sequence[Plan]) -> str:
    """Return plans as a digraph of Graphviz; what several products need is drawn bold."""
    lines = ["digraph plan {", "  rankdir=LR;", "  node [shape=box];"]
    for number, graph in enumerate(graph for plan in plans for graph in graphs(plan)):
        lines += _cluster(number, graph)
    return "\n".join([*lines, "}"]) + "\n"


def _cluster(number: int, graph: Graph) -> Iterator[str]:
    yield f"  subgraph cluster{number} {{"
    yield f'    label="{_plain(graph.title)}";'
    for i, node in enumerate(graph.nodes):
        bold = ", style=bold" if len(node.products) > 1 else ""
        yield f'    g{number}n{i} [label="{_plain(node.label)}"{bold}];'
        for source in node.inputs:
            yield f"    g{number}n{source} -> g{number}n{i};"
    yield "  }"


def _plain(text: str) -> str:
    """Return text that may stand between double quotes in both."""
    return text.replace("\\", "/").replace('"', "'")
