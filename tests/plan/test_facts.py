"""What is told of a plan: as plain data, as a table, as a graph, and why a product is outdated."""

import io
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from rich.console import Console

from coaddc.engine.plan_table import plan_tables
from coaddc.model.assembly import Section
from coaddc.model.product import Product
from coaddc.plan.facts import facts
from coaddc.plan.graph import dot, graphs, mermaid
from coaddc.plan.plan import Plan, Target
from coaddc.plan.task import OP_VERSIONS
from coaddc.plan.why import why_outdated
from tests.assemblies import assembly
from tests.plan.suites import MATCHED, SUITES, compiled

BOTH = SUITES["direct-and-matched"]
RATES = dict.fromkeys(["exposure", "visit", "stack.mean", "psf", "coadd"], 0.0)
RATES |= {"warp.omoms3": 1e-6, "match": 1e-6}


def told(plan: Plan, rates: Mapping[str, float] = RATES) -> dict[str, Any]:
    return facts(plan, rates, 2, lambda target: [f"because of {target.request.band}"])


def printed(plan: Plan, rates: Mapping[str, float] = RATES) -> str:
    text = io.StringIO()
    for item in plan_tables(told(plan, rates)):
        Console(width=200, file=text).print(item)
    return text.getvalue()


def test_the_facts_are_plain_data_that_json_keeps() -> None:
    whole = told(compiled(BOTH))
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole


def test_every_product_has_its_state_and_the_reason() -> None:
    never = assembly({"early": "never"}, early=Section(where="mjd < 0"))
    first = compiled(BOTH).units[0].targets

    def held(products: Sequence[Product]) -> tuple[Set[str], Set[str]]:
        return {first[0].product.digest}, {first[1].product.digest}

    whole = told(compiled([*BOTH, never], held=held))
    found = {(p["state"], *p["why"]) for p in whole["products"]}
    assert found == {
        ("current",),
        ("outdated", "because of g"),
        ("absent",),
        ("empty", "0 left by early.where: mjd < 0"),
    }
    totals = {name: whole["totals"][name] for name in ("products", "absent", "outdated", "current", "empty")}
    assert totals == {"products": 12, "absent": 6, "outdated": 1, "current": 1, "empty": 4}


def test_what_is_shared_is_told_with_who_shares_it() -> None:
    whole = told(compiled(BOTH))
    (unit, *_) = whole["units"]
    (group,) = unit["shared"]
    assert group["tasks"] == {"exposure": 6, "warp": 6}
    names = [whole["products"][number]["data_id"] for number in group["products"]]
    assert [name["warp"] for name in names] == ["direct", "matched"]
    assert {(n["patch"], n["band"]) for n in names} == {(unit["patch"], unit["band"])}
    assert whole["totals"]["tasks_asked"] - whole["totals"]["tasks_left"] == 4 * 12


def test_time_is_told_as_far_as_it_is_known() -> None:
    plan = compiled(BOTH)
    whole = told(plan)
    pixels = whole["totals"]["resampled_pixels"]
    assert abs(whole["totals"]["seconds"] - pixels * 2e-6 / 2) < 1e-5
    assert abs(sum(unit["seconds"] for unit in whole["units"]) - whole["totals"]["seconds"]) < 1e-9
    assert "estimated time: unknown: nothing has run here yet" in printed(plan, {})
    assert "have not run yet" not in printed(plan)
    some = printed(plan, {"warp.omoms3": 1.0})
    assert "more: here have not run yet exposure, visit, match, psf, coadd, stack.mean" in some


def test_patches_of_one_coadd_are_one_line() -> None:
    text = printed(compiled(BOTH))
    lines = [line.split("│") for line in text.splitlines() if "│" in line and "band=g warp=direct" in line]
    assert [part.strip() for part in lines[0][:5]] == ["band=g warp=direct", "2", "6", "3", "2"]
    assert "24 exposure, 24 warp │ 2 products: warp=direct; warp=matched" in text
    assert "8 products asked: 8 to make (8 absent) on 2 patches; 0 up to date, 0 without exposures" in text


def test_a_table_of_nothing_to_do_says_so() -> None:
    digests = {t.product.digest for unit in compiled(BOTH).units for t in unit.targets}
    text = printed(compiled(BOTH, held=lambda _: (digests, set())))
    assert "0 to make on 0 patches; 8 up to date" in text
    assert "resample" not in text


def test_patches_alike_are_one_graph_in_which_what_is_shared_leads_to_both() -> None:
    (graph, *others) = graphs(compiled(BOTH))
    assert others == []
    assert len(graph.units) == 4
    ops = {node.label: node for node in graph.nodes}
    warp = ops["24 warp of 6 visits, for 2 products"]
    takers = [node.op for node in graph.nodes if graph.nodes.index(warp) in node.inputs]
    assert sorted(takers) == ["match", "visit"] or sorted(takers) == ["match", "psf", "visit"]
    assert all(source < number for number, node in enumerate(graph.nodes) for source in node.inputs)


def test_template_and_coadd_stay_apart_in_the_graph() -> None:
    (graph,) = graphs(compiled(SUITES["artifacts"]))
    stacks = [node for node in graph.nodes if node.op == "stack"]
    found = next(number for number, node in enumerate(graph.nodes) if node.op == "artifacts")
    assert [found in node.inputs for node in stacks].count(True) == 1
    assert len(stacks) == 4


def test_both_languages_draw_the_same_edges() -> None:
    plan = compiled(SUITES["artifacts"])
    edges = sum(len(node.inputs) for graph in graphs(plan) for node in graph.nodes)
    assert mermaid([plan, plan]).count(" --> ") == dot([plan, plan]).count(" -> ") == 2 * edges
    assert mermaid([plan]).startswith("flowchart LR\n")
    text = dot([plan])
    assert text.count("{") == text.count("}") == 2
    assert text.count('"') % 2 == 0


def target_and_provenance() -> tuple[Target, dict[str, Any]]:
    target = compiled([assembly(warp=MATCHED)]).units[0].targets[0]
    rows = target.request.rows
    inputs = [{"visit": r.visit, "detector": r.detector, "file": r.file, "digest": r.digest} for r in rows]
    return target, {"inputs": inputs, "ops": {op: OP_VERSIONS[op] for op in ("warp", "match", "artifacts")}}


def test_new_lost_and_changed_exposures_are_named() -> None:
    target, made = target_and_provenance()
    gone = {"visit": 77, "detector": "3", "file": "v77-3", "digest": "x"}
    other = {**made["inputs"][1], "digest": "another"}
    reasons = why_outdated(target, {**made, "inputs": [other, *made["inputs"][2:], gone]})
    assert reasons == [
        "1 exposures new: visit 0 detector 0 (v0-0)",
        "1 exposures no longer selected: visit 77 detector 3 (v77-3)",
        "1 exposures with other content: visit 0 detector 1 (v0-1)",
    ]


def test_an_op_that_the_product_uses_is_a_reason_and_another_is_not() -> None:
    target, made = target_and_provenance()
    made["ops"] |= {"warp": 0, "artifacts": 0}
    assert why_outdated(target, made) == [f"op warp: version 0 then, {OP_VERSIONS['warp']} now"]


def test_where_neither_changed_it_says_what_else_can() -> None:
    (reason,) = why_outdated(*target_and_provenance())
    assert "target PSF" in reason


def test_of_many_exposures_three_are_named() -> None:
    target, made = target_and_provenance()
    (reason,) = why_outdated(replace(target), {**made, "inputs": []})
    assert reason.endswith("visit 2 detector 0 (v2-0) and 3 more")
