"""Arrays of balls from which nothing comes out but enclosures and decided answers.

A reference sees these in place of NumPy's arrays while its truth is certified. What would make a plain number of a ball raises; what
compares balls answers where they leave no doubt, and is the ball [0, 1] where they do: a condition that no number is chosen by. Choices
between two values are then the hull of both, sums count both, and only what needs one answer (``if``, an index, an integer) raises
``Undecided``, which more bits may mend. Functions without a rule here raise as well.
"""
