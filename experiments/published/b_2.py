# The same model with torch.nn.Linear, which draws its weights otherwise; the data are drawn anew.
import numpy as np
import torch
from torch import nn


class Linear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.layer = nn.Linear(inputs, outputs)

    def forward(self, rows):
        return self.layer(rows)


net = Linear(5, 1)
descent = torch.optim.SGD(net.parameters(), lr=0.01)
rows = torch.tensor(np.random.rand(100, 5), dtype=torch.float32)
goals = torch.tensor(np.random.rand(100, 1), dtype=torch.float32)

for epoch in range(100):
    descent.zero_grad()
    error = torch.mean((goals - net(rows)) ** 2)
    error.backward()
    descent.step()
    print(f"epoch {epoch}: loss {error.item()}")
