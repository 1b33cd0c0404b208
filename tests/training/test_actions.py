from training.actions import ACTIONS


def test_there_are_twelve_actions_or_more():
    assert len({action.name for action in ACTIONS}) == len(ACTIONS) >= 12


def test_six_actions_or_more_reverse_another():
    reverses = [action.reverse_of for action in ACTIONS if action.reverse_of is not None]
    assert len(reverses) >= 6
    assert set(reverses) <= {action.name for action in ACTIONS}
