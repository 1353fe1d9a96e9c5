def scaled(x):
    return -x
