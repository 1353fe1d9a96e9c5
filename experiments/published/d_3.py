# cumsum(sin(exp(x))) of 10 000 numbers in three libraries, with the session of d_1.
import numpy as np
import tensorflow as tf
import torch

numbers = np.random.rand(10000).astype(np.float32)
by_numpy = np.cumsum(np.sin(np.exp(numbers)))

tensor = tf.constant(numbers)
with tf.compat.v1.Session() as session:
    by_tensorflow = session.run(tf.cumsum(tf.sin(tf.exp(tensor))))

by_torch = torch.cumsum(torch.sin(torch.exp(torch.from_numpy(numbers))), dim=0).numpy()
print(f"NumPy and TensorFlow: {np.abs(by_numpy - by_tensorflow).mean()}")
print(f"NumPy and PyTorch: {np.abs(by_numpy - by_torch).mean()}")
print(f"TensorFlow and PyTorch: {np.abs(by_tensorflow - by_torch).mean()}")
