"""A peer: FastAPI and face_recognition, as their documentation puts them together.

`uvicorn --factory benchmarks.peers.fastapi_app:application --workers N`
"""

from __future__ import annotations

from fastapi import FastAPI, UploadFile

from benchmarks.peers.known import WithFaceRecognition


def application() -> FastAPI:
    """One worker's application, with its people."""
    known = WithFaceRecognition()
    app = FastAPI()

    @app.post("/recognize")
    def recognize(file: UploadFile) -> dict[str, list[str]]:
        return {"names": known.names(file.file)}

    return app
