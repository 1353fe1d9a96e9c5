"""Rules that go wrong, each in its way."""

from replab.claims import HOLDS, Evidence, Finding, rule


@rule("S2", needs="time")
def endless(tables, environment):
    """Never."""
    while True:
        pass


@rule("H1", needs="luck")
def raises(tables, environment):
    """Raises."""
    raise KeyError("\ud800 \x1b[31m")


@rule("H2", needs="types")
def texts(tables, environment):
    """Says yes."""
    return "yes"


@rule("H3", needs="a look")
def invented(tables, environment):
    """Makes it up."""
    return Finding(verdict=HOLDS, words="so", evidence=(Evidence("cell", "nowhere"),))
