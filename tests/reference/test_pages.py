"""The generated parts of the reference pages are what the code says."""

from __future__ import annotations

import pytest

from tests.reference.pages import PAGES, REFERENCE, renewed


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    text = (REFERENCE / name).read_text(encoding="utf-8")
    assert text == renewed(text, PAGES[name]), "run: make reference"


def test_a_part_that_is_missing_is_noticed() -> None:
    with pytest.raises(AssertionError, match="has the parts"):
        renewed("# A page\n", {"one": lambda: "text"})


def test_a_part_that_is_stale_is_made_anew() -> None:
    page = "a\n<!-- generated: one -->\n\nold\n<!-- end of one -->\nb\n"
    fresh = renewed(page, {"one": lambda: "new"})
    assert fresh == "a\n<!-- generated: one -->\n\nnew\n<!-- end of one -->\nb\n"
