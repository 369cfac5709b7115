"""What a request's body holds: a photograph, bare or in a form, or JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from serve_apps.api.admission import admit_image, read_body
from serve_apps.api.frames import IMAGE_BODY
from serve_apps.api.parts import Parts, parts_of
from serve_apps.api.problems import Problem

M = TypeVar("M", bound=BaseModel)

PHOTO_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": IMAGE_BODY["requestBody"]["content"]
        | {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            }
        },
    }
}


async def read_photo(request: Request, parts: Parts) -> bytes:
    """The photograph: the part `file` of a form, or the body itself. Raises Problem."""
    body = await read_body(request, parts.limits)
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        body = await _file_of(request, body)
    admit_image(body, parts.limits)
    return body


async def _file_of(request: Request, body: bytes) -> bytes:
    async def once() -> Any:
        yield body

    try:
        form = await MultiPartParser(request.headers, once(), max_files=1, max_fields=4).parse()
    except (MultiPartException, KeyError, UnicodeDecodeError) as error:
        raise Problem(422, "invalid-form", f"the form cannot be read: {error}") from None
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Problem(422, "file-missing", "the form has no part 'file' with a photograph")
    return await file.read()


def json_body(model: type[M], most_bytes: int | None = None) -> Callable[[Request], Awaitable[M]]:
    """A dependency that reads a JSON body: unlike FastAPI's own way only after the key was checked, and bounded."""

    async def read(request: Request) -> M:
        limits = parts_of(request).limits
        bounded = replace(limits, body_bytes=min(limits.body_bytes, most_bytes)) if most_bytes else limits
        try:
            return model.model_validate_json(await read_body(request, bounded))
        except ValidationError as error:
            raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in error.errors()]) from None

    return read


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """What `json_body` takes, for the API page; models inside it are found where an answer has them too."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}
