"""Embeddings that nobody's face gave, as hard to search as real ones.

A person is a point drawn around the mean of all faces, and each photograph a point drawn around the person; both in a
space of 128 dimensions whose variances fall off as exp(-i/16), turned at random. So far as the samples and dlib's
published error tell, distances are those of real embeddings:

- the norms are about 1.4, as those of the sample photographs;
- two photographs of one person are 0.40 apart (the samples: 0.25 to 0.52, the middle 0.39);
- those of two persons 0.86 on average (the samples: 0.86), and nearer than 0.6 in 0.6 % of the pairs, about what
  dlib's 99.38 % on Labeled Faces in the Wild at that distance leaves.

Between a million of them a stranger's nearest person is 0.48 away, well within the threshold: with so many people
this model's embeddings are no longer enough to tell who it is, and searching them is as hard as it gets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SEED = 20_260_301
PHOTOGRAPHS = 3.3
"""Photographs of a person, on average; at least one."""

MEAN_NORM = 1.27
BETWEEN = 0.29
WITHIN = 0.08
"""Variances summed over the dimensions."""

FALLOFF = 16.0
Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MadeGallery:
    """`embeddings` n x 128 with the number of the person whose photograph each is, a person's next to each other.

    `queries` m x 128: the first half new photographs of persons in the gallery, the others of strangers.
    """

    embeddings: Matrix
    owners: NDArray[np.int32]
    queries: Matrix


def made_gallery(count: int, queries: int) -> MadeGallery:
    """`count` embeddings; the same ones for the same numbers."""
    dice = np.random.default_rng([SEED, count])
    faces = _Faces(dice)
    owners = _owners(dice, count)
    people = faces.people(int(owners[-1]) + 1)
    known = people[dice.integers(0, len(people), queries - queries // 2)]
    asked = np.concatenate([known, faces.people(queries // 2)])
    return MadeGallery(faces.photographs(people[owners]), owners, faces.photographs(asked))


class _Faces:
    def __init__(self, dice: np.random.Generator) -> None:
        self._dice = dice
        turn = np.linalg.qr(dice.standard_normal((128, 128)))[0]
        variances = np.exp(-np.arange(128) / FALLOFF)
        self._axes: Matrix = (np.sqrt(variances / variances.sum())[:, None] * turn).astype(np.float32)
        mean = dice.standard_normal(128)
        self._mean: Matrix = (mean * MEAN_NORM / np.linalg.norm(mean)).astype(np.float32)

    def people(self, count: int) -> Matrix:
        return self._mean + self._drawn(count, BETWEEN)

    def photographs(self, people: Matrix) -> Matrix:
        return people + self._drawn(len(people), WITHIN)

    def _drawn(self, count: int, variance: float) -> Matrix:
        drawn: Matrix = self._dice.standard_normal((count, 128), np.float32) @ (self._axes * np.float32(variance**0.5))
        return drawn


def _owners(dice: np.random.Generator, count: int) -> NDArray[np.int32]:
    each = 1 + dice.poisson(PHOTOGRAPHS - 1, int(count / PHOTOGRAPHS * 1.1) + 10)
    owners = np.repeat(np.arange(len(each), dtype=np.int32), each)
    while len(owners) < count:  # a small gallery of people with few photographs each
        owners = np.append(owners, owners[-1] + np.int32(1))
    return owners[:count]


def two_nearest(gallery: MadeGallery) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """By brute force, apart from the code that is measured: the nearest person, their distance, and the margin.

    The margin is that to the next person; infinity where there is none.
    """
    found = _candidates(gallery, 64)
    apart = np.linalg.norm(gallery.embeddings[found] - gallery.queries[:, None], axis=2)
    owners = gallery.owners[found]
    first = apart.argmin(axis=1)
    at = np.arange(len(found))
    person, distance = owners[at, first], apart[at, first]
    others = np.where(owners == person[:, None], np.float32(np.inf), apart).min(axis=1)
    return person, distance.astype(np.float64), others.astype(np.float64) - distance


def _candidates(gallery: MadeGallery, count: int) -> NDArray[np.intp]:
    """The `count` nearest rows of each query, as far as a matrix product tells."""
    queries = gallery.queries
    best = np.zeros((len(queries), 0), np.intp)
    apart = np.zeros((len(queries), 0), np.float32)
    for first in range(0, len(gallery.embeddings), 20_000):
        part = gallery.embeddings[first : first + 20_000]
        squared = np.einsum("ij,ij->i", part, part) - 2 * (queries @ part.T)
        near = np.argpartition(squared, min(count, len(part)) - 1, axis=1)[:, :count]
        best = np.hstack([best, near + first])
        apart = np.hstack([apart, np.take_along_axis(squared, near, 1)])
        order = np.argsort(apart, axis=1)[:, :count]
        best, apart = np.take_along_axis(best, order, 1), np.take_along_axis(apart, order, 1)
    return best
