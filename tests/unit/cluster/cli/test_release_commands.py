"""`doorbell release …`: real weights once, and what is refused: one line, exit status 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.cli.main import main
from cluster.releases.folder import open_release
from cluster.releases.signing import TrustedKeys

CARD = "summary: our own network\ntraining_data: 300 volunteers who agreed in writing\n"


@pytest.fixture(scope="module")
def packed_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with both real recipes as releases."""
    data = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DOORBELL_DATA", str(data))
        for recipe in ("yunet-dlib", "yunet-sface"):
            with pytest.raises(SystemExit, match="0"):
                main(["release", "pack", recipe, "--recipe", recipe])
    return data


@pytest.fixture
def data(packed_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOORBELL_DATA", str(packed_data))
    return packed_data


@pytest.fixture
def small(data: Path, tmp_path: Path) -> list[str]:
    """Options for an embedder of a few bytes in the place of SFace's."""
    (tmp_path / "own.onnx").write_bytes(b"own network")
    (tmp_path / "card.yaml").write_text(CARD)
    given = ["--from", "yunet-sface", "--weights", f"embedder={tmp_path / 'own.onnx'}", "--licence", "MIT"]
    return [*given, "--source", "ours", "--space", "own-1", "--card", str(tmp_path / "card.yaml")]


def doorbell(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Status, stdout and stderr of a command."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["release", *arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    status, out, err = doorbell(capsys, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    return err


def test_both_real_recipes_are_whole_releases_of_different_spaces(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trusted = TrustedKeys.read(data / "release_keys.pub")
    releases = [open_release(data / "releases" / name, trusted) for name in ("yunet-dlib", "yunet-sface")]

    assert [release.manifest.space for release in releases] == ["dlib-resnet-v1", "sface-2021dec"]
    assert releases[1].path("embedder").stat().st_size == 38_696_353
    rows = json.loads(doorbell(capsys, "list", "--json")[1])
    assert {row["name"]: row["digest"] for row in rows}["yunet-sface"] == releases[1].digest[:12]


def test_diff_says_that_the_gallery_must_be_embedded_again(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = doorbell(capsys, "diff", "yunet-dlib", "yunet-sface", "--json")
    assert json.loads(out)["must_reembed"] is True

    _, out, _ = doorbell(capsys, "diff", "yunet-dlib", "yunet-sface")
    assert "thresholds.threshold: 0.58 -> 1.05" in out
    assert "must be embedded again" in out


def test_show_and_verify_say_who_and_what(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "card.training_data: The paper" in doorbell(capsys, "show", "yunet-sface")[1]
    assert json.loads(doorbell(capsys, "show", "yunet-sface", "--json")[1])["thresholds"]["margin"] == 0.08
    assert "yunet-sface is whole: signed by" in doorbell(capsys, "verify", "yunet-sface")[1]


def test_a_release_is_made_from_another_with_own_weights(
    small: list[str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = doorbell(capsys, "pack", "own", *small, "--threshold", "0.9", "--long-side", "512", "--json")

    made = json.loads(out)
    assert status == 0
    assert (made["space"], made["thresholds"]["threshold"], made["settings"]["long_side"]) == ("own-1", 0.9, 512)
    assert made["card"]["summary"] == "our own network"
    assert (data / "releases" / "own" / "own.onnx").read_bytes() == b"own network"

    assert "another release 'own' already" in refused(capsys, "pack", "own", *small)


def test_a_damaged_release_does_not_verify_and_the_others_are_still_listed(
    small: list[str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    doorbell(capsys, "pack", "damaged", *small)
    (data / "releases" / "damaged" / "own.onnx").write_bytes(b"Own network")
    assert "own.onnx: the file is damaged" in refused(capsys, "verify", "damaged")

    (data / "releases" / "damaged" / "manifest.json").write_bytes(b"{")
    rows = {row["name"]: row for row in json.loads(doorbell(capsys, "list", "--json")[1])}
    assert "manifest is damaged" in rows["damaged"]["problem"]
    assert rows["yunet-sface"]["engine"] == "yunet-sface"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pack", "x"], "--from RELEASE"),
        (["pack", "x", "--recipe", "yunet-dlib", "--from", "yunet-dlib"], "--from RELEASE"),
        (["pack", "x", "--recipe", "yunet"], "there is no recipe 'yunet'"),
        (["pack", "X/Y", "--recipe", "yunet-sface"], "name: String should match"),
        (["pack", "x", "--from", "yunet-sfacs"], "did you mean yunet-sface?"),
        (["pack", "x", "--recipe", "yunet-sface", "--threshold", "3"], "threshold: Input should be less"),
        (["pack", "x", "--recipe", "yunet-sface", "--threshold", "nan"], "'--threshold': nan"),
        (["pack", "x", "--recipe", "yunet-sface", "--weights", "embedder=f"], "needs one --licence"),
        (["pack", "x", "--recipe", "yunet-sface", "--card", "/nowhere"], "/nowhere: the model card cannot be read"),
        (["show", "../../etc"], "is no release's name"),
        (["verify", "nothing-like-it"], "release list"),
    ],
)
def test_what_is_wrong_is_one_line(
    data: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert said in refused(capsys, *arguments)


def test_another_embedder_needs_its_space_and_its_card(small: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "name their space with --space" in refused(capsys, "pack", "x", *small[:8])
    assert "needs a --card" in refused(capsys, "pack", "x", *small[:10])


def test_weights_without_an_open_licence_are_packed_only_where_the_settings_allow_it(
    small: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small[small.index("MIT")] = "LicenseRef-Ours"
    assert "DOORBELL_RELEASE_LICENCES" in refused(capsys, "pack", "licensed", *small)

    monkeypatch.setenv("DOORBELL_RELEASE_LICENCES", "LicenseRef-Ours")
    assert doorbell(capsys, "pack", "licensed", *small)[0] == 0


def test_a_release_of_an_unknown_key_is_told_by_its_name(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys.pub").touch()
    monkeypatch.setenv("DOORBELL_RELEASE_KEYS_FILE", str(tmp_path / "keys.pub"))

    assert refused(capsys, "verify", "yunet-sface").startswith("doorbell: yunet-sface: it is signed by a key that is")


def test_a_registry_of_another_kind_is_refused(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORBELL_RELEASES_URL", "ftp://host/releases")

    assert "s3://bucket/prefix" in refused(capsys, "list")
