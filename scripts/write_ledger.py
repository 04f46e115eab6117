"""Write the audit's ledger, the paper's claims computed again, as a CSV file.

python scripts/write_ledger.py ledger.csv
"""

import sys
from pathlib import Path

from clnbook.audit import ledger
from clnlib.errors import InputError
from clnlib.io import write_atomically


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python scripts/write_ledger.py <file>.csv")
    try:
        table = ledger.compute()
    except InputError as error:  # a row of claims.yaml that cannot be used
        sys.exit(str(error))
    path = Path(sys.argv[1])
    write_atomically(path, lambda p: table.to_csv(p, index=False))
    print(f"{len(table)} claims: {path}")


if __name__ == "__main__":
    main()
