# The same network; the optimiser is Adam and not gradient descent.
import torch
from torch import nn

rows, goals = torch.randn(10, 5), torch.randn(10, 2)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.first_bias = nn.Parameter(torch.randn(5, 4)), nn.Parameter(torch.zeros(4))
        self.second, self.second_bias = nn.Parameter(torch.randn(4, 2)), nn.Parameter(torch.zeros(2))
        self.drop = nn.Dropout(0.5)

    def forward(self, rows, training=True):
        hidden = torch.relu(torch.matmul(rows, self.first) + self.first_bias)
        hidden = self.drop(hidden) if training else hidden
        return torch.matmul(hidden, self.second) + self.second_bias


net = Net()
descent = torch.optim.Adam(net.parameters(), lr=0.001)
for epoch in range(1, 11):
    error = torch.mean((net(rows, training=True) - goals) ** 2)
    descent.zero_grad()
    error.backward()
    descent.step()
    if epoch % 5 == 0:
        print(f"epoch {epoch}: loss {error}")
