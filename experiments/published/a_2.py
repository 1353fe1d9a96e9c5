# dz/dx of z = y**3, y = x**2 at x = 2.
import torch

point = torch.tensor(2.0, requires_grad=True)
((point**2) ** 3).backward()
print(point.grad)

# %%
import tensorflow as tf

point = tf.Variable(2.0)
with tf.GradientTape() as tape:
    cube = (point**2) ** 3
print(tape.gradient(cube, point))
