# The same line; here the first slope is drawn from N(0, 1).
import torch

slope = torch.randn(1, 1, requires_grad=True)
offset = torch.zeros(1, requires_grad=True)


def step(points, goals):
    error = torch.mean((torch.matmul(points, slope) + offset - goals) ** 2)
    error.backward()
    with torch.no_grad():
        for value in (slope, offset):
            value.sub_(0.01 * value.grad)
            value.grad.zero_()
    return error


points = torch.tensor([[1], [2], [3], [4]], dtype=torch.float32)
goals = torch.tensor([[2], [4], [5], [8]], dtype=torch.float32)
for turn in range(1, 101):
    error = step(points, goals)
    if turn % 20 == 0:
        print(f"turn {turn}: loss {error}")
