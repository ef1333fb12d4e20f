"""Printed and own numbers side by side: texts, intervals, and what printed percentages count."""

import numpy as np
import pytest
from scipy import stats

from simcore.lab import printed_values
from simcore.lab.papers import comparisons
from simcore.lab.papers.comparisons import Compared, number, percentage, share


def test_a_share_has_the_interval_of_a_binomial_count():
    amount = share(785, 6016)
    low, high = stats.binom.ppf([0.025, 0.975], 6016, 785 / 6016) / 6016
    assert (amount.low, amount.high) == pytest.approx((100 * low, 100 * high))
    assert amount.text == "13.05 % [12.2, 13.9] (785 of 6,016)"
    assert share(0, 20).low == 0
    assert share(0, 20).high > 10
    assert np.isnan(share(0, 0).value)


def test_printed_ratios_follow_from_printed_hits():
    """785 is 2.25 times the best single, of which the paper prints no hits."""
    assert comparisons.printed_ratio(785, round(785 / 2.25)).text == "2.25"
    best = printed_values.COMBINATIONS.value("best z-sum (size 4)", "hits")
    losses = {row[0]: best - int(row[1]) for row in printed_values.ABLATION.rows}
    assert [*losses.values()] == [row[2] for row in printed_values.ABLATION.rows]


def test_every_printed_recall_is_a_number_of_hits_among_1828():
    """So the table is about TLLd, and printed recalls have intervals."""
    for network, *recalls in printed_values.RECALL.rows:
        for recall in recalls:
            hits = round(recall * 1828 / 100)
            assert 100 * hits / 1828 == pytest.approx(recall, abs=0.0051), network


def test_the_table_shows_what_is_missing_and_drops_empty_ratios():
    rows = [Compared("a", percentage(5.8), None), Compared("b", None, number(3))]
    table = comparisons.table(rows)
    assert table.columns == ("quantity", "printed", "here")
    assert table.rows == (("a", "5.80 %", "–"), ("b", "–", "3"))
    with_ratio = [*rows, Compared("c", number(2.5), None, number(1.5), None)]
    assert comparisons.table(with_ratio).rows[2] == ("c", "2.50", "–", "1.50", "–")
    assert comparisons.table(with_ratio).columns[3] == "printed / best single"
    assert comparisons.table(with_ratio, "before").columns[3:] == (
        "printed / before",
        "here / before",
    )


def test_ratios_are_paired():
    single = np.array([True, True, False, False] * 25)
    hits = single | np.array([False, False, True, False] * 25)
    amount = comparisons.ratio(hits, single)
    assert amount.value == 1.5
    assert 1 < amount.low < 1.5 < amount.high
    assert comparisons.ratio(hits, np.zeros(100, bool)) is None
