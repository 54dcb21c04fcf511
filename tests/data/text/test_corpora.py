"""A corpus is split by document, with nothing shared between its parts."""

import pytest

from scaling_lib.data.text.corpora import corpus_of
from scaling_lib.data.text.documents import Documents
from scaling_lib.errors import InvalidData
from tests.data.text.sentences import document, documents


def corpus(texts, **options):
    return corpus_of(Documents("tests", "none", texts), **options)


def test_every_document_is_in_one_part_and_the_held_out_part_has_its_share():
    texts = documents(60)
    made = corpus(texts, held_out=0.2)
    assert sorted(made.training + made.held_out) == sorted(texts)
    share = sum(map(len, made.held_out)) / sum(map(len, texts))
    assert 0.2 <= share < 0.25


def test_the_split_is_by_the_texts_not_by_their_order():
    texts = documents(60)
    assert set(corpus(texts).held_out) == set(corpus(texts[::-1]).held_out)


def test_the_fingerprint_changes_with_a_character_and_with_the_split():
    texts = documents(40)
    fingerprint = corpus(texts).fingerprint
    assert corpus(texts).fingerprint == fingerprint
    assert corpus([*texts[:-1], texts[-1].replace("The", "ThE", 1)]).fingerprint != fingerprint
    assert corpus(texts, held_out=0.3).fingerprint != fingerprint


def test_a_paragraph_that_stood_before_is_removed_and_counted_whatever_its_case_and_digits():
    texts = documents(40)
    line = "In the year 1812 the whole army went over the mountains to the sea."
    texts[3] += f"{line}\n"
    texts[7] += f"{line.upper().replace('1812', '1945')}\n"
    made = corpus(texts)
    assert made.paragraphs_removed == 1
    assert sum(line.lower() in text.lower().replace("1945", "1812") for text in made.training + made.held_out) == 1


def test_a_near_copy_of_a_document_is_removed_and_counted():
    texts = documents(40)
    lines = texts[5].splitlines()
    # Every paragraph differs by a word, so that none stood before.
    copy = "".join(f"Perhaps {line}\n" for line in lines)
    made = corpus([*texts, copy])
    assert made.documents_removed == 1
    assert sorted(made.training + made.held_out) == sorted(texts)
    # The same number of words of others is no copy.
    assert corpus([*texts, document(99)]).documents_removed == 0


@pytest.mark.parametrize("seed", range(10))
def test_documents_that_share_a_passage_are_on_the_same_side(seed):
    texts = [document(1000 * seed + number, 40) for number in range(30)]
    for number in (4, 9, 17):  # a third of each: joined, not copies
        texts[number] = "".join(f"Word{'x' * number} {line}\n" for line in document(7, 16).splitlines()) + texts[number]
    made = corpus(texts, held_out=0.2)
    assert made.documents_removed == 0
    sides = {texts[number] in made.held_out for number in (4, 9, 17)}
    assert len(sides) == 1


def test_a_corpus_of_documents_that_are_all_alike_cannot_be_split():
    same = document(0)
    copies = ["".join(f"Number {number} {line}\n" for line in same.splitlines()) for number in range(20)]
    with pytest.raises(InvalidData, match="must differ enough for a part to be held out"):
        corpus(copies)


def test_one_document_cannot_be_split():
    with pytest.raises(InvalidData, match="with 1 documents"):
        corpus([document(0)])
