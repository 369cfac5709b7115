"""Lists of pairs: what is read, and the one line for each way in which they can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.lfw import read_lfw
from benchmarks.pairs import BadPairs, Pair, read_csv, sample_pairs

GOOD = "file_x,file_y,same\na.jpg,b.jpg,1\na.jpg,c.jpg,0\n"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).touch()
    return folder


@pytest.fixture
def csv_of(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def written(content: str | bytes) -> Path:
        file = tmp_path / "pairs.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return written


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        "\nfile_x , file_y, same\n a.jpg, b.jpg , TRUE\n\na.jpg,c.jpg,no",
        "id,same,file_y,file_x\n7,Yes,b.jpg,a.jpg\n8,false,c.jpg,a.jpg\n",
        'file_x,file_y,same\n"a.jpg","b.jpg",1\n"a.jpg",c.jpg,0\n',
    ],
)
def test_a_csv_is_read_whatever_its_line_ends_column_order_and_spelling(
    csv_of: Callable[[str], Path], images: Path, content: str
) -> None:
    read = read_csv(csv_of(content), images).pairs

    assert [(pair.first.name, pair.second.name, pair.same) for pair in read] == [
        ("a.jpg", "b.jpg", True),
        ("a.jpg", "c.jpg", False),
    ]


def test_every_picture_is_listed_once_with_its_line(csv_of: Callable[[str], Path], images: Path) -> None:
    pictures = read_csv(csv_of(GOOD), images).pictures

    assert {path.name: line for path, line in pictures.items()} == {"a.jpg": 2, "b.jpg": 2, "c.jpg": 3}


def test_a_pair_that_is_listed_again_counts_once(csv_of: Callable[[str], Path], images: Path) -> None:
    read = read_csv(csv_of(GOOD + "b.jpg,a.jpg,1\n"), images)

    assert (len(read.pairs), read.repeated) == (2, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", r"pairs\.csv: it is empty"),
        ("\n\n", "it is empty"),
        ("file_x,file_y,same\n", "there is no pair in it"),
        ("file_x,file_y\na.jpg,b.jpg\n", "line 1: the columns file_x, file_y, same are needed, each once; it has"),
        ("file_x;file_y;same\na.jpg;b.jpg;1\n", "line 1: the columns"),
        ("file_x,file_y,same,same\na.jpg,b.jpg,1,1\n", "line 1: the columns"),
        (GOOD + "a.jpg,gone.jpg,0\n", r"line 4: there is no picture 'gone\.jpg' in .*images"),
        (GOOD + "a.jpg,,0\n", "line 4: there is no picture ''"),
        (GOOD + "a.jpg,b\0.jpg,0\n", "line 4: there is no picture"),
        (GOOD + "a.jpg," + "x" * 5000 + ",0\n", "line 4: there is no picture"),
        (GOOD + "a.jpg,c.jpg\n", "line 4: there are 2 fields, the first line has 3"),
        (GOOD + "a.jpg\n", "line 4: there is 1 field, the first line has 3"),
        (GOOD + "a.jpg,c.jpg,maybe\n", "line 4: same is 'maybe'; 1 or 0, true or false, yes or no is needed"),
        (GOOD + 'b.jpg,"c.jpg,0\n', "line 4: this cannot be read as CSV"),
        (GOOD + "b.jpg,b.jpg,1\n", "line 4: a picture is compared with itself"),
        (GOOD + "b.jpg,a.jpg,0\n", "line 4: line 2 says otherwise of the same two pictures"),
        ("file_x,file_y,same\na.jpg,b.jpg,1\n", "every pair shows one person"),
        ("file_x,file_y,same\na.jpg,b.jpg,0\n", "every pair shows two persons"),
        (GOOD.encode() + b"a.jpg,\xff\xfe.jpg,0\n", "line 4: this is no UTF-8 text"),
        (GOOD.encode("utf-16"), "line 1: this is no UTF-8 text"),
    ],
)
def test_what_is_wrong_with_a_csv_is_one_line_with_its_place(
    csv_of: Callable[[str | bytes], Path], images: Path, content: str | bytes, said: str
) -> None:
    with pytest.raises(BadPairs, match=said) as raised:
        read_csv(csv_of(content), images)
    assert "\n" not in str(raised.value)


def test_a_folder_that_is_none_and_a_list_that_is_none_are_named(csv_of: Callable[[str], Path], images: Path) -> None:
    with pytest.raises(BadPairs, match=r"a\.jpg: this is no folder"):
        read_csv(csv_of(GOOD), images / "a.jpg")
    with pytest.raises(BadPairs, match=r"nowhere\.csv: No such file"):
        read_csv(images / "nowhere.csv", images)
    with pytest.raises(BadPairs, match="Is a directory"):
        read_csv(images, images)


def test_the_samples_are_every_two_photographs() -> None:
    pairs = sample_pairs().pairs

    assert len(pairs) == 12 * 11 / 2
    assert sum(pair.same for pair in pairs) == 1 + 15 + 1  # two residents, six couriers, two barred visitors
    assert Pair(pairs[0].first.parent / "stranger-1.jpg", pairs[0].first.parent / "stranger-2.jpg", False) in pairs


@pytest.fixture
def lfw(tmp_path: Path) -> Path:
    """Two photographs each of Ada and of Bob, as LFW lays them out."""
    folder = tmp_path / "lfw"
    for name in ("Ada_Lovelace", "Bob"):
        (folder / name).mkdir(parents=True)
        for number in (1, 2):
            (folder / name / f"{name}_{number:04d}.jpg").touch()
    return folder


FOLD = "Ada_Lovelace\t1\t2\nAda_Lovelace\t1\tBob\t2\n"


def listed(lfw: Path, content: str) -> Path:
    file = lfw / "pairs.txt"
    file.write_text(content)
    return file


def test_lfws_list_of_pairs_keeps_its_folds(lfw: Path) -> None:
    listed(lfw, "2\t1\n" + FOLD + "Bob\t1\t2\nBob\t1\tAda_Lovelace\t2\n")

    read = read_lfw(lfw)

    assert read.folds == (0, 0, 1, 1)
    assert [pair.same for pair in read.pairs] == [True, False, True, False]
    assert read.pairs[3] == Pair(lfw / "Bob/Bob_0001.jpg", lfw / "Ada_Lovelace/Ada_Lovelace_0002.jpg", False, 5)


def test_lfws_development_list_has_no_folds(lfw: Path) -> None:
    file = listed(lfw, "1\n" + FOLD)

    assert read_lfw(lfw, file).folds is None


def test_the_list_may_lie_beside_the_folder_and_pictures_may_be_png(lfw: Path) -> None:
    (lfw / "Bob" / "Bob_0002.jpg").rename(lfw / "Bob" / "Bob_0002.png")
    (lfw.parent / "pairs.txt").write_text("1\n" + FOLD)

    assert read_lfw(lfw).pairs[1].second.name == "Bob_0002.png"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty"),
        ("folds 10\n", "line 1: the number of folds and of pairs is needed here"),
        ("1 2 3\n", "line 1: the number of folds"),
        ("0\n", "line 1: 1 folds of 0 pairs"),
        ("99999999999 99999999999\n", "line 1: 99999999999 folds"),
        ("2 1\n" + FOLD, "line 3: 4 pairs are announced by the first line, and 2 are there"),
        ("1\n" + FOLD + "Bob 1 2\n", "line 4: 2 pairs are announced by the first line, and 3 are there"),
        ("1\nBob 1\nBob 1 Ada_Lovelace 2\n", "line 2: 'name i j' is needed here, there are 2 fields"),
        ("1\nBob 1 2\nBob 1 2\n", "line 3: 'name i name j' is needed here, there are 3 fields"),
        ("1\nBob 1 x\nBob 1 Ada_Lovelace 2\n", "line 2: 'x' is no picture's number"),
        ("1\nBob 1 3\nBob 1 Ada_Lovelace 2\n", r"line 2: there is no picture 'Bob/Bob_0003\.jpg'"),
        ("1\nBob 1 1\nBob 1 Ada_Lovelace 2\n", "line 2: a picture is compared with itself"),
        ("1\nBob 1 2\nBob 1 Bob 2\n", "line 3: two persons are needed here, and both are Bob"),
    ],
)
def test_what_is_wrong_with_lfws_list_is_one_line_with_its_place(lfw: Path, content: str, said: str) -> None:
    with pytest.raises(BadPairs, match=said):
        read_lfw(lfw, listed(lfw, content))


def test_a_folder_without_a_list_asks_for_one(lfw: Path) -> None:
    with pytest.raises(BadPairs, match="give the list with --pairs"):
        read_lfw(lfw)
