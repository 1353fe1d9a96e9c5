"""The second reading of a reference: the same text, in which numbers that Python or NumPy would round are enclosed instead.

Where a truth is certified, every operator, attribute, store and import of the text goes through these modules. Arithmetic on plain numbers
stays plain where its result is exact; else it is done in balls (or in extended precision, where that is what counts). What would take
digits off a value, or change it in place, raises.
"""
