from __future__ import annotations

import os
from pathlib import Path

import pytest

from serve_apps.faces import Verdict
from serve_apps.notifications.rules import Rule, Rules
from serve_apps.notifications.rules_file import NoticesFileError, WatchedRules, load

SECRET = "mailto://me:hunter2@mail.invalid"
GOOD = """
recipients:
  family: json://127.0.0.1:9/family
  porter: {url: "json://127.0.0.1:9/porter", when_uncertain: resend}
rules:
  - notify: [family, log]
    verdicts: [unknown, blacklisted]
    cameras: ["front-*"]
    people: [Aunt]
  - notify: [porter]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "notices.yaml"
    path.write_text(text)
    return path


def problem(folder: Path, text: str) -> str:
    with pytest.raises(NoticesFileError) as caught:
        load(written(folder, text))
    return str(caught.value)


def test_a_file_gives_recipients_rules_and_who_may_be_told_again(tmp_path: Path) -> None:
    rules = load(written(tmp_path, GOOD))

    first = Rule(("family", "log"), (Verdict.UNKNOWN, Verdict.BLACKLISTED), ("front-*",), ("Aunt",))
    assert rules.rules == (first, Rule(("porter",)))
    assert rules.urls == {"family": "json://127.0.0.1:9/family", "porter": "json://127.0.0.1:9/porter"}
    assert rules.resend == frozenset({"porter"})


def test_a_url_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")

    rules = load(written(tmp_path, f"recipients: {{family: {{url_file: {tmp_path}/secret}}}}\nrules: []"))

    assert rules.urls == {"family": SECRET}
    assert rules.resend == frozenset()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("recipient: {}\nrules: []", "recipient: "),
        ("rules: [{notify: [log], verdict: [known]}]", "rules.0.verdict"),
        ("recipients: {family: {url: 'json://h', when_uncertan: hold}}\nrules: []", "family.when_uncertan"),
        ("recipients: {family: {url: 'json://h', when_uncertain: maybe}}\nrules: []", "family.when_uncertain"),
        ("recipients: {family: {when_uncertain: hold}}\nrules: []", "either url or url_file"),
        ("recipients: {family: {url: a, url_file: b}}\nrules: []", "either url or url_file"),
        ("rules: [{notify: [log], verdicts: [friendly]}]", "rules.0.verdicts.0"),
        ("rules: [{notify: []}]", "rules.0.notify"),
        ("rules: [{notify: [famly]}]", "famly, who is no recipient"),
        ("recipients: {}", "rules"),
        ("", "the file"),
        ("[]", "the file"),
        ("rules: [", "line 1"),
    ],
)
def test_a_mistake_is_named_by_its_place_in_one_line(tmp_path: Path, text: str, named: str) -> None:
    told = problem(tmp_path, text)

    assert named in told
    assert "\n" not in told


@pytest.mark.parametrize(
    "text",
    [
        f"recipients: {{family: {SECRET}, porter: 3}}\nrules: []",
        f"recipients: {{family: {{ulr: '{SECRET}'}}}}\nrules: []",
        f"recipients: {{'{SECRET}': log}}\nrules: []",
        f"rules: [{{notify: ['{SECRET}']}}]",
        f'recipients:\n  family: "{SECRET}\nrules: []',
        f"recipients:\n  family: {SECRET}\n porter: x",
        f"recipients: [{SECRET}]\nrules: []",
        f"{SECRET}",
    ],
)
def test_no_error_shows_a_url(tmp_path: Path, text: str) -> None:
    assert "hunter2" not in problem(tmp_path, text)


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    assert "nowhere: No such file" in problem(
        tmp_path, f"recipients: {{family: {{url_file: {tmp_path}/nowhere}}}}\nrules: []"
    )


@pytest.mark.parametrize("content", [b"\xff\xfe\x00rules", b"rules: 2026-99-99"])
def test_what_is_no_yaml_text_is_the_same_kind_of_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notices.yaml").write_bytes(content)

    with pytest.raises(NoticesFileError):
        load(tmp_path / "notices.yaml")


def test_a_changed_file_is_read_again_and_a_wrong_one_keeps_the_last_good_rules(tmp_path: Path) -> None:
    path = written(tmp_path, "rules: [{notify: [log]}]")
    watched = WatchedRules(path)
    before = watched()

    path.write_text("rules: [{notify: [nobody-we-know]}]")
    assert watched() is before
    assert "nobody-we-know" in (watched.problem or "")

    path.write_text(GOOD)
    os.utime(path, ns=(1, 1))
    assert watched().resend == frozenset({"porter"})
    assert watched.problem is None


def test_a_file_that_goes_away_keeps_the_last_good_rules(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    watched = WatchedRules(path)
    path.unlink()

    assert watched().urls.keys() == {"family", "porter"}
    assert watched.problem is not None


def test_without_a_file_the_default_rules_hold() -> None:
    assert WatchedRules(None)() == Rules()
