"""One module a simulator, all with the same face: ``Simulator(work).run(values, setting)``."""
