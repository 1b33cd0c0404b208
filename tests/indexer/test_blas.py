import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from indexer.blas import one_blas_thread


def threads():
    np.dot(np.ones(2), np.ones(2))
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_matrices_are_multiplied_in_one_thread_for_a_while():
    with threadpool_limits(2, "blas"):
        with one_blas_thread():
            assert threads() == {1}
        assert threads() == {2}
