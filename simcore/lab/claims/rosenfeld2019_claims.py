"""Claims of rosenfeld2019 (High-Level Perceptual Similarity is Enabled by Diverse Tasks)."""

from simcore.evaluate.claims.verdicts import Rule
from simcore.lab.claims.claim import POINT, Claim

PAPER = "rosenfeld2019"
# In the search over all combinations every tie counts against the mate.
SEARCH = ("subset", "missing", "scale", "metric")
PLAIN = ("subset", "missing", "metric")
ANY = ("subset", "missing", "scale", "combine", "metric")
LPIPS = "a set of kind bapps in `--judgements` and the weights of LPIPS"

CLAIMS = (
    Claim(
        "surpasses-baseline",
        PAPER,
        "Abstract",
        "experiments performed on the challenging Totally-Looks-Like (TLL) benchmark "
        "significantly surpass recent baselines, closing much of the reported gap towards "
        "prediction of human perceptual similarity.",
        "The best combination has more hits at 1 than the best network, both chosen on the other "
        "half.",
        "best_minus_best_network",
        choices=ANY,
    ),
    Claim(
        "closes-gap",
        PAPER,
        "Abstract",
        "experiments performed on the challenging Totally-Looks-Like (TLL) benchmark "
        "significantly surpass recent baselines, closing much of the reported gap towards "
        "prediction of human perceptual similarity.",
        "The best combination finds at least half of the mates that the best network misses.",
        "gap_closed",
        Rule("more", threshold=0.5),
        "share",
        ANY,
    ),
    Claim(
        "combining-helps",
        PAPER,
        "4.4",
        "Evidently, it is always better to combine more than one representation for this task.",
        "The best combination of two or more has more hits at 1 than the best single backbone.",
        "best_minus_single",
        choices=ANY,
    ),
    Claim(
        "any-two",
        PAPER,
        "Figure 3, caption",
        "Any combination of two representations easily surpasses the performance of any single "
        "one.",
        "Every combination of two has more hits at 1 than the best single backbone.",
        "every_two_minus_single",
        choices=ANY,
    ),
    Claim(
        "not-all",
        PAPER,
        "4.4",
        "But naively using all of them does not yield the best results; in fact the unnormalized "
        "combination peaks at $n_r = 6$ and the normalized combination peaks at $n_r = 4$.",
        "The best z-sum of some backbones has more hits at 1 than the z-sum of all.",
        "best_minus_all",
        choices=SEARCH,
        parameters={"combine": "zsum"},
    ),
    Claim(
        "not-all-plain",
        PAPER,
        "4.4",
        "But naively using all of them does not yield the best results; in fact the unnormalized "
        "combination peaks at $n_r = 6$ and the normalized combination peaks at $n_r = 4$.",
        "The best plain sum of some backbones has more hits at 1 than the plain sum of all.",
        "best_minus_all",
        choices=PLAIN,
        parameters={"combine": "sum"},
    ),
    Claim(
        "peak-earlier",
        PAPER,
        "4.4",
        "But naively using all of them does not yield the best results; in fact the unnormalized "
        "combination peaks at $n_r = 6$ and the normalized combination peaks at $n_r = 4$.",
        "Plain sums peak at more backbones than z-sums do.",
        "peak_difference",
        Rule("more", margin=0.5),
        "size",
        SEARCH,
    ),
    Claim(
        "normalization-helps",
        PAPER,
        "4.4",
        "We also see that normalizing the results to have roughly the same dynamic range (Eq. 5) "
        "yield significantly improved performance.",
        "The best z-sum has more hits at 1 than the best plain sum, both chosen on the other half; "
        "a gain below half of the printed one (785 over 627) is none.",
        "zsum_over_sum",
        Rule("more", threshold=1.0, margin=(785 / 627 - 1) / 2),
        "ratio",
        SEARCH,
    ),
    Claim(
        "2.25-times",
        PAPER,
        "4.4",
        "The best result is 2.25x the best single representation (**ret_w**) and 2.5x the baseline "
        "of [12] (**conv**).",
        "The best combination has 2.25 times the hits of the best single backbone, to within 0.25.",
        "best_over_single",
        Rule("no less", threshold=2.25, margin=0.25),
        "ratio",
        ANY,
    ),
    Claim(
        "2.5-times-network",
        PAPER,
        "4.4",
        "The best result is 2.25x the best single representation (**ret_w**) and 2.5x the baseline "
        "of [12] (**conv**).",
        "The best combination has 2.5 times the hits of the best network, to within 0.25.",
        "best_over_network",
        Rule("no less", threshold=2.5, margin=0.25),
        "ratio",
        ANY,
    ),
    Claim(
        "four-suffice",
        PAPER,
        "4.4",
        "In the normalized case it suffices to use combinations of size $n_r = 4$.",
        "The best z-sum of four is at most a point below the best of any size.",
        "four_minus_any",
        Rule("no less", margin=POINT),
        "points",
        SEARCH,
    ),
    Claim(
        "weak-correspondence",
        PAPER,
        "4.4, Participation in Leading Combinations",
        "We note the weak correspondence between the single-feature performance (Figure 3a) and "
        "this data",
        "Hits alone and participation in the leading combinations of four correlate by less than "
        "0.5 (Spearman).",
        "participation_correlation",
        Rule("near", margin=0.5),
        "r",
        ANY,
    ),
    Claim(
        "shape-participates",
        PAPER,
        "4.4, Participation in Leading Combinations",
        "the shape (**shp**) features were almost the worse performers on their own. However, it "
        "seems that except for **ret**, they are now the leading in terms of r_p .",
        "Shape features are in more of the leading combinations of four than chance.",
        "shape_participation",
        Rule("more", margin=0.05),
        "share",
        ANY,
    ),
    Claim(
        "weakest-costly",
        PAPER,
        "4.4, Ablating Features",
        "We find it interesting that while **shp** alone achieved a recall of only 129, removing "
        "it from the best combination causes a reduction of 242.",
        "In the best combination, losing the member that is weakest alone costs more hits than the "
        "median of the others.",
        "weakest_loss",
        choices=ANY,
    ),
    Claim(
        "each-contributes",
        PAPER,
        "Table 1, caption",
        "Each row shows the setting of maximal recall when removing one of the four "
        "most-contributing factors (corresponding to the four first columns).",
        "Losing the member of the best combination that contributes least costs hits, too.",
        "least_loss",
        Rule("more", margin=POINT / 2),
        "points",
        ANY,
    ),
    Claim(
        "oracle",
        PAPER,
        "4.4.1",
        "the correct representation of each image, the retrieval performance jumps from 785 to "
        "1073.",
        "An oracle over single backbones finds 1.37 times the mates of the best combination "
        "(1073 over 785), to within 0.15.",
        "oracle_over_best",
        Rule("no less", threshold=1073 / 785, margin=0.15),
        "ratio",
        ANY,
    ),
    Claim(
        "many-exclusive",
        PAPER,
        "4.4.1",
        "there are relatively many images which are successfully retrieved by a single "
        "representation.",
        "More than half of the mates that any backbone finds are found by exactly one.",
        "exclusive_share",
        Rule("more", threshold=0.5),
        "share",
        ("subset", "metric", "ties", "direction"),
    ),
    Claim(
        "every-type-exclusive",
        PAPER,
        "4.4.1",
        "The various types of features captured include shape, pose, layout, semantic part "
        "similarity and more.",
        "Every backbone finds mates that no other backbone finds (half a percent of the queries).",
        "every_exclusive",
        Rule("more", threshold=0.0, margin=POINT / 2),
        "share",
        ("subset", "metric", "ties", "direction"),
    ),
    Claim(
        "diversity-boosts",
        PAPER,
        "Figure 6, caption",
        "The diversity of representations used allows a significant boost in retrieval.",
        "The best combination across kinds (networks, handmade, faces) beats the best one of the "
        "same size from networks alone.",
        "diverse_minus_networks",
        choices=ANY,
    ),
    Claim(
        "single-poor",
        PAPER,
        "5, Discussion",
        "On the TLL dataset, any single representation does quite poorly in predicting the "
        "similarity judgments.",
        "Every backbone finds the mate first for less than a quarter of the queries.",
        "miss_share",
        Rule("more", threshold=0.75),
        "share",
        ("subset", "metric", "ties", "direction"),
        parameters={"backbones": "all"},
    ),
    Claim(
        "whitening-helps",
        PAPER,
        "4.3, Level of Abstraction",
        "It is worse for retrieval, as reported by [13], consistent with it being less successful "
        "in the TLL task.",
        "`ret_w` (whitened) has more hits at 1 than `ret`.",
        "first_minus_second",
        choices=("subset", "metric", "ties", "direction"),
        parameters={"first": ("ret_w",), "second": ("ret",)},
    ),
    Claim(
        "invariance-hurts",
        PAPER,
        "4.3, Level of Abstraction",
        "Apparently the increased invariance is detrimental for the retrieval process.",
        "`conv` has more hits at 1 than `texture_S`, trained to ignore texture.",
        "first_minus_second",
        choices=("subset", "metric", "ties", "direction"),
        parameters={"first": ("conv",), "second": ("texture_S",)},
    ),
    Claim(
        "places-gap",
        PAPER,
        "4.3, Level of Abstraction",
        "However, it is rather surprising that the gap between this method and "
        "categorization-based methods [39] is so large.",
        "`conv` (objects) has more hits at 1 than `pl50` (places).",
        "first_minus_second",
        choices=("subset", "metric", "ties", "direction"),
        parameters={"first": ("conv",), "second": ("pl50",)},
    ),
    Claim(
        "distortions-no-gain",
        PAPER,
        "Table 3, caption",
        "Combining multiple features does not seem to gain anything significant for this data.",
        "On judgements, the best combination gains less than a point over the best single one.",
        "judged_combination_gain",
        Rule("near", margin=POINT),
        "points",
        ("counting", "combine"),
        data="judgements",
    ),
    Claim(
        "distortions-no-normalization",
        PAPER,
        "4.5.1",
        "We also tested combining the distance metrics with various normalization techniques as "
        "previously, but this did not improve results in this case.",
        "On judgements, the best z-sum and the best plain sum differ by less than a point.",
        "judged_normalization_gain",
        Rule("near", margin=POINT),
        "points",
        ("counting",),
        data="judgements",
    ),
    Claim(
        "distortions-low-level",
        PAPER,
        "4.5.2",
        "This further indicates that in essence the judgment of similarity in the BAPPS dataset "
        "could be mostly addressed by low-level features.",
        "On judgements of distortions, the best handmade descriptor is at most a point below the "
        "best network.",
        "judged_handmade_minus_network",
        Rule("no less", margin=POINT),
        "points",
        ("counting", "judgement_metric"),
        data="judgements",
    ),
    Claim(
        "judgements-and-pairs-part",
        PAPER,
        "5, Discussion",
        "the same networks that perform well on BAPPS do not perform well at all on TLL - and vice "
        "versa",
        "Over backbones, agreement with judgements and hits on pairs correlate by less than 0.5 "
        "(Spearman).",
        "judged_and_pairs_correlation",
        Rule("near", margin=0.5),
        "r",
        ("counting", "judgement_metric"),
        data="judgements",
    ),
    Claim(
        "early-layers",
        PAPER,
        "Table 2, caption",
        "The layers (L_s) tend to be early ones, usually several layers from the last "
        "convolutional one.",
        "The best single layer of LPIPS is not the last one.",
        data="judgements",
        needs=LPIPS,
    ),
    Claim(
        "single-layer-suffices",
        PAPER,
        "Table 2, caption",
        "Metrics computed with a single layer with no per-channel calibration can usually match "
        "the (learned) linearly calibrated metric using all layers.",
        "The best single layer of LPIPS is at most a point below the calibrated distance.",
        data="judgements",
        needs=LPIPS,
    ),
)
