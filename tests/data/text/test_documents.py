"""Reading texts: what is read is whole and tidy, what cannot be used is refused in one sentence, with nothing of it."""

import pytest

from scaling_lib.data.text.documents import Documents, documents_in
from scaling_lib.errors import InvalidArgument, InvalidData
from tests.data.text.sentences import document, documents


def test_a_text_is_tidied():
    (text,) = Documents("d", "none", ["  One  line.\r\n\r\n\n Two\tlines. "]).texts
    assert text == "One line.\nTwo lines.\n"


def test_the_wrapped_lines_of_a_page_are_joined_to_paragraphs():
    line = "It was a long line of a page that ends where the paper ends and"
    page = "\n".join([line] * 12 + ["the end.", "", "Another paragraph that has one line, which is long enough here."])
    (text,) = Documents("page", "none", [page]).texts
    assert text.count("\n") == 2
    assert text.startswith(f"{line} {line}")


def test_a_folder_gives_a_document_for_each_file_sorted_by_name(tmp_path):
    for number, text in enumerate(documents(12)):
        (tmp_path / f"{number:02}.txt").write_text(text)
    (tmp_path / ".hidden").write_bytes(b"\0")
    assert documents_in(tmp_path, "mine").texts == tuple(documents(12))


def test_a_file_is_cut_into_about_a_hundred_pieces_that_are_its_text(tmp_path):
    path = tmp_path / "novel.txt"
    path.write_text(document(0, 4000))
    pieces = documents_in(path).texts
    assert "".join(pieces) == path.read_text()
    assert 50 < len(pieces) < 120
    assert all(piece.endswith("\n") for piece in pieces)


BAD_FILES = {
    "which is empty": b" \n ",
    "binary bytes": b"PK\x03\x04\0\0\0",
    "other bytes at 3": "caf\u00e9 au lait".encode("latin-1"),
    "which is empty: fill": b"",
}


@pytest.mark.parametrize("words", BAD_FILES)
def test_a_file_that_is_no_text_is_refused_in_a_sentence(words, tmp_path):
    path = tmp_path / "bad.txt"
    path.write_bytes(BAD_FILES[words])
    with pytest.raises(InvalidData, match=words) as refused:
        documents_in(path)
    assert "\n" not in str(refused.value)
    assert "bad.txt" in str(refused.value)


def test_one_bad_file_refuses_its_folder(tmp_path):
    for number, text in enumerate(documents(12)):
        (tmp_path / f"{number:02}.txt").write_text(text)
    (tmp_path / "05.txt").write_bytes(b"\xff\xfa\xfb")
    with pytest.raises(InvalidData, match=r"05\.txt"):
        documents_in(tmp_path)


def test_a_folder_of_mixed_files_is_refused_by_an_example(tmp_path):
    (tmp_path / "a.txt").write_text(document(0))
    (tmp_path / "table.csv").write_text("1,2")
    with pytest.raises(InvalidData, match=r"1 other files, such as 'table.csv'"):
        documents_in(tmp_path)


def test_an_empty_folder_and_an_absent_path_are_refused(tmp_path):
    with pytest.raises(InvalidData, match="an empty one"):
        documents_in(tmp_path)
    with pytest.raises(InvalidArgument, match="path must be an existing file or folder of text"):
        documents_in(tmp_path / "absent")
