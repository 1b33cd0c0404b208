from training.backgrounds import BACKGROUNDS


def test_there_are_eight_backgrounds_or_more():
    assert len({background.name for background in BACKGROUNDS}) == len(BACKGROUNDS) >= 8
