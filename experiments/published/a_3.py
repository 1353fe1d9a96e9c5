# The softmax of (1, 2, 3) in float32.
import numpy as np
import tensorflow as tf
import torch

scores = np.array([1.0, 2.0, 3.0], dtype=np.float32)
print("softmax in TensorFlow:", tf.nn.softmax(tf.constant(scores)).numpy())
print("softmax in PyTorch:", torch.softmax(torch.tensor(scores), dim=0).numpy())
