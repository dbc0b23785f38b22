"""The engine's contract: arrays in, arrays and a Status a patient out."""
