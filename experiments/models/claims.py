"""Rules of the examples that train or copy whole models."""

from replab.claims import Finding, Tables, rule
from replab.claims.patterns import as_published, right_results, same_weights

BOTH = ("tensorflow", "torch")
COPIED = ("models.feed_forward*", "rnn.e2_lstm_dense")
"""The models into which the article on Keras and PyTorch copies weights."""
LINEAR, REGRESSION, DROPOUT = ("models.train_linear",), ("models.regression_by_hand",), ("models.train_dropout",)
"""The trainings that the articles publish."""
LSTM_DENSE = ("rnn.e2_lstm_dense",)


@rule(
    "B1",
    needs="the case train_linear as published and with its factors aligned, in TensorFlow and PyTorch",
    frameworks=BOTH,
    decides=LINEAR,
)
def linear_model(tables: Tables, environment: str) -> Finding:
    """The two published programs are run as they stand and with every factor (the data, the initialisers of weight and bias) aligned. Does
    not hold where they agree within rounding as they stand; holds where they differ even when aligned; else the programs differ, and the
    factors are named with their Shapley shares of the difference.
    """
    return as_published(tables, environment, "B1", decides=LINEAR)


@rule(
    "C1",
    needs="the case regression_by_hand as published and with its factor aligned, in TensorFlow and PyTorch",
    frameworks=BOTH,
    decides=REGRESSION,
)
def regression(tables: Tables, environment: str) -> Finding:
    """As B1; the factor is the first weight, which each side draws for itself, with a deviation of 0.1 and of 1."""
    return as_published(tables, environment, "C1", decides=REGRESSION)


@rule(
    "C2",
    needs="the case train_dropout as published and with its factors aligned, in TensorFlow and PyTorch",
    frameworks=BOTH,
    decides=DROPOUT,
)
def dropout_training(tables: Tables, environment: str) -> Finding:
    """As B1; the factors are the optimiser, and what each side draws: weights, data and dropout masks."""
    return as_published(tables, environment, "C2", decides=DROPOUT)


@rule("E1", needs="networks with the same weights, cases of claim E1, in TensorFlow and PyTorch", frameworks=BOTH)
def copied_feed_forward(tables: Tables, environment: str) -> Finding:
    """With the weights copied in the layout of each side: holds where a prediction differs beyond rounding, last
    bits only where no more than those differ, not where all bits agree.
    """
    return same_weights(tables, environment, "E1", "predictions", derivative=0)


@rule(
    "E2",
    needs="the case e2_lstm_dense as published and with its factors aligned, in TensorFlow and PyTorch",
    frameworks=BOTH,
    decides=LSTM_DENSE,
)
def copied_lstm(tables: Tables, environment: str) -> Finding:
    """As B1, for the model of the article; the factors are the conventions that the copy must respect: order of axes, number of biases,
    activation of the gates. Other layers are told beside it.
    """
    return as_published(tables, environment, "E2", decides=LSTM_DENSE)


@rule("E3", needs="layers that choose by a flag, cases of claim E3")
def conditional_layer(tables: Tables, environment: str) -> Finding:
    """Holds where value and derivatives of both maps are within rounding of the truth, with a Python flag and with a tensor, in
    every mode; not where none is; else in part, without the cases that are named.
    """
    return right_results(tables, environment, "E3")


@rule("K20", needs="feed_forward or e2_lstm_dense with the same weights, in TensorFlow and PyTorch", frameworks=BOTH, decides=COPIED)
def same_model_same_prediction(tables: Tables, environment: str) -> Finding:
    """The models of the article with the same weights and every convention aligned: holds where a prediction differs beyond rounding; last
    bits only where no more than those differ; not where all bits agree. Other layers, and conventions that each side has by default with
    their shares, are told beside it.
    """
    return same_weights(tables, environment, "K20", "predictions", decides=COPIED, derivative=0)
