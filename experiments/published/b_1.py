# A linear model with five inputs, 100 epochs of gradient descent on data and weights that nobody seeds.
import numpy as np
import tensorflow as tf


class Linear(tf.Module):
    def __init__(self, inputs, outputs):
        self.weight = tf.Variable(tf.random.normal([inputs, outputs]))
        self.bias = tf.Variable(tf.zeros([outputs]))

    @tf.function
    def __call__(self, rows):
        return tf.matmul(rows, self.weight) + self.bias


net = Linear(5, 1)
descent = tf.optimizers.SGD(learning_rate=0.01)
rows = tf.constant(np.random.rand(100, 5), dtype=tf.float32)
goals = tf.constant(np.random.rand(100, 1), dtype=tf.float32)


@tf.function
def step(rows, goals):
    with tf.GradientTape() as tape:
        error = tf.reduce_mean(tf.square(goals - net(rows)))
    slopes = tape.gradient(error, net.trainable_variables)
    descent.apply_gradients(zip(slopes, net.trainable_variables))
    return error


for epoch in range(100):
    print(f"epoch {epoch}: loss {step(rows, goals).numpy()}")
