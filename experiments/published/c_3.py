# Two layers with dropout between them, plain gradient descent; the loss is asked of Keras by a name that Keras 3 has no more.
import tensorflow as tf

rows, goals = tf.random.normal((10, 5)), tf.random.normal((10, 2))
weights = [
    tf.Variable(tf.random.normal((5, 4))),
    tf.Variable(tf.zeros((4,))),
    tf.Variable(tf.random.normal((4, 2))),
    tf.Variable(tf.zeros((2,))),
]


def predict(rows, training):
    hidden = tf.nn.relu(tf.matmul(rows, weights[0]) + weights[1])
    if training:
        hidden = tf.nn.dropout(hidden, 0.5)
    return tf.matmul(hidden, weights[2]) + weights[3]


@tf.function
def step(rows, goals):
    with tf.GradientTape() as tape:
        error = tf.reduce_mean(tf.keras.losses.mean_squared_error(goals, predict(rows, training=True)))
    for weight, slope in zip(weights, tape.gradient(error, weights)):
        weight.assign_sub(0.001 * slope)
    return error


for epoch in range(1, 11):
    error = step(rows, goals)
    if epoch % 5 == 0:
        print(f"epoch {epoch}: loss {error}")
