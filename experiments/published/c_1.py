# A line through four points by hand-written descent; the first slope is drawn from N(0, 0.1).
import tensorflow as tf

slope = tf.Variable(tf.random.normal([1, 1], 0, 0.1), dtype=tf.float32)
offset = tf.Variable(tf.zeros([1]), dtype=tf.float32)


@tf.function
def step(points, goals):
    with tf.GradientTape() as tape:
        error = tf.reduce_mean(tf.square(tf.matmul(points, slope) + offset - goals))
    by_slope, by_offset = tape.gradient(error, [slope, offset])
    slope.assign_sub(0.01 * by_slope)
    offset.assign_sub(0.01 * by_offset)
    return error


points = tf.constant([[1], [2], [3], [4]], dtype=tf.float32)
goals = tf.constant([[2], [4], [5], [8]], dtype=tf.float32)
for turn in range(1, 101):
    error = step(points, goals)
    if turn % 20 == 0:
        print(f"turn {turn}: loss {error}")
