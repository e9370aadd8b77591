"""Two who publish at once: the Hub takes one of two releases that were computed from one."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, close_session

from stackyard.errors import EnvironmentFault, StackyardError, Superseded, VerificationError
from stackyard.hub import EmbeddedHub, create_app
from stackyard.release.manifest import Manifest, Previous, identity
from stackyard.store.hub import HubDataset, publish
from tests.unit.client.publisher import REPO, ROWS, Publisher, Row
from tests.unit.store.test_hub_publish import FILES, Faulty, release, serving
from tests.unit.store.test_hub_publish import REPO as TOY


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[EmbeddedHub]:
    with EmbeddedHub(tmp_path / "hub") as running:
        yield running
    close_session()


def two_after_one(tmp_path: Path, hub: EmbeddedHub) -> tuple[Path, Path]:
    """Trees 0.2.0 (a new row) and 0.1.1 (a row less), both computed from a published 0.1.0."""
    one = Publisher(tmp_path / "one")
    one.publish(hub)
    other = Publisher(tmp_path / "one", last=one.last, tree=one.tree, rows=one.rows)
    more = one.release((*ROWS, Row("zeta/tool", "more.sh", "echo more\n", "Shell")))
    return more, other.release(ROWS[1:])


def manifest_of(folder: Path) -> Manifest:
    return Manifest.parse((folder / "manifest.json").read_bytes())


def chain(hub: EmbeddedHub) -> list[str]:
    """Versions, each of which follows the one before; main is at the last."""
    dataset = HubDataset(REPO, hub.endpoint)
    before: Previous | None = None
    for version, commit in dataset.versions().items():
        manifest = Manifest.parse(dataset.read(commit, "manifest.json"))
        assert manifest.previous == before
        before = Previous(version, identity(manifest))
    head = dataset.read(dataset.head(), "manifest.json")
    assert before is not None
    assert hashlib.sha256(head).hexdigest() == before.manifest_sha256
    return list(dataset.versions())


@pytest.mark.parametrize("first", [0, 1])
def test_publish_of_a_release_computed_from_an_older_one_is_refused(
    hub: EmbeddedHub, tmp_path: Path, first: int
) -> None:
    trees = two_after_one(tmp_path, hub)
    winner, loser = trees[first], trees[1 - first]
    publish(winner, REPO, manifest_of(winner).version, endpoint=hub.endpoint)
    head = HubDataset(REPO, hub.endpoint).head()
    objects = sorted((hub.root / "objects").rglob("*"))
    with pytest.raises(Superseded, match="another release") as refused:
        publish(loser, REPO, manifest_of(loser).version, endpoint=hub.endpoint)
    assert refused.value.exit_code == 3
    assert HubDataset(REPO, hub.endpoint).head() == head
    assert sorted((hub.root / "objects").rglob("*")) == objects
    assert chain(hub) == ["0.1.0", manifest_of(winner).version]


def test_publish_over_a_release_that_is_not_tagged_yet_tags_it_and_gives_way(
    hub: EmbeddedHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner, loser = two_after_one(tmp_path, hub)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(HubDataset, "_tag", killed)
    with pytest.raises(KeyboardInterrupt):
        publish(winner, REPO, "0.2.0", endpoint=hub.endpoint)
    monkeypatch.undo()
    with pytest.raises(Superseded):
        publish(loser, REPO, "0.1.1", endpoint=hub.endpoint)
    assert chain(hub) == ["0.1.0", "0.2.0"]
    assert publish(winner, REPO, "0.2.0", endpoint=hub.endpoint).already


def test_two_releases_published_at_once_leave_one_chain(hub: EmbeddedHub, tmp_path: Path) -> None:
    first = Publisher(tmp_path / "p")
    first.publish(hub)
    words = random.Random(1)
    for turn in range(8):
        trees = []
        for which in range(2):
            same = Publisher(tmp_path / "p", last=first.last, tree=first.tree, rows=first.rows)
            rows = (*ROWS[which:], Row("zeta/tool", f"{turn}.sh", f"echo {which}\n", "Shell"))
            trees.append((same, same.release(rows)))
        outcomes: list[Publisher] = []
        start = threading.Barrier(2)

        def go(publisher: Publisher, tree: Path, start: threading.Barrier, lag: float) -> None:
            start.wait()
            threading.Event().wait(lag)
            try:
                publish(tree, REPO, manifest_of(tree).version, endpoint=hub.endpoint)
            except (Superseded, VerificationError):
                return
            outcomes.append(publisher)  # noqa: B023 - joined below

        threads = [
            threading.Thread(target=go, args=(who, tree, start, words.random() / 50))
            for who, tree in trees
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 1
        first = outcomes[0]
        assert len(chain(hub)) == turn + 2


def test_publish_where_tags_are_hidden_is_refused(hub: EmbeddedHub, tmp_path: Path) -> None:
    winner, loser = two_after_one(tmp_path, hub)
    publish(winner, REPO, "0.2.0", endpoint=hub.endpoint)
    api = HfApi(endpoint=hub.endpoint)
    api.delete_tag(REPO, tag="v0.1.0", repo_type="dataset")
    api.delete_tag(REPO, tag="v0.2.0", repo_type="dataset")
    fresh = Publisher(tmp_path / "fresh").release()
    with pytest.raises(VerificationError, match="no tag leads there"):
        publish(fresh, REPO, "0.1.0", endpoint=hub.endpoint)
    with pytest.raises(Superseded):
        publish(loser, REPO, "0.1.1", endpoint=hub.endpoint)


@pytest.mark.parametrize("needle", ["/commit/", "/preupload/"])
def test_a_commit_that_stays_busy_is_told_as_busy_not_as_contested(
    tmp_path: Path, needle: str
) -> None:
    app = Faulty(create_app(tmp_path / "hub"), needle, 503, 10_000, after=False)
    with serving(app) as endpoint:
        with pytest.raises(EnvironmentFault, match="503") as busy:
            publish(release(tmp_path / "r", FILES), TOY, "0.1.0", endpoint=endpoint)
        assert "somebody else" not in str(busy.value)
        with pytest.raises(EnvironmentFault, match="503"):
            HubDataset(TOY, endpoint).edit("yanked.json", lambda _: b"{}", "Yank")


def test_a_hub_that_may_not_be_written_to_is_told_before(hub: EmbeddedHub) -> None:
    dataset = HubDataset(REPO, hub.endpoint)
    dataset.ensure()
    dataset.check_writable()
    (hub.root / "incoming").rmdir()
    with pytest.raises(StackyardError, match="disk of this Hub"):
        dataset.check_writable()
