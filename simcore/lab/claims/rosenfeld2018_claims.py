"""Claims of rosenfeld2018 (Totally Looks Like)."""

from simcore.evaluate.claims.verdicts import Rule
from simcore.lab.claims.claim import POINT, Claim

PAPER = "rosenfeld2018"
RANKS = ("subset", "metric", "ties", "direction")
ANSWERS = (
    "answers of people: make an experiment with `simcore experiments new` and ask participants"
)

CLAIMS = (
    Claim(
        "networks-poor",
        PAPER,
        "4.2, Matching Images",
        "Evidently, none of the networks we tested performed well on this benchmark.",
        "Every network finds the mate first for less than half of the queries.",
        "miss_share",
        Rule("more", threshold=0.5),
        "share",
        RANKS,
        parameters={"backbones": "networks"},
    ),
    Claim(
        "classes-and-faces-remote",
        PAPER,
        "5, Discussion",
        "neither features resulting from object classification networks and ones tailored for "
        "face verification seem to be able to remotely reproduce the matchings between the image "
        "pairs.",
        "Networks and face descriptors find the mate first for less than a quarter of the queries.",
        "miss_share",
        Rule("more", threshold=0.75),
        "share",
        ("subset", "ties", "direction"),
        parameters={"backbones": "networks+face"},
    ),
    Claim(
        "cosine-every-k",
        PAPER,
        "4.2, Evaluating Generic Features",
        "We noted that the recall for a given number of candidates using the cosine distance is "
        "always higher compared to that of the Euclidean distance.",
        "At every k and for every network, recall by cosine is at most a point below L2.",
        "cosine_minus_l2_at_every_k",
        Rule("no less", margin=POINT),
        "points",
        ("subset", "ties", "direction"),
    ),
    Claim(
        "cosine-advantage",
        PAPER,
        "4.2, Evaluating Generic Features",
        "The cosine distance has a clear advantage here, hence we choose to use it for all "
        "subsequent experiments (except for the case of facial features).",
        "Recall at 1, averaged over networks, is higher by cosine than by L2.",
        "cosine_minus_l2",
        choices=("subset", "ties", "direction"),
    ),
    Claim(
        "faces-beat-generic",
        PAPER,
        "4.2, Matching Images",
        "For face features the retrieval accuracy using one retrieve item was slightly better "
        "than the generic features, reaching 6.1%.",
        "The face descriptor has more hits at 1 than the best network (chosen on the other half).",
        "face_minus_best_network",
        choices=("subset", "ties", "direction", "descriptor"),
    ),
    Claim(
        "generic-faces-poor",
        PAPER,
        "4.2, Matching Images",
        "Using generic features extracted on faces performed quite poorly, at 2.6%.",
        "A network finds more mates on whole images than on face crops.",
        "whole_minus_face_crops",
        choices=("subset", "ties", "direction"),
    ),
    Claim(
        "ten-candidates",
        PAPER,
        "4.2, Simulating Associative Recall",
        "Although these are almost “perfect” conditions, the retrieval accuracy falls to less than "
        "50% if we use as little as ten examples as the test set.",
        "Among ten images the best network (chosen on the other half) picks the mate in less than "
        "half of the cases.",
        "associative_miss",
        Rule("more", threshold=0.5),
        "share",
        RANKS,
        parameters={"m": 10},
    ),
    Claim(
        "draws-do-not-vary",
        PAPER,
        "4.2, Simulating Associative Recall",
        "The variance (not shown) was close to 0 in all conditions.",
        "The share of correct choices varies by less than two points over random draws.",
        "associative_deviation",
        Rule("near", margin=2 * POINT),
        "points",
        ("subset", "metric", "ties"),
    ),
    Claim(
        "far-from-people",
        PAPER,
        "5, Discussion",
        "Emulating easier scenarios for machines (for example, Table 2 (a)) yielded improved "
        "results, but ones which are still very far from reproducing the consistency observed "
        "among humans.",
        "Among five images the best network stays below 82.5 %, what people reached in the lab.",
        "associative_miss",
        Rule("more", threshold=1 - 0.825),
        "share",
        RANKS,
        parameters={"m": 5},
    ),
    Claim(
        "votes",
        PAPER,
        "4.2, Comparing Distances to Votes",
        "Unfortunately, there seems very little correlation, with a Pearson coefficient of 0.023 "
        "/ -0.068 for up/down-votes respectively.",
        "Neither up- nor down-votes correlate with similarity by more than 0.1.",
        "vote_correlation",
        Rule("near", margin=0.1),
        "r",
        ("subset", "metric"),
    ),
    Claim(
        "most-have-faces",
        PAPER,
        "4.1, Facial Features",
        "The majority of images have a face detected in them, which very few containing more than "
        "one face.",
        "A face is detected in more than half of the images.",
        "images_with_faces",
        Rule("more", threshold=0.5),
        "share",
        ("subset", "detector"),
        parameters={"at_least": 1},
    ),
    Claim(
        "few-have-several-faces",
        PAPER,
        "4.1, Facial Features",
        "The majority of images have a face detected in them, which very few containing more than "
        "one face.",
        "Less than a tenth of the images have more than one face.",
        "images_without_faces",
        Rule("more", threshold=0.9),
        "share",
        ("subset", "detector"),
        parameters={"at_least": 2},
    ),
    Claim(
        "face-in-both",
        PAPER,
        "4.1, Facial Features",
        "When a face is detected in a left image of a given pair, it is likely that a face will "
        "be detected in the right one as well.",
        "Of the pairs with a face on the left, more than half have one on the right.",
        "face_on_both",
        Rule("more", threshold=0.5),
        "share",
        ("subset", "detector"),
    ),
    Claim(
        "faces-go-together",
        PAPER,
        "4.1, Facial Features",
        "When a face is detected in a left image of a given pair, it is likely that a face will "
        "be detected in the right one as well.",
        "A face on the right is more frequent where the left image has one than where it has none.",
        "face_association",
        Rule("more", margin=0.05),
        "points",
        ("subset", "detector"),
    ),
    Claim(
        "faceless-by-shape",
        PAPER,
        "4.2, Faces",
        "Such images seem qualitatively different from the ones containing faces, in that the "
        "similarities are more about global shape, texture, or face-like properties, though there "
        "are no actual faces in them in the strict sense.",
        "Descriptors of shape and texture, compared with networks, find more of the pairs without "
        "faces than of the others.",
        "shape_and_texture_without_faces",
        choices=("ties", "direction", "detector"),
    ),
    Claim(
        "low-level-little",
        PAPER,
        "1, Introduction",
        "though they often share little common appearance, if judging by low-level visual "
        "features.",
        "Of two images, color and layout pick the mate instead of a random one in less than three "
        "of four cases.",
        "low_level_confusion",
        Rule("more", threshold=0.25),
        "share",
        ("subset", "metric", "direction"),
    ),
    Claim(
        "deep-beats-traditional",
        PAPER,
        "2, Related Work",
        "Zhang Et al. [24] have shown that estimation of human perceptual similarity is "
        "dramatically better using deep-learned features, whether they are learned in a supervised "
        "or unsupervised manner, than more traditional methods.",
        "On pairs, the best network has more hits at 1 than the best handmade descriptor, both "
        "chosen on the other half.",
        "network_minus_handmade",
        choices=RANKS,
    ),
    Claim(
        "tlld-size",
        PAPER,
        "4.2, Near duplicates",
        "Removing all such duplicates leaves us with a subset we name T LLd , containing 1828 "
        "valid image pairs.",
        "Without near-duplicates 30.4 % of the pairs are left (1828 of 6016), within five points.",
        "tlld_share",
        Rule("near", threshold=1828 / 6016, margin=0.05),
        "share",
        ("tlld",),
    ),
    Claim(
        "people-agree",
        PAPER,
        "4.3, Human vs Machine Performance",
        "In 87% of the cases, the majority of users (at least 11 out of 20) agreed on the answer.",
        "For most questions more than half of the participants give the same answer.",
        data="people",
        needs=ANSWERS,
    ),
    Claim(
        "all-agree-most-frequent",
        PAPER,
        "4.3, Human vs Machine Performance",
        "In fact, the most frequent event, occurring 30% of the time, was a total agreement - 20 "
        "out of 20 identical answers.",
        "Total agreement is the most frequent number of equal answers.",
        data="people",
        needs=ANSWERS,
    ),
    Claim(
        "distractors-hurt-people",
        PAPER,
        "4.3, Human vs Machine Performance",
        "the average human performance is generally lower when distractors are selected "
        "non-randomly, as expected.",
        "People choose the mate less often among similar images than among random ones.",
        data="people",
        needs=ANSWERS,
    ),
    Claim(
        "first-option",
        PAPER,
        "4.3, Data Verification",
        "we note a trend to select the first option the most, persisting through options 2-4.",
        "The first of five places is chosen more often than a fifth of the time.",
        data="people",
        needs=ANSWERS,
    ),
)
