from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, ImageFilter

from cluster.security.api_keys import Scope
from samples.frames import PHOTOS, at_door

FACES = "/api/v1/recognition/faces"
SUBJECTS = "/api/v1/recognition/subjects"
RECOGNIZE = "/api/v1/recognition/recognize"


def photo(name: str) -> bytes:
    return (PHOTOS / f"{name}.jpg").read_bytes()


def encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


@pytest.fixture
def client(door: Any) -> Any:
    return door.client(Scope.PEOPLE)


def enrol(client: Any, name: str, content: bytes, **wish: Any) -> Any:
    """As CompreFace's clients do it: a form with the part `file`."""
    return client.post(FACES, params={"subject": name} | wish, files={"file": ("photo.jpg", content, "image/jpeg")})


def standing_of(client: Any) -> dict[str, str]:
    people = client.get("/api/v1/recognition/people").json()["people"]
    return {person["name"]: person["standing"] for person in people}


def subjects_in(client: Any, content: bytes, **wish: Any) -> list[list[str]]:
    answer = client.post(RECOGNIZE, params=wish, files={"file": content})
    assert answer.status_code == 200, answer.text
    return [[subject["subject"] for subject in face["subjects"]] for face in answer.json()["result"]]


# Subjects


def test_a_subject_is_added_listed_renamed_and_deleted(client: Any) -> None:
    added = client.post(SUBJECTS, json={"subject": "Resident"})
    assert (added.status_code, added.json()) == (201, {"subject": "Resident"})
    assert client.get(SUBJECTS).json() == {"subjects": ["Resident"]}

    assert client.put(f"{SUBJECTS}/Resident", json={"subject": "Owner"}).json() == {"updated": True}
    assert client.get(SUBJECTS).json() == {"subjects": ["Owner"]}

    assert client.delete(f"{SUBJECTS}/Owner").json() == {"subject": "Owner"}
    assert client.get(SUBJECTS).json() == {"subjects": []}


@pytest.mark.parametrize("name", ["Ärztin Dr. Ü", "a/b", "...", "100%", "名前", 'it\'s "me"'])
def test_any_printable_name_is_a_name(client: Any, name: str) -> None:
    assert client.post(SUBJECTS, json={"subject": name}).status_code == 201
    assert client.get(SUBJECTS).json() == {"subjects": [name]}

    quoted = "".join(f"%{byte:02X}" for byte in name.encode())
    assert client.delete(f"{SUBJECTS}/{quoted}").json() == {"subject": name}


@pytest.mark.parametrize(
    "body",
    [
        '{"subject": ""}',
        '{"subject": "a\\u0000b"}',
        '{"subject": "\\ud800"}',
        '{"subject": "' + "x" * 101 + '"}',
        '{"subject": "A", "standing": "unknown"}',
        '{"subject": 1}',
        "{}",
        "[]",
        "{",
        "",
        "[" * 50_000,
    ],
    ids=range(11),
)
def test_what_is_no_name_is_refused(client: Any, body: str) -> None:
    answer = client.post(SUBJECTS, content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:doorbell:problem:invalid-request")
    assert client.get(SUBJECTS).json() == {"subjects": []}


def test_a_name_belongs_to_one_subject(client: Any) -> None:
    for name in ("Resident", "Courier"):
        client.post(SUBJECTS, json={"subject": name})

    again = client.post(SUBJECTS, json={"subject": "Resident"})
    renamed = client.put(f"{SUBJECTS}/Courier", json={"subject": "Resident"})

    assert (again.status_code, renamed.status_code) == (409, 409)


def test_nobody_can_be_neither_renamed_nor_deleted(client: Any) -> None:
    answers = [client.put(f"{SUBJECTS}/Nobody", json={"subject": "A"}), client.delete(f"{SUBJECTS}/Nobody")]
    answers += [client.delete(FACES, params={"subject": "Nobody"})]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert all(answer.json()["message"] for answer in answers)


def test_everybody_is_erased_at_once(client: Any) -> None:
    enrol(client, "Resident", photo("resident-1"))
    enrol(client, "Courier", photo("courier-1"))

    assert client.delete(SUBJECTS).json() == {"deleted": 2}
    assert subjects_in(client, photo("resident-1")) == [[]]


def test_a_subjects_standing_is_given_and_changed(client: Any) -> None:
    client.post(SUBJECTS, json={"subject": "Courier"})
    enrol(client, "Barred visitor", photo("barred-1"), standing="blacklisted")
    assert standing_of(client) == {"Barred visitor": "blacklisted", "Courier": "known"}

    client.put(f"{SUBJECTS}/Courier", json={"subject": "Courier", "standing": "blacklisted"})
    enrol(client, "Barred visitor", photo("barred-2"))

    assert standing_of(client) == {"Barred visitor": "blacklisted", "Courier": "blacklisted"}

    enrol(client, "Courier", photo("courier-1"), standing="known")
    assert standing_of(client) == {"Barred visitor": "blacklisted", "Courier": "known"}


# Faces


def test_a_photograph_is_enrolled_listed_shown_and_deleted(client: Any) -> None:
    answer = enrol(client, "Resident", photo("resident-1"))
    face = answer.json()
    assert (answer.status_code, face["subject"]) == (201, "Resident")
    assert client.get(FACES).json()["faces"] == [face]

    shown = client.get(f"{FACES}/{face['image_id']}/img")
    assert shown.headers["Content-Type"] == "image/jpeg"
    with Image.open(io.BytesIO(shown.content)) as image:
        assert not image.getexif()

    assert client.delete(f"{FACES}/{face['image_id']}").json() == face
    assert client.get(f"{FACES}/{face['image_id']}/img").status_code == 404
    assert client.get(SUBJECTS).json() == {"subjects": ["Resident"]}


def test_a_photograph_may_be_the_body_itself(client: Any) -> None:
    answer = client.post(FACES, params={"subject": "Resident"}, content=photo("resident-1"))

    assert answer.status_code == 201


def test_faces_are_listed_a_page_at_a_time(client: Any) -> None:
    enrol(client, "Resident", photo("resident-1"))
    for number in (1, 2, 3):
        assert enrol(client, "Courier", photo(f"courier-{number}")).status_code == 201

    pages = [client.get(FACES, params={"page": page, "size": 3}).json() for page in (0, 1, 2)]
    couriers = client.get(FACES, params={"subject": "Courier"}).json()

    assert [len(page["faces"]) for page in pages] == [3, 1, 0]
    assert {page["total_pages"] for page in pages} == {2}
    assert len({face["image_id"] for page in pages for face in page["faces"]}) == 4
    assert (couriers["total_elements"], couriers["page_number"], couriers["page_size"]) == (3, 0, 20)


def test_chosen_faces_and_a_subjects_faces_are_deleted(client: Any) -> None:
    faces = [enrol(client, "Courier", photo(f"courier-{number}")).json() for number in (1, 2, 3)]

    chosen = client.post(f"{FACES}/delete", json={"ids": [faces[0]["image_id"], "unknown"]})
    assert chosen.json() == {"faces": [faces[0]]}
    assert client.delete(FACES, params={"subject": "Courier"}).json() == {"deleted": 2}
    assert client.get(FACES).json()["total_elements"] == 0


# Photographs that are refused


def test_a_photograph_without_a_face_is_refused_in_compreface_words(client: Any) -> None:
    answer = enrol(client, "Resident", encoded(Image.new("RGB", (320, 240))))

    assert (answer.status_code, answer.json()["code"]) == (400, 28)
    assert answer.json()["type"] == "urn:doorbell:problem:no-face"
    assert client.get(SUBJECTS).json() == {"subjects": []}


REFUSED = {
    "several-faces": lambda: encoded(at_door("resident-2.jpg", "courier-3.jpg")),
    "face-too-small": lambda: encoded(at_door("resident-1.jpg", height=90)),
    "face-too-blurred": lambda: encoded(at_door("resident-1.jpg").filter(ImageFilter.GaussianBlur(4))),
    "truncated-image": lambda: photo("resident-1")[:-3000],
    "undecodable-image": lambda: b"\x89PNG\r\n\x1a\nnonsense",
}


@pytest.mark.parametrize("reason", REFUSED)
def test_an_unfit_photograph_is_refused_with_its_reason(client: Any, reason: str) -> None:
    answer = enrol(client, "Resident", REFUSED[reason]())

    assert (answer.status_code, answer.json()["type"]) == (422, f"urn:doorbell:problem:{reason}")
    assert client.get(SUBJECTS).json() == {"subjects": []}


def test_a_text_file_is_no_photograph(client: Any) -> None:
    assert enrol(client, "Resident", b"a text file").status_code == 415


def test_a_face_is_not_enrolled_as_somebody_else_unless_that_is_wished(client: Any) -> None:
    enrol(client, "Resident", photo("resident-1"))

    refused = enrol(client, "Somebody", photo("resident-2"))
    wished = enrol(client, "Somebody", photo("resident-2"), similar=True)

    reason = "already-enrolled-as-somebody-else"
    assert (refused.status_code, refused.json()["type"]) == (409, f"urn:doorbell:problem:{reason}")
    assert wished.status_code == 201


def test_a_photograph_is_enrolled_once(client: Any) -> None:
    enrol(client, "Resident", photo("resident-1"))

    answer = enrol(client, "Resident", photo("resident-1"))

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:doorbell:problem:photo-already-enrolled")
    assert client.get(FACES).json()["total_elements"] == 1


FORM = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", FORM),
        (b"--x--", FORM),
        (b"--x\r\nnonsense", FORM),
        (b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--x--', FORM),
        (b'--x\r\nContent-Disposition: form-data; name="other"; filename="a"\r\n\r\nt\r\n--x--', FORM),
        (b"anything", {"Content-Type": "multipart/form-data"}),
        (b"\xff\xfe", {"Content-Type": "multipart/form-data; boundary=\xff".encode("latin-1")}),
    ],
)
def test_a_broken_form_is_refused(client: Any, content: bytes, headers: dict[str, Any]) -> None:
    answer = client.post(FACES, params={"subject": "Resident"}, content=content, headers=headers)

    assert answer.status_code == 422


# Recognition


def test_a_known_face_is_recognized_and_a_stranger_is_nobody(client: Any) -> None:
    enrol(client, "Resident", photo("resident-1"))
    enrol(client, "Courier", photo("courier-1"))

    assert subjects_in(client, photo("resident-2")) == [["Resident"]]
    assert subjects_in(client, photo("stranger-1")) == [[]]


def test_every_face_of_a_photograph_is_told_unless_fewer_are_asked_for(client: Any) -> None:
    enrol(client, "Resident", photo("resident-1"))
    enrol(client, "Courier", photo("courier-1"))
    pair = encoded(at_door("resident-2.jpg", "courier-3.jpg"))

    assert sorted(subjects_in(client, pair)) == [["Courier"], ["Resident"]]
    assert len(subjects_in(client, pair, limit=1)) == 1


def test_a_face_near_two_subjects_is_nobody(client: Any) -> None:
    enrol(client, "Resident", photo("resident-1"))
    enrol(client, "Twin", photo("resident-1"), similar=True)

    assert subjects_in(client, photo("resident-2"), prediction_count=2) == [[]]


def test_similarity_and_box_come_in_compreface_words(client: Any) -> None:
    enrol(client, "Resident", photo("resident-1"))

    (face,) = client.post(RECOGNIZE, files={"file": photo("resident-1")}).json()["result"]

    assert face["box"].keys() == {"probability", "x_min", "y_min", "x_max", "y_max"}
    assert face["box"]["x_min"] < face["box"]["x_max"]
    assert face["subjects"][0]["similarity"] > 0.99


def test_faces_that_are_less_than_certain_enough_do_not_count(client: Any) -> None:
    answer = client.post(RECOGNIZE, params={"det_prob_threshold": 1}, files={"file": photo("resident-1")})

    assert (answer.status_code, answer.json()["code"]) == (400, 28)


def test_a_photograph_is_verified_against_an_enrolled_face(client: Any) -> None:
    face = enrol(client, "Resident", photo("resident-1")).json()
    enrol(client, "Courier", photo("courier-1"))

    similarity = {
        name: client.post(f"{FACES}/{face['image_id']}/verify", files={"file": photo(name)}).json()["result"]
        for name in ("resident-2", "courier-2")
    }

    assert similarity["resident-2"][0]["similarity"] > 0.5
    assert similarity["courier-2"][0]["similarity"] < 0.5
    assert client.post(f"{FACES}/unknown/verify", files={"file": photo("resident-1")}).status_code == 404


def test_a_renamed_subject_is_recognized_under_the_new_name_and_a_deleted_one_not(client: Any) -> None:
    enrol(client, "Resident", photo("resident-1"))
    client.put(f"{SUBJECTS}/Resident", json={"subject": "Owner"})
    assert subjects_in(client, photo("resident-2")) == [["Owner"]]

    client.delete(f"{SUBJECTS}/Owner")

    assert subjects_in(client, photo("resident-2")) == [[]]
