"""The page of claims, every statement with its verdict and the number that decides it, and a page for each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from replab.contract.summaries import ClaimSummary, Judged
from replab.report.data.claim_verdicts import claim_outcome, counted, counted_words
from replab.report.data.evidence import SIDES, Index, cell_words, claim_anchor
from replab.report.data.links import claim_path
from replab.report.data.results import Results
from replab.report.data.words import Outcome, listing, natural, number, plural, slug
from replab.report.pages.claims import ClaimCard, ClaimGroup, ClaimGroupSaid, ClaimPage, ClaimPlace, ClaimReading, ClaimScript, ClaimsPage
from replab.report.pages.parts import Link
from replab.report.views.between import frameworks
from replab.report.views.published import programs

_KINDS = (
    ("claim", "Claims", "What articles say about why TensorFlow, Keras, NumPy and PyTorch give different numbers."),
    ("example", "Examples", "The programs with which they say it, run in every environment that can run them."),
    ("", "Others", "Statements of another kind."),
)


def verdict(entry: Judged) -> Outcome:
    """The verdict of a claim, or of one environment on it."""
    return claim_outcome(str(entry.get("verdict") or ""))


def verdict_words(results: Results) -> list[str]:
    """The verdict of each claim, as the table names it."""
    return [str(entry.get("verdict") or "") for entry in results.claims]


def _number(entry: Judged) -> float | None:
    value = entry.get("number")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _place(environment: str, framework: str, entry: Judged, index: Index) -> ClaimPlace:
    value, unit, outcome = _number(entry), str(entry.get("unit") or ""), verdict(entry)
    said = f"{number(value)} {unit}".strip() if value is not None else ""
    return ClaimPlace(
        environment=environment,
        framework=framework,
        outcome=outcome,
        number=said,
        words=_sentence(str(entry.get("words") or "")),
        beside=tuple(_sentence(str(text)) for text in entry.get("beside") or []),
        part=str(entry.get("part") or ""),
        text=f"{environment}: {outcome.name}" + (f", {said}" if said else ""),
        evidence=_links(entry, index),
    )


def _sentence(text: str) -> str:
    """A text with a capital first letter, unless it begins with a name (``dz/dx``, ``rnn.simple``), and a full stop."""
    if not text:
        return ""
    begun = text[:1].upper() + text[1:] if text.split(maxsplit=1)[0].isalpha() else text
    return begun if begun.endswith(".") else f"{begun}."


def _said(group: Judged, *, alone: bool) -> ClaimGroupSaid:
    environments = [str(name) for name in group.get("environments") or []]
    where = f"all {len(environments)} environments judged" if alone and len(environments) > 1 else listing(environments, most=12)
    words = _sentence(str(group.get("words") or ""))
    return ClaimGroupSaid(
        outcome=verdict(group),
        part=str(group.get("part") or ""),
        where=where,
        words=f"{words.removesuffix('.')} ({group.get('said_by') or environments[-1]})." if len(environments) > 1 else words,
    )


def _links(entry: Judged, index: Index) -> tuple[Link, ...]:
    return tuple(dict.fromkeys(index.link(one) for one in entry.get("evidence") or []))


def _figure(found: Mapping[str, Judged]) -> tuple[str, str, str]:
    """(the deciding number or its range, its unit, where the ends are), over the environments that were judged."""
    values = [(value, str(entry.get("unit") or ""), name) for name, entry in found.items() if (value := _number(entry)) is not None]
    units = {unit for _, unit, _ in values}
    if not values or len(units) != 1:
        return "", "", ""
    low, high = min(values, key=lambda one: one[0]), max(values, key=lambda one: one[0])
    unit = units.pop()
    if number(low[0]) == number(high[0]):
        return number(high[0]), unit, ""
    return f"{number(low[0])} … {number(high[0])}", unit, f"least in {low[2]}, most in {high[2]}"


def _card(entry: ClaimSummary, environments: Sequence[tuple[str, str]], index: Index) -> ClaimCard:
    identity = str(entry.get("id") or "")
    groups = entry.get("groups") or []
    judged = entry.get("by_environment") or {}
    found = {name: judged[name] for name, _ in environments if name in judged}
    figure, unit, where = _figure(found)
    outcome, statement = verdict(entry), str(entry.get("statement") or "")
    return ClaimCard(
        id=identity,
        anchor=claim_anchor(identity),
        href=claim_path(identity),
        statement=statement,
        outcome=outcome,
        part=str(entry.get("part") or ""),
        words=str(entry.get("words") or entry.get("missing") or ""),
        said=tuple(_said(group, alone=len(groups) == 1) for group in groups),
        figure=figure,
        unit=unit,
        where=where,
        published=str(entry.get("published") or ""),
        truth=str(entry.get("truth") or ""),
        measured=str(entry.get("measured") or ""),
        untested=str(entry.get("untested") or ""),
        places=tuple(_place(name, framework, found[name], index) for name, framework in environments if name in found),
        search=f"{identity} {statement} {entry.get('words') or ''}".lower(),
    )


def _cases(results: Results, entry: ClaimSummary, index: Index) -> tuple[tuple[Link, ...], tuple[Link, ...]]:
    """The cases of a claim: those that decide, and the others."""
    identity, decides = str(entry.get("id") or ""), [str(pattern) for pattern in entry.get("decides") or []]
    deciding: list[Link] = []
    beside: list[Link] = []
    for family, known in sorted(results.cases.items()):
        for case, about in sorted((known.get("cases") or {}).items()):
            if identity in (about.get("claims") or []):
                link = index.case(family, case)
                decided = not decides or any(fnmatchcase(f"{family}.{case}", pattern) for pattern in decides)
                (deciding if decided else beside).append(link)
    return tuple(deciding), tuple(beside)


def _evidence_cells(entry: ClaimSummary) -> Iterator[str]:
    """The cells that the evidence of a claim names, the most telling first."""
    for told in (entry, *(entry.get("by_environment") or {}).values()):
        for evidence in told.get("evidence") or []:
            if evidence.get("kind") in {"cell", "pair", "measurement"}:
                yield from (part for part in str(evidence.get("id") or "").split(SIDES) if "@" in part)


def _work(identity: str) -> str:
    """Case, precision and derivative of a cell."""
    return identity.partition("@")[0]


def _environment_of(identity: str) -> str:
    """The environment of a cell."""
    return identity.partition("@")[2].partition(":")[0]


def _script(results: Results, entry: ClaimSummary, index: Index) -> ClaimScript | None:
    """The first script of a result that the evidence names, or else of the same case, precision and derivative, there if possible."""
    cells = list(_evidence_cells(entry))
    works = {_work(cell) for cell in cells}
    written = {row.id: row.script for row in sorted(results.scripts, key=lambda row: row.id) if row.script and _work(row.id) in works}
    same = (
        other
        for cell in cells
        for other in sorted(written, key=lambda name: _environment_of(name) != _environment_of(cell))
        if _work(other) == _work(cell)
    )
    chosen = next((cell for cell in cells if cell in written), None) or next(same, None)
    if chosen is None:
        return None
    link = Link(text=cell_words(chosen), href=index.cell(chosen).href)
    return ClaimScript(shows=link, text=written[chosen], file=f"{slug(claim_anchor(str(entry.get('id') or '')))}.py")


def _readings(entry: ClaimSummary, places: Sequence[ClaimPlace]) -> tuple[ClaimReading, ...]:
    return tuple(
        ClaimReading(
            outcome=outcome, when=str(when), here=tuple(place.environment for place in places if place.outcome.name == outcome.name)
        )
        for word, when in (entry.get("reads") or {}).items()
        for outcome in (claim_outcome(str(word)),)
    )


def claim_pages(results: Results, index: Index) -> tuple[ClaimPage, ...]:
    """The page of each claim."""
    environments = _environments(results)

    def page(entry: ClaimSummary) -> ClaimPage:
        card = _card(entry, environments, index)
        letters = [letter for letter in str(entry.get("source") or "").split(", ") if letter]
        told = entry.get("sources") or {}
        deciding, beside = _cases(results, entry, index)
        return ClaimPage(
            card=card,
            sources=tuple((letter, str(told.get(letter) or "")) for letter in letters),
            ran=str(entry.get("ran") or ""),
            deciding=deciding,
            beside=beside,
            readings=_readings(entry, card.places),
            changes=str(entry.get("changes") or ""),
            needs=str(entry.get("needs") or ""),
            rule=tuple(part for part in str(entry.get("rule") or "").split("\n\n") if part.strip()),
            evidence=_links(entry, index),
            script=_script(results, entry, index),
        )

    return tuple(page(entry) for entry in results.claims)


def _environments(results: Results) -> tuple[tuple[str, str], ...]:
    """(environment, framework) of all that claims are judged in, oldest first within each framework."""
    order = {row.environment: (row.framework, row.environment_order) for row in results.cells}
    asked = {name: str((entry.get("asked") or {}).get("framework") or "") for name, entry in results.environments.items()}
    names = {str(name) for entry in results.claims for name in entry.get("by_environment") or {}}
    known = sorted(names, key=lambda name: (*order.get(name, (asked.get(name, ""), 0)), natural(name)))
    return tuple((name, order.get(name, (asked.get(name, ""), 0))[0]) for name in known)


def cards(results: Results, index: Index) -> tuple[ClaimCard, ...]:
    """All claims, for pages that show some of them."""
    environments = _environments(results)
    return tuple(_card(entry, environments, index) for entry in results.claims)


def claims(results: Results, index: Index) -> ClaimsPage:
    """Every claim and example, in the order of their ids."""
    environments = _environments(results)
    groups = []
    kinds = {kind for kind, *_ in _KINDS}
    for kind, title, intro in _KINDS:
        mine = [entry for entry in results.claims if (str(entry.get("kind") or "") if entry.get("kind") in kinds else "") == kind]
        cards = tuple(_card(entry, environments, index) for entry in sorted(mine, key=lambda one: natural(str(one.get("id") or ""))))
        if cards:
            groups.append(ClaimGroup(title=title, anchor=kind or "others", intro=intro, cards=cards))
    lede = "This run judged no claim: none is written down, or the step that judges them did not run."
    if results.claims:
        lede = f"Of {plural(len(results.claims), 'statement')}, {counted_words(verdict_words(results))}."
    judged = [{place.environment: place for place in card.places} for group in groups for card in group.cards]
    overview = tuple((name, tuple(places.get(name) for places in judged)) for name, _ in environments)
    order = [name for names in frameworks(results).values() for name in names]
    others = [name for name in results.environments if name not in order]
    return ClaimsPage(
        lede=lede,
        counts=counted(verdict_words(results)),
        groups=tuple(groups),
        environments=overview,
        programs=programs(results.published, [*order, *others]),
    )
