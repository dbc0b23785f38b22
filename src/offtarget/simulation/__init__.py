"""A user's own model with a user's own tables: patients and events in, a tidy table out."""
