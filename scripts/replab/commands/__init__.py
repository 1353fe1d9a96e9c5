"""What each command of ``replab`` does; ``replab.cli`` parses the arguments and calls one function of one module here."""
