"""The global names of Python code."""

import symtable


def global_names(code: str) -> tuple[set[str], set[str]]:
    """The names that the code defines at its top, and those that it uses anywhere without defining them there.

    Raises:
        SyntaxError: it is no Python.
        ValueError: it holds null bytes.
    """
    top = symtable.symtable(code, "code", "exec")
    own = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    used: set[str] = set()
    tables = [top]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        used |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (s.is_global() or table is top)}
    return own, used - own
