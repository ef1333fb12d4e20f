"""Words for what images show, from which a CLIP network chooses."""

TEXT = """
person face man woman child baby crowd hand eye hair hat helmet glasses mask dress suit uniform
shoe bag jewelry tattoo dancer athlete musician soldier statue doll puppet robot skeleton dog cat
horse cow sheep pig goat lion tiger bear elephant giraffe zebra monkey rabbit mouse fox wolf deer
owl eagle parrot duck chicken penguin bird fish shark whale octopus jellyfish crab turtle frog
snake lizard crocodile butterfly bee spider beetle snail dinosaur dragon tree forest leaf flower
rose mushroom cactus grass fruit apple banana lemon strawberry tomato potato carrot pepper bread
cake cookie pizza burger noodles soup egg cheese meat candy sweets coffee cup bottle glass plate
bowl spoon knife kitchen table chair sofa bed lamp door window stairs house castle church tower
skyscraper bridge street city village ruin tent room garden mountain hill rock cave desert beach
sea wave lake river waterfall island cloud sky sunset moon star planet lightning fire smoke snow
ice rain car truck bus train tram motorcycle bicycle boat ship airplane helicopter rocket wheel
engine tool hammer scissors key lock clock phone camera computer keyboard screen television book
newspaper letter map sign logo flag poster painting drawing sculpture cartoon pattern guitar piano
drum ball game toy balloon umbrella candle box basket rope chain sword gun coin ribbon feather
shell bone skull brain heart
"""
WORDS = tuple(TEXT.split())
