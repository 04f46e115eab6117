"""Write the audit's ledger, every claim of the paper computed again, as a CSV file.

python scripts/write_ledger.py ledger.csv
"""

import sys
from pathlib import Path

from clnbook.audit import audit
from clnlib.io import write_atomically


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python scripts/write_ledger.py <file>.csv")
    claims = audit.claims()
    path = Path(sys.argv[1])
    write_atomically(path, lambda p: claims.to_csv(p, index=False))
    print(f"{len(claims)} claims: {path}")


if __name__ == "__main__":
    main()
