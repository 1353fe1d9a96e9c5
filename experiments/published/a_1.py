# The same branch in both frameworks. Nothing is watched by the tape, so it could give no gradient.
import torch

first, second = torch.randn(10), torch.randn(10)
chosen = first + second if torch.sum(first) > 0 else first - second
print(chosen)

# %%
import tensorflow as tf

first, second = tf.random.normal([10]), tf.random.normal([10])
with tf.GradientTape() as tape:
    if tf.reduce_sum(first) > 0:
        chosen = first + second
    else:
        chosen = first - second
print(chosen)
