"""A look into a restored state before it takes the present one's place: what is sealed opens, the trail is whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa

from backup.errors import Damaged
from backup.places import Loaded
from cluster.security.audit import AuditBroken, walk
from cluster.security.keyring import Keyring, KeyringError, master_key
from serve_apps.database import reading
from serve_apps.gallery.crops import Crops, CropsUnavailable, FolderCrops
from serve_apps.tables import embeddings, gallery_faces

EMBEDDINGS = 20_000
CROPS = 500
"""At the most so many are opened: of what was restored every byte was proved by its digest; this proves the keys."""

Sealed = tuple[str, str, bytes]


def look_into(loaded: Loaded, master: Path, crops: Crops) -> None:
    """`master` and `crops` are those of the present state, for what was not restored. Raises Damaged."""
    try:
        walk(loaded.database)
        sealed = _embeddings(loaded.database)
        if not sealed:  # a restore without faces has no key to open anything with
            return
        keyring = Keyring(loaded.keyring, master_key(loaded.secrets.get("master.key", master)))
        _open(keyring, sealed)
        folder = loaded.folders.get("crops")
        _open(keyring, list(_crops(loaded.database, FolderCrops(folder) if folder else crops)))
    except (AuditBroken, KeyringError, CropsUnavailable) as error:
        raise Damaged(f"what was restored is not sound, the present state stays: {error}") from error


def _open(keyring: Keyring, sealed: Sequence[Sealed]) -> None:
    for opened in keyring.open_many(sealed):
        if isinstance(opened, KeyringError):
            raise opened


def _embeddings(engine: sa.Engine) -> list[Sealed]:
    columns = (gallery_faces.c.person_id, embeddings.c.face_id, embeddings.c.space, embeddings.c.sealed)
    query = sa.select(*columns).join_from(embeddings, gallery_faces).limit(EMBEDDINGS)
    with reading(engine) as connection:
        rows = connection.execute(query).tuples().all()
    return [(person_id, f"embedding {face_id} {space}", sealed) for person_id, face_id, space, sealed in rows]


def _crops(engine: sa.Engine, crops: Crops) -> Iterator[Sealed]:
    query = sa.select(gallery_faces.c.person_id, gallery_faces.c.id).limit(CROPS)
    with reading(engine) as connection:
        rows = connection.execute(query).tuples().all()
    for person_id, face_id in rows:
        yield person_id, f"crop {face_id}", crops.get(person_id, face_id)
