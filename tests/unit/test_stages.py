from __future__ import annotations

import dataclasses
from pathlib import Path

import yaml

from stackyard.pipeline.execute import stage_module
from stackyard.pipeline.project import ProjectParams, load_params, params_yaml
from stackyard.release.params import PublishParams
from stackyard.stages import STAGES, dvc_yaml

ROOT = Path(__file__).parents[2]


def test_dvc_yaml_of_the_checkout_is_the_table_of_stages() -> None:
    assert (ROOT / "dvc.yaml").read_text() == dvc_yaml()
    assert list(yaml.safe_load(dvc_yaml())["stages"]) == [stage.name for stage in STAGES]


def test_flows_run_the_stages_in_the_order_of_the_table() -> None:
    source = (ROOT / "flows" / "build.py").read_text() + (ROOT / "flows" / "release.py").read_text()
    assert 'stage for stage in STAGES if stage.name != "release"' in source
    assert source.index("run_stages(project, BUILD_STAGES)") < source.index(
        "run_stages(project, RELEASE)"
    )
    assert STAGES[-1].name == "release"


def test_every_dependency_is_a_source_or_an_output_of_an_earlier_stage() -> None:
    made = {"sources.yaml", "registry/log", "registry/licenses.yaml", "registry/pii-allow.yaml"}
    made |= {"work/previous", "work/released", "notes"}
    for stage in STAGES:
        assert set(stage.deps) <= made, stage.name
        made |= set(stage.outs)


def test_every_stage_has_its_module_and_its_parameters() -> None:
    sections = set(ProjectParams.__dataclass_fields__)
    for stage in STAGES:
        module = stage_module(stage)
        assert all(callable(getattr(module, name)) for name in ("units", "run", "finish"))
        assert set(stage.params) <= sections


def test_params_yaml_of_the_checkout_names_every_parameter_and_holds_the_defaults() -> None:
    text = (ROOT / "params.yaml").read_text()
    # Whom code owners write to is the one parameter without a default.
    publish = dataclasses.replace(PublishParams(), contact="opt-out@example.org")
    assert load_params(text) == ProjectParams(publish=publish)
    assert text == params_yaml(ProjectParams(publish=publish))
