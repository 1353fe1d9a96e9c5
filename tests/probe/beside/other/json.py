raise ImportError("the name of Python is taken")
