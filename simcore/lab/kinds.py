"""The kinds of collection, in words; apart from the verbs so that listing them imports nothing."""

KINDS = {
    "tll": "Totally-Looks-Like: left/ and right/ (or zips), composite pages, or the Kaggle form",
    "pairs": "a folder with left/ and right/ of equal names, or a CSV left,right of paths",
    "images": "any folder of images, without known mates",
    "emoji": "the same emoji drawn by two design houses, fetched through pip",
}
