"""Files that other programs read, each as a user of its own: our commands leave nothing to others otherwise."""

from __future__ import annotations

from pathlib import Path


def write(to: Path, file: Path, text: str) -> None:
    """Readable by everybody, with the folders from `to` on that are not there yet; nothing in it is secret.

    Raises OSError.
    """
    for folder in reversed([parent for parent in file.parents if parent.is_relative_to(to)]):
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o755)
    file.write_text(text)
    file.chmod(0o644)
