"""Golden frames through every recognizer application that runs: the share that is answered rightly.

Each photograph is a question of its own, with a pause between them, so that a visitor's frame waits for one of them at
the most. Persons are embedded once for a release; matching is done here, by the release's own rules.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cluster.monitoring.metrics import ACCURACY
from serve_apps.faces import Embedding, Examination, Standing, Verdict, verdict_of
from serve_apps.recognition.few import Few
from serve_apps.recognition.match import MatchRules, identify
from serve_apps.watch.parts import Gauges

PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class GoldenFrame:
    """A frame and its answer; `who` are those who are recognized, sorted."""

    image: bytes
    verdict: Verdict
    who: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoldenFrames:
    """`people` by name, each with photographs that show one face. `name` changes with anything in it."""

    name: str
    people: Mapping[str, tuple[Standing, tuple[bytes, ...]]]
    frames: Sequence[GoldenFrame]


class GoldenLooks:
    """`running` names the release of each application; `examine` asks one of them about a photograph."""

    def __init__(
        self,
        read: Callable[[], GoldenFrames],
        running: Callable[[], Mapping[str, str]],
        examine: Callable[[str, bytes], Examination],
        gauges: Gauges,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._read = read
        self._running = running
        self._examine = examine
        self._gauges = gauges
        self._pause = pause
        self._enrolled: dict[tuple[str, str], Few] = {}

    def look(self) -> None:
        """Once. Raises what reading raises, and what asking an application raises when all have been asked."""
        golden, running = self._read(), self._running()
        wanted = {(golden.name, release) for release in running.values()}
        self._enrolled = {key: few for key, few in self._enrolled.items() if key in wanted}
        failed: list[Exception] = []
        for application, release in running.items():
            try:
                self._gauges.set(ACCURACY, self._accuracy(application, release, golden), release)
            except (
                Exception
            ) as error:  # a replica's own errors come as themselves: the other colour is asked all the same
                failed.append(error)
        if failed:
            raise failed[0]

    def _accuracy(self, application: str, release: str, golden: GoldenFrames) -> float:
        if (golden.name, release) not in self._enrolled:
            self._enrolled[golden.name, release] = self._enrol(application, golden)
        people = self._enrolled[golden.name, release]
        right = [is_right(frame, self._asked(application, frame.image), people) for frame in golden.frames]
        return sum(right) / len(right)

    def _enrol(self, application: str, golden: GoldenFrames) -> Few:
        enrolled: dict[str, tuple[Standing, list[Embedding]]] = {}
        for name, (standing, photos) in golden.people.items():
            found = [self._asked(application, photo).faces for photo in photos]
            enrolled[name] = standing, [faces[0].face.embedding for faces in found if len(faces) == 1]
        return Few(enrolled)

    def _asked(self, application: str, photo: bytes) -> Examination:
        self._pause(PAUSE_SECONDS)
        return self._examine(application, photo)


def is_right(frame: GoldenFrame, seen: Examination, people: Few) -> bool:
    """Whether verdict and persons are the expected ones."""
    rules = MatchRules(seen.threshold, seen.margin)
    identities = identify([each.face for each in seen.faces], people, rules)
    who = tuple(sorted(each.person_id for each in identities if each.person_id is not None))
    return verdict_of([each.standing for each in identities]) == frame.verdict and who == frame.who
