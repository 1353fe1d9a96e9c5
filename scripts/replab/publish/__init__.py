"""Publication: a finished run becomes an immutable version of a static site, which others can verify, replay and deploy.

``publish`` computes no result: it copies what the run left, writes down what it is, and puts it in place as a whole.
"""
