# The same with create_graph=True.
import torch

point = torch.tensor(2.0, requires_grad=True)
cube = point * point * point
slope = torch.autograd.grad(cube, point, create_graph=True)[0]
curvature = torch.autograd.grad(slope, point)[0]
print(f"slope {slope.item()}")
print(f"curvature {curvature.item()}")
