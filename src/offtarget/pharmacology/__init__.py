"""Drugs: how they are given, where they get to, what they bind, and what that moves."""
