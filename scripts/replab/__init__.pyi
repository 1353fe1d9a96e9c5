from replab.errors import TruthError as TruthError
from replab.library.errors import InputError as InputError
from replab.library.judging import compare as compare, judge as judge, truth as truth, ulp as ulp
from replab.library.results import Results as Results, open_results as open
from replab.library.testing import assert_explained as assert_explained
from replab.library.words import Comparison as Comparison, Element as Element, Judgement as Judgement, Output as Output, Truth as Truth

__version__: str
__all__ = [
    "Comparison",
    "Element",
    "InputError",
    "Judgement",
    "Output",
    "Results",
    "Truth",
    "TruthError",
    "__version__",
    "assert_explained",
    "compare",
    "judge",
    "open",
    "truth",
    "ulp",
]
