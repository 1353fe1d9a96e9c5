# An LSTM and a Dense layer in both: nothing is copied, nothing is run. One takes the batch first, the other time.
import tensorflow as tf

in_keras = tf.keras.models.Sequential([tf.keras.layers.LSTM(10, return_sequences=False, input_shape=(10, 1)), tf.keras.layers.Dense(1)])

# %%
from torch import nn


class InTorch(nn.Module):
    def __init__(self, features, units, outputs):
        super().__init__()
        self.layer, self.last = nn.LSTM(features, units), nn.Linear(units, outputs)

    def forward(self, steps):
        states, _ = self.layer(steps)
        return self.last(states[-1, :])
