"""`make links`: follow every link that leads out of the rendered book. It needs the network, so it runs weekly, not in
`make test`.

    python -m tools.links [--html _build/html]

A link is broken where its host answers that there is no such page, or where there is no such host. A host that does not
let a program in, or is busy, says nothing about its page: such links are listed, and are no failure.
"""

import argparse
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag

from tqdm import tqdm

from tools.address import PLACEHOLDER, wanted
from tools.chapters import ROOT

AT_ONCE = 8
SECONDS = 30.0
# Answers that do not say whether the page is there: not let in, too many requests, a fault of the server.
SAYS_NOTHING = {401, 403, 405, 406, 418, 429, 500, 502, 503, 504, 999}
AGENT = "Mozilla/5.0 (the weekly link check of a Jupyter Book)"


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        address = dict(attributes).get("href") or ""
        if tag == "a" and address.startswith(("http://", "https://")):
            self.addresses.append(urldefrag(address)[0])


def outside(html: Path) -> dict[str, list[str]]:
    """From each address outside the book to the pages that link to it."""
    pages: dict[str, list[str]] = {}
    for path in sorted(html.rglob("*.html")):
        parser = _Links()
        parser.feed(path.read_text(encoding="utf-8"))
        for address in dict.fromkeys(parser.addresses):
            pages.setdefault(address, []).append(path.relative_to(html).as_posix())
    return pages


def follow(address: str, seconds: float = SECONDS) -> str:
    """ "" where the address answers; otherwise what became of it, which begins with "broken" where it leads nowhere."""
    request = urllib.request.Request(address, headers={"User-Agent": AGENT})
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return ""
    except urllib.error.HTTPError as error:
        word = "unclear" if error.code in SAYS_NOTHING else "broken"
        return f"{word}: HTTP {error.code}"
    except TimeoutError:
        return "unclear: no answer in time"
    except (OSError, ValueError) as error:
        return f"broken: {error}"


def followed(addresses: Iterable[str], seconds: float = SECONDS) -> dict[str, str]:
    """`follow` for many addresses, some at a time; those that answer are left out."""
    listed = sorted(addresses)
    with ThreadPoolExecutor(AT_ONCE) as workers:
        answers = workers.map(lambda address: follow(address, seconds), listed)
        said = dict(zip(listed, tqdm(answers, total=len(listed), desc="links", disable=None), strict=True))
    return {address: words for address, words in said.items() if words}


def report(said: Mapping[str, str], pages: Mapping[str, list[str]]) -> list[str]:
    """A line for each link that did not answer, broken ones first."""
    return [f"{said[address]}: {address} (on {pages[address][0]})" for address in sorted(said, key=lambda a: said[a])]


def main() -> None:
    parser = argparse.ArgumentParser(description="Follow every link that leads out of the rendered book.")
    parser.add_argument("--html", type=Path, default=ROOT / "_build" / "html")
    html = parser.parse_args().html
    if not (html / "index.html").exists():
        sys.exit(f"There is no rendered book in {html}: make book.")
    pages = outside(html)
    if wanted() == PLACEHOLDER:
        pages = {address: names for address, names in pages.items() if PLACEHOLDER not in address}
        print("The repository has no address yet, so links to it are left out: see `make address`.")
    print(f"Following {len(pages)} links, {AT_ONCE} at a time: a minute or two.", flush=True)
    said = followed(pages)
    print("\n".join(report(said, pages)))
    if broken := [address for address, words in said.items() if words.startswith("broken")]:
        sys.exit(f"{len(broken)} of {len(pages)} links are broken.")
    print(f"{len(pages) - len(said)} of {len(pages)} links answer, none is broken.")


if __name__ == "__main__":
    main()
