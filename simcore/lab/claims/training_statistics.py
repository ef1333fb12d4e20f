"""Statistics of claims about learned adaptation (risser-maroux2021): trained once, then stored."""

from collections.abc import Callable, Sequence

import numpy as np

from simcore import memory
from simcore.evaluate.claims import resampling, statistics
from simcore.lab.claims.choices import Universe
from simcore.lab.claims.pair_statistics import Estimate
from simcore.lab.claims.universe_pairs import PairData
from simcore.lab.learning import adaptation
from simcore.lab.library import features
from simcore.types import Array, Monitor

RUNS = 5  # splits; each pair is a test pair in a quarter of them on average
SIGMA, LOW_SIGMA = 15.0, 1.0


class TrainingData:
    """Adaptation runs of each network on the pairs of one universe."""

    def __init__(
        self, name: str, backbones: Sequence[str], universe: Universe, monitor: Monitor
    ) -> None:
        pairs = PairData(name, backbones, universe)
        self.name, self.universe, self.monitor = name, universe, monitor
        self.collection, self.digest = pairs.collection, pairs.digest
        self.count, self.groups = pairs.count, pairs.groups
        self.networks = pairs.of_kind("networks")

    def weights(self, draws: int) -> Array:
        """(R, Q) bootstrap samples."""
        return resampling.sample_weights(self.groups, draws)

    def totals(self, network: str, stage: str, sigma: float = SIGMA) -> tuple[Array, Array]:
        """(Q,) in how many runs each test pair was found at 1, and in how many it was tested."""
        result = self._train(network, sigma)
        found, tested = np.zeros(self.count), np.zeros(self.count)
        for run in result.runs:
            np.add.at(found, run.split.test, getattr(run, adaptation.STAGES[stage]) == 1)
            np.add.at(tested, run.split.test, 1)
        return found, tested

    def _train(self, network: str, sigma: float) -> adaptation.AdaptationResult:
        protocol = self.universe.get("protocol")
        settings = adaptation.make_settings("paper", protocol=protocol, sigma=sigma)
        subset = self.universe.get("subset")
        identity = features.identity(self.collection, network)
        return memory.get(
            ("claims training", self.digest, identity, protocol, sigma),
            lambda: adaptation.adapt(
                self.name, [network], settings, runs=RUNS, subset=subset, monitor=self.monitor
            ),
        )


def _rates(data: TrainingData, stage: str, sigma: float = SIGMA) -> statistics.Statistic:
    totals = [data.totals(network, stage, sigma) for network in data.networks]
    found, tested = (np.stack(values) for values in zip(*totals, strict=True))
    return statistics.ratio(found, tested)


def adapted_over_original(data: TrainingData) -> Estimate:
    """Recall after adaptation over recall before, averaged over networks."""
    after, before = _rates(data, "after"), _rates(data, "before")

    def compute(weights: Array) -> Array:
        return (after(weights).mean(axis=1) / before(weights).mean(axis=1))[:, None]

    return Estimate(compute, note=f"mean of {len(data.networks)} networks")


def adapted_minus_original(data: TrainingData) -> Estimate:
    """Recall after adaptation minus recall before, for each network."""
    after, before = _rates(data, "after"), _rates(data, "before")
    return Estimate(lambda weights: after(weights) - before(weights), data.networks)


def sigma_difference(data: TrainingData) -> Estimate:
    """Recall after adaptation with sigma = 15 minus sigma = 1."""
    high, low = _rates(data, "after"), _rates(data, "after", LOW_SIGMA)
    return Estimate(lambda weights: (high(weights) - low(weights)).mean(axis=1)[:, None])


def reduced_minus_original(data: TrainingData) -> Estimate:
    """Recall after the PCA minus recall of the original features, for each network."""
    after, before = _rates(data, "pca"), _rates(data, "before")
    return Estimate(lambda weights: after(weights) - before(weights), data.networks)


STATISTICS: dict[str, Callable[..., Estimate]] = {
    function.__name__: function
    for function in (
        adapted_over_original,
        adapted_minus_original,
        sigma_difference,
        reduced_minus_original,
    )
}
