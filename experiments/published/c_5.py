# First and second derivative of x**3 at 2, by nested tapes.
import tensorflow as tf

point = tf.Variable(2.0, dtype=tf.float32)
with tf.GradientTape() as outer:
    with tf.GradientTape() as inner:
        cube = point * point * point
    slope = inner.gradient(cube, point)
curvature = outer.gradient(slope, point)
print(f"slope {slope.numpy()}")
print(f"curvature {curvature.numpy()}")
