"""The engine: a Model compiled once, ensembles of patients through it, and a slow twin that checks it."""
