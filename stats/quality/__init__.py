"""Whether what was measured can be true: findings, their codes and their limits."""
