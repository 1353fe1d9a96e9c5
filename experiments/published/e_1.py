# One set of weights for a network in Keras and in PyTorch: fifteen numbers, where the network has 71.
import numpy as np
import tensorflow as tf

net = tf.keras.Sequential([tf.keras.layers.Dense(10, activation="sigmoid", input_shape=(5,)), tf.keras.layers.Dense(1)])
numbers = np.random.rand(15)
net.set_weights([numbers])
row = np.random.rand(1, 5)
print("Keras:", net.predict(row))

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.last = nn.Linear(5, 10), nn.Linear(10, 1)

    def forward(self, row):
        return self.last(torch.sigmoid(self.hidden(row)))


same = Net()
same.load_state_dict(
    {
        "hidden.weight": torch.from_numpy(numbers[:50].reshape(10, 5)),
        "hidden.bias": torch.from_numpy(numbers[50:60]),
        "last.weight": torch.from_numpy(numbers[60:70].reshape(1, 10)),
        "last.bias": torch.from_numpy(numbers[70:]),
    }
)
print("PyTorch:", same(torch.from_numpy(row.astype(np.float32))).detach().numpy())
