"""The table of a visitor's waits."""

from benchmarks.page import Visit, table


def test_the_table_gives_medians_the_slowest_and_the_ratio_to_the_search_alone():
    rows = table([Visit(1.0, 0.6, 0.3), Visit(3.0, 0.8, 0.2), Visit(2.0, 0.5, 0.5)]).splitlines()
    assert rows[2:] == [
        "| until the page can be used | 2.00 s | 3.00 s |",
        "| from the end of the upload to the first result | 0.60 s | 0.80 s |",
        "| of it, the search | 0.30 s | 0.50 s |",
        "| the first result takes so many times the search alone | 2.00 | |",
    ]
