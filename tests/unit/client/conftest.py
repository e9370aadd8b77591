"""A Hub, a publisher, and a dataset on it, for each test of the client."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from huggingface_hub import close_session

from stackyard.client.pull import pull
from stackyard.hub import EmbeddedHub
from stackyard.store.hub import HubDataset
from tests.unit.client.publisher import REPO, Publisher
from tests.unit.client.shell import Shell


@pytest.fixture(autouse=True)
def _closed_session() -> Iterator[None]:
    yield
    close_session()


@dataclass(frozen=True)
class Template:
    """A project, its Hub after the first release, and a pulled copy: made once, copied for tests."""

    root: Path
    publisher: Publisher


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    root = tmp_path_factory.mktemp("template")
    publisher = Publisher(root / "project")
    with EmbeddedHub(root / "hub") as hub:
        version = publisher.publish(hub)
        pull(HubDataset(REPO, hub.endpoint), version, root / "copy")
    close_session()
    return Template(root, publisher)


@pytest.fixture
def copy(template: Template, hub: EmbeddedHub, publisher: Publisher, tmp_path: Path) -> Path:
    """A pulled copy of the first release of `publisher`, which is on `hub`."""
    shutil.copytree(template.root / "hub", hub.root, dirs_exist_ok=True)
    shutil.copytree(template.root / "project", publisher.root)
    made = template.publisher
    assert made.tree is not None
    publisher.last, publisher.rows = made.last, made.rows
    publisher.tree = publisher.root / made.tree.name
    return Path(shutil.copytree(template.root / "copy", tmp_path / "copy"))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[EmbeddedHub]:
    with EmbeddedHub(tmp_path / "hub") as running:
        yield running


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "project")


@pytest.fixture
def dataset(hub: EmbeddedHub) -> HubDataset:
    return HubDataset(REPO, hub.endpoint)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capfd)
