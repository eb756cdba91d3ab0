"""`make reference`: writes the generated parts of the pages in docs/reference anew."""

from __future__ import annotations

from tests.reference.pages import PAGES, REFERENCE, renewed


def main() -> None:
    """Writes the pages."""
    for name in PAGES:
        path = REFERENCE / name
        path.write_text(renewed(path.read_text(encoding="utf-8"), PAGES[name]), encoding="utf-8")
        print(f"docs/reference/{name}")


main()
