"""Claims of margaritescu2024 (Human similarity estimates)."""

from simcore.evaluate.claims.verdicts import Rule
from simcore.lab.claims.claim import POINT, Claim

PAPER = "margaritescu2024"
FINE_TUNED = (
    "networks fine-tuned under each paradigm: `simcore reproduce margaritescu2024 SETS --finetune` "
    "tests it"
)

CLAIMS = (
    Claim(
        "cosine-best-judgements",
        PAPER,
        "5.2.3, Optimal Similarity Metric",
        "The overall observation is that cosine similarity outperforms both other metrics for all "
        "models, and on all triplet sets.",
        "On judgements, cosine agrees at least as well as L2 and L1 for every backbone.",
        "judged_cosine_best",
        Rule("no less", margin=POINT),
        "points",
        ("counting",),
        data="judgements",
    ),
    Claim(
        "cosine-best-pairs",
        PAPER,
        "5.2.3, Optimal Similarity Metric",
        "Hypothesis: There is an optimal similarity metric which benefits all architectures and "
        "supervision types.",
        "On triplets of query, mate and a random image, cosine is right at least as often as L2 "
        "and L1 for every backbone.",
        "triplet_cosine_best",
        Rule("no less", margin=POINT),
        "points",
        ("subset", "ties", "direction"),
    ),
    Claim(
        "cosine-best-hits",
        PAPER,
        "5.2.3, Optimal Similarity Metric",
        "The results thus **prove** the hypothesis which affirms the existence of an optimal "
        "similarity metrics, namely cosine similarity, irrespective of supervision type.",
        "On pairs, cosine has at least as many hits at 1 as L2 and L1 for every backbone.",
        "hits_cosine_best",
        Rule("no less", margin=POINT),
        "points",
        ("subset", "ties", "direction"),
    ),
    Claim(
        "switch-hurts-most",
        PAPER,
        "5.2.3, Optimal Similarity Metric",
        "although the switch to L1/L2 distance negatively (sometimes drastically) impacts most "
        "architectures, simpler architectures such as AlexNet seem to be the least affected, "
        "presenting consistent performance accross similarity metrics.",
        "Switching from cosine to L2 or L1 costs hits at 1, averaged over networks.",
        "switch_cost",
        choices=("subset", "ties", "direction"),
    ),
    Claim(
        "large-models-better",
        PAPER,
        "5.2.1, Large Vision Models Pre-Trained Features",
        "large vision models are indeed better emulators of human perception as indicated by their "
        "superior performance, as well as robustness to similarity metric variation, on human "
        "judgement similarity prediction.",
        "CLIP and DINO agree with judgements more often than networks trained on ImageNet.",
        "judged_first_minus_second",
        choices=("counting",),
        data="judgements",
        parameters={
            "first": ("CLIP_ViT-B-16_BASE", "DINO_ViT-B-16_BASE"),
            "second": ("ViT-B-16_BASE", "ResNet-50_BASE"),
        },
    ),
    Claim(
        "filters-negligible",
        PAPER,
        "5.2.5",
        "it makes negligible difference in full-image-based triplet sets (ImageNet-HSJ, Birds-16).",
        "CLIP's ResNets of four and one times the width differ by less than a point on judgements.",
        "judged_first_minus_second",
        Rule("near", margin=POINT),
        "points",
        ("counting",),
        data="judgements",
        parameters={"first": ("CLIP_ResNet-50x4",), "second": ("CLIP_ResNet-50_BASE",)},
    ),
    Claim(
        "supervised-fine-tuning",
        PAPER,
        "5.2.7",
        "supervised fine-tuning remains the most effective fine-tuning paradigm - generating the "
        "top-performers for each plot - all with the use of quadruplet loss.",
        "Supervised fine-tuning raises the agreement with held-out judgements most.",
        data="training",
        needs=FINE_TUNED,
    ),
    Claim(
        "quadruplet-best",
        PAPER,
        "5.2.8",
        "in all cases, quadruplet loss is the best performing training paradigm in general, "
        "followed by triplet and lastly, contrastive",
        "Fine-tuning by quadruplets agrees best with held-out judgements, then triplets, then "
        "contrastive pairs.",
        data="training",
        needs=FINE_TUNED,
    ),
    Claim(
        "contrastive-pretext",
        PAPER,
        "5.2.8",
        "generally, we see that pre-text tasks SimCLR and MoCo are better performing than Jigsaw "
        "and Rotation.",
        "Of self-supervised tasks, SimCLR and MoCo beat Jigsaw and rotation on judgements.",
        data="training",
        needs=FINE_TUNED,
    ),
)
