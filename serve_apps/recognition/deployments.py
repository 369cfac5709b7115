"""The recognizer as a Ray Serve deployment: one engine, one thread, a short queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from structlog.contextvars import bound_contextvars

from autoscaling.stats import ARRIVING
from serve_apps.faces import Examination, Recognition, UndecodableImage
from serve_apps.load.arriving import Arriving
from serve_apps.load.service_time import ServiceTime
from serve_apps.niceness import come_forward
from serve_apps.replica import return_freed_memory, say_always, settle_in

if TYPE_CHECKING:  # a gateway imports this module too, and need not hold the engine's libraries
    from serve_apps.load.outlook import Outlook
    from serve_apps.recognition.recognizer import Recognizer
    from serve_apps.recognition.trial import Trial, TrialFrame, TrialPerson

T = TypeVar("T")


class BatchLimits(BaseModel):
    """`user_config` in the Serve config; used where the engine gains by batches, which it does on a GPU only."""

    model_config = ConfigDict(extra="forbid")

    most_frames: int = Field(8, ge=1, le=16)
    wait_ms: float = Field(2, ge=0, le=100)


BATCHED: Callable[[Callable[..., Any]], Any] = serve.batch(
    max_batch_size=BatchLimits().most_frames, batch_wait_timeout_s=BatchLimits().wait_ms / 1000
)
"""`serve.batch`, whose own types know functions of one argument only."""


@serve.deployment(
    name="Recognizer",
    max_ongoing_requests=64,
    ray_actor_options={"num_cpus": 0.8},
    health_check_period_s=5,
    health_check_timeout_s=20,
    graceful_shutdown_wait_loop_s=0.5,
    graceful_shutdown_timeout_s=10,
)
class RecognizerReplica:
    """Engines are not safe to share between threads, so every call waits for the replica's one thread."""

    def __init__(
        self, build: Callable[[], Recognizer], build_outlook: Callable[[str, ServiceTime, float], Outlook]
    ) -> None:
        """`build` loads weights and gallery and warms up: a replica is ready only after that.

        `build_outlook` takes the application's name, the service time and the seconds that the start took.
        """
        began = time.monotonic()
        settle_in(behind=True)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._recognizer = self._thread.submit(build).result()
        self._service, self._arriving = ServiceTime(), Arriving()
        # The probe stands for a frame until the first one comes.
        self._thread.submit(self._service.of, 1, self._recognizer.check).result()
        context = serve.get_replica_context()
        self._recognizer.replica = context.replica_id.unique_id
        say_always(release=self._recognizer.release)
        self._outlook = build_outlook(context.app_name, self._service, time.monotonic() - began)
        return_freed_memory()
        come_forward()

    def reconfigure(self, user_config: dict[str, float]) -> None:
        """Serve calls it with `user_config`. Raises ValidationError for another than BatchLimits."""
        limits, batch = BatchLimits.model_validate(user_config), self._recognize_together
        batch.set_max_batch_size(limits.most_frames)
        batch.set_batch_wait_timeout_s(limits.wait_ms / 1000)

    async def recognize(
        self, image: bytes, gallery_version: int, names: Mapping[str, str | None] | None = None
    ) -> Recognition:
        """Who is in a frame. `names`: what lines of the log say of it. Raises UndecodableImage."""
        self._arriving.one()
        with bound_contextvars(**(names or {})):
            return await self._recognized(image, gallery_version)

    async def _recognized(self, image: bytes, gallery_version: int) -> Recognition:
        if not self._recognizer.batches:
            return await self._alone(self._service.of, 1, self._recognizer.recognize, image, gallery_version)
        answer: Recognition | UndecodableImage = await self._recognize_together(image, gallery_version)
        if isinstance(answer, UndecodableImage):
            raise answer
        return answer

    @BATCHED
    async def _recognize_together(
        self, images: list[bytes], gallery_versions: list[int]
    ) -> list[Recognition | UndecodableImage]:
        many = self._recognizer.recognize_many
        return await self._alone(self._service.of, len(images), many, images, gallery_versions)

    async def examine(self, photo: bytes, gallery_version: int, count: int) -> Examination:
        """Every face of a photograph with its nearest persons. Raises UndecodableImage."""
        return await self._alone(self._recognizer.examine, photo, gallery_version, count)

    async def try_out(self, people: list[TrialPerson], frames: list[bytes]) -> Trial:
        """Frames with a gallery of their own. Raises UndecodableImage."""
        return await self._alone(self._recognizer.try_out, people, frames)

    async def replay(self, image: bytes, gallery_version: int) -> TrialFrame:
        """A frame with everybody who is enrolled. Raises UndecodableImage."""
        return await self._alone(self._recognizer.replay, image, gallery_version)

    async def ready(self) -> bool:
        """Weights and gallery are loaded, or there would be no replica to ask."""
        return True

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Serve asks several times a second, and hands it on to the policy."""
        return self._outlook.stats() | {ARRIVING: self._arriving.per_s()}

    async def check_health(self) -> None:
        """The engine still recognizes the probe; a stuck thread fails by the health check's timeout.

        Raises ProbeFailed, CannotRun.
        """
        await self._alone(self._recognizer.check)

    async def _alone(self, call: Callable[..., T], *arguments: object) -> T:
        # With the context, so that what is logged there has the request's id.
        return await asyncio.get_running_loop().run_in_executor(self._thread, copy_context().run, call, *arguments)
