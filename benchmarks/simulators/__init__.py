"""One module a simulator, all with the same face: ``Simulator(work)`` has ``groups()`` and ``run(values, setting)``.

A group is a setting without its ``relative`` tolerance; ``share`` is the absolute tolerance over the relative one.
"""
