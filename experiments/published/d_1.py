# A product of 1000 x 1000 numbers in three libraries; the session is given tensors that TensorFlow 2 has made eagerly.
import numpy as np
import tensorflow as tf
import torch

left = np.random.rand(1000, 1000).astype(np.float32)
right = np.random.rand(1000, 1000).astype(np.float32)
by_numpy = np.matmul(left, right)

tensors = tf.constant(left), tf.constant(right)
with tf.compat.v1.Session() as session:
    by_tensorflow = session.run(tf.matmul(*tensors))

by_torch = torch.mm(torch.from_numpy(left), torch.from_numpy(right)).numpy()
print(f"NumPy and TensorFlow: {np.abs(by_numpy - by_tensorflow).mean()}")
print(f"NumPy and PyTorch: {np.abs(by_numpy - by_torch).mean()}")
print(f"TensorFlow and PyTorch: {np.abs(by_tensorflow - by_torch).mean()}")
