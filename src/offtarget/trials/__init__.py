"""Virtual clinical trials: arms, rules, visits, assays, endpoints, and the statistics papers report."""
