from __future__ import annotations

import math
from functools import cache

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_apps.faces import Embedding, Standing
from serve_apps.gallery import exact
from serve_apps.gallery.index import search_of
from serve_apps.gallery.lists import Lists, restored, trained
from serve_apps.gallery.person import Member
from serve_apps.gallery.rows import Rows
from serve_apps.gallery.search import Search
from serve_apps.recognition.match import Neighbour, nearest


def faces(seed: int, count: int = 1) -> np.ndarray:
    """Embeddings about as far apart as those of different people."""
    return (np.random.default_rng(seed).standard_normal((count, 128)) * 0.055 + 0.1).astype(np.float32)


def a_member(number: int, count: int = 1, standing: Standing = Standing.KNOWN) -> Member:
    return Member(f"person-{number}", standing, faces(number, count))


def by_definition(members: dict[str, Member], face: Embedding, count: int) -> list[Neighbour]:
    """The nearest persons as the matching rules define them."""
    apart = [
        Neighbour(member.person_id, member.standing, float(np.linalg.norm(member.embeddings - face, axis=1).min()))
        for member in members.values()
        if len(member.embeddings)
    ]
    return sorted(apart, key=lambda person: (person.distance, person.person_id))[:count]


def with_lists(rows: Rows) -> Search:
    search = Search(rows)
    search.lists = restored(bytearray(empty_lists()), np.empty(0, np.int32), 100)
    search.lists.extend(np.arange(rows.count), rows.embeddings[: rows.count])
    return search


@cache
def empty_lists() -> bytes:
    return trained(faces(0, 500), 100).content()[0].tobytes()


def through_a_file(lists: Lists) -> Lists:
    content, row_of = lists.content()
    return restored(bytearray(content.tobytes()), row_of.copy(), lists.made_for)


def change(searches: list[Search], member: Member | None, person_id: str, merged: bool) -> None:
    """Put or remove a person in each, and take it into the lists or leave it waiting."""
    for search in searches:
        rows = search.rows
        touched = rows.put(member) if member else rows.remove(person_id)
        if search.lists is None:
            continue
        search.stale.update((row, object()) for row in touched)
        for row in list(search.stale) if merged else ():
            search.lists.put(row, rows.embeddings[row] if rows.owners[row] >= 0 else None)
            del search.stale[row]


CHANGES = st.lists(
    st.tuples(st.integers(0, 25), st.integers(0, 4), st.sampled_from(list(Standing)), st.booleans()), max_size=30
)


@settings(max_examples=60)
@given(CHANGES, st.integers(1, 5), st.integers(0, 1_000))
def test_exact_and_approximate_search_answer_alike_whatever_was_added_and_removed(
    changes: list[tuple[int, int, Standing, bool]], count: int, seed: int
) -> None:
    members = {f"person-{number}": a_member(number, 1 + number % 3) for number in range(10)}
    exactly, approximately = search_of(list(members.values())), search_of(list(members.values()))
    approximately = with_lists(approximately.rows)

    for number, photos, standing, merged in changes:
        member = Member(f"person-{number}", standing, faces(number, photos)) if photos else None
        members.pop(f"person-{number}", None)
        members |= {member.person_id: member} if member else {}
        change([exactly, approximately], member, f"person-{number}", merged)

    for face in [faces(seed)[0], *(faces(number)[0] for number in range(0, 26, 5))]:
        expected = by_definition(members, face, count)
        assert exactly.nearest(face, count) == expected
        assert approximately.nearest(face, count) == expected
        assert nearest(face, approximately, count) == nearest(face, exactly, count)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 40))
def test_the_sieve_of_exact_search_keeps_whatever_is_near(seed: int, count: int, per_person: int) -> None:
    embeddings = faces(seed, 1_500)
    embeddings[::7] = embeddings[3]  # ties
    parts = [embeddings[first : first + per_person] for first in range(0, len(embeddings), per_person)]
    members = {f"{number}": Member(f"{number}", Standing.KNOWN, part) for number, part in enumerate(parts)}
    search = search_of(list(members.values()))
    assert len(embeddings) > exact.FEW

    for face in (embeddings[3], embeddings[8], faces(seed + 1)[0], embeddings[8] + np.float32(1e-4)):
        assert search.nearest(face, count) == by_definition(members, face, count)


def test_many_equally_near_persons_are_told_apart_by_id_in_either_search() -> None:
    members = [Member(f"person-{number:03}", Standing.KNOWN, faces(1)) for number in range(300)]
    members += [a_member(number) for number in range(1_000, 1_100)]
    exactly, approximately = search_of(members), with_lists(search_of(members).rows)

    for search in (exactly, approximately):
        assert [near.person_id for near in search.nearest(faces(1)[0], 3)] == ["person-000", "person-001", "person-002"]
        assert nearest(faces(1)[0], search, 1)[0].margin == 0


class OneTooFew:
    """Lists that propose exactly as many rows as are wanted, those with the highest numbers first."""

    def __init__(self, count: int) -> None:
        self._count = count

    def near(self, _: Embedding, wanted: int) -> np.ndarray:
        return np.arange(self._count)[::-1][:wanted]


def test_a_tie_with_whom_the_lists_did_not_propose_is_decided_by_id() -> None:
    search = search_of([Member(f"person-{number:03}", Standing.KNOWN, faces(1)) for number in range(40)])
    search.lists = OneTooFew(40)

    assert [near.person_id for near in search.nearest(faces(1)[0], 1)] == ["person-000"]


def test_the_sieve_loses_nobody_to_rounding() -> None:
    far = np.float32(30) + np.random.default_rng(0).normal(0, 1e-3, (3_000, 128)).astype(np.float32)
    rows, face = search_of([Member("often", Standing.KNOWN, far)]).rows, far.mean(axis=0)
    apart = np.linalg.norm(far - face, axis=1)

    found, _ = exact.near(rows, face, 24)

    assert set(np.argsort(apart)[:24]) <= set(found)


def test_a_person_with_thousands_of_photographs_does_not_hide_the_next_person() -> None:
    often = Member("often", Standing.KNOWN, faces(1) + np.random.default_rng(0).normal(0, 1e-3, (6_000, 128)))
    members = [Member(often.person_id, often.standing, often.embeddings.astype(np.float32)), a_member(2), a_member(3)]
    exactly, approximately = search_of(members), with_lists(search_of(members).rows)

    (match,) = nearest(faces(1)[0], exactly, 1)

    assert match.person_id == "often"
    assert math.isfinite(match.margin)
    assert nearest(faces(1)[0], approximately, 1) == [match]


class Ending(Search):
    """Its lists are given up by another thread right after they were looked at."""

    @property
    def lists(self) -> Lists | None:
        found, self._lists = self._lists, None
        if found is not None:
            self.stale.clear()
        return found

    @lists.setter
    def lists(self, lists: Lists | None) -> None:
        self._lists = lists


def test_who_is_not_in_the_lists_is_found_while_they_are_given_up() -> None:
    search = with_lists(search_of([a_member(number) for number in range(30)]).rows)
    ending = Ending(search.rows)
    ending.stale.update((row, object()) for row in search.rows.put(a_member(30)))
    ending.lists = search.lists

    assert ending.nearest(faces(30)[0], 1)[0].distance == 0


def test_free_rows_of_a_saved_gallery_are_nobodys_in_exact_search() -> None:
    before = search_of([a_member(number) for number in range(400)]).rows
    gone = [row for number in range(0, 400, 2) for row in before.remove(f"person-{number}")]
    after = Rows()
    after.restore(
        before.people.ids[:400].copy(),
        before.people.standings[:400].copy(),
        before.owners[:400].copy(),
        before.embeddings[:400].copy(),
    )

    found, is_all = exact.near(after, -faces(0)[0], 24)  # nearer to a row of zeros than to anybody

    assert not is_all
    assert not set(found) & set(gone)
    assert Search(after).nearest(faces(7)[0], 2) == Search(before).nearest(faces(7)[0], 2)


def test_a_change_of_standing_moves_no_embedding() -> None:
    rows = search_of([a_member(1, 3), a_member(2)]).rows

    assert rows.put(a_member(1, 3, Standing.BLACKLISTED)) == []
    assert Search(rows).nearest(faces(1)[0], 1)[0].standing is Standing.BLACKLISTED


def test_nothing_of_a_removed_person_stays_in_memory_or_in_what_the_lists_save() -> None:
    members = [a_member(number) for number in range(50)]
    search, without = with_lists(search_of(members).rows), with_lists(search_of([]).rows)
    without.lists.extend(np.arange(50), np.concatenate([member.embeddings for member in members]))
    before = codes(search.lists)

    change([search], None, "person-7", merged=True)
    assert codes(search.lists) == before  # which is why they have to be scrubbed
    search.lists.scrub(lambda rows: search.rows.embeddings[rows])

    never = with_lists(search_of([]).rows)
    never.lists.extend(np.delete(np.arange(50), 7), np.concatenate([m.embeddings for m in members if m != members[7]]))
    assert codes(search.lists) == codes(never.lists) != before == codes(without.lists)
    assert not (search.rows.embeddings[: search.rows.count] == faces(7)).all(axis=1).any()
    assert len(search.lists) == search.rows.live == 49


def codes(lists: Lists) -> list[bytes]:
    """What each list keeps, the unused end of its last block included."""
    kept = faiss.extract_index_ivf(lists._index).invlists
    sizes = [-(-kept.list_size(number) // 32) * 32 * 48 // 2 for number in range(kept.nlist)]
    return [faiss.rev_swig_ptr(kept.get_codes(number), size).tobytes() for number, size in enumerate(sizes) if size]


def test_lists_that_were_saved_and_loaded_go_on_changing() -> None:
    members = {f"person-{number}": a_member(number, 2) for number in range(60)}
    search = with_lists(search_of(list(members.values())).rows)
    for number in range(0, 60, 2):
        change([search], None, f"person-{number}", merged=True)
        del members[f"person-{number}"]

    search.lists = through_a_file(search.lists)
    for number in range(100, 120):
        members[f"person-{number}"] = a_member(number)
        change([search], members[f"person-{number}"], "", merged=True)
    search.lists.scrub(lambda rows: search.rows.embeddings[rows])

    assert len(search.lists) == search.rows.live == 80
    for lists in (search.lists, through_a_file(search.lists)):
        search.lists = lists
        for number in range(120):
            face = faces(number)[0]
            assert search.nearest(face, 2) == by_definition(members, face, 2)


def test_ids_of_any_36_characters_are_kept_whole() -> None:
    ids = ["ä" * 36, "漢" * 36, "a", "f7d9dca8-6c0c-4b3a-8d6e-0a4b4c1f2d3e"]
    rows = search_of([Member("b", Standing.KNOWN, faces(9))]).rows

    for number, person_id in enumerate(ids):
        rows.put(Member(person_id, Standing.KNOWN, faces(number)))

    assert [Search(rows).nearest(faces(number)[0], 1)[0].person_id for number in range(4)] == ids
    assert all(rows.remove(person_id) for person_id in ids)
    assert [near.person_id for near in Search(rows).nearest(faces(0)[0], 9)] == ["b"]


@pytest.mark.parametrize("search", [search_of([]), with_lists(Rows())])
def test_an_empty_gallery_has_nobody_near(search: Search) -> None:
    assert search.nearest(faces(1)[0], 3) == []
