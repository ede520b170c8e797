"""How sensitivity comes out of learning."""

from __future__ import annotations

from fechner.learning import history as history
from fechner.learning import readouts as readouts
from fechner.learning import theory as theory
from fechner.learning.exposure import Exposure as Exposure
from fechner.learning.exposure import band as band
from fechner.learning.exposure import sinusoidal as sinusoidal
from fechner.learning.labels import Channel as Channel
from fechner.learning.labels import Erasure as Erasure
from fechner.learning.labels import Flips as Flips
from fechner.learning.labels import balanced_noise as balanced_noise
from fechner.learning.labels import imbalance as imbalance
from fechner.learning.labels import published_noise as published_noise
from fechner.learning.labels import specific_information as specific_information
from fechner.learning.linear import Phase as Phase
from fechner.learning.linear import learn as learn
from fechner.learning.linear_network import LinearNetwork as LinearNetwork
from fechner.learning.perceptron import Perceptron as Perceptron
from fechner.learning.supervised import learn_labels as learn_labels
from fechner.learning.task import GRATING as GRATING
from fechner.learning.task import Task as Task
