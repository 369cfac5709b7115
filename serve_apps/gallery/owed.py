"""Crops that stayed when their faces went: the storage was away, or the process was killed between the two.

The audit trail remembers which faces were removed; nobody could ask for their removal again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from cluster.security.audit import newest
from serve_apps.database import reading
from serve_apps.gallery.store import Gallery
from serve_apps.tables import gallery_faces

LOOKED_BACK = timedelta(days=2)
MOST = 1000
"""Removed faces, the newest ones, that are looked at."""


def remove_owed(gallery: Gallery, now: datetime) -> None:
    """Remove the crops of faces that were removed in the last two days, if they are still there.

    Raises CropsUnavailable, SQLAlchemyError.
    """
    removed = {
        str(entry.details["face"]): entry.object
        for entry in newest(gallery.database, MOST, "face.removed")
        if datetime.fromisoformat(entry.at) > now - LOOKED_BACK
    }
    with reading(gallery.database) as connection:  # those that a restore has brought back stay
        present = set(connection.scalars(sa.select(gallery_faces.c.id).where(gallery_faces.c.id.in_(removed))))
    for face, person in removed.items():
        if face not in present:
            gallery.crops.remove(person, face)
