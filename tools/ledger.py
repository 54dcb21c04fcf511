"""`make ledger`: enter the present rules in pages/judging/rules.json, before the runs that they will judge."""

import json
from datetime import UTC, datetime
from pathlib import Path

from scaling_lib.pages.judging import claims, ledger

HISTORY = Path(claims.__file__).with_name("rules.json")


def main() -> None:
    known = ledger.rules_hash() in ledger.rules_history()
    HISTORY.write_text(json.dumps(ledger.freeze(f"{datetime.now(UTC):%Y-%m-%d}"), indent=2) + "\n")
    print(f"rules {ledger.rules_hash()}: {'already in force' if known else 'entered; commit it before training'}.")


if __name__ == "__main__":
    main()
