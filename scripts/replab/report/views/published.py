"""Programs of articles: as printed, and as they came out in every environment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from replab.contract.summaries import OutcomeSummary, PublishedSummary
from replab.report.data.words import count, listing, plural, slug
from replab.report.pages.published import ProgramCell, ProgramRow, ProgramTable

SHOWN_LINES = 3
"""Of what a program printed; the rest is folded."""
WIDE = 90
"""Characters of a line in the table."""
ENDS = {"error": "end in an error", "timeout": "do not end in their time", "crashed": "end the process"}


def programs(published: PublishedSummary, environments: Sequence[str], what: str = "program of articles") -> ProgramTable | None:
    """The table of programs, or nothing where none was run.

    ``environments``: their order; those without any outcome are left out. ``what``: what a row is.
    """
    outcomes = published.get("outcomes") or {}
    names = [name for name in environments if any(one.get("state") != "absent" for one in (outcomes.get(name) or {}).values())]
    listed = published.get("programs") or []
    if not listed or not names:
        return None
    rows = tuple(
        ProgramRow(
            anchor=slug(f"program-{program.get('id', '')}"),
            name=program.get("id", "").capitalize().replace("_", "\u00a0"),
            title=program.get("title", ""),
            printed=program.get("printed", ""),
            cells=tuple(_cell((outcomes.get(name) or {}).get(program.get("id", ""))) for name in names),
            why=program.get("why", ""),
            source=program.get("source", ""),
        )
        for program in listed
    )
    return ProgramTable(summary=_summary(rows, names, what), environments=tuple(names), rows=rows)


def _summary(rows: Sequence[ProgramRow], names: Sequence[str], what: str) -> str:
    """How many of those that an environment can run end otherwise than well, environment by environment."""
    sentences = []
    for place, name in enumerate(names):
        states = Counter(row.cells[place].state for row in rows)
        tried = sum(number for state, number in states.items() if state not in {"absent", ""})
        alone = sum(row.cells[place].text.startswith("alone: ") for row in rows)
        ends = [f"{count(states[state])} {words}" for state, words in ENDS.items() if states[state]]
        ends += [f"{count(alone)} in an error unless another stands before it"] if alone else []
        silent = sum(row.cells[place].state == "ok" and not row.cells[place].text for row in rows)
        ends += [f"{count(silent)} print nothing"] if silent else []
        sentences.append(f"{name} can run {count(tried)}: {listing(ends) if ends else 'all end well'}.")
    lacking = [row.name for row in rows if all(cell.state in {"absent", ""} for cell in row.cells)]
    sentences += [f"No environment of this run has what {listing(lacking)} import."] if lacking else []
    first, _, rest = what.partition(" ")
    return f"{plural(len(rows), first)}{f' {rest}' if rest else ''}. {' '.join(sentences)}"


def _cell(outcome: OutcomeSummary | None) -> ProgramCell:
    if outcome is None:
        return ProgramCell(state="", text="not run", details="")
    state, lacking = outcome.get("state", ""), outcome.get("lacking") or []
    if state == "absent":
        return ProgramCell(state=state, text=f"needs {outcome.get('message', '')}", details="")
    printed = outcome.get("printed", "").strip("\n")
    lines = printed.split("\n") if printed else []
    notes = [f"without its part that needs {listing(lacking)}"] if lacking else []
    notes += [f"{outcome.get('before', '')}, which stands before it"] if outcome.get("before") else []
    alone = f"alone: {outcome.get('alone', '')}\n" if outcome.get("alone") else ""
    notes += [f"it left {listing(outcome.get('files') or [])}"] if outcome.get("files") else []
    match state:
        case "ok":
            text = alone + "\n".join(_short(line) for line in lines[-SHOWN_LINES:])
        case "error":
            text = f"{outcome.get('error', '')}, line {outcome.get('line', 0)}"
            notes.insert(0, outcome.get("message", ""))
        case "timeout":
            text = f"did not end in {outcome.get('seconds', 0.0):.0f} s"
        case _:
            text = f"ended its process: {outcome.get('message', '')}"
    whole = [*notes, *([printed] if len(lines) > SHOWN_LINES or (lines and state != "ok") or text != printed else [])]
    return ProgramCell(state=state, text=text, details="\n\n".join(part for part in whole if part and part != text))


def _short(line: str) -> str:
    return line if len(line) <= WIDE else f"{line[: WIDE - 1]}…"


__all__ = ["programs"]
