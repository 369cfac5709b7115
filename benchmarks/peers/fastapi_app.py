"""A peer: FastAPI and face_recognition, as their documentation puts them together.

`uvicorn --factory benchmarks.peers.fastapi_app:application --workers N`

The endpoint is `async def`, so that a worker looks at one picture at a time. A plain `def` runs in FastAPI's threads,
and face_recognition has one dlib detector for all of them: with four, the process dies of a segmentation fault.
"""

from __future__ import annotations

from fastapi import FastAPI, UploadFile

from benchmarks.peers.known import WithFaceRecognition


def application() -> FastAPI:
    """One worker's application, with its people."""
    known = WithFaceRecognition()
    app = FastAPI()

    @app.post("/recognize")
    async def recognize(file: UploadFile) -> dict[str, list[str]]:
        return {"names": known.names(file.file)}

    return app
