"""Modules that lie beside an implementation file: a family may bring its own."""

import importlib.machinery
import sys


class Finder(object):
    """Finds modules in the folder in hand, after all others have looked: a file there takes no name away from Python or a framework.

    Families run in one process, and may call different modules alike: the modules of one are put aside while another's run.
    """

    def __init__(self):
        self._folder, self._names, self._aside = "", set(), {}

    def enter(self, folder):
        """From here on modules are those of ``folder``."""
        if folder == self._folder:
            return
        mine = [name for name in sys.modules if name.partition(".")[0] in self._names]
        self._aside[self._folder] = {name: sys.modules.pop(name) for name in mine}
        there = self._aside.pop(folder, {})
        self._folder, self._names = folder, {name.partition(".")[0] for name in there}
        sys.modules.update(there)

    def find_spec(self, name, path=None, target=None):
        """As the protocol of importing has it; modules within packages are found by their package."""
        if path is not None or not self._folder:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, [self._folder])
        if spec is not None and spec.origin:
            self._names.add(name)
            return spec
        return None

    def modules(self):
        """The modules of the folder in hand that are there now."""
        if not self._names:
            return []
        return [module for name, module in sorted(sys.modules.items()) if name.partition(".")[0] in self._names]

    def invalidate_caches(self):
        """Nothing is kept here: what lies in a folder does not change while its cells run."""
