"""Sums over samples, as text: lanes in shared memory, joined in an order that no launch changes.

The samples of a block are dealt to a fixed number of lanes, and lanes to the threads there are: neither the
grid nor the number of threads reaches the order of any addition.
"""

from __future__ import annotations

LANES = 128

LANES_HELPERS: dict[str, str] = {
    "join_lanes": '''\
@device
def _join_lanes(totals, losts):
    """Join the running sums of all lanes into that of lane 0; ends with all threads in step."""
    half = LANES // 2
    while half > 0:
        cuda.syncthreads()
        for lane in range(cuda.threadIdx.x, half, cuda.blockDim.x):
            totals[lane], losts[lane] = _merge_sums(
                totals[lane], losts[lane], totals[lane + half], losts[lane + half]
            )
        half //= 2
    cuda.syncthreads()
''',
}

FINISH = '''\
@cuda.jit
def finish(partials, coefficients, divisors, out):
    """Reduced value, from the sums of all blocks of samples. Launched with one block of threads."""
    totals = cuda.shared.array(LANES, np.float64)
    losts = cuda.shared.array(LANES, np.float64)
    value = np.float64(0)
    for term in range(partials.shape[1]):
        for lane in range(cuda.threadIdx.x, LANES, cuda.blockDim.x):
            total, lost = np.float64(0), np.float64(0)
            for k in range(lane, partials.shape[0], LANES):
                total, lost = _two_sum(total, lost, partials[k, term])
            totals[lane] = total
            losts[lane] = lost
        _join_lanes(totals, losts)
        if cuda.threadIdx.x == 0:
            value += coefficients[term] * _total(totals[0], losts[0]) / divisors[term]
    if cuda.threadIdx.x == 0:
        out[0] = value
'''
