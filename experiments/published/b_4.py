# The same with packed sequences. NumPy is used and not imported: it stands in the program before.
import torch
from torch import nn
from torch.nn.utils import rnn


class Reader(nn.Module):
    def __init__(self, units):
        super().__init__()
        self.layer = nn.LSTM(32, units, batch_first=True)

    def forward(self, batch, steps):
        packed = rnn.pack_padded_sequence(batch, steps.cpu(), batch_first=True, enforce_sorted=False)
        return rnn.pad_packed_sequence(self.layer(packed)[0], batch_first=True)[0]


reader = Reader(128)
steps = np.random.randint(1, 10, size=3)
batch = rnn.pad_sequence([torch.rand(many, 32) for many in steps], batch_first=True)
states = reader(batch, torch.tensor(steps, dtype=torch.int64))
print(states.shape)
