"""A rule that has an answer."""

from replab.claims import rule
from replab.claims.patterns import right_results


@rule("S1", needs="the square")
def squares(tables, environment):
    """Holds where every square is right."""
    return right_results(tables, environment, "S1")
