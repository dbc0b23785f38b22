"""Equations with units: read from Antimony or SBML, checked, changed by treatment, printed, exported."""
