"""Those who talk to an engine that starts containers, one each."""
