"""Errors as RFC 9457 problems: one table from exception to status."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from cluster.monitoring.journey import current, resumed
from cluster.security.api_keys import KeysUnavailable
from cluster.security.device_codes import CodeNotValid
from cluster.security.keyring import KeyringError
from serve_apps.api.journeys import JOURNEY
from serve_apps.api.refusals import note_refusal
from serve_apps.api.trace import trace_of
from serve_apps.events.store import FrameIdReused
from serve_apps.faces import UndecodableImage
from serve_apps.gallery.crops import CropsUnavailable
from serve_apps.gallery.enroll import PhotoRefused, Reason
from serve_apps.gallery.store import NameTaken, NobodyOfThatName, NoSuchFace, PhotoAlreadyEnrolled
from serve_apps.recognition.trial import TrialFailed

log = logging.getLogger(__name__)

RETRY_SECONDS = 1


class RecognizerUnavailable(Exception):
    """No recognizer replica answers."""


class Problem(Exception):
    """An answer that is an error. `kind` is the stable last part of its type."""

    def __init__(self, status: int, kind: str, detail: str, members: Mapping[str, object] | None = None) -> None:
        super().__init__(status, kind, detail, members)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.members: Mapping[str, object] = members or {}


_COMPREFACE_NO_FACE = 28
"""CompreFace's own code for "no face is found": its clients look for it."""

_PROBLEMS: Mapping[type[Exception], tuple[int, str, str]] = {
    FrameIdReused: (409, "frame-id-reused", "this frame id came before with other bytes; give each frame its own id"),
    UndecodableImage: (422, "undecodable-image", "the image is damaged: it cannot be decoded"),
    RecognizerUnavailable: (503, "recognizer-unavailable", "no recognizer answers; send it again"),
    KeysUnavailable: (503, "database-unavailable", "the database does not answer; try again"),
    DataError: (422, "invalid-value", "a value in the request cannot be kept in the database"),
    SQLAlchemyError: (503, "database-unavailable", "the database does not answer; try again"),
    CropsUnavailable: (503, "gallery-unavailable", "the gallery's storage does not answer; try again"),
    KeyringError: (503, "gallery-unavailable", "the gallery's keys cannot be read; see the log"),
    PhotoAlreadyEnrolled: (409, Reason.SAME_PHOTO, "this person has this photograph already"),
    NobodyOfThatName: (404, "subject-not-found", "nobody of that name is enrolled"),
    NameTaken: (409, "name-taken", "somebody of that name is enrolled already"),
    ClientDisconnect: (400, "sender-gone", "the connection ended before the body did"),
    CodeNotValid: (410, "code-not-valid", "this code is unknown, used or past its end; ask for a new one"),
    NoSuchFace: (404, "face-not-found", "no enrolled face has this id"),
}


def problem_of(error: Exception) -> Problem:
    """The problem that an exception of ours is to the client; another exception is raised again.

    `message` repeats the detail under the name that CompreFace's clients read.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, TrialFailed):
        return Problem(503, "trial-failed", str(error))
    if isinstance(error, PhotoRefused):
        return _refused(error)
    for kind, (status, name, detail) in _PROBLEMS.items():
        if isinstance(error, kind):
            return Problem(status, name, detail, {"message": detail})
    raise error


def _refused(error: PhotoRefused) -> Problem:
    if error.reason is Reason.NO_FACE:
        members = {"message": error.detail, "code": _COMPREFACE_NO_FACE}
        return Problem(400, error.reason, error.detail, members)
    status = 409 if error.reason is Reason.SOMEBODY_ELSE else 422
    return Problem(status, error.reason, error.detail, {"message": error.detail})


def response(problem: Problem) -> JSONResponse:
    """`application/problem+json`, with `Retry-After` where trying again helps."""
    if (journey := current.get()) is not None:
        journey.error = problem.kind
    body: dict[str, Any] = {
        "type": f"urn:doorbell:problem:{problem.kind}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    headers = {"Retry-After": str(RETRY_SECONDS)} if problem.status in (429, 503) else {}
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'ApiKey header="X-API-Key"'
    return JSONResponse(body | dict(problem.members), problem.status, headers, "application/problem+json")


def install(app: FastAPI) -> None:
    """Answer every error of this application as a problem."""
    for kind in (Problem, PhotoRefused, TrialFailed, *_PROBLEMS):
        app.add_exception_handler(kind, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    problem = problem_of(error)
    note_refusal(request, problem.kind)
    if problem.status >= 500:
        route, trace = _route(request), trace_of(request)
        log.error("request.failed route=%s problem=%s trace=%s: %s", route, problem.kind, trace, error)
    return response(problem)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return response(Problem(422, "invalid-request", f"{place}: {first['msg']}"))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    answer = response(Problem(error.status_code, kind, str(error.detail)))
    answer.headers.update(error.headers or {})
    return answer


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    with resumed(request.scope.get(JOURNEY)):
        log.exception("request.failed route=%s trace=%s", _route(request), trace_of(request), exc_info=error)
    return response(Problem(500, "internal", "an unexpected error; it is in the log"))


def _route(request: Request) -> str:
    """As the API page has it: in the path itself may be somebody's name."""
    return getattr(request.scope.get("route"), "path", "none")
