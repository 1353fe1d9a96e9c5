# The derivative of x**3 + 2x at 2: a central difference of a 0-d array in float32, and two automatic ones.
import numpy as np


def curve(x):
    return x**3 + 2 * x


at = np.array(2.0, dtype=np.float32)
quotient = (curve(at + 1e-6) - curve(at - 1e-6)) / (2 * 1e-6)
print(f"NumPy: {quotient}")

# %%
import tensorflow as tf

variable = tf.Variable(2.0, dtype=tf.float32)
with tf.GradientTape() as tape:
    value = curve(variable)
by_tensorflow = tape.gradient(value, variable).numpy()
print(f"TensorFlow: {by_tensorflow}")

# %%
import torch

tensor = torch.tensor(2.0, requires_grad=True)
curve(tensor).backward()
print(f"PyTorch: {tensor.grad.item()}")
