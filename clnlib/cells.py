"""What a notebook's `parameters` cells say, told from everything else that a kernel holds."""

import ast
from collections.abc import Collection, Sequence

INJECTED = "# Parameters"  # with this line papermill opens the cell that it writes


def assigned(cells: Sequence[str], fields: Collection[str]) -> set[str]:
    """The names that the `parameters` cell and papermill's injected one assign.

    Of each kind the cell that ran last counts. The notebook's own is known by assigning most of the
    fields, as a reader may have edited it; an injected one counts only where it ran after that.

    Parameters
    ----------
    cells
        IPython's `In`: the sources of the cells in the order in which they ran.
    fields
        Names of the parameters; returned where no such cell is found.
    """
    kinds: dict[str, set[str]] = {}
    for source in cells:
        try:
            body = ast.parse(source).body
        except SyntaxError:  # a cell of IPython's own commands
            continue
        body = [x for x in body if isinstance(x, ast.Assign | ast.AnnAssign)]
        inside = (x for part in body for x in ast.walk(part) if isinstance(x, ast.Name))
        names = {x.id for x in inside if isinstance(x.ctx, ast.Store)}
        if source.startswith(INJECTED):
            kinds["injected"] = names
        elif 2 * len(names & set(fields)) > len(fields):
            kinds = {"own": names}
    return set().union(*kinds.values()) or set(fields)
