"""The generator of workload data, and what several workloads make of it."""


def lcg(x):
    return (1103515245 * x + 12345) & 0x7FFFFFFF


def lcg_at(seed, op):
    """Where an op's data start."""
    return lcg((seed + op) & 0x7FFFFFFF)


def stamped(value, seed, op):
    """A result that would else be the same for every seed and op."""
    return value.to_bytes(8, "little") + lcg_at(seed, op).to_bytes(8, "little")


def letters(size, seed, alphabet):
    """Letter k by the bits from the 16th of step k + 1 from the seed; the alphabet has a power of two."""
    x, most, text = seed, len(alphabet) - 1, bytearray(size)
    for i in range(size):
        x = (1103515245 * x + 12345) & 0x7FFFFFFF
        text[i] = alphabet[(x >> 16) & most]
    return bytes(text)
