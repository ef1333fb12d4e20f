"""Claims of risser-maroux2021 (Learning an adaptation function)."""

from simcore.evaluate.claims.verdicts import Rule
from simcore.lab.claims.claim import POINT, Claim

PAPER = "risser-maroux2021"

CLAIMS = (
    Claim(
        "relu-doubles",
        PAPER,
        "4.3",
        "We can see a $2.25\\times$, $3.55\\times$ and $4.53\\times$ average improvement for "
        "$aR@\\{1, 5, 20\\}$ by only using the $Clip_RN50\\times 4$ features.",
        "One learned ReLU layer doubles the asymmetric recall at 1, to within 0.25.",
        "adapted_over_original",
        Rule("no less", threshold=2.0, margin=0.25),
        "ratio",
        ("protocol",),
        data="training",
    ),
    Claim(
        "adaptation-helps-all",
        PAPER,
        "5, Discussions",
        "In average, our method improves the retrieval score up to 4.53x.",
        "Adaptation raises the asymmetric recall at 1 of every network.",
        "adapted_minus_original",
        choices=("protocol",),
        data="training",
    ),
    Claim(
        "temperature",
        PAPER,
        "4.3",
        "From these results, we observe the strong influence of the temperature σ on the results.",
        "Adaptation with sigma = 15 has a higher asymmetric recall at 1 than with sigma = 1.",
        "sigma_difference",
        choices=("protocol",),
        data="training",
    ),
    Claim(
        "pca-keeps",
        PAPER,
        "4.2",
        "Experimentally, we found "
        "that 256 was able to remove the noise reducing both, the input "
        "space and overfitting of our adaptation.",
        "After a PCA to 256 dimensions the asymmetric recall at 1 is at most a point lower.",
        "reduced_minus_original",
        Rule("no less", margin=POINT),
        "points",
        ("protocol",),
        data="training",
    ),
    Claim(
        "face-pairs",
        PAPER,
        "4.1",
        "The dataset can be split into two sub-datasets : one of 1817 pairs containing only well "
        "centered faces (noted TLL_{faces}) and one of 4199 pairs of images captured from the "
        "wild (noted TLL_{obj}).",
        "A face is detected on both sides of 30.2 % of the pairs (1817 of 6016), within five "
        "points.",
        "pairs_of_faces",
        Rule("near", threshold=1817 / 6016, margin=0.05),
        "share",
        ("detector",),
        parameters={"subset": "all"},
    ),
    Claim(
        "self-supervised-best",
        PAPER,
        "4.3, Comparative study",
        "We compared different learning types to confirm that self-supervised models are the best "
        "ones for approximating the visual ventral system, which is coherent with their findings.",
        "Self-supervised networks have more hits at 1 than supervised ones of the same "
        "architecture.",
        "first_minus_second",
        choices=("metric", "ties", "direction"),
        parameters={"first": ("barlow", "dino_resnet50"), "second": ("resnet50-stages",)},
    ),
    Claim(
        "clip-best",
        PAPER,
        "5, Discussions",
        "In addition, we saw that the CLIP framework was the best in our case",
        "`clip_rn50` has more hits at 1 than the same architecture trained on ImageNet.",
        "first_minus_second",
        choices=("metric", "ties", "direction"),
        parameters={"first": ("clip_rn50",), "second": ("resnet50-stages",)},
    ),
    Claim(
        "asymmetric-judgements",
        PAPER,
        "3.1",
        "We know from [24] that asymmetry in human judgment of similarity is important.",
        "People's answers depend on which image of a pair is the query.",
        data="people",
        needs="answers of people to the same pairs in both directions",
    ),
)
