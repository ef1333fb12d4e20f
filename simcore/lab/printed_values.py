"""Numbers printed in the papers, with their table or section, to set beside measured ones."""

from dataclasses import dataclass

from simcore.results import Cell, Table, TableResult


@dataclass(frozen=True)
class PrintedTable(TableResult):
    """One printed table or figure.

    Attributes:
        paper: name of the paper.
        place: table, figure or section.
        about: what is counted, and on which images.
        columns: headings.
        rows: the numbers as printed; the first cell of a row names it.
        remark: what to know before comparing.
    """

    paper: str
    place: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    remark: str = ""

    def to_table(self) -> Table:
        """The numbers as printed, titled with paper and place."""
        notes = (self.remark,) if self.remark else ()
        return Table(self.columns, self.rows, f"{self.paper}, {self.place}", notes)

    def value(self, row: str, column: str) -> float:
        """One number by the name of its row and column.

        >>> FACES.value("facial features", "@1")
        6.1
        """
        at = self.columns.index(column)
        cell = next(cells[at] for cells in self.rows if cells[0] == row)
        if not isinstance(cell, int | float):
            raise TypeError(f"{self.place}: {row}, {column} is no number.")
        return cell


HAAR_SUBSETS = PrintedTable(
    "risser-maroux2021",
    "Section 3",
    "pairs, split by whether a Haar cascade detects a face in both images",
    ("subset", "pairs", "share %"),
    (("TLL_faces", 1817, 30.2), ("TLL_obj", 4199, 69.8)),
    "The paper names no settings of the cascade. Scale step 1.3 and 5 neighbors are inferred: they "
    "reproduce this share, OpenCV's defaults (1.1 and 3) do not.",
)


RECALL = PrintedTable(
    "rosenfeld2018",
    "Table 1",
    "recall in percent, generic features, cosine, TLLd (1,828 pairs)",
    ("network", "@1", "@5", "@10", "@20", "@50", "@100"),
    (
        ("alexnet", 3.67, 9.19, 12.09, 15.37, 22.59, 30.63),
        ("vgg16", 3.77, 8.97, 12.58, 16.90, 24.02, 32.39),
        ("resnet50", 4.38, 11.43, 15.04, 19.91, 28.77, 36.71),
        ("resnet152", 4.98, 11.16, 14.61, 18.82, 26.20, 35.61),
        ("densenet201", 5.47, 12.91, 16.63, 21.44, 30.47, 38.18),
        ("resnet18", 5.53, 12.14, 15.10, 19.47, 28.06, 35.61),
        ("densenet169", 5.69, 13.07, 16.19, 19.31, 28.67, 37.53),
        ("densenet121", 5.80, 13.84, 16.90, 21.94, 29.92, 38.89),
    ),
    "The authors' notebook gives lower values at 5, 10 and 20 (densenet121: 12.31, 16.47, 21.39); "
    "the printed columns appear to be shifted by one rank.",
)

FACES = PrintedTable(
    "rosenfeld2018",
    "Section 4.2",
    "recall at 1 in percent on TLLd",
    ("features", "@1"),
    (("facial features", 6.1), ("generic features of face crops", 2.6)),
    "About pairs with a face on both sides: the notebook's percentages are of 2,810 such pairs.",
)

ASSOCIATIVE = PrintedTable(
    "rosenfeld2018",
    "Table 2a",
    "percent correct among m images, one of them the mate, TLLd",
    ("m", "% correct"),
    (
        ("1", 100.0),
        ("2", 73.35),
        ("3", 61.54),
        ("4", 54.30),
        ("5", 50.49),
        ("10", 37.99),
        ("20", 27.23),
        ("50", 13.37),
    ),
    "The row for 50 may belong to 100: the text has sizes up to 100 and one value fewer.",
)

HUMANS = PrintedTable(
    "rosenfeld2018",
    "Table 2b",
    "percent correct choices among five",
    ("who", "obj random", "obj generic", "d random", "d face", "d face-generic", "d generic"),
    (
        ("human (lab)", 83.3, 70.0, 82.5, 63.3, 64.5, 83.3),
        ("human (AMT)", 84.0, 68.25, 90.25, 59.0, 60.5, 74.5),
        ("machine", 20.0, 20.0, 25.0, 0.0, 0.0, 5.0),
    ),
    "Read from running text: it is uncertain which of the first two columns is random and which is "
    "generic. The machine's 20 to 25 % for random distractors do not fit Table 2a, where 50.49 % "
    "are correct among five random images; a condition has 20 questions only.",
)

QUESTIONS = 20  # of a condition in Table 2b
AMT_ANSWERS = 2400  # "each experiment 20 times": 120 questions

AGREEMENT = PrintedTable(
    "rosenfeld2018",
    "Section 4.3, Figure 5",
    "agreement of 20 people on 120 questions with five choices",
    ("quantity", "value"),
    (
        ("questions on which a majority agrees", 87.0),
        ("questions on which all agree", 30.0),
        ("Pearson's r of agreement and correctness", 0.94),
    ),
    "The first two are percentages of the questions. The bars of Figures 5a and 5b have no "
    "numbers.",
)

POSITIONS = PrintedTable(
    "rosenfeld2018",
    "Section 4.3",
    "how often the option at each position was chosen, AMT, 2,400 answers",
    ("position", "answers"),
    (("1", 627), ("2", 522), ("3", 465), ("4", 395), ("5", 391)),
    "The text says that the first option is selected 30 % more often than expected.",
)

DETECTED_FACES = PrintedTable(
    "rosenfeld2018",
    "Section 4.1, Figure 5c",
    "what the text says; the bars of the figure have no numbers",
    ("what", "as printed"),
    (
        ("images with a face", "the majority"),
        ("images with more than one face", "very few"),
        ("a face on the right, if there is one on the left", "likely"),
    ),
)

METRIC_DIFFERENCE = PrintedTable(
    "rosenfeld2018",
    "Section 4.2, Figure 2a",
    "what the text says; the lines of the figure have no numbers",
    ("what", "as printed"),
    (("recall by cosine minus recall by L2", "positive for every network at every k"),),
)

VOTES = PrintedTable(
    "rosenfeld2018",
    "Section 4.2",
    "Pearson correlation of votes with densenet121's cosine distance",
    ("votes", "r"),
    (("up", 0.023), ("down", -0.068)),
)

SUBSETS = PrintedTable(
    "rosenfeld2018",
    "Sections 4.2 and 4.3",
    "pairs",
    ("subset", "pairs"),
    (("TLL", 6016), ("TLLd", 1828), ("TLLobj", 1622)),
)

COMBINATIONS = PrintedTable(
    "rosenfeld2019",
    "Section 4.4, Figure 3",
    "hits at 1 among 6,016",
    ("what", "hits"),
    (
        ("best z-sum (size 4)", 785),
        ("best plain sum (size 6)", 627),
        ("oracle of 11", 1073),
        ("exclusive hits", 612),
    ),
    "Selected among 2,047 combinations on the pairs that they are scored on.",
)

RATIOS = PrintedTable(
    "rosenfeld2019",
    "Section 4.4",
    "hits at 1 of the best z-sum over the hits of one representation",
    ("over", "ratio"),
    (("best single (ret_w)", 2.25), ("baseline (conv)", 2.5)),
)

ISOLATION = PrintedTable(
    "rosenfeld2019",
    "Section 4.3, Figure 3a",
    "order of the representations by hits at 1 among 6,016; only shp has a number in the text",
    ("representation", "rank", "hits"),
    (
        ("ret_w", 1, None),
        ("weaka", 2, None),
        ("conv", 3, None),
        ("ret", 4, None),
        ("texture_SI", 5, None),
        ("texture_SII", 6, None),
        ("texture", 7, None),
        ("pl50", 8, None),
        ("pl18", 9, None),
        ("shp", 10, 129),
        ("pose", 11, None),
    ),
    "Ranks 1 to 9 are in the text; it calls shp almost the worst and pose the worst. From the "
    "ratios 2.25 and 2.5 of the best z-sum (785) follow about 349 hits of ret_w and 314 of conv.",
)

PARTICIPATION = PrintedTable(
    "rosenfeld2019",
    "Section 4.4, Figure 4",
    "what the text says; the lines of the figure have no numbers",
    ("what", "as printed"),
    (
        ("leads in the participation ratio", "ret"),
        ("follows, though almost the worst alone", "shp"),
    ),
)

ABLATION = PrintedTable(
    "rosenfeld2019",
    "Table 1",
    "best z-sum without one of its four members, hits at 1 among 6,016",
    ("combination", "hits", "loss"),
    (
        ("shp + weaka + conv + ret_w", 543, 242),
        ("ret + weaka + conv + ret_w", 638, 147),
        ("ret + shp + conv + ret_w", 717, 68),
        ("ret + shp + weaka + texture", 764, 21),
        ("ret + shp + weaka + conv", 785, 0),
    ),
    "The text says that removing shp costs 242; by the check marks of the table 242 is the cost of "
    "ret, and shp costs 147.",
)

LAYERS = PrintedTable(
    "rosenfeld2019",
    "Table 2",
    "best single layer of LPIPS on BAPPS (val), layer 0 the shallowest of five; percent; delta = "
    "calibrated - single",
    ("distortion", "net", "layer", "score", "delta"),
    (
        ("cnn", "alex", 2, 82.94, 0.43),
        ("cnn", "squeeze", 1, 82.49, 0.72),
        ("cnn", "vgg", 0, 81.67, 0.53),
        ("color", "alex", 1, 64.73, 0.75),
        ("color", "squeeze", 1, 63.34, 1.71),
        ("color", "vgg", 4, 60.84, 0.78),
        ("deblur", "alex", 1, 60.87, -0.01),
        ("deblur", "squeeze", 1, 60.56, -0.04),
        ("deblur", "vgg", 3, 59.06, 0.38),
        ("frameinterp", "alex", 4, 62.71, 0.24),
        ("frameinterp", "squeeze", 2, 62.42, 0.64),
        ("frameinterp", "vgg", 3, 62.48, -0.14),
        ("superres", "alex", 2, 71.64, -0.30),
        ("superres", "squeeze", 0, 71.10, -0.43),
        ("superres", "vgg", 2, 69.51, -0.01),
        ("traditional", "alex", 4, 73.29, 1.33),
        ("traditional", "squeeze", 1, 76.09, 0.99),
        ("traditional", "vgg", 4, 75.03, -1.67),
    ),
    "The layer is selected on the triplets that it is scored on, in the paper and here.",
)

MIXTURES = PrintedTable(
    "rosenfeld2019",
    "Table 3",
    "best single and best combined representation on BAPPS (val), plain sums, percent",
    ("distortion", "single", "single members", "combined", "members", "without extra features"),
    (
        ("cnn", 83.37, "alex-lin", 83.68, "alex-lin + squeeze-lin", None),
        (
            "color",
            65.47,
            "alex-lin + squeeze-lin",
            65.87,
            "alex-lin + vgg-lin + squeeze-lin",
            None,
        ),
        (
            "deblur",
            60.87,
            "alex-lin + squeeze-lin",
            61.10,
            "alex-lin + vgg-lin + squeeze-lin",
            None,
        ),
        ("frameinterp", 63.05, "alex-lin + squeeze-lin", 63.72, "alex-lin + squeeze-lin", None),
        (
            "superres",
            71.66,
            "alex",
            71.81,
            "alexnet + weaka + alex-lin + alex + SSIM + squeeze-lin",
            71.77,
        ),
        (
            "traditional",
            77.08,
            "vgg16 + shp + alex-lin + squeeze-lin",
            77.66,
            "vgg16 + shp + alex-lin + squeeze-lin",
            77.08,
        ),
    ),
    "Members are the check marks of the table. For four of six distortions the rows called single "
    "check more than one representation; the paper does not say how these were used. The last "
    "column is in parentheses there: the score without the features of section 4.2. Combinations "
    "are selected on the triplets that they are scored on; normalizing did not help.",
)

METRICS = PrintedTable(
    "margaritescu2024",
    "Sections 5.2.1 and 5.2.3, Figure 5.1",
    "what the text says; the bars of the figure have no numbers",
    ("what", "as printed"),
    (
        ("best metric", "cosine, for all models and on all triplet sets"),
        ("worst metric", "L1"),
        ("best models on harder sets", "DINO ViT"),
        ("best models on easier sets", "CLIP"),
    ),
)

TRIPLET_SETS = PrintedTable(
    "margaritescu2024",
    "Section 4.2, Figure 4.2",
    "triplet sets and their sizes",
    ("source", "sets", "triplets per set"),
    (("BAPPS 2AFC", 6, 1000), ("ImageNet-HSJ", 2, 1000), ("Birds-16", 3, 1000)),
)
