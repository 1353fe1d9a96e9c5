"""What each step of a run does, as functions: the workflow calls them by rules, ``replab cell`` and a replay by ``replab.steps.order``.

Each reads and writes files of ``lab.results``. A module imports all that its steps need; who starts one step imports one module.
"""
